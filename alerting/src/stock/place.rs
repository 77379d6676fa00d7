//! The words of the stock: numbers of parts, and where they lie.

use crate::alarm::PersonName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number by which a part is ordered, as it stands in the file of parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartNumber(String);

impl PartNumber {
    /// A number, as written.
    pub(crate) fn new(number: impl Into<String>) -> Self {
        PartNumber(number.into())
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where parts lie. In words: `central`, `region/east`, `van/li`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Location {
    /// The central warehouse.
    Central,
    /// The shelf of a region's network point.
    Region(String),
    /// What an engineer carries.
    Van(PersonName),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Central => f.write_str("central"),
            Location::Region(name) => write!(f, "region/{name}"),
            Location::Van(who) => write!(f, "van/{who}"),
        }
    }
}

impl From<Location> for String {
    fn from(location: Location) -> String {
        location.to_string()
    }
}

/// The text names no place of stock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place of stock; `central`, `region/NAME` or `van/NAME` is expected")]
pub struct NoLocation(String);

impl FromStr for Location {
    type Err = NoLocation;

    fn from_str(text: &str) -> Result<Location, NoLocation> {
        match text.split_once('/') {
            None if text == "central" => Ok(Location::Central),
            Some(("region", name)) if !name.trim().is_empty() => Ok(Location::Region(name.to_owned())),
            Some(("van", who)) if !who.trim().is_empty() => Ok(Location::Van(who.to_owned())),
            None | Some(_) => Err(NoLocation(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Location {
    type Error = NoLocation;

    fn try_from(text: String) -> Result<Location, NoLocation> {
        text.parse()
    }
}
