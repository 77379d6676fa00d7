//! The part of a profile's TOML form that says what tells the operating mode, and its check.

use super::{Checker, File};
use crate::profile::{MAX_OPERATING_MODES, ModeMask, OperatingMode, OperatingModes, Telling};
use crate::{MetricName, Millis, RuleId, text::Text};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationFile {
    metric: MetricName,
    #[serde(default)]
    settle_ms: i64,
    #[serde(default)]
    values: Vec<ValueFile>,
    #[serde(default)]
    bands: Vec<BandFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueFile {
    id: RuleId,
    #[serde(default)]
    title: Text,
    is: Told,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandFile {
    id: RuleId,
    #[serde(default)]
    title: Text,
    from: f64,
    below: f64,
}

/// A number, or a boolean as it arrives: `true` is 1.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
enum Told {
    Truth(bool),
    Number(f64),
}

impl OperationFile {
    fn named(&self) -> impl Iterator<Item = OperatingMode> + '_ {
        let values = self.values.iter().map(|v| {
            let value = match v.is {
                Told::Truth(is) => f64::from(u8::from(is)),
                Told::Number(number) => number,
            };
            (&v.id, &v.title, value, value)
        });
        let bands = self.bands.iter().map(|b| (&b.id, &b.title, b.from, b.below));
        values.chain(bands).map(|(id, title, from, below)| OperatingMode {
            id: id.to_string(),
            title: title.clone(),
            from,
            below,
        })
    }
}

impl Checker {
    /// What tells the operating mode.
    pub(super) fn operation(&mut self, file: &File) -> Option<OperatingModes> {
        let mode = file.mode.as_ref()?;
        self.known(file, "mode.metric".to_owned(), &mode.metric);
        if mode.settle_ms < 0 {
            self.wrong("mode.settle_ms", "must not be negative");
        }
        let named: Vec<OperatingMode> = mode.named().collect();
        if named.len() > MAX_OPERATING_MODES {
            let message = format!("{} modes, at most {MAX_OPERATING_MODES} are allowed", named.len());
            self.wrong("mode", message);
        }
        for (i, band) in mode.bands.iter().enumerate() {
            if !(band.from.is_finite() && band.below.is_finite() && band.from < band.below) {
                self.wrong(format!("mode.bands[{i}].below"), "must be a number above from");
            }
        }
        for (i, one) in named.iter().enumerate() {
            for other in &named[..i] {
                if one.id == other.id {
                    self.wrong("mode", format!("two modes are called {}", one.id));
                } else if one.holds(other.from) || other.holds(one.from) {
                    self.wrong("mode", format!("{} and {} share values", other.id, one.id));
                }
            }
        }
        Some(OperatingModes {
            metric: mode.metric.clone(),
            telling: if named.is_empty() {
                Telling::EachValue
            } else {
                Telling::Named(named)
            },
            settle: Millis(mode.settle_ms),
        })
    }

    /// Named modes as bits; none where nothing is named.
    pub(super) fn in_modes(&mut self, file: &File, path: String, names: Option<&[String]>) -> Option<ModeMask> {
        let names = names?;
        let known: Vec<OperatingMode> = file.mode.iter().flat_map(OperationFile::named).collect();
        let mut mask = 0;
        for name in names {
            match known.iter().position(|mode| mode.id == *name) {
                // more than eight are refused elsewhere
                Some(place) => mask |= 1u8.checked_shl(place as u32).unwrap_or(0),
                None => {
                    let known: Vec<&str> = known.iter().map(|mode| mode.id.as_str()).collect();
                    let message = match known.is_empty() {
                        true => format!("there is no mode {name:?}: the profile names none under [mode]"),
                        false => format!("there is no mode {name:?}; known are {}", known.join(", ")),
                    };
                    self.wrong(path.clone(), message);
                }
            }
        }
        Some(ModeMask(mask))
    }
}
