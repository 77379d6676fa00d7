//! What a site may change about alarms and tickets: the configuration, and the checked policy that the book works by.
//!
//! Every figure of the service handbooks is a default here. No I/O: the gateway reads the file.

mod alarms;
mod clocks;
mod contracts;
mod escalation;
mod events;
mod follow_up;
mod hours;
mod review;
mod storms;

#[cfg(test)]
mod tests;

pub(crate) use alarms::fits;
pub use alarms::{
    AlarmRuleConfig, AlarmSettings, AlarmsConfig, FirstUpConfig, ParentConfig, Rationale, TopologyConfig,
};
pub use clocks::{ClassClocks, Clocks, ClocksConfig};
pub use contracts::{ContractClocks, ContractConfig, Terms};
pub use escalation::{Escalation, EscalationConfig, Escalations, Level, LevelConfig};
pub use events::{EventConfig, EventLevel, EventLevels};
pub use follow_up::{FollowUpConfig, FollowUpRules};
pub use hours::{CalendarConfig, Day, FurtherHours};
pub use review::{AimsConfig, ReviewConfig};
pub use storms::{StormSettings, StormsConfig};

use crate::impact::ImpactReason;
use crate::knowledge::KnowledgeConfig;
use crate::on_call::OnCallConfig;
use crate::record::{Asset, DeviceFacts};
use crate::risk::RiskConfig;
use crate::stock::Parts;
use contracts::Contract;
use domain::checked::Problem;
use domain::{DeviceKey, Impact, Millis, RiskLevel, Topology};
use serde::{Deserialize, Serialize};

/// The longest time a clock or a shelving may be set to, in minutes: ten years.
const MOST_MINUTES: u32 = 10 * 366 * 24 * 60;

/// The section `alerting` of the configuration, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertingConfig {
    /// How risk is told.
    pub risk: RiskConfig,
    /// Which clocks run for which class of ticket.
    pub clocks: ClocksConfig,
    /// The site's working hours.
    pub calendar: CalendarConfig,
    /// Other clocks or working hours for some machines; the first that covers a machine holds for it.
    pub contracts: Vec<ContractConfig>,
    /// What operators may do.
    pub alarms: AlarmsConfig,
    /// When tickets open and of which kind they are.
    pub tickets: TicketsConfig,
    /// Many alarms at once.
    pub storms: StormsConfig,
    /// When drafts of the knowledge base are proposed to engineers.
    pub knowledge: KnowledgeConfig,
    /// Who is told until somebody answers; the first chain that covers a ticket holds for it.
    pub escalation: Vec<EscalationConfig>,
    /// Rotations of people.
    pub on_call: Vec<OnCallConfig>,
    /// Levels of incidents, the most serious first, each with its response plan.
    pub events: Vec<EventConfig>,
    /// What follows a bad rating.
    pub follow_up: FollowUpConfig,
    /// What the review counts by.
    pub review: ReviewConfig,
}

impl Default for AlertingConfig {
    fn default() -> Self {
        AlertingConfig {
            risk: RiskConfig::default(),
            clocks: ClocksConfig::default(),
            calendar: CalendarConfig::default(),
            contracts: Vec::new(),
            alarms: AlarmsConfig::default(),
            tickets: TicketsConfig::default(),
            storms: StormsConfig::default(),
            knowledge: KnowledgeConfig::default(),
            escalation: vec![EscalationConfig::service()],
            on_call: Vec::new(),
            events: EventConfig::usual(),
            follow_up: FollowUpConfig::default(),
            review: ReviewConfig::default(),
        }
    }
}

/// When tickets open by themselves and of which kind they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketsConfig {
    /// The risk from which a ticket opens although the severity alone would not.
    pub opens_from_risk: RiskLevel,
    /// The risk from which it is an on-site inspection, not a reminder.
    pub on_site_from_risk: RiskLevel,
    /// How long a planned maintenance may take where the plan tells no date.
    pub planned_within_days: u32,
    /// How long a finished ticket can be reopened before it is archived by itself; from the call-back on, if there was one.
    pub archive_after_hours: u32,
    /// Planned visits to one machine or site that are at most so many days apart are proposed as one; 0: never.
    pub bundle_within_days: u32,
}

impl Default for TicketsConfig {
    fn default() -> Self {
        TicketsConfig {
            opens_from_risk: RiskLevel::High,
            on_site_from_risk: RiskLevel::High,
            planned_within_days: 7,
            // The customer is called back within 24 h of closing; a day more to act on what was said.
            archive_after_hours: 48,
            bundle_within_days: 7,
        }
    }
}

/// The checked policy that the book works by.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How risk is told.
    pub risk: RiskConfig,
    /// Everything about alarms.
    pub alarms: AlarmSettings,
    /// Many alarms at once.
    pub storms: StormSettings,
    /// What hangs on what.
    pub topology: Topology,
    /// When drafts of the knowledge base are proposed to engineers.
    pub knowledge: KnowledgeConfig,
    /// Who is told until somebody answers.
    pub escalations: Escalations,
    /// Response plans by level of event.
    pub events: EventLevels,
    /// What follows a bad rating.
    pub follow_up: FollowUpRules,
    /// What the review counts by.
    pub review: ReviewConfig,
    /// The risk from which a ticket opens.
    pub opens_from_risk: RiskLevel,
    /// The risk from which it is an on-site inspection.
    pub on_site_from_risk: RiskLevel,
    /// How long a planned maintenance may take.
    pub planned_within: Millis,
    /// How long a finished ticket can be reopened.
    pub archive_after: Millis,
    /// How far apart planned visits may be that are proposed as one.
    pub bundle_within: Millis,
    /// What is kept in stock; empty: nothing, until somebody sets it.
    pub parts: Parts,
    site: Terms,
    contracts: Vec<Contract>,
}

impl Default for Policy {
    fn default() -> Self {
        AlertingConfig::default()
            .check()
            .expect("the defaults are sound, see the tests")
    }
}

impl Policy {
    /// The same for machines that hang on one another.
    #[must_use]
    pub fn with_topology(self, topology: Topology) -> Self {
        Policy { topology, ..self }
    }

    /// Rules that say the opposite of the tree: a parent that hangs on one of its own children. Both would hide the other.
    pub fn contradictions(&self) -> Vec<Problem> {
        let rules = self.alarms.parents().iter().enumerate();
        let turned = rules.filter_map(|(i, rule)| {
            // what profiles and customers cover is known only when a machine is heard
            let by_name = rule.children.profiles.is_empty() && rule.children.customers.is_empty();
            let above = self.topology.ancestors(&rule.parent);
            let covers = |machine: &&DeviceKey| rule.children.covers(machine, "", &Asset::default());
            let turned = above.iter().find(covers).filter(|_| by_name)?;
            let message = format!(
                "{turned} is among them, and by the registry {} hangs on it",
                rule.parent
            );
            Some(Problem::at(format!("alarms.parents[{i}].children"), message))
        });
        turned.collect()
    }

    /// Clocks and working hours under a contract; of the whole site without one, and where the contract is no longer known.
    pub fn terms(&self, contract: Option<&str>) -> &Terms {
        let known = contract.and_then(|name| self.contracts.iter().find(|c| c.name == name));
        known.map_or(&self.site, |c| &c.terms)
    }

    /// The zone of the whole site.
    pub fn zone(&self) -> &jiff::tz::TimeZone {
        self.site.calendar.zone()
    }

    /// The name of the contract that holds for a machine.
    pub fn contract_of(&self, device: &DeviceKey, profile: &str, asset: &Asset) -> Option<&str> {
        let holds = self.contracts.iter().find(|c| c.holds_for(device, profile, asset));
        holds.map(|c| c.name.as_str())
    }

    /// What a failure of a machine costs, and why.
    pub fn impact_of(&self, criticality: Impact, is_safety: bool, device: &DeviceFacts) -> (Impact, ImpactReason) {
        let (key, profile, asset) = (&device.key, &device.profile.id, &device.asset);
        let contract = self.contracts.iter().find(|c| c.holds_for(key, profile, asset));
        let contract = contract.and_then(|c| Some((c.name.as_str(), c.impact_at_least?)));
        let impact = &self.risk.impact;
        impact.assess(criticality, is_safety, asset.people_served, contract)
    }
}

impl AlertingConfig {
    /// What is wrong, each with its path below `alerting`.
    pub fn problems(&self) -> Vec<Problem> {
        self.check().err().unwrap_or_default()
    }

    /// Makes the policy.
    ///
    /// # Errors
    /// Every mistake, each with its path and what would be right.
    pub fn check(&self) -> Result<Policy, Vec<Problem>> {
        let mut problems = self.risk.problems("risk");
        let clocks = self.clocks.check("clocks", &mut problems);
        let alarms = self.alarms.check(&mut problems);
        let storms = self.storms.check(&mut problems);
        let escalations = escalation::check(&self.escalation, &self.on_call, &mut problems);
        let rotations = self.on_call.iter().map(|rotation| rotation.name.as_str()).collect();
        let events = events::check(&self.events, &rotations, &mut problems);
        self.review.check(&mut problems);
        let follow_up = self.follow_up.check(&rotations, &mut problems);
        for (path, minutes) in [
            (
                "tickets.planned_within_days",
                self.tickets.planned_within_days.saturating_mul(24 * 60),
            ),
            (
                "tickets.bundle_within_days",
                self.tickets.bundle_within_days.saturating_mul(24 * 60),
            ),
            (
                "tickets.archive_after_hours",
                self.tickets.archive_after_hours.saturating_mul(60),
            ),
        ] {
            if minutes > MOST_MINUTES {
                problems.push(too_long(path.into(), minutes));
            }
        }
        let calendar = self.calendar.check("calendar", &mut problems);
        let contracts = contracts::check(&self.contracts, &self.clocks, calendar.as_ref(), &mut problems);
        let Some((calendar, follow_up)) = calendar.zip(follow_up).filter(|_| problems.is_empty()) else {
            return Err(problems);
        };
        Ok(Policy {
            risk: self.risk.clone(),
            alarms,
            storms,
            topology: Topology::default(),
            knowledge: self.knowledge.clone(),
            escalations,
            events,
            follow_up,
            review: self.review,
            opens_from_risk: self.tickets.opens_from_risk,
            on_site_from_risk: self.tickets.on_site_from_risk,
            planned_within: Millis::days(i64::from(self.tickets.planned_within_days)),
            bundle_within: Millis::days(i64::from(self.tickets.bundle_within_days)),
            archive_after: Millis::hours(i64::from(self.tickets.archive_after_hours)),
            parts: Parts::default(),
            site: Terms { calendar, clocks },
            contracts,
        })
    }
}

fn too_long(path: String, minutes: u32) -> Problem {
    Problem::at(
        path,
        format!("{minutes} minutes; at most {MOST_MINUTES} (ten years) are expected"),
    )
}
