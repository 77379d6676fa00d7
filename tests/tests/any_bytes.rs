//! Bytes from outside never make a reader panic: valid inputs with a few bytes changed, cut, doubled or added, from a seed. The
//! same readers are under `fuzz/`, for longer runs.

use device_sim::table::{Table, TableOptions};
use domain::MetricIndex;
use domain::wire::event::parse_event;
use domain::wire::status::parse_status;
use domain::wire::telemetry::TelemetryParser;
use domain::wire::waveform::{Encoding, parse_waveform};
use gateway::commands::npy::NpyRows;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Cursor;

/// Changed inputs for each valid one.
const CHANGED: u32 = 2_000;
/// Bytes that mean something to one of the readers.
const TELLING: &[u8] = b"{}[]\":,;.-+eE0159NainfT\n\r\t\0\xff\x80()'";

fn changed(valid: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, TELLING[random.random_range(0..TELLING.len())]),
            2 if at < bytes.len() => bytes[at] = TELLING[random.random_range(0..TELLING.len())],
            3 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            4 => {
                let end = (at + random.random_range(0..16)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            2.. | i32::MIN..0 => {}
        }
    }
    bytes
}

fn check(valid: &[&[u8]], mut read: impl FnMut(&[u8])) {
    for (seed, valid) in valid.iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        read(valid);
        for _ in 0..CHANGED {
            read(&changed(valid, &mut random));
        }
    }
}

#[test]
fn messages() {
    let mut parser = TelemetryParser::default();
    let telemetry: [&[u8]; 3] = [
        br#"{"ts":1732250000000,"seq":17,"boot":"b3","metrics":{"vibration_rms_mm_s":1.42,"t_c":-4e1}}"#,
        br#"[{"metrics":{"a":1}},{"ts":"2026-01-05T08:00:00Z","metrics":{"b":2.5e-3,"c":0}}]"#,
        br#"{"quality":"bad","metrics":{"\u00e4":1}}"#,
    ];
    check(&telemetry, |bytes| {
        parser
            .parse(bytes, &mut |name, _| Some(MetricIndex(name.len() as u32)))
            .ok();
        assert!(parser.heads().iter().all(|head| parser.samples(head).len() <= 200));
    });
    check(
        &[br#"{"ts":1732250000000,"code":"E47","state":"raised","text":"door"}"#],
        |b| drop(parse_event(b)),
    );
    check(&[br#"{"state":"online","ts":1732250000000}"#], |b| {
        drop(parse_status(b))
    });
}

#[test]
fn waveforms() {
    let json = br#"{"ts":1732250000000,"sample_rate_hz":1000,"rpm":1500,"unit":"g","samples":[0.1,-0.2,0.3,1e-3]}"#;
    let waveform = parse_waveform(json).expect("valid");
    let (floats, counts) = (
        waveform.encode(Encoding::F32, 1.0),
        waveform.encode(Encoding::I16, 0.001),
    );
    check(&[json, &floats, &counts], |bytes| {
        if let Ok(waveform) = parse_waveform(bytes) {
            assert!(waveform.axes.iter().flatten().all(|sample| sample.is_finite()));
        }
    });
}

#[test]
fn numpy_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("any.npy");
    let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }                    \n";
    let mut valid = b"\x93NUMPY\x01\x00".to_vec();
    valid.extend((head.len() as u16).to_le_bytes());
    valid.extend(head.as_bytes());
    valid.extend([0u8; 48]);
    check(&[&valid], |bytes| {
        std::fs::write(&path, bytes).expect("writes");
        let Ok(mut rows) = NpyRows::open(&path) else { return };
        let mut row = Vec::new();
        while let Ok(true) = rows.next_row(&mut row) {
            assert_eq!(row.len(), rows.columns());
        }
    });
}

#[test]
fn tables() {
    let valid: [&[u8]; 3] = [
        b"timestamp,a,b\n2026-01-05 08:00:00,1,2\n2026-01-05 08:00:01,nan,-3e5\n",
        b"datetime;x;y;anomaly\n2020-03-09 10:14:33;0.02;0.04;0.0\n2020-03-09 10:14:34;;inf;1.0\n",
        b"a,b\n\"1\",2\n3,4\n",
    ];
    for keeps_every_row in [true, false] {
        check(&valid, |bytes| {
            let options = TableOptions {
                keeps_every_row,
                ..TableOptions::default()
            };
            let Ok(table) = Table::open(Cursor::new(bytes.to_vec()), options) else {
                return;
            };
            for row in table.map_while(Result::ok) {
                assert!(row.metrics.iter().all(|(_, value)| value.is_finite()));
            }
        });
    }
}
