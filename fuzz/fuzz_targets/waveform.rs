//! Waveforms of devices, JSON and binary; what is read is analysed.
#![no_main]

use models::vibration::SnapshotAnalyser;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(waveform) = domain::wire::waveform::parse_waveform(bytes) {
        assert!(waveform.axes.iter().flatten().all(|sample| sample.is_finite()));
        for axis in &waveform.axes {
            let _ = SnapshotAnalyser::default().analyse(axis);
        }
    }
});
