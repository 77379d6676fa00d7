//! `scripts/benchmark-folder` on small folders laid out as the public data sets are.

use std::path::Path;
use std::process::{Command, Output};
use tests::gateway::program;

const PYTHON: &str = "python3";
/// Makes the folders below its first argument; gzip is not at hand here otherwise.
const MAKE: &str = r#"
import gzip, json, os, struct, sys
def put(path, text):
    path = os.path.join(sys.argv[1], path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    (gzip.open if path.endswith('.gz') else open)(path, 'wt').write(text)
noise = lambda i, k: ((i * 7919 + k * 104729) % 1009) / 1009 - 0.5
rows = lambda n, shift: ''.join('%d,%f\n' % (300 * i, noise(i, 0) + (5 if shift and i > 0.8 * n else 0)) for i in range(n))
put('nab/real/a.csv', 'timestamp,value\n' + rows(900, True))
put('nab/windows.json', '{"not": "for Forewarn"}')
put('msl/A-1_train.csv.gz', 'value\n' + ''.join('%f\n' % noise(i, 1) for i in range(600)))
put('msl/A-1_test.csv.gz', 'value\n' + ''.join('%f\n' % (noise(i, 2) + (9 if i > 300 else 0)) for i in range(400)))
put('lonely/B-2_test.csv', 'value\n1\n')
counts = [int(1000 * noise(i, 3) * (1 if i < 80 * 256 else 9)) for i in range(90 * 256)]
raw = struct.pack('<%dh' % len(counts), *counts)
os.makedirs(os.path.join(sys.argv[1], 'femto'))
gzip.open(os.path.join(sys.argv[1], 'femto/Bearing1_1_h.i16p.gz'), 'wb').write(raw[0::2] + raw[1::2])
put('femto/index.json', json.dumps({'Bearing1_1': {'unit': '0.002 g', 'samples_per_snapshot': 256, 'rate_hz': 25600}}))
put('parts/parts.csv', 'id,torque,kind,broken\n' + ''.join('%d,%f,%s,%d\n' % (i, noise(i, 4), 'LMH'[i % 3], noise(i, 4) > 0.3) for i in range(400)))
"#;

fn run(folder: &Path, layout: &str, input: &str, more: &[&str]) -> Output {
    Command::new(PYTHON)
        .current_dir(folder)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/benchmark-folder"))
        .args([layout, input, &format!("out/{input}"), "--forewarn"])
        .arg(program("forewarn"))
        .args(more)
        .output()
        .expect("python3 starts")
}

fn lines(folder: &Path, path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("out").join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_layout_becomes_what_a_scorer_reads() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let made = Command::new(PYTHON).args(["-c", MAKE]).arg(folder).status();
    if made.is_err() {
        assert!(
            std::env::var_os("FOREWARN_TESTS_REQUIRE_ALL").is_none(),
            "python3 is not installed"
        );
        eprintln!("SKIPPED: python3 is not installed");
        return;
    }
    assert!(made.is_ok_and(|status| status.success()));
    let check = |layout: &str, input: &str, more: &[&str], output: &str, header: &str, rows: usize| {
        let ran = run(folder, layout, input, more);
        assert!(
            ran.status.success(),
            "{layout}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let lines = lines(folder, output);
        assert_eq!((lines[0].as_str(), lines.len() - 1), (header, rows), "{layout}");
        lines
    };
    let scored = "timestamp,score,alert";
    check("nab", "nab", &[], "nab/real/a.csv", scored, 900);
    let judged = check("spacecraft", "msl", &[], "msl/A-1.csv", scored, 400);
    assert!(judged[200].ends_with(",0") && judged[380].ends_with(",1"), "{judged:?}");
    let snapshots = check(
        "femto",
        "femto",
        &[],
        "femto/Bearing1_1.csv",
        "snapshot,score,alert",
        90,
    );
    assert!(
        snapshots[1].starts_with("0,") && snapshots[90].starts_with("89,"),
        "{snapshots:?}"
    );
    assert!(
        snapshots[70].ends_with(",0") && snapshots[90].ends_with(",1"),
        "{snapshots:?}"
    );
    let label = ["--label", "broken", "--ignore", "id"];
    check(
        "classes",
        "parts",
        &label,
        "parts/parts.csv",
        "id,class,confidence",
        400,
    );
    assert_eq!(lines(folder, "parts/parts.truth.csv").len(), 401);

    let refused = |layout: &str, input: &str, why: &str| {
        let ran = run(folder, layout, input, &[]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && said.contains(why), "{layout}: {said}");
    };
    refused("spacecraft", "lonely", "B-2_test.csv has no B-2_train.csv beside it");
    refused("nab", "nowhere", "there is no folder nowhere");
    refused("classes", "parts", "--label");
    refused("cmapss", "nab", "there is no test_X.txt");
    refused("cwru", "nab", "index.csv is missing");
}
