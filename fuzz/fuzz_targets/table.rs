//! CSV files of recorded data, plain and gzipped.
#![no_main]

use device_sim::table::{Table, TableOptions};
use std::io::Cursor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for keeps_every_row in [true, false] {
        let options = TableOptions {
            keeps_every_row,
            ..TableOptions::default()
        };
        if let Ok(table) = Table::open(Cursor::new(bytes.to_vec()), options) {
            for row in table.map_while(Result::ok) {
                assert!(row.metrics.iter().all(|(_, value)| value.is_finite()));
            }
        }
    }
});
