//! Learned models as a person at a terminal uses them: train, read the report, predict, and be told what is wrong with a file.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tests::gateway::program;

fn forewarn(folder: &Path, line: &str) -> Output {
    Command::new(program("forewarn"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .expect("forewarn starts")
}

fn succeeds(folder: &Path, line: &str) -> String {
    let output = forewarn(folder, line);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "forewarn {line}: {error}");
    String::from_utf8(output.stdout).expect("programs print UTF-8")
}

fn fails(folder: &Path, line: &str) -> String {
    let output = forewarn(folder, line);
    assert!(!output.status.success(), "forewarn {line} must fail");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows_of(file: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).expect("written");
    text.lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// Noise between -0.5 and 0.5 that is the same in every run.
fn noise(i: usize) -> f64 {
    ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1 << 24) as f64 - 0.5
}

#[test]
fn time_left_is_learned_from_runs_to_failure_and_told_of_running_units() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // wear grows towards the failure at the end of each life
    let unit = |number: usize, rows: usize, life: usize| {
        let row = |hour: usize| {
            let wear = (-((life - hour) as f64) / 15.0).exp() * 10.0;
            let (heat, load) = (40.0 + wear + noise(number * 977 + hour), noise(number * 31 + hour * 7));
            format!("p{number},{hour},{heat:.3},{load:.3}\n")
        };
        (0..rows).map(row).collect::<String>()
    };
    let head = "pump,hours,heat,load\n";
    let failed: String = (0..10).map(|n| unit(n, 40 + 3 * n, 40 + 3 * n)).collect();
    std::fs::write(folder.join("failed.csv"), format!("{head}{failed}")).expect("written");
    let running = [unit(50, 20, 55), unit(51, 52, 55)].concat();
    std::fs::write(folder.join("running.csv"), format!("{head}{running}")).expect("written");

    let report = succeeds(
        folder,
        "train life --data failed.csv --format csv --unit pump --time hours --out pumps.model",
    );
    assert!(report.contains("model pumps-") && report.contains("rmse"), "{report}");
    let predict = "predict life --model pumps.model --format csv --unit pump --time hours --out left.csv --data";
    succeeds(folder, &format!("{predict} running.csv"));
    let told = rows_of(&folder.join("left.csv"));
    assert_eq!(told[0], ["unit", "rul", "rul_p10", "rul_p90"]);
    let numbers = |row: &[String]| -> Vec<f64> { row[1..].iter().map(|v| v.parse().expect("a number")).collect() };
    let (young, old) = (numbers(&told[1]), numbers(&told[2]));
    assert!(old[0] < 12.0 && young[0] > old[0] + 8.0, "{told:?}");
    assert!([&young, &old].iter().all(|v| v[1] <= v[0] && v[0] <= v[2]), "{told:?}");

    std::fs::write(folder.join("other.csv"), "pump,hours,load\np1,1,0.5\n").expect("written");
    let error = fails(folder, &format!("{predict} other.csv"));
    assert!(error.contains("other.csv") && error.contains("heat"), "{error}");
    let error = fails(
        folder,
        "predict classes --model pumps.model --data running.csv --out c.csv",
    );
    assert!(
        error.contains("kind `life`") && error.contains("`classes` is needed"),
        "{error}"
    );

    let mut bytes = std::fs::read(folder.join("pumps.model")).expect("written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder.join("pumps.model"), &bytes).expect("written");
    let error = fails(folder, &format!("{predict} running.csv"));
    assert!(error.contains("checksum") && error.contains("damaged"), "{error}");
    std::fs::write(folder.join("pumps.model"), &bytes[..middle]).expect("written");
    let error = fails(folder, &format!("{predict} running.csv"));
    assert!(error.contains("not copied completely"), "{error}");
}

#[test]
fn classes_are_learned_from_labelled_rows_and_told_with_confidence() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // power, torque times speed, beyond a limit
    let rows = |from: usize, count: usize, with_label: bool| {
        let mut text = String::from(if with_label {
            "id,torque,speed,state\n"
        } else {
            "id,torque,speed\n"
        });
        for i in from..from + count {
            let (torque, speed) = (40.0 + 40.0 * noise(2 * i), 1500.0 + 800.0 * noise(2 * i + 1));
            let state = if torque * speed > 70_000.0 { "overload" } else { "good" };
            let label = if with_label { format!(",{state}") } else { String::new() };
            writeln!(text, "r{i},{torque:.2},{speed:.0}{label}").expect("a string takes all");
        }
        text
    };
    std::fs::write(folder.join("known.csv"), rows(0, 300, true)).expect("written");
    std::fs::write(folder.join("new.csv"), rows(300, 100, false)).expect("written");
    let report = succeeds(
        folder,
        "train classes --data known.csv --label state --out mill.model --json",
    );
    let report: serde_json::Value = serde_json::from_str(&report).expect("one object");
    assert_eq!(report["columns"], serde_json::json!(["torque", "speed"]));
    assert!(report["cross_validated"]["macro_f1"].as_f64() > Some(0.9), "{report}");

    succeeds(
        folder,
        "predict classes --model mill.model --data new.csv --out told.csv",
    );
    let told = rows_of(&folder.join("told.csv"));
    assert_eq!(told[0], ["id", "class", "confidence"]);
    let truth = rows(300, 100, true);
    let right = told[1..].iter().filter(|row| {
        let truth = truth.lines().find(|line| line.starts_with(&format!("{},", row[0])));
        truth.is_some_and(|truth| truth.ends_with(&row[1]))
    });
    assert!(right.count() >= 92, "{told:?}");

    let error = fails(folder, "train classes --data known.csv --label fault --out mill.model");
    assert!(
        error.contains("no column `fault`") && error.contains("torque"),
        "{error}"
    );
    std::fs::write(folder.join("new.csv"), "id,torque\nr1,5\n").expect("written");
    let error = fails(
        folder,
        "predict classes --model mill.model --data new.csv --out told.csv",
    );
    assert!(error.contains("`speed` is missing"), "{error}");
}

#[test]
fn a_fleet_tells_by_age_alone_how_soon_units_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // half of the pumps of make A are dead by 830 hours, those of B last four times as long; both wear
    let mut text = String::from("pump,make,hours,failed\n");
    for i in 0..80 {
        let share = (i / 2) as f64 / 40.0 + 0.0125;
        let (make, scale) = if i % 2 == 0 { ("A", 1000.0) } else { ("B", 4000.0) };
        let life = scale * (-f64::ln(1.0 - share)).sqrt();
        let (hours, failed) = if life > 0.9 * scale {
            (0.9 * scale, 0)
        } else {
            (life, 1)
        };
        writeln!(text, "p{i},{make},{hours:.1},{failed}").expect("a string takes all");
    }
    std::fs::write(folder.join("ages.csv"), &text).expect("written");
    let train = "train ages --data ages.csv --age hours --failed failed --by make --out fleet.model";
    let report = succeeds(folder, &format!("{train} --json"));
    let report: serde_json::Value = serde_json::from_str(&report).expect("one object");
    for (kind, eta) in [(0, 1000.0), (1, 4000.0)] {
        let kind = &report["kinds"][kind];
        let value = |name: &str, of: &str| kind[name][of].as_f64().expect("a number");
        assert!((value("eta", "value") / eta - 1.0).abs() < 0.05, "{kind}");
        assert!(value("beta", "low") < 2.0 && 2.0 < value("beta", "high"), "{kind}");
        assert!(value("b10", "value") < value("mttf", "value"), "{kind}");
    }
    let told = succeeds(folder, "predict ages --model fleet.model --age 800 --horizon 200");
    assert!(
        told.starts_with("kind,probability,low,high,left_p10,left_p50\nA,0.3"),
        "{told}"
    );
    succeeds(
        folder,
        "predict ages --model fleet.model --data ages.csv --age hours --horizon 200 --out next.csv",
    );
    assert_eq!(rows_of(&folder.join("next.csv")).len(), 81);

    std::fs::write(folder.join("ages.csv"), text.replace("p7,B,", "p7,B,minus ")).expect("written");
    let error = fails(folder, train);
    assert!(
        error.contains("ages.csv:9: column `hours`") && error.contains("is no age"),
        "{error}"
    );
}
