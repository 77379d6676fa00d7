//! The file of parts: what is kept in stock, from when it is ordered again, how long that takes, and what lay where at first.

use super::place::{Location, PartNumber};
use crate::dispatch::Roster;
use domain::checked::{Problem, from_tree, locate, tree_of};
use domain::text::Text;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a file at most.
pub const MAX_PARTS_KEPT: usize = 10_000;
/// Places of stock at most: the centre, the regions, and the vans of all engineers.
pub const MAX_LOCATIONS: usize = 1_100;
/// Opening counts at most, those of vans included.
pub const MAX_OPENING: usize = 100_000;
/// The longest time that ordering may take, days: two years.
pub const MAX_LEAD_DAYS: u32 = 731;
/// The longest number of a part or name of a region, bytes.
const MAX_NAME_BYTES: usize = 128;
/// The greatest reorder point and opening count.
const MAX_COUNT: u32 = 1_000_000;

#[derive(Debug, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct PartsFile {
    regions: Vec<String>,
    part: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    number: String,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    reorder_point: u32,
    lead_time_days: u32,
    #[serde(default)]
    unit_price_cents: Option<u64>,
    #[serde(default)]
    central: u32,
    #[serde(default)]
    regions: BTreeMap<String, u32>,
}

/// A part that is kept in stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// By which it is ordered; unique, whatever the case of its letters.
    pub number: PartNumber,
    /// For people; may be empty.
    pub name: Text,
    /// There shall never be fewer, all places together.
    pub reorder_point: u32,
    /// From ordering to having it, days.
    pub lead_time_days: u32,
    /// What one costs, in hundredths of the site's currency; none: nobody has said.
    pub unit_price_cents: Option<u64>,
}

/// Everything that is kept in stock, and where; checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// By number in upper case.
    parts: BTreeMap<String, Part>,
    locations: BTreeSet<Location>,
    opening: BTreeMap<(PartNumber, Location), u32>,
}

impl Parts {
    /// Reads the file of parts. What the vans carry at first stands in the file of engineers.
    ///
    /// # Errors
    /// Every mistake with its line and path.
    pub fn parse(text: &str, roster: &Roster) -> Result<Parts, Vec<Problem>> {
        let read = tree_of(text).map_err(|p| vec![p]).and_then(from_tree::<PartsFile>);
        read.and_then(|file| check(file, roster)).map_err(|mut problems| {
            locate(text, &mut problems);
            problems
        })
    }

    /// Whether no stock is kept: then nothing is reserved, and what is on vans is what the file of engineers says.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// A part by its number; upper and lower case are the same.
    pub fn find(&self, number: &str) -> Option<&Part> {
        self.parts.get(&number.trim().to_uppercase())
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.parts.values()
    }

    /// Where parts can be: the centre, the regions, the vans of all engineers.
    pub fn locations(&self) -> &BTreeSet<Location> {
        &self.locations
    }

    /// What lay where before the first movement.
    pub fn opening(&self) -> &BTreeMap<(PartNumber, Location), u32> {
        &self.opening
    }
}

fn check(file: PartsFile, roster: &Roster) -> Result<Parts, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut locations = BTreeSet::from([Location::Central]);
    for (i, region) in file.regions.iter().enumerate() {
        let path = format!("regions[{i}]");
        if region.trim().is_empty() || region.len() > MAX_NAME_BYTES {
            let message = format!("a name of at most {MAX_NAME_BYTES} bytes is expected");
            problems.push(Problem::at(path, message));
        } else if !locations.insert(Location::Region(region.clone())) {
            problems.push(Problem::at(path, format!("{region} stands twice")));
        }
    }
    let engineers = roster.engineers().iter();
    locations.extend(engineers.clone().map(|e| Location::Van(e.name.clone())));
    let of_engineers = engineers.clone().filter(|e| !e.region.is_empty());
    locations.extend(of_engineers.map(|e| Location::Region(e.region.clone())));
    if locations.len() > MAX_LOCATIONS {
        let message = format!("{} places of stock; at most {MAX_LOCATIONS} are taken", locations.len());
        problems.push(Problem::at("regions", message));
    }
    if file.part.len() > MAX_PARTS_KEPT {
        let message = format!("{} parts; at most {MAX_PARTS_KEPT} are taken", file.part.len());
        problems.push(Problem::at("part", message));
    }
    let (mut parts, mut opening) = (BTreeMap::new(), BTreeMap::new());
    for (i, entry) in file.part.into_iter().take(MAX_PARTS_KEPT).enumerate() {
        let mut wrong = |key: &str, message: String| problems.push(Problem::at(format!("part[{i}].{key}"), message));
        let number = entry.number.trim().to_owned();
        if number.is_empty() || number.len() > MAX_NAME_BYTES {
            let message = format!("a number of at most {MAX_NAME_BYTES} bytes is expected");
            wrong("number", message);
        }
        if !(1..=MAX_LEAD_DAYS).contains(&entry.lead_time_days) {
            wrong("lead_time_days", format!("1 to {MAX_LEAD_DAYS} days are expected"));
        }
        for (key, count) in [("reorder_point", entry.reorder_point), ("central", entry.central)] {
            if count > MAX_COUNT {
                wrong(key, format!("at most {MAX_COUNT} is taken"));
            }
        }
        let number = PartNumber::new(number);
        if entry.central > 0 {
            opening.insert((number.clone(), Location::Central), entry.central);
        }
        for (region, count) in entry.regions {
            let location = Location::Region(region.clone());
            if !locations.contains(&location) {
                wrong(
                    "regions",
                    format!("{region} stands neither in `regions` nor in the file of engineers"),
                );
            } else if count > MAX_COUNT {
                wrong("regions", format!("{region}: at most {MAX_COUNT} is taken"));
            }
            opening.insert((number.clone(), location), count);
        }
        let part = Part {
            number: number.clone(),
            name: entry.name,
            reorder_point: entry.reorder_point,
            lead_time_days: entry.lead_time_days,
            unit_price_cents: entry.unit_price_cents,
        };
        if parts.insert(number.as_str().to_uppercase(), part).is_some() {
            wrong("number", format!("{number} stands twice"));
        }
    }
    for engineer in engineers {
        for (name, count) in engineer.van() {
            match parts.get(&name.trim().to_uppercase()) {
                Some(part) => {
                    let place = (part.number.clone(), Location::Van(engineer.name.clone()));
                    let most = count.min(MAX_COUNT);
                    opening.insert(place, most);
                }
                None => {
                    let message = format!("{name}, on the van of {}, is no part of this file", engineer.name);
                    problems.push(Problem::at("part", message));
                }
            }
        }
    }
    if opening.len() > MAX_OPENING {
        let message = format!("{} opening counts; at most {MAX_OPENING} are taken", opening.len());
        problems.push(Problem::at("part", message));
    }
    match problems.is_empty() {
        true => Ok(Parts {
            parts,
            locations,
            opening,
        }),
        false => Err(problems),
    }
}
