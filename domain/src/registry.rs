//! The device registry: which machine has which profile, where it stands and how much it matters.

use crate::checked::{Problem, from_tree, locate, tree_of};
use crate::place::Place;
use crate::topology::Topology;
use crate::{DeviceKey, DeviceName, Impact, Profile, RuleId, SiteName, profile::RuleKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The registry file: devices by name, and rules by which others get a profile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// Devices that are known by name.
    pub device: Vec<DeviceEntry>,
    /// Sites of which more is known than their name.
    pub site: Vec<SiteEntry>,
    /// Patterns for the others; the first that fits decides. Where none fits, the profile is `generic`.
    pub assign: Vec<Assign>,
}

/// Where a site is and whose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteEntry {
    /// Its name.
    pub name: SiteName,
    /// Degrees, north is positive.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees, east is positive.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// The network point that serves it; empty: none.
    #[serde(default)]
    pub region: String,
    /// Whose it is; for people.
    #[serde(default)]
    pub customer: String,
}

impl SiteEntry {
    /// Where it is; none: nobody has said.
    pub fn place(&self) -> Option<Place> {
        Place::new(self.latitude?, self.longitude?)
    }
}

/// A device that is known by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceEntry {
    /// The place.
    pub site: SiteName,
    /// The machine.
    pub device: DeviceName,
    /// Its profile.
    pub profile: String,
    /// The maker's serial number.
    #[serde(default)]
    pub serial_number: String,
    /// Where it stands, for people.
    #[serde(default)]
    pub location: String,
    /// Whose it is.
    #[serde(default)]
    pub customer: String,
    /// How many people depend on it, if known; many lift what a failure costs.
    #[serde(default)]
    pub people_served: Option<u32>,
    /// The last day of the maker's warranty, `2027-03-31`; empty if nobody knows.
    #[serde(default)]
    pub warranty_until: String,
    /// The machine of the same site that this one hangs on, such as its gateway: while that is down, nothing can be expected
    /// of this one.
    #[serde(default)]
    pub parent: Option<DeviceName>,
    /// What a failure costs here, if other than the profile says.
    pub impact: Option<Impact>,
    /// Limits that differ from the profile's, by rule.
    #[serde(default)]
    pub limits: BTreeMap<RuleId, LimitOverride>,
}

/// Limits of one device that differ from its profile.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverride {
    /// In place of the profile's.
    pub advisory: Option<f64>,
    /// In place of the profile's.
    pub warning: Option<f64>,
    /// In place of the profile's.
    pub critical: Option<f64>,
}

/// Devices whose names fit a pattern get a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// Site pattern; `*` stands for any characters.
    #[serde(default = "any")]
    pub site: String,
    /// Device pattern; `*` stands for any characters.
    #[serde(default = "any")]
    pub device: String,
    /// The profile they get.
    pub profile: String,
    /// The machine of their site that they hang on.
    #[serde(default)]
    pub parent: Option<DeviceName>,
}

fn any() -> String {
    "*".into()
}

impl Registry {
    /// Reads the registry file; whether the profiles exist is checked by whoever has them, with [`Registry::problems`].
    ///
    /// # Errors
    /// Every mistake with its line and path.
    pub fn parse(text: &str) -> Result<Registry, Vec<Problem>> {
        tree_of(text)
            .map_err(|p| vec![p])
            .and_then(from_tree::<Registry>)
            .map_err(|mut problems| {
                locate(text, &mut problems);
                problems
            })
    }

    /// What is wrong given the profiles there are: unknown profiles, overrides of rules that are no limits, devices twice.
    pub fn problems(&self, profiles: &[&Profile]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let known: Vec<&str> = profiles.iter().map(|p| p.id.as_str()).collect();
        let unknown = |path: String, name: &str| {
            let message = format!("there is no profile {name:?}; known are {}", known.join(", "));
            (!known.contains(&name)).then(|| Problem::at(path, message))
        };
        let mut seen = std::collections::BTreeSet::new();
        for (i, entry) in self.device.iter().enumerate() {
            problems.extend(unknown(format!("device[{i}].profile"), &entry.profile));
            if !seen.insert((&entry.site, &entry.device)) {
                problems.push(Problem::at(
                    format!("device[{i}]"),
                    format!("{}/{} stands twice", entry.site, entry.device),
                ));
            }
            let warranty = &entry.warranty_until;
            if !warranty.is_empty() && warranty.parse::<jiff::civil::Date>().is_err() {
                let message = format!("{warranty:?} is no day such as 2027-03-31");
                problems.push(Problem::at(format!("device[{i}].warranty_until"), message));
            }
            if let Some(profile) = profiles.iter().find(|p| p.id == entry.profile)
                && let Err(problem) = with_overrides(profile, entry)
            {
                problems.push(Problem::at(format!("device[{i}].{}", problem.path), problem.message));
            }
        }
        let mut sites = std::collections::BTreeSet::new();
        for (i, site) in self.site.iter().enumerate() {
            Place::check(site.latitude, site.longitude, &format!("site[{i}]"), &mut problems);
            if !sites.insert(&site.name) {
                problems.push(Problem::at(format!("site[{i}]"), format!("{} stands twice", site.name)));
            }
        }
        problems.extend(Topology::of(self).problems(self));
        for (i, assign) in self.assign.iter().enumerate() {
            problems.extend(unknown(format!("assign[{i}].profile"), &assign.profile));
        }
        problems
    }

    /// The entry of a site, if there is one.
    pub fn site_entry(&self, name: &SiteName) -> Option<&SiteEntry> {
        self.site.iter().find(|s| s.name == *name)
    }

    /// The region of a site; empty if nobody has said.
    pub fn region_of(&self, name: &SiteName) -> &str {
        self.site_entry(name).map_or("", |site| site.region.as_str())
    }

    /// The entry of a device, if it is known by name.
    pub fn entry(&self, device: &DeviceKey) -> Option<&DeviceEntry> {
        self.device
            .iter()
            .find(|d| d.site == device.site && d.device == device.device)
    }

    /// The profile a device gets.
    pub fn profile_of(&self, device: &DeviceKey) -> &str {
        if let Some(entry) = self.entry(device) {
            return &entry.profile;
        }
        let fits = |a: &&Assign| matches(&a.site, device.site.as_str()) && matches(&a.device, device.device.as_str());
        let unknown = if device.site.is_drill() {
            profile_of_drill(device.device.as_str())
        } else {
            "generic"
        };
        self.assign.iter().find(fits).map_or(unknown, |a| &a.profile)
    }
}

/// Machines of a drill say by their names what they are, as the simulator calls them.
fn profile_of_drill(device: &str) -> &'static str {
    match device.split_once('-').map_or(device, |(kind, _)| kind) {
        "pump" => "pump",
        "elevator" => "elevator",
        "ac" => "air_conditioner",
        _ => "generic",
    }
}

/// The profile with a device's own limits and impact.
///
/// # Errors
/// An override of a rule that is not a limit of the profile.
pub fn with_overrides(profile: &Profile, entry: &DeviceEntry) -> Result<Profile, Problem> {
    let mut own = profile.clone();
    if let Some(impact) = entry.impact {
        own.impact = impact;
        own.modes.iter_mut().for_each(|m| m.impact = impact);
    }
    for (rule, limits) in &entry.limits {
        let path = format!("limits.{rule}");
        let found = own.rules.iter_mut().find(|r| r.id == *rule);
        let Some(RuleKind::Limit { levels, .. }) = found.map(|r| &mut r.kind) else {
            return Err(Problem::at(
                path,
                format!("the profile {} has no limit called {rule}", profile.id),
            ));
        };
        for level in levels.iter_mut() {
            let own_limit = match level.severity {
                crate::Severity::Advisory => limits.advisory,
                crate::Severity::Warning => limits.warning,
                crate::Severity::Critical => limits.critical,
            };
            level.limit = own_limit.unwrap_or(level.limit);
        }
    }
    Ok(own)
}

/// Whether a text fits a pattern in which `*` stands for any characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|tail| (0..=tail.len()).any(|skip| tail.get(skip..).is_some_and(|t| matches(rest, t)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warranty_ends_on_a_day_that_there_is() {
        let problems = |day: &str| {
            let text = format!("[[device]]\nsite=\"a\"\ndevice=\"x\"\nprofile=\"p\"\nwarranty_until=\"{day}\"\n");
            let found = Registry::parse(&text).expect("fine").problems(&[]);
            found.into_iter().filter(|p| p.path.ends_with("warranty_until")).count()
        };
        assert_eq!(
            (problems("2027-03-31"), problems("2027-02-30"), problems("soon")),
            (0, 1, 1)
        );
    }

    #[test]
    fn a_site_is_named_once_and_lies_on_the_earth() {
        let text = "[[site]]\nname=\"a\"\nlatitude=31.2\nlongitude=121.5\n[[site]]\nname=\"a\"\n[[site]]\nname=\"b\"\nlatitude=91.0\nlongitude=0.0\n";
        let registry = Registry::parse(text).expect("fine");
        let paths: Vec<_> = registry.problems(&[]).into_iter().map(|p| p.path).collect();
        assert_eq!(paths, ["site[1]", "site[2].latitude"]);
        assert!(registry.site[0].place().is_some());
    }

    #[test]
    fn by_name_then_by_pattern_then_generic() {
        let text = "[[device]]\nsite=\"a\"\ndevice=\"x\"\nprofile=\"pump\"\n[[assign]]\ndevice=\"ac-*\"\nprofile=\"air_conditioner\"\n";
        let registry = Registry::parse(text).expect("fine");
        let of = |site, device| {
            registry
                .profile_of(&DeviceKey::new(site, device).expect("fine"))
                .to_owned()
        };
        assert_eq!(
            (of("a", "x").as_str(), of("b", "ac-7").as_str(), of("b", "x").as_str()),
            ("pump", "air_conditioner", "generic")
        );
    }

    #[test]
    fn an_override_of_an_unknown_limit_is_a_problem() {
        let text = "[[device]]\nsite=\"a\"\ndevice=\"x\"\nprofile=\"pump\"\nlimits={nope={warning=1.0}}\n[[assign]]\nprofile=\"pmp\"\n";
        let profiles = crate::profile::shipped::all();
        let problems = Registry::parse(text)
            .expect("TOML is fine")
            .problems(&profiles.iter().collect::<Vec<_>>());
        assert_eq!(
            problems.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(),
            ["device[0].limits.nope", "assign[0].profile"]
        );
    }

    #[test]
    fn overrides_change_only_their_limit() {
        let text = "[[device]]\nsite=\"a\"\ndevice=\"x\"\nprofile=\"pump\"\nlimits={vibration_zone={warning=1.0}}\n";
        let registry = Registry::parse(text).expect("fine");
        let pump = crate::profile::shipped::all()
            .into_iter()
            .find(|p| p.id == "pump")
            .expect("shipped");
        let own = with_overrides(&pump, &registry.device[0]).expect("fine");
        let changed: Vec<_> = own
            .rules
            .iter()
            .zip(&pump.rules)
            .filter(|(a, b)| a != b)
            .map(|(a, _)| a.id.as_str().to_owned())
            .collect();
        assert_eq!(changed, ["vibration_zone"]);
    }
}
