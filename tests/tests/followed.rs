//! Waveforms over MQTT: the gateway alarms where `score --waveform` does, and names what is wrong with a bearing.

use bytes::Bytes;
use device_sim::fleet::Fleet;
use device_sim::spec::FleetSpec;
use device_sim::waveform::{Sampling, bearing_snapshot};
use domain::Timestamp;
use domain::wire::{Encoding, Waveform};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tests::gateway::{GatewaySetup, program};
use tests::load::Load;
use tests::outcome::Outcome;
use tests::publisher::{Outgoing, publish_all};

const CONFIG: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[ingest]\nmessages_per_second = 0\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n";
const START_MS: i64 = 1_760_000_000_000;
const RATE_HZ: f64 = 12_800.0;
const SAMPLES: usize = 8_192;
const RPM: f64 = 1_480.0;
const PROFILE: &str = r#"
profile = "fan"
title = { en = "Fan" }
expected_interval_ms = 10000

[alarm]
raise_after = 1
clear_after = 1

[[vibration]]
id = "drive_end"
sensor = "bearing"
bearing = "6205"

[[failure_mode]]
id = "bearing_wear"
title = { en = "Bearing wear" }
any_of = ["drive_end.bearing"]
"#;

/// Snapshots of a bearing that is sound for the first hundred and then wears.
fn snapshots() -> Vec<Vec<f32>> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let sampling = Sampling {
        samples: SAMPLES,
        sample_rate_hz: RATE_HZ,
    };
    let wear = |i: usize| if i < 100 { 0.0 } else { (i - 99) as f64 * 0.002 };
    (0..140)
        .map(|i| bearing_snapshot(&mut random, sampling, RPM, 1.0, wear(i)))
        .map(|signal| signal.iter().map(|x| *x as f32).collect())
        .collect()
}

/// Writes 32-bit floats as NumPy would.
fn write_npy(path: &Path, rows: &[Vec<f32>]) {
    let shape = format!("({}, {})", rows.len(), rows[0].len());
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
    std::fs::write(path, bytes).expect("written");
}

fn first_alert_of_score(folder: &Path) -> usize {
    let output = Command::new(program("forewarn"))
        .current_dir(folder)
        .args([
            "score",
            "--waveform",
            "x.npy",
            "--sample-rate",
            "12800",
            "--output",
            "out.csv",
        ])
        .output()
        .expect("forewarn starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let csv = std::fs::read_to_string(folder.join("out.csv")).expect("written");
    csv.lines()
        .skip(1)
        .position(|line| line.ends_with(",1"))
        .expect("it alarms")
}

fn message(device: &str, i: usize, samples: Vec<f32>) -> Outgoing {
    let waveform = Waveform {
        measured_at: Some(Timestamp(START_MS + i as i64 * 10_000)),
        sample_rate_hz: RATE_HZ as f32,
        rpm: Some(RPM as f32),
        axes: vec![samples],
    };
    Outgoing {
        topic: format!("forewarn/plant/{device}/waveform/bearing"),
        payload: waveform.encode(Encoding::F32, 1.0),
    }
}

fn alarms_of(outcome: &Outcome, failure_mode: &str) -> Vec<Value> {
    let all = outcome.alarms.values();
    all.filter(|a| a["failure_mode"] == failure_mode).cloned().collect()
}

#[tokio::test]
async fn the_gateway_alarms_at_the_snapshot_at_which_score_does_and_after_a_power_cut_still_knows_it() {
    let setup = GatewaySetup::new(CONFIG);
    let folder = setup.folder();
    std::fs::create_dir(folder.join("profiles")).expect("makes");
    std::fs::write(folder.join("profiles/fan.toml"), PROFILE).expect("written");
    std::fs::write(folder.join("registry.toml"), "[[assign]]\nprofile = \"fan\"\n").expect("written");
    let rows = snapshots();
    write_npy(&folder.join("x.npy"), &rows);
    let first = first_alert_of_score(folder);
    assert!((100..125).contains(&first), "{first}");

    let messages: Vec<Outgoing> = rows
        .into_iter()
        .enumerate()
        .map(|(i, row)| message("fan-1", i, row))
        .collect();
    let (before, after) = messages.split_at(first + 3);
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    publish_all("fan-1", before, 8, || Some(port), |_| {}).await;
    gateway.kill();
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    publish_all("fan-1", after, 8, || Some(port), |_| {}).await;
    gateway.stop();

    let outcome = Outcome::read(&setup);
    let alarms = alarms_of(&outcome, "bearing_wear");
    assert_eq!(alarms.len(), 1, "{:#?}", outcome.alarms);
    let raised_at = START_MS + first as i64 * 10_000;
    let text = alarms[0].to_string();
    assert!(text.contains(&raised_at.to_string()), "raised at row {first}: {text}");
    assert!(text.contains("outer race") && text.contains("line at "), "{text}");
    assert!(
        text.contains("bearing.octave_") && text.contains("bearing.rms_g"),
        "what rose: {text}"
    );
    assert_eq!(alarms_of(&outcome, "abnormal_behaviour"), [] as [Value; 0]);
}

#[tokio::test]
async fn a_simulated_pump_with_a_worn_bearing_is_diagnosed_as_what_was_broken() {
    let spec = format!(
        "seed = 3\nspeed = 60.0\ninterval_s = {{ pump = 20 }}\n\n[[site]]\nname = \"plant\"\npump = 2\n\n\
         [[fault]]\nsite = \"plant\"\ndevice = \"pump-001\"\nmode = \"bearing_wear\"\nonset_min = 80\npf_min = 120\n\n\
         [waveform]\nevery_min = 1.0\nsamples = {SAMPLES}\nsample_rate_hz = {RATE_HZ:.1}\n"
    );
    let mut spec = FleetSpec::from_toml(&spec).expect("a sound spec");
    spec.start_ms = Some(START_MS);
    let mut fleet = Fleet::new(&spec).expect("a sound fleet");
    let mut out = Vec::new();
    fleet.step_until(START_MS + 125 * 60_000, &mut out);
    let outgoing = |topic: &str, payload: &Bytes| Outgoing {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
    };
    let messages: Vec<Outgoing> = out.iter().map(|m| outgoing(&m.topic, &m.payload)).collect();

    let setup = GatewaySetup::new(CONFIG);
    Load::write_profiles(setup.folder());
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    publish_all("plant", &messages, 20, || Some(port), |_| {}).await;
    gateway.stop();

    let outcome = Outcome::read(&setup);
    let named: Vec<(&str, &str)> = outcome
        .alarms
        .values()
        .filter_map(|a| Some((a["device"].as_str()?, a["failure_mode"].as_str()?)))
        .collect();
    let worn = alarms_of(&outcome, "bearing_wear");
    assert_eq!(worn.len(), 1, "{named:?}");
    let text = worn[0].to_string();
    assert!(text.contains("pump-001"), "{text}");
    assert!(
        text.contains("outer race"),
        "the truth: an outer race is spalled; {text}"
    );
    for other in ["unbalance", "misalignment", "looseness"] {
        assert!(named.iter().all(|(_, mode)| *mode != other), "{named:?}");
    }
}
