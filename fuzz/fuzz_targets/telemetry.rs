//! Telemetry, events and status of devices.
#![no_main]

use domain::MetricIndex;
use domain::wire::telemetry::TelemetryParser;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parser = TelemetryParser::default();
    let _ = parser.parse(bytes, &mut |name, _| Some(MetricIndex(name.len() as u32)));
    assert!(parser.heads().iter().all(|head| parser.samples(head).len() <= 200));
    let _ = domain::wire::event::parse_event(bytes);
    let _ = domain::wire::status::parse_status(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = domain::wire::topic::parse_topic(text);
    }
});
