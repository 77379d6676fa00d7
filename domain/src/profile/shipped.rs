//! The profiles that come with the product.

use super::{Profile, parse};

/// Name and TOML text of each profile that comes with the product.
pub const TEXTS: [(&str, &str); 6] = [
    ("generic", include_str!("../../profiles/generic.toml")),
    ("elevator", include_str!("../../profiles/elevator.toml")),
    ("air_conditioner", include_str!("../../profiles/air_conditioner.toml")),
    ("pump", include_str!("../../profiles/pump.toml")),
    ("compressor", include_str!("../../profiles/compressor.toml")),
    ("washing_machine", include_str!("../../profiles/washing_machine.toml")),
];

/// All of them, checked.
pub fn all() -> Vec<Profile> {
    TEXTS
        .iter()
        .map(|(name, text)| parse(text).unwrap_or_else(|problems| panic!("shipped profile {name}: {problems:?}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_is_sound_and_named_as_its_file() {
        for ((name, _), profile) in TEXTS.iter().zip(all()) {
            assert_eq!(*name, profile.id);
        }
    }

    #[test]
    fn every_failure_mode_speaks_both_languages() {
        for profile in all() {
            for mode in &profile.modes {
                for text in [&mode.title, &mode.action] {
                    assert!(!text.en.is_empty() && !text.zh.is_empty(), "{} {}", profile.id, mode.id);
                }
            }
        }
    }
}
