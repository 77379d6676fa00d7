//! Recorded data through `score`, `backtest` and a live gateway: the same alarms, whatever is in the file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tests::gateway::{GatewaySetup, program};
use tests::wait::wait_for;
use tests::watcher::Watcher;

const DEADLINE: Duration = Duration::from_secs(60);
const MINUTE_MS: i64 = 60_000;
const START_MS: i64 = 1_767_225_600_000;
const FAULT_AT: i64 = 6_000;
const ROWS: i64 = 8_000;

/// About normal with standard deviation 1, the same each time.
fn noise(row: i64, metric: i64) -> f64 {
    let bits = ((row * 3 + metric) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let quarters = [0, 16, 32, 48].map(|shift| ((bits >> shift) & 0xFFFF) as f64 / 65_535.0 - 0.5);
    quarters.iter().sum::<f64>() * 1.732
}

/// A machine whose bearing warms up and whose current jumps, with a column that says so.
fn machine() -> String {
    let mut csv = String::from("time,temperature_c,current_a,vibration_mm_s,fault\n");
    for row in 0..ROWS {
        let is_faulty = row >= FAULT_AT;
        let fault = if is_faulty { (row - FAULT_AT) as f64 } else { 0.0 };
        let temperature = 60.0 + 0.5 * noise(row, 0) + (0.01 * fault).min(12.0);
        let current = 10.0 + 0.2 * noise(row, 1) + if is_faulty { 3.0 } else { 0.0 };
        let vibration = 1.5 + 0.1 * noise(row, 2);
        let (at, label) = (START_MS + row * MINUTE_MS, u8::from(is_faulty));
        writeln!(csv, "{at},{temperature:.3},{current:.3},{vibration:.3},{label}").expect("a string takes everything");
    }
    csv
}

fn scored(folder: &Path, arguments: &[&str]) -> Vec<(String, f64, bool)> {
    let status = Command::new(program("forewarn"))
        .current_dir(folder)
        .args(["score"])
        .args(arguments)
        .status();
    assert!(status.expect("forewarn starts").success(), "{arguments:?}");
    let place = arguments.iter().position(|a| *a == "--output").expect("an output") + 1;
    let text = std::fs::read_to_string(folder.join(arguments[place])).expect("the output is there");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("timestamp,score,alert"));
    lines
        .map(|line| {
            let mut cells = line.rsplitn(3, ',');
            let alert = cells.next() == Some("1");
            let score = cells.next().and_then(|s| s.parse().ok()).expect("a score");
            (cells.next().expect("a time").to_owned(), score, alert)
        })
        .collect()
}

/// Times (ms) at which alarms were raised, by a backtest.
fn raised_by_backtest(folder: &Path) -> BTreeSet<i64> {
    let output = Command::new(program("forewarn"))
        .current_dir(folder)
        .args([
            "backtest",
            "--input",
            "machine.csv",
            "--label-column",
            "fault",
            "--json",
            "--html",
            "report.html",
        ])
        .output()
        .expect("forewarn starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["all"]["events"], 1, "{report}");
    assert_eq!(report["all"]["found"], 1, "{report}");
    assert_eq!(report["all"]["false_alarms"], 0, "{report}");
    let page = std::fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(
        page.contains("<svg") && page.contains("temperature_c"),
        "the page shows the course"
    );
    let alarms = report["recordings"][0]["alarms"].as_array().expect("a list");
    alarms.iter().map(|a| a["raised_at"].as_i64().expect("ms")).collect()
}

#[test]
fn the_same_recording_gives_the_same_alarms_through_score_backtest_and_the_gateway() {
    let setup = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n[ingest]\nmessages_per_second = 0\n");
    let folder = setup.folder();
    std::fs::write(folder.join("machine.csv"), machine()).expect("writes");
    let by_backtest = raised_by_backtest(folder);
    assert!(!by_backtest.is_empty(), "the fault is found");
    assert!(*by_backtest.first().expect("some") >= START_MS + FAULT_AT * MINUTE_MS);

    let rows = scored(
        folder,
        &["--input", "machine.csv", "--output", "scored.csv", "--ignore", "fault"],
    );
    assert_eq!(rows.len(), ROWS as usize);
    let rises = rows.windows(2).filter(|pair| !pair[0].2 && pair[1].2);
    let by_score: BTreeSet<i64> = rises.map(|pair| pair[1].0.parse().expect("ms")).collect();
    assert_eq!(by_score.first(), by_backtest.first(), "score and backtest");

    let without_label: String = machine()
        .lines()
        .map(|line| format!("{}\n", line.rsplit_once(',').expect("columns").0))
        .collect();
    std::fs::write(folder.join("telemetry.csv"), without_label).expect("writes");
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    let watcher = Watcher::start("watcher", port, false, &["forewarn/plant/machine-1/alarm"]);
    let replayed = Command::new(program("device-sim"))
        .current_dir(folder)
        .args([
            "replay",
            "--csv",
            "telemetry.csv",
            "--site",
            "plant",
            "--device",
            "machine-1",
        ])
        .args(["--mqtt", &format!("127.0.0.1:{port}")])
        .status();
    assert!(replayed.expect("device-sim starts").success());
    let raised = |heard: &serde_json::Value| {
        let is_raised = heard["state"] == "unacknowledged";
        is_raised.then(|| heard["measured_at"].as_i64().expect("ms"))
    };
    let by_gateway = || -> BTreeSet<i64> { watcher.heard().iter().filter_map(|h| raised(&h.message)).collect() };
    wait_for("the alarms", DEADLINE, || {
        (by_gateway().len() >= by_backtest.len()).then_some(())
    });
    assert_eq!(by_gateway(), by_backtest, "gateway and backtest");
    gateway.stop();
}

#[test]
fn a_row_depends_on_rows_before_it_only() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let whole = machine();
    let part: String = whole.lines().take(6_501).map(|l| format!("{l}\n")).collect();
    std::fs::write(folder.path().join("whole.csv"), &whole).expect("writes");
    std::fs::write(folder.path().join("part.csv"), part).expect("writes");
    for train in ["0", "2000"] {
        let score = |name: &str| {
            let output = format!("{name}-{train}.scored");
            let input = format!("{name}.csv");
            let arguments = [
                "--input",
                &input,
                "--output",
                &output,
                "--ignore",
                "fault",
                "--train-rows",
                train,
            ];
            scored(folder.path(), &arguments)
        };
        assert_eq!(
            score("whole")[..6_500],
            score("part")[..],
            "with {train} rows for training"
        );
    }
}

#[test]
fn strange_recordings_are_scored_row_by_row_without_panic() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writes");
    let many =
        |cell: &dyn Fn(i64) -> String| -> String { (0..600).map(|i| format!("{},{}\n", i * 60, cell(i))).collect() };
    write("constant.csv", &format!("time,a\n{}", many(&|_| "5".into())));
    write(
        "infinite.csv",
        &format!(
            "time,a,b\n{}",
            many(&|i| {
                let odd = ["NaN,1", "inf,2", "-inf,3", "1e300,4", "-1e308,5", ",6", "x,7"];
                odd[i as usize % odd.len()].into()
            })
        ),
    );
    write(
        "same-time.csv",
        &format!(
            "time,a\n{}",
            (0..600).map(|i| format!("7,{}\n", i % 9)).collect::<String>()
        ),
    );
    write(
        "backwards.csv",
        &format!(
            "time,a\n{}",
            (0..600)
                .map(|i| format!("{},{}\n", 90_000 - i, i % 9))
                .collect::<String>()
        ),
    );
    write("one-row.csv", "time,a,b\n5,1,2\n");
    write("no-row.csv", "time,a,b\n");
    write(
        "copies.csv",
        &format!("time,a,b,c\n{}", many(&|i| format!("{0},{0},{0}", i % 17))),
    );
    let names: Vec<String> = (0..10_000).map(|i| format!("m{i}")).collect();
    let row: String = (0..10_000).map(|i| format!(",{}", i % 7)).collect();
    write(
        "wide.csv",
        &format!("time,{}\n1{row}\n2{row}\n3{row}\n", names.join(",")),
    );
    let expected = [
        ("constant", 600),
        ("infinite", 600),
        ("same-time", 600),
        ("backwards", 600),
        ("one-row", 1),
        ("no-row", 0),
        ("copies", 600),
        ("wide", 3),
    ];
    for (name, rows) in expected {
        for train in ["0", "100"] {
            let (input, output) = (format!("{name}.csv"), format!("{name}.{train}.out"));
            let scores = scored(
                folder.path(),
                &["--input", &input, "--output", &output, "--train-rows", train],
            );
            assert_eq!(scores.len(), rows, "{name}");
            assert!(scores.iter().all(|(_, score, _)| (0.0..=1.0).contains(score)), "{name}");
        }
    }
}

#[test]
fn rows_that_nobody_could_judge_do_not_pass_as_healthy() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let rows = |count: i64| -> String { (0..count).map(|i| format!("{i},{}\n", i % 9)).collect() };
    let same_time: String = (0..40).map(|i| format!("5000,{}\n", i % 9)).collect();
    let check = |text: &str, train_rows: &str, expected: &[&str], unexpected: &str| {
        std::fs::write(folder.path().join("in.csv"), format!("time,a\n{text}")).expect("writes");
        let output = Command::new(program("forewarn"))
            .current_dir(folder.path())
            .args([
                "score",
                "--input",
                "in.csv",
                "--output",
                "out.csv",
                "--train-rows",
                train_rows,
            ])
            .output()
            .expect("forewarn starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        for part in expected {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
        assert!(unexpected.is_empty() || !said.contains(unexpected), "{said}");
    };
    check(&rows(1), "0", &["no row was judged", "a day or 2,000 readings"], "");
    check(&rows(600), "600", &["no row was judged"], "");
    check(&rows(150), "50", &["no row was judged", "200 that are normal"], "");
    check(&rows(1_000), "0", &["no alarm could be raised"], "");
    check(&rows(3_000), "0", &["1 of 1 recordings"], "no alarm");
    check(&rows(900), "400", &["1 of 1 recordings"], "no alarm");
    check(
        &format!("{}{same_time}", rows(3_000)),
        "0",
        &["31 rows repeat a row or are older"],
        "no alarm",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_scored() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("makes");
    std::fs::write(folder.path().join("in/good.csv"), machine()).expect("writes");
    std::fs::write(folder.path().join("in/bad.csv"), "1,2\n3,4\n").expect("writes");
    let output = Command::new(program("forewarn"))
        .current_dir(folder.path())
        .args(["score", "--input", "in", "--output", "out"])
        .output()
        .expect("forewarn starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("bad.csv") && said.contains("add a header"), "{said}");
    assert!(folder.path().join("out/good.csv").exists() && !folder.path().join("out/bad.csv").exists());
}

#[test]
fn normal_that_moves_is_counted_by_score_and_backtest() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let creep = |row: i64| 50.0 + noise(row, 0) + (row - 600).max(0) as f64 * 0.002;
    let rows: String = (0..12_000)
        .map(|row| format!("{},{:.3}\n", START_MS + row * 600_000, creep(row)))
        .collect();
    std::fs::write(folder.path().join("tank.csv"), format!("time,level\n{rows}")).expect("written");
    let told = |arguments: &[&str]| {
        let output = Command::new(program("forewarn"))
            .current_dir(folder.path())
            .args(arguments)
            .output();
        let output = output.expect("forewarn starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let scored = told(&["score", "--json", "--input", "tank.csv", "--output", "out.csv"]);
    assert_eq!(
        [&scored["file"], &scored["rows"]],
        [&serde_json::json!("tank.csv"), &serde_json::json!(12_000)]
    );
    assert!(scored["drifts"]["moved"].as_u64() > Some(0), "{scored}");
    let played = told(&["backtest", "--json", "--input", "tank.csv"]);
    assert_eq!(played["recordings"][0]["drifts"], scored["drifts"], "{played}");
}
