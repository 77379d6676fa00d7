//! A drill: simulated machines with marked names run through the real path of a running gateway, and what should follow is
//! waited for and timed. Nothing of it is told to receivers that do not ask for drills, and nothing of it is counted.

mod course;
mod report;
mod told;

pub use course::{Ask, Course, DrillError};
pub use report::{Phase, Report, Step, Verdict};

use device_sim::fleet::Fleet;
use device_sim::spec::FleetSpec;
use domain::{DeviceKey, SiteName};
use serde::Deserialize;

/// What is rehearsed, and what should follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, for the command line.
    pub name: String,
    /// Which kind of event it is: `device fault`, `system fault`, `mass failure`, or one's own.
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// What it shows.
    pub shows: String,
    /// Machine time of the event, minutes.
    pub minutes: f64,
    /// Machine time after the repair, minutes.
    pub calm_minutes: f64,
    /// The machines and what breaks, as `device-sim` reads it.
    pub fleet: FleetSpec,
    /// Alarms that should be raised.
    #[serde(default)]
    pub expect: Vec<Expected>,
    /// An incident that should be found.
    #[serde(default)]
    pub incident: Option<ExpectedIncident>,
}

/// An alarm that should be raised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `site/device`.
    pub device: String,
    /// How it fails.
    pub failure_mode: String,
    /// Whether a ticket should open.
    #[serde(default)]
    pub has_ticket: bool,
    /// Seconds after the last reading that is needed.
    pub within_s: f64,
}

/// An incident that should be found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedIncident {
    /// Where.
    pub site: String,
    /// How many alarms it should have.
    pub members: u64,
    /// Seconds after the last reading.
    pub within_s: f64,
}

/// The scenarios that come with the program, a kind of event each: to be covered in turn.
const SHIPPED: [&str; 3] = [
    include_str!("scenarios/device_fault.toml"),
    include_str!("scenarios/bad_link.toml"),
    include_str!("scenarios/mass_failure.toml"),
];

impl Scenario {
    /// Those that come with the program.
    pub fn shipped() -> Vec<Scenario> {
        let read = |text: &&str| Scenario::parse(text).expect("a test reads them");
        SHIPPED.iter().map(read).collect()
    }

    /// From the text of a TOML file.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| error.to_string())?;
        for site in &scenario.fleet.sites {
            let name = SiteName::new(&site.name).map_err(|error| format!("site {:?}: {error}", site.name))?;
            if !name.is_drill() {
                return Err(format!(
                    "site {:?}: names of drills begin with `drill-`, so that nobody takes them for real",
                    site.name
                ));
            }
        }
        let machines: Vec<String> = scenario
            .fleet
            .sites
            .iter()
            .flat_map(|site| site.devices().map(move |(device, _)| format!("{}/{device}", site.name)))
            .collect();
        if let Some(foreign) = scenario.expect.iter().find(|e| !machines.contains(&e.device)) {
            return Err(format!("{} is no machine of the scenario", foreign.device));
        }
        let positive = [scenario.minutes, scenario.calm_minutes];
        if positive
            .iter()
            .any(|minutes| !(*minutes > 0.0 && *minutes <= 7.0 * 1_440.0))
        {
            return Err("minutes and calm_minutes lie above 0 and within a week".to_owned());
        }
        let fleet = FleetSpec {
            start_ms: Some(0),
            ..scenario.fleet.clone()
        };
        Fleet::new(&fleet).map_err(|error| error.to_string())?;
        Ok(scenario)
    }

    /// The same on machines of another place, `drill-hall-2`.
    fn move_to_place(&mut self, place: u32) {
        let moved = |site: &str| format!("{site}-{place}");
        for site in &mut self.fleet.sites {
            site.name = moved(&site.name);
        }
        for fault in &mut self.fleet.faults {
            fault.site = moved(&fault.site);
        }
        for expected in &mut self.expect {
            if let Some((site, device)) = expected.device.split_once('/') {
                expected.device = format!("{}/{device}", moved(site));
            }
        }
        if let Some(incident) = &mut self.incident {
            incident.site = moved(&incident.site);
        }
    }

    /// The sites, each once.
    pub fn sites(&self) -> Vec<String> {
        self.fleet.sites.iter().map(|site| site.name.clone()).collect()
    }
}

impl Expected {
    /// The machine.
    pub fn key(&self) -> Option<DeviceKey> {
        let (site, device) = self.device.split_once('/')?;
        DeviceKey::new(site, device).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_scenarios_that_come_along_are_sound_and_cover_each_kind_of_event() {
        let all = Scenario::shipped();
        let kinds: BTreeSet<&str> = all.iter().map(|s| s.kind.as_str()).collect();
        assert_eq!(kinds, BTreeSet::from(["device fault", "mass failure", "system fault"]));
        assert!(all.iter().all(|s| s.expect.iter().all(|e| e.key().is_some())));
    }

    #[test]
    fn a_scenario_that_could_be_taken_for_real_is_refused() {
        let real = SHIPPED[0].replace("drill-hall", "hall");
        assert!(Scenario::parse(&real).unwrap_err().contains("begin with `drill-`"));
        let foreign = SHIPPED[0].replace("device = \"drill-hall/pump-001\"", "device = \"drill-hall/pump-009\"");
        assert!(
            Scenario::parse(&foreign)
                .unwrap_err()
                .contains("no machine of the scenario")
        );
        let endless = SHIPPED[0].replace("minutes = 70", "minutes = 70000");
        assert!(Scenario::parse(&endless).unwrap_err().contains("within a week"));
    }
}
