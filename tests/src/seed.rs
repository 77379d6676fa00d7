//! What differs from run to run, and how a run is repeated.

use std::sync::OnceLock;

/// A number from the environment, or else this one.
///
/// # Panics
/// If what stands there is no number.
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} is no number"))
    })
}

/// `FOREWARN_TEST_SEED`, or else one that is printed.
#[expect(
    clippy::disallowed_methods,
    reason = "the seed is printed, so a run that failed can be repeated"
)]
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = number("FOREWARN_TEST_SEED", rand::random::<u32>().into());
        eprintln!("FOREWARN_TEST_SEED={seed}");
        seed
    })
}
