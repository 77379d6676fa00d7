//! `forewarn diagnose` and `forewarn score --waveform` as a person at a terminal meets them, on waveforms made up from a seed.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tests::gateway::program;

const RATE: f64 = 12_000.0;
const SHAFT: f64 = 29.95;

fn forewarn(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program("forewarn"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("forewarn starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("programs print UTF-8")
}

/// Writes 32-bit floats as NumPy would.
fn write_npy(path: &PathBuf, rows: &[Vec<f32>]) {
    let shape = match rows {
        [row] => format!("({},)", row.len()),
        rows => format!("({}, {})", rows.len(), rows[0].len()),
    };
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
    std::fs::write(path, bytes).expect("written");
}

/// Noise that is the same for the same seed, from -1 to 1.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// A machine that is struck `order` times a revolution, or never.
fn machine(samples: usize, order: Option<f64>, size_g: f64, seed: u64) -> Vec<f32> {
    let mut noise = noise(seed);
    let mut signal: Vec<f64> = (0..samples).map(|_| 0.1 * noise()).collect();
    if let Some(order) = order {
        let mut at = 0.0;
        while at * RATE < samples as f64 {
            let start = (at * RATE).ceil() as usize;
            for (i, x) in signal.iter_mut().enumerate().skip(start).take(120) {
                let t = i as f64 / RATE - at;
                *x += size_g * (-t * 900.0).exp() * (TAU * 3_300.0 * t).sin();
            }
            at += (1.0 + 0.01 * noise()) / (order * SHAFT);
        }
    }
    signal.iter().map(|x| *x as f32).collect()
}

const DIAGNOSE: [&str; 9] = [
    "diagnose",
    "--waveform",
    "x.npy",
    "--sample-rate",
    "12000",
    "--rpm",
    "1797",
    "--bearing",
    "6205",
];

#[test]
fn diagnose_names_a_struck_outer_race_first_and_shows_its_evidence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_npy(&folder.path().join("x.npy"), &[machine(60_000, Some(3.585), 1.0, 1)]);
    let output = forewarn(folder.path(), &DIAGNOSE);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.starts_with("bearing fault, outer race (confidence "), "{said}");
    for part in [
        "expected 107.",
        "slip ",
        "over the floor",
        "kurtosis",
        "mm/s rms",
        "Case Western",
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }

    let output = forewarn(folder.path(), &[&DIAGNOSE[..], &["--json"]].concat());
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(verdict["fault_class"], "outer_race", "{verdict}");
    let confidence = verdict["confidence"].as_f64().expect("a number");
    assert!((0.5..=1.0).contains(&confidence), "{confidence}");
    let evidence = verdict["evidence"].as_array().expect("a list");
    assert!(
        evidence.iter().all(|e| e["kind"].is_string() && e["says"].is_string()),
        "{verdict}"
    );

    write_npy(&folder.path().join("x.npy"), &[machine(60_000, None, 0.0, 2)]);
    let output = forewarn(folder.path(), &DIAGNOSE);
    assert!(
        text(&output.stdout).starts_with("healthy: "),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn diagnose_says_what_is_wrong_with_what_it_was_given() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_npy(&folder.path().join("x.npy"), &[vec![0.5; 60_000]]);
    let told = |change: &dyn Fn(&mut Vec<&'static str>)| {
        let mut arguments = DIAGNOSE.to_vec();
        change(&mut arguments);
        let output = forewarn(folder.path(), &arguments);
        assert!(!output.status.success());
        assert_eq!(text(&output.stdout), "", "no verdict without a judgement");
        text(&output.stderr)
    };
    for (part, said) in [
        ("near ones are 6205", told(&|a| a[8] = "6215")),
        ("below the pitch diameter", told(&|a| a[8] = "9,39.04,7.94,0")),
        ("give 1797", told(&|a| a[6] = "29.95")),
        ("cannot read no.npy", told(&|a| a[2] = "no.npy")),
        ("the signal does not move", told(&|_| {})),
        ("is too low", told(&|a| a[4] = "500")),
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

#[test]
fn score_alarms_when_a_bearing_begins_to_fail_and_writes_a_row_for_each_snapshot() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut rows: Vec<Vec<f32>> = (0..500).map(|i| machine(1_024, None, 0.0, i + 1)).collect();
    for (i, row) in rows.iter_mut().enumerate().skip(400) {
        *row = machine(1_024, Some(3.585), (i - 400) as f64 * 0.02, i as u64 + 1);
    }
    rows[200][7] = f32::NAN;
    write_npy(&folder.path().join("x.npy"), &rows);
    let arguments = [
        "score",
        "--waveform",
        "x.npy",
        "--sample-rate",
        "12000",
        "--rpm",
        "1797",
        "--interval",
        "10",
        "--output",
        "out.csv",
    ];
    let output = forewarn(folder.path(), &arguments);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("1 snapshots cannot be judged") && said.contains("row 200: sample 7 is not finite"),
        "{said}"
    );
    let csv = std::fs::read_to_string(folder.path().join("out.csv")).expect("written");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("timestamp,score,alert"));
    let scored: Vec<(f64, f64, bool)> = lines
        .map(|line| {
            let fields: Vec<f64> = line.split(',').map(|f| f.parse().expect("a number")).collect();
            (fields[0], fields[1], fields[2] == 1.0)
        })
        .collect();
    assert_eq!(scored.len(), 500);
    assert!(
        scored
            .iter()
            .enumerate()
            .all(|(i, s)| s.0 == i as f64 * 10.0 && (0.0..1.0).contains(&s.1))
    );
    let first = scored.iter().position(|s| s.2).expect("it alarms");
    assert!((401..460).contains(&first), "{first}");
    assert!(scored[first..].iter().all(|s| s.2 && s.1 > 0.3), "the alarm stands");

    // the same file through backtest: the alarm begins at the same row
    let label = "device,from,to\nx.npy,1970-01-01 01:06:40,1970-01-01 01:23:20\n";
    std::fs::write(folder.path().join("labels.csv"), label).expect("written");
    let backtest = [
        "backtest",
        "--waveform",
        ".",
        "--interval",
        "10",
        "--labels",
        "labels.csv",
        "--json",
    ];
    let output = forewarn(folder.path(), &backtest);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let all = &found["all"];
    assert_eq!([&all["events"], &all["found"], &all["alarms"]], [1, 1, 1], "{found}");
    let recording = &found["recordings"][0];
    assert_eq!(
        recording["alarms"][0]["raised_at"],
        first as i64 * 10_000,
        "{recording}"
    );
    assert_eq!(recording["rows"], 500);

    write_npy(&folder.path().join("x.npy"), &rows[..30]);
    let output = forewarn(folder.path(), &arguments);
    assert!(
        text(&output.stderr).contains("was not judged: 30 snapshots seen, 60 are needed"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn classes_are_learned_from_a_table_of_waveforms_and_told_file_by_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut index = String::from("file,state,rpm\n");
    for (number, (state, order)) in [("outer", Some(3.585)), ("good", None)]
        .iter()
        .cycle()
        .take(8)
        .enumerate()
    {
        let name = format!("r{number}");
        let size = 0.5 + 0.1 * number as f64;
        write_npy(
            &folder.path().join(format!("{name}.npy")),
            &[machine(24_000, *order, size, number as u64)],
        );
        // a speed may be missing, and so may the ending of a name
        let (ending, rpm) = if number < 2 { ("", "") } else { (".npy", "1797") };
        index.push_str(&format!("{name}{ending},{state},{rpm}\n"));
    }
    let lines: Vec<&str> = index.lines().collect();
    let part = |range: std::ops::Range<usize>| format!("{}\n{}\n", lines[0], lines[range].join("\n"));
    std::fs::write(folder.path().join("learn.csv"), part(1..7)).expect("written");
    std::fs::write(folder.path().join("new.csv"), part(7..9)).expect("written");
    let index = [
        "--waveform-index",
        "learn.csv",
        "--label",
        "state",
        "--sample-rate",
        "12000",
    ];
    let more = ["--rpm-column", "rpm", "--bearing", "6205", "--out", "x.model"];
    let learned = forewarn(folder.path(), &[&["train", "classes"], &index[..], &more[..]].concat());
    let said = text(&learned.stdout);
    assert!(learned.status.success(), "{}", text(&learned.stderr));
    assert!(
        said.contains("of 6 rows, 6 units") && said.contains("macro_f1"),
        "{said}"
    );
    assert!(
        text(&learned.stderr).contains("2 recordings have no speed"),
        "{}",
        text(&learned.stderr)
    );

    let of_new = [
        "predict",
        "classes",
        "--model",
        "x.model",
        "--waveform-index",
        "new.csv",
        "--rpm-column",
        "rpm",
    ];
    let told = forewarn(folder.path(), &[&of_new[..], &["--out", "told.csv"]].concat());
    assert!(told.status.success(), "{}", text(&told.stderr));
    let csv = std::fs::read_to_string(folder.path().join("told.csv")).expect("written");
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!((rows.len(), rows[0]), (3, "id,class,confidence"), "{csv}");
    assert!(
        rows[1].starts_with("r6.npy,outer,0.") && rows[2].starts_with("r7.npy,good,0."),
        "{csv}"
    );

    let told = forewarn(
        folder.path(),
        &[
            "predict", "classes", "--model", "x.model", "--data", "new.csv", "--out", "y.csv",
        ],
    );
    assert!(
        text(&told.stderr).contains("model of kind `vibration classes`"),
        "{}",
        text(&told.stderr)
    );
}
