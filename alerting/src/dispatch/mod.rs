//! Whom to send: engineers ranked for a ticket, each with the reasons in words. A person confirms or overrides.
//!
//! Pure: no clock, no I/O. Same roster, job, work and time: same proposals in the same order.

mod reason;
mod roster;
mod whereabouts;

#[cfg(test)]
mod tests;

pub use reason::Reason;
pub use roster::{Engineer, MAX_ENGINEERS, Roster};
pub use whereabouts::{PartWhere, Whereabouts};

use crate::alarm::PersonName;
use crate::calendar::Hours;
use domain::place::Place;
use domain::{Millis, SiteName, TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Proposals for a ticket at most.
pub const MAX_PROPOSALS: usize = 20;
/// Points for all the skills that are needed; the weights of a score add up to 100.
const SKILLS: u64 = 30;
/// Points for being there already.
const DISTANCE: u64 = 20;
/// Points for being at work now.
const SHIFT: u64 = 15;
/// Points for having no open ticket.
const LOAD: u64 = 15;
/// Points for all the parts on the van; fewer for parts in the region or the centre.
const PARTS: u64 = 10;
/// Points for another visit to the same site.
const BUNDLE: u64 = 10;
/// From here on nearness counts nothing, kilometres.
const FAR_KM: u64 = 200;
/// Who begins later than this gets no points for the shift.
const LATE: Millis = Millis::hours(48);

/// What is to be done, as far as it matters for who does it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Where the machine stands.
    pub site: SiteName,
    /// The place of the site; none: the registry does not say.
    pub place: Option<Place>,
    /// The region of the site; empty: the registry does not say.
    pub region: String,
    /// Skills needed.
    pub skills: Vec<String>,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// Where parts are that are kept in stock; none: no stock is kept, and what is on vans is what the roster says.
    pub whereabouts: Option<Whereabouts>,
}

/// What an engineer has to do already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    /// Open tickets, other than the one in question.
    pub open: u32,
    /// Those of the same site.
    pub at_site: BTreeSet<TicketId>,
}

/// Somebody who could go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// From 1, the best.
    pub rank: u32,
    /// Who.
    pub engineer: PersonName,
    /// Has all the skills and room for another ticket.
    pub is_fit: bool,
    /// 0 to 100.
    pub score: u32,
    /// What speaks for and against it.
    pub reasons: Vec<Reason>,
}

/// What was proposed when a ticket was given to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// Who stood first.
    pub proposed: PersonName,
    /// The rank of whom it was given to; none: they were not among the proposals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Why somebody other than the first; empty if the first was taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub override_reason: String,
}

/// Ranks all engineers for a job: first those who have the skills and room, then by score, then by name. At most
/// [`MAX_PROPOSALS`]. `loads`: who has work already. `on_call`: who is on call now.
pub fn propose(
    roster: &Roster,
    job: &Job,
    loads: &BTreeMap<PersonName, Load>,
    on_call: &BTreeSet<PersonName>,
    now: Timestamp,
) -> Vec<Proposal> {
    let none = Load::default();
    let judged = roster.engineers().iter().map(|engineer| {
        let load = loads.get(&engineer.name).unwrap_or(&none);
        judge(engineer, job, load, on_call.contains(&engineer.name), now)
    });
    let mut proposals: Vec<Proposal> = judged.collect();
    proposals.sort_by(|a, b| {
        (b.is_fit, b.score)
            .cmp(&(a.is_fit, a.score))
            .then_with(|| a.engineer.cmp(&b.engineer))
    });
    proposals.truncate(MAX_PROPOSALS);
    for (rank, proposal) in (1..).zip(&mut proposals) {
        proposal.rank = rank;
    }
    proposals
}

fn judge(engineer: &Engineer, job: &Job, load: &Load, is_on_call: bool, now: Timestamp) -> Proposal {
    let mut reasons = Vec::new();
    let mut score = 0;

    let (has, lacks): (Vec<_>, Vec<_>) = distinct(&job.skills).partition(|skill| engineer.has_skill(skill));
    score += SKILLS * has.len() as u64 / (has.len() + lacks.len()).max(1) as u64;
    score += if job.skills.is_empty() { SKILLS } else { 0 };
    let is_skilled = lacks.is_empty();
    reasons.extend((!has.is_empty()).then_some(Reason::HasSkills { skills: has }));
    reasons.extend((!is_skilled).then_some(Reason::LacksSkills { skills: lacks }));

    let is_near = !job.region.is_empty() && engineer.region == job.region;
    match engineer.place.zip(job.place) {
        Some((home, site)) => {
            let km = home.km_to(site);
            score += DISTANCE * FAR_KM.saturating_sub(km) / FAR_KM;
            reasons.push(Reason::Distance { km });
        }
        None if is_near => {
            score += DISTANCE / 2;
            let region = job.region.clone();
            reasons.push(Reason::SameRegion { region });
        }
        None => reasons.push(Reason::DistanceUnknown),
    }

    // the first instant of work at or after now
    let begins = engineer.calendar.due(Hours::Working, now, Millis(1)) - Millis(1);
    if begins <= now {
        score += SHIFT;
        reasons.push(Reason::OnShift);
    } else if is_on_call {
        score += SHIFT;
        reasons.push(Reason::OnCall);
    } else {
        let left = (LATE - (begins - now)).0.max(0) as u64;
        score += SHIFT * left / LATE.0 as u64 / 2;
        reasons.push(Reason::ShiftBegins { at: begins });
    }

    let most = engineer.most_open_tickets;
    let has_room = load.open < most;
    score += LOAD * u64::from(most.saturating_sub(load.open)) / u64::from(most.max(1));
    let open = load.open;
    reasons.push(match has_room {
        true => Reason::Load { open, most },
        false => Reason::Full { open, most },
    });

    score += match &job.whereabouts {
        Some(whereabouts) => whereabouts.judge(&engineer.name, &job.parts, PARTS, &mut reasons),
        None => judge_van(engineer, &job.parts, &mut reasons),
    };

    if !load.at_site.is_empty() {
        score += BUNDLE;
        let tickets = load.at_site.clone();
        reasons.push(Reason::SameSite { tickets });
    } else if engineer.sites.contains(&job.site) {
        score += BUNDLE / 2;
        reasons.push(Reason::KnowsSite);
    }

    Proposal {
        rank: 0,
        engineer: engineer.name.clone(),
        is_fit: is_skilled && has_room,
        score: score as u32,
        reasons,
    }
}

/// Points for the parts on the van, as the roster tells it.
fn judge_van(engineer: &Engineer, parts: &[String], reasons: &mut Vec<Reason>) -> u64 {
    let (carried, missing): (Vec<_>, Vec<_>) = distinct(parts).partition(|part| engineer.carries(part));
    let share = PARTS * carried.len() as u64 / (carried.len() + missing.len()).max(1) as u64;
    reasons.extend((!carried.is_empty()).then_some(Reason::PartsOnVan { parts: carried }));
    reasons.extend((!missing.is_empty()).then_some(Reason::PartsNotOnVan { parts: missing }));
    if parts.is_empty() { PARTS } else { share }
}

fn distinct(names: &[String]) -> impl Iterator<Item = String> {
    names.iter().cloned().collect::<BTreeSet<_>>().into_iter()
}
