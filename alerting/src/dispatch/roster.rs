//! The file of engineers: who they are, what they can do, where they start from, when they work, what is on their van.

use crate::alarm::PersonName;
use crate::calendar::Calendar;
use crate::policy::CalendarConfig;
use domain::SiteName;
use domain::checked::{Problem, from_tree, locate, tree_of};
use domain::place::Place;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Engineers of a file at most.
pub const MAX_ENGINEERS: usize = 1_000;
/// Skills, sites and parts of an engineer at most, each.
const MAX_NAMES: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct RosterFile {
    engineer: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: PersonName,
    #[serde(default)]
    skills: Vec<String>,
    #[serde(default)]
    region: String,
    #[serde(default)]
    latitude: Option<f64>,
    #[serde(default)]
    longitude: Option<f64>,
    #[serde(default)]
    sites: BTreeSet<SiteName>,
    #[serde(default)]
    hours: CalendarConfig,
    #[serde(default = "five")]
    most_open_tickets: u32,
    #[serde(default)]
    van: BTreeMap<String, u32>,
}

fn five() -> u32 {
    5
}

/// Somebody who can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Engineer {
    /// As in tickets.
    pub name: PersonName,
    /// Where they start from; none: nobody has said.
    pub place: Option<Place>,
    /// Their network point; empty: none.
    pub region: String,
    /// Sites that they know.
    pub sites: BTreeSet<SiteName>,
    /// When they work.
    pub calendar: Calendar,
    /// So many tickets at once.
    pub most_open_tickets: u32,
    skills: Vec<String>,
    van: BTreeMap<String, u32>,
}

impl Engineer {
    /// Whether they can do it; upper and lower case are the same.
    pub fn has_skill(&self, skill: &str) -> bool {
        self.skills.iter().any(|own| own.eq_ignore_ascii_case(skill))
    }

    /// What was on the van when the file was written: part and count.
    pub fn van(&self) -> impl Iterator<Item = (&str, u32)> {
        self.van.iter().map(|(part, count)| (part.as_str(), *count))
    }

    /// Whether there is one on the van; upper and lower case are the same.
    pub fn carries(&self, part: &str) -> bool {
        let mut van = self.van.iter();
        van.any(|(own, count)| *count > 0 && own.eq_ignore_ascii_case(part))
    }
}

/// Everybody who can be sent, checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Roster {
    engineers: Vec<Engineer>,
}

impl Roster {
    /// Reads the file of engineers.
    ///
    /// # Errors
    /// Every mistake with its line and path.
    pub fn parse(text: &str) -> Result<Roster, Vec<Problem>> {
        let read = tree_of(text).map_err(|p| vec![p]).and_then(from_tree::<RosterFile>);
        read.and_then(check).map_err(|mut problems| {
            locate(text, &mut problems);
            problems
        })
    }

    /// In the order of the file.
    pub fn engineers(&self) -> &[Engineer] {
        &self.engineers
    }

    /// Whether nobody stands in it: then nothing is proposed, and nobody is asked for a reason.
    pub fn is_empty(&self) -> bool {
        self.engineers.is_empty()
    }
}

fn check(file: RosterFile) -> Result<Roster, Vec<Problem>> {
    let mut problems = Vec::new();
    if file.engineer.len() > MAX_ENGINEERS {
        let message = format!("{} engineers; at most {MAX_ENGINEERS} are taken", file.engineer.len());
        problems.push(Problem::at("engineer", message));
    }
    let mut seen = BTreeSet::new();
    let mut engineers = Vec::new();
    for (i, entry) in file.engineer.into_iter().take(MAX_ENGINEERS).enumerate() {
        let path = format!("engineer[{i}]");
        let mut wrong = |key: &str, message: String| problems.push(Problem::at(format!("{path}.{key}"), message));
        if entry.name.trim().is_empty() {
            wrong("name", "a name is expected".into());
        }
        if !seen.insert(entry.name.clone()) {
            wrong("name", format!("{} stands twice", entry.name));
        }
        if entry.most_open_tickets == 0 {
            wrong("most_open_tickets", "at least 1 is expected".into());
        }
        for (key, count) in [
            ("skills", entry.skills.len()),
            ("sites", entry.sites.len()),
            ("van", entry.van.len()),
        ] {
            if count > MAX_NAMES {
                wrong(key, format!("{count}; at most {MAX_NAMES} are taken"));
            }
        }
        let place = Place::check(entry.latitude, entry.longitude, &path, &mut problems);
        let calendar = entry.hours.check(&format!("{path}.hours"), &mut problems);
        engineers.extend(calendar.map(|calendar| Engineer {
            name: entry.name,
            place,
            region: entry.region,
            sites: entry.sites,
            calendar,
            most_open_tickets: entry.most_open_tickets,
            skills: entry.skills,
            van: entry.van,
        }));
    }
    match problems.is_empty() {
        true => Ok(Roster { engineers }),
        false => Err(problems),
    }
}
