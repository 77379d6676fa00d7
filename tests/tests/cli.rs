//! The programs as a person at a terminal meets them: what they print, what they end with, and what they refuse to do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tests::gateway::{GatewaySetup, RunningGateway, program};
use tests::publisher::{Outgoing, publish_all};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("programs print UTF-8")
}

fn run(setup: &GatewaySetup, arguments: &[&str]) -> Output {
    setup
        .command(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("forewarn starts")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lie in the repository")
        .to_owned()
}

fn listener_only() -> GatewaySetup {
    GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n")
}

/// Readings of two devices with two metrics each.
async fn publish_some(gateway: &RunningGateway, count: i64) {
    let port = gateway.mqtt_port();
    for device in ["a", "b"] {
        let message = |i: i64| Outgoing {
            topic: format!("forewarn/plant/{device}/telemetry"),
            payload: format!(
                r#"{{"ts":{},"seq":{i},"boot":"x","metrics":{{"temperature_c":{}.5,"speed_rpm":{}}}}}"#,
                1_760_000_000_000 + i * 1_000,
                20 + i % 10,
                1_400 + i
            )
            .into_bytes(),
        };
        let messages: Vec<_> = (0..count).map(message).collect();
        publish_all(device, &messages, 100, || Some(port), |_| {}).await;
    }
}

#[test]
fn check_reports_five_mistakes_of_three_files_at_once() {
    let setup = GatewaySetup::new(
        "[listener]\nbind = \"127.0.0.1\"\nwindw = 5\n\n[ingest]\nburst = \"many\"\n\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n",
    );
    std::fs::write(
        setup.folder().join("registry.toml"),
        "[[device]]\nsite = \"a/b\"\ndevice = \"b\"\nprofile = \"pump\"\n",
    )
    .expect("written");
    std::fs::create_dir(setup.folder().join("profiles")).expect("made");
    std::fs::write(
        setup.folder().join("profiles/mine.toml"),
        "profile = \"mine\"\nexpected_interval_ms = 1000\n\n[[limit]]\nid = \"hot\"\nmetric = \"no such metric\"\nwarning = 5.0\n",
    )
    .expect("written");
    let output = run(&setup, &["check", "--config", "forewarn.toml"]);
    let found = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{found}");
    for expected in [
        "forewarn.toml:2: listener.bind: is not an address with a port, such as 127.0.0.1:1883",
        "forewarn.toml:3: listener.windw: unknown key `windw`",
        "forewarn.toml:6: ingest.burst: invalid type: string \"many\", expected a number",
        "registry.toml:2: device[0].site: ",
        "mine.toml:6: limit[0].metric: ",
    ] {
        assert!(found.contains(expected), "{expected:?} is missing in:\n{found}");
    }
    let output = run(&setup, &["check", "--config", "forewarn.toml", "--json"]);
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), found.lines().count());
    assert!(lines.iter().all(|l| l["file"].is_string() && l["message"].is_string()));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_of_any_command() {
    let setup = listener_only();
    let rows: String = (0..3_000).map(|i| format!("{}\n", i % 7)).collect();
    std::fs::write(setup.folder().join("x.csv"), format!("a\n{rows}")).expect("written");
    let config = setup.folder().join("forewarn.toml");
    let config = config.to_str().expect("UTF-8");
    let commands: [&[&str]; 3] = [
        &["check", "--json", "--config", config],
        &["score", "--json", "--input", "x.csv", "--output", "y.csv"],
        &["backtest", "--input", "x.csv"],
    ];
    for arguments in commands {
        let mut command = setup.command(arguments);
        command.current_dir(setup.folder()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("ends");
        assert!(ended.status.success(), "{arguments:?}: {}", text(&ended.stderr));
        assert!(!text(&ended.stderr).contains("panicked"), "{arguments:?}");
    }
}

#[test]
fn a_broken_configuration_starts_nothing_and_says_why() {
    let setup = GatewaySetup::new("[listener]\nwindow = 0\n");
    let output = run(&setup, &["run", "--config", "forewarn.toml"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("forewarn.toml:2: listener.window: is 0, must be at least 1"),
        "{said}"
    );
    assert!(said.contains("nothing was started"), "{said}");
    assert!(!setup.data().exists(), "no data folder is made");
    let output = run(&setup, &["run", "--config", "missing.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing.toml: cannot read the configuration"));
}

#[test]
fn what_cannot_be_opened_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let setup = GatewaySetup::new(&format!("[listener]\nbind = \"{address}\"\n"));
    let output = run(&setup, &["run", "--config", "forewarn.toml"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("cannot listen for devices on {address}")),
        "{said}"
    );

    let setup = GatewaySetup::new(
        "[listener]\nbind = \"127.0.0.1:0\"\n[listener.tls]\nbind = \"127.0.0.1:0\"\ncert = \"no.crt\"\nkey = \"no.key\"\n",
    );
    let output = run(&setup, &["run", "--config", "forewarn.toml"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot read certificate from") && said.contains("no.crt"),
        "{said}"
    );
}

#[test]
fn every_command_explains_itself() {
    let help = |program_name: &str, arguments: &[&str]| {
        let output = Command::new(program(program_name))
            .args(arguments)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{program_name} {arguments:?}");
        text(&output.stdout)
    };
    let all = help("forewarn", &["--help"]);
    for command in ["demo", "run", "check", "history", "backup", "restore", "hash-password"] {
        assert!(all.contains(command), "{command}");
        assert!(
            help("forewarn", &[command, "--help"]).contains("Usage: forewarn"),
            "{command}"
        );
    }
    for command in ["count", "export"] {
        assert!(
            help("forewarn", &["history", command, "--help"]).contains("--data"),
            "{command}"
        );
    }
    assert!(all.contains("Exit codes:") && all.contains("Examples:"));
    for command in ["run", "replay", "list", "describe"] {
        assert!(
            help("device-sim", &[command, "--help"]).contains("Usage: device-sim"),
            "{command}"
        );
    }
    assert!(help("forewarn", &["--version"]).starts_with("forewarn "));
    let wrong = Command::new(program("forewarn"))
        .arg("dmeo")
        .output()
        .expect("it starts");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("demo"), "it guesses what was meant");
}

#[tokio::test]
async fn a_data_folder_is_worked_on_by_one_gateway_and_read_by_all() {
    let setup = listener_only();
    let gateway = setup.start();
    let second = run(&setup, &["run", "--config", "forewarn.toml"]);
    let said = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("is in use by another forewarn"), "{said}");

    publish_some(&gateway, 500).await;
    let total = |setup: &GatewaySetup| setup.output(&["history", "count", "--total"]).trim().to_owned();
    let export = |setup: &GatewaySetup| {
        let csv = setup.output(&["history", "export", "--device", "b", "--metric", "speed_rpm"]);
        let mut lines: Vec<String> = csv.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (beside, exported) = (total(&setup), export(&setup));
    assert_eq!(beside, "2000");
    assert_eq!(exported.len(), 501, "a header and 500 rows");
    assert!(
        exported
            .iter()
            .any(|l| l == "plant,b,speed_rpm,2025-10-09T08:53:20.000Z,1400"),
        "{:?}",
        exported.first()
    );
    let by_series = setup.output(&["history", "count", "--json"]);
    assert_eq!(by_series.lines().count(), 4);
    assert!(by_series.lines().all(|l| l.contains("\"points\":500")), "{by_series}");
    gateway.stop();
    assert_eq!(
        (total(&setup), export(&setup)),
        (beside, exported),
        "the same when it has stopped"
    );

    let nowhere = run(&setup, &["history", "count", "--data", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("is this the data folder of a gateway?"));
    assert!(!setup.folder().join("nowhere").exists(), "looking makes nothing");
}

#[tokio::test]
async fn a_backup_of_a_running_gateway_holds_everything_acknowledged() {
    let setup = listener_only();
    let gateway = setup.start();
    publish_some(&gateway, 300).await;
    // more comes in while the copy is made
    let port = gateway.mqtt_port();
    let busy = tokio::spawn(async move {
        let message = |i: i64| Outgoing {
            topic: "forewarn/plant/busy/telemetry".into(),
            payload: format!(r#"{{"seq":{i},"boot":"x","metrics":{{"n":{i}}}}}"#).into_bytes(),
        };
        let messages: Vec<_> = (0..3_000).map(message).collect();
        publish_all("busy", &messages, 50, || Some(port), |_| {}).await;
    });
    let copy = {
        let mut command = setup.command(&["backup", "--to", "copy"]);
        tokio::task::spawn_blocking(move || command.output().expect("it starts"))
            .await
            .expect("it ends")
    };
    assert!(copy.status.success(), "{}", text(&copy.stderr));
    let again = run(&setup, &["backup", "--to", "copy"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("is not empty"),
        "a backup overwrites nothing"
    );
    busy.await.expect("published");
    gateway.kill();

    let restored = run(&setup, &["restore", "--from", "copy", "--data", "restored"]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let refused = run(&setup, &["restore", "--from", "copy", "--data", "restored"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is not empty; nothing was overwritten"));
    let count = |data: &str, device: &str| -> u64 {
        let arguments = ["history", "count", "--total", "--device", device, "--data", data];
        setup.output(&arguments).trim().parse().expect("a number")
    };
    assert_eq!((count("restored", "a"), count("restored", "b")), (600, 600));
    assert_eq!(count("data", "busy"), 3_000, "the gateway was not disturbed");
    assert!(count("restored", "busy") <= 3_000);

    // and a gateway goes on from there
    let mut elsewhere = listener_only();
    elsewhere.set("FOREWARN__DATA", &setup.folder().join("restored").display().to_string());
    let gateway = elsewhere.start();
    publish_some(&gateway, 310).await;
    gateway.stop();
    assert_eq!(
        (count("restored", "a"), count("restored", "b")),
        (620, 620),
        "what was there is known as repeats"
    );
}

#[test]
fn a_recorded_table_is_stored_point_for_point() {
    let setup = listener_only();
    let gateway = setup.start();
    let mqtt = gateway.mqtt.expect("it has a listener").to_string();
    let replay = |csv: &str, name: &str, device: &str, more: &[&str]| {
        let file = setup.folder().join(name);
        std::fs::write(&file, csv).expect("written");
        let output = Command::new(program("device-sim"))
            .args([
                "replay", "--site", "plant", "--device", device, "--mqtt", &mqtt, "--json", "--csv",
            ])
            .arg(&file)
            .args(more)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let count = |device: &str| {
        setup
            .output(&["history", "count", "--total", "--device", device])
            .trim()
            .to_owned()
    };

    let timed = "timestamp,temperature,pressure,note\n\
                 2014-03-01 00:00:00,1.5,10,fine\n\
                 2014-03-01 00:00:00,1.5,10,the same again\n\
                 2014-03-01 00:00:00,2.5,11,same time\n\
                 2014-03-01 00:05:00,,12,no temperature\n\
                 2014-03-01 00:10:00,4.5,,no pressure\n\
                 2014-03-01 00:15:00,5.5,14,\n";
    let report = replay(timed, "timed.csv", "timed", &[]);
    assert_eq!(
        (&report["rows"], &report["confirmed"]),
        (&serde_json::json!(6), &serde_json::json!(6))
    );
    assert_eq!(count("timed"), "10", "six rows of two numbers, two of them missing");
    // the same file once more is known, row by row
    replay(timed, "timed.csv", "timed", &[]);
    assert_eq!(count("timed"), "10");

    let untimed: String = std::iter::once("vibration;current\n".to_owned())
        .chain((0..1_000).map(|i| format!("{}.25;{}\n", i % 10, i)))
        .collect();
    let report = replay(
        &untimed,
        "untimed.csv",
        "untimed",
        &["--time", "none", "--interval", "0.25"],
    );
    assert_eq!(report["confirmed"], 1_000);
    assert_eq!(count("untimed"), "2000");
    let series = setup.output(&[
        "history", "count", "--json", "--device", "untimed", "--metric", "current",
    ]);
    assert!(
        series.contains("2024-01-01T00:00:00") && series.contains("2024-01-01T00:04:09.750"),
        "{series}"
    );
    gateway.stop();
    assert_eq!(count("untimed"), "2000");
}

#[test]
fn the_example_configurations_are_sound_and_tell_the_defaults() {
    let folder = repository().join("docs/examples");
    for name in ["gateway.toml", "with-broker.toml"] {
        let output = Command::new(program("forewarn"))
            .args(["check", "--config"])
            .arg(folder.join(name))
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stdout));
    }
    let load = |name: &str| {
        gateway::config::load(&folder.join(name), std::iter::empty())
            .expect("no mistakes")
            .config
    };

    let written = load("gateway.toml");
    let defaults = gateway::config::Config {
        data: folder.join("forewarn-data"),
        listener: Some(Default::default()),
        ..Default::default()
    };
    assert_eq!(
        format!("{written:#?}"),
        format!("{defaults:#?}"),
        "docs/examples/gateway.toml shows the defaults"
    );
    let file = std::fs::read_to_string(folder.join("gateway.toml")).expect("there");
    let keys = format!("{defaults:#?}");
    let keys = keys
        .lines()
        .filter_map(|l| l.trim().split_once(": ").map(|(key, _)| key));
    let missing: Vec<&str> = keys
        .filter(|key| !file.contains(key.trim_start_matches("r#")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/examples/gateway.toml does not tell of {missing:?}"
    );

    let broker = load("with-broker.toml").broker.expect("it has a broker");
    assert_eq!(
        broker,
        Default::default(),
        "docs/examples/with-broker.toml shows the defaults"
    );
    let file = std::fs::read_to_string(folder.join("with-broker.toml")).expect("there");
    let keys = format!("{broker:#?}");
    for key in keys
        .lines()
        .filter_map(|l| l.trim().split_once(": ").map(|(key, _)| key))
    {
        assert!(
            file.contains(key),
            "docs/examples/with-broker.toml does not tell of {key}"
        );
    }
}

#[test]
fn the_demo_opens_a_ticket_within_a_minute_and_compares_with_the_truth() {
    let began = Instant::now();
    let output = Command::new(program("forewarn"))
        .args(["demo", "--seconds", "60", "--http", "127.0.0.1:0"])
        .output()
        .expect("it starts");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", text(&output.stderr));
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
    assert!(said.contains("dashboard: http://127.0.0.1:"), "{said}");
    assert!(said.lines().any(|l| l.contains("  ticket T-")), "{said}");
    let table = said
        .split("Faults simulated")
        .nth(1)
        .unwrap_or_else(|| panic!("a comparison: {said}"));
    eprintln!("Faults simulated{table}");
    assert!(table.contains("; 0 false,"), "{table}");
    assert!(table.contains("0 missed"), "{table}");
}
