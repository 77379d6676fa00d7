//! NumPy files of recorded waveforms.
#![no_main]

use gateway::commands::npy::NpyRows;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("fuzz-{}.npy", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder can be written");
    if let Ok(mut rows) = NpyRows::open(&path) {
        let mut row = Vec::new();
        while let Ok(true) = rows.next_row(&mut row) {
            assert_eq!(row.len(), rows.columns());
        }
    }
});
