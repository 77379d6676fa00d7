//! Typed names and indices, so that a site is never taken for a device.
//!
//! Names are checked once, when they are made from text; inside the program they are trusted.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The longest name of a site, device, metric, sensor, rule or failure mode, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has no characters.
    #[error("a {kind} must not be empty")]
    Empty {
        /// What the text was meant to name.
        kind: &'static str,
    },
    /// More than [`MAX_NAME_BYTES`] bytes.
    #[error("a {kind} has at most {MAX_NAME_BYTES} characters, this one has {length}")]
    TooLong {
        /// What the text was meant to name.
        kind: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// A character outside `[A-Za-z0-9._-]`.
    #[error("a {kind} has letters, digits, '.', '_' and '-' only, not {found:?}")]
    Character {
        /// What the text was meant to name.
        kind: &'static str,
        /// The first offending character.
        found: char,
    },
}

fn check_name(kind: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { kind });
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(IdError::TooLong {
            kind,
            length: text.len(),
        });
    }
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
    {
        Some(found) => Err(IdError::Character { kind, found }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text: 1 to 64 characters of `[A-Za-z0-9._-]`.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check_name($kind, text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name!(
    /// A place with machines, the first topic level after the prefix.
    SiteName, "site name"
);
/// Sites whose names begin so are rehearsals.
const DRILL: &str = "drill-";

impl SiteName {
    /// Whether what happens here is a drill: it is told to no receiver that does not ask for drills, and counts nowhere.
    pub fn is_drill(&self) -> bool {
        self.as_str().starts_with(DRILL)
    }
}

name!(
    /// A machine's name, unique within its site.
    DeviceName, "device name"
);
name!(
    /// What is measured, with its unit last: `vibration_rms_mm_s`.
    MetricName, "metric name"
);
name!(
    /// A waveform's sensor, such as `drive_end`.
    SensorName, "sensor name"
);
name!(
    /// How a machine fails: `bearing_wear`.
    FailureModeId, "failure mode"
);
name!(
    /// A detection rule of a profile: `vibration_zone`.
    RuleId, "rule name"
);

/// A machine anywhere: site and device.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceKey {
    /// The place.
    pub site: SiteName,
    /// The machine in that place.
    pub device: DeviceName,
}

impl DeviceKey {
    /// Checks both parts.
    pub fn new(site: &str, device: &str) -> Result<Self, IdError> {
        Ok(Self {
            site: SiteName::new(site)?,
            device: DeviceName::new(device)?,
        })
    }

    /// Another machine of the same site.
    pub fn neighbour(&self, device: &DeviceName) -> Self {
        Self {
            site: self.site.clone(),
            device: device.clone(),
        }
    }
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.device)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.device)
    }
}

/// What judges a kind of machine: `pump@3` for the profile `pump` of that version as it stands in its file, and
/// `pump@3-1f0c9a77` for one that was added to a running gateway. The same text gives the same name. Empty where nobody wrote
/// it down.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelVersion(Arc<str>);

impl ModelVersion {
    /// A profile as it stands in its file.
    pub fn of_file(profile: &str, version: u32) -> Self {
        ModelVersion(format!("{profile}@{version}").into())
    }

    /// A profile, and whatever it has learned, that was added to a running gateway.
    pub fn of_candidate(profile: &str, version: u32, content: &[u8]) -> Self {
        // FNV-1a, 64 bit, folded to 32
        let hash = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
        });
        ModelVersion(format!("{profile}@{version}-{:08x}", (hash >> 32) as u32 ^ hash as u32).into())
    }

    /// As it was written down before.
    pub fn from_text(text: &str) -> Self {
        ModelVersion(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether anybody wrote it down.
    pub fn is_known(&self) -> bool {
        !self.0.is_empty()
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A device's place in the registry: dense, stable for the life of a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceIndex(pub u32);

/// A metric name's place in the dictionary: dense, stable for the life of a data folder, shared by all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MetricIndex(pub u32);

/// A failure mode's place in its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModeIndex(pub u16);

/// From indices back to names. Whoever hands out indices implements it.
pub trait Names {
    /// The device behind an index.
    fn device(&self, index: DeviceIndex) -> DeviceKey;
    /// The metric behind an index.
    fn metric(&self, index: MetricIndex) -> MetricName;
}

/// One run of a device's firmware, as it names itself; sequence numbers start anew with each. Up to 8 bytes are kept as
/// they are, longer names by their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Boot(pub u64);

impl Boot {
    /// From the text of the wire.
    pub fn from_text(text: &str) -> Self {
        let bytes = text.as_bytes();
        if bytes.len() <= 7 {
            let mut short = [0u8; 8];
            short[..bytes.len()].copy_from_slice(bytes);
            short[7] = bytes.len() as u8;
            return Boot(u64::from_le_bytes(short));
        }
        // FNV-1a, 64 bit (Fowler, Noll, Vo); the top bit sets it apart from short names.
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
        });
        Boot(hash | 1 << 63)
    }
}

/// One alarm of one episode: `site/device/failure_mode/episode`. The same input gives the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlarmId(pub Arc<str>);

impl AlarmId {
    /// The id of the `episode`-th time (from 1) that this device shows this failure mode.
    pub fn new(device: &DeviceKey, mode: &FailureModeId, episode: u32) -> Self {
        AlarmId(format!("{}/{}/{}/{}", device.site, device.device, mode, episode).into())
    }
}

impl fmt::Display for AlarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A ticket's number, shown as `T-000042`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(pub u64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T-{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_wildcards_slashes_or_controls_are_refused() {
        for bad in ["", "+", "#", "a/b", "a b", "$SYS", "ä", "a\0", &"x".repeat(65)] {
            assert!(DeviceName::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(DeviceName::new("pump-1.A_2").expect("fine").as_str(), "pump-1.A_2");
    }

    #[test]
    fn models_of_different_content_have_different_names_and_the_same_content_the_same() {
        let of = |content: &str| ModelVersion::of_candidate("pump", 3, content.as_bytes());
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert!(of("a").as_str().starts_with("pump@3-"));
        assert_eq!(ModelVersion::of_file("pump", 3).as_str(), "pump@3");
    }

    #[test]
    fn boots_of_different_names_differ() {
        let names = ["", "b", "b3", "b\0", "1234567", "12345678", "a-long-boot-name"];
        let distinct: std::collections::BTreeSet<_> = names.iter().map(|n| Boot::from_text(n)).collect();
        assert_eq!(distinct.len(), names.len());
    }
}
