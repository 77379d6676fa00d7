//! Model files, which travel between machines.
#![no_main]

use models::bundle::Bundle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(bundle) = Bundle::decode(bytes) {
        let _ = bundle.life();
        let _ = bundle.classes();
    }
});
