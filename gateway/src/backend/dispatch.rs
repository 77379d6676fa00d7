//! Whom to send for a ticket: what the core of dispatch is asked, from roster, registry and open tickets.

use super::LiveBackend;
use super::tickets::record_of;
use crate::store::{ListFilter, Reader, StoreError};
use crate::web::backend::{Answer, BackendError};
use alerting::dispatch::{self, Dispatched, Job, Load, Whereabouts};
use alerting::policy::Escalations;
use alerting::ticket::TicketRecord;
use dashboards::view;
use domain::TicketId;
use std::collections::BTreeMap;

/// Open tickets that are looked at for the load of engineers.
const MOST_OPEN: u32 = 10_000;

impl LiveBackend {
    /// Whom to send, the best first; nobody if the ticket is over or no engineers are known.
    pub(super) async fn list_proposals(&self, id: TicketId) -> Answer<Vec<view::Proposal>> {
        let proposals = self.propose(id).await?;
        Ok(proposals.into_iter().map(proposal_view).collect())
    }

    /// What was proposed, for the history of a ticket that is given to somebody; none: nothing is.
    pub(super) async fn dispatched(
        &self,
        id: TicketId,
        to: &str,
        rank: Option<u32>,
        override_reason: String,
    ) -> Answer<Option<Dispatched>> {
        let proposals = self.propose(id).await?;
        let Some(first) = proposals.first() else {
            return Ok(None);
        };
        let own = proposals.iter().find(|p| p.engineer == to).map(|p| p.rank);
        if rank.is_some() && rank != own {
            let detail = format!("{to} is not proposal {}; the proposals have changed", rank.unwrap_or(0));
            return Err(BackendError::Conflict { detail });
        }
        let proposed = first.engineer.clone();
        // who takes the first needs no reason
        let override_reason = if proposed == to { String::new() } else { override_reason };
        Ok(Some(Dispatched {
            proposed,
            rank: own,
            override_reason,
        }))
    }

    async fn propose(&self, id: TicketId) -> Answer<Vec<dispatch::Proposal>> {
        let backend = self.clone();
        let ask = move |reader: &Reader| {
            let Some(row) = reader.ticket(id.0)? else {
                return Ok(None);
            };
            let record = record_of(&row)?;
            if !record.state.is_open() || backend.running.roster.is_empty() {
                return Ok(Some(Vec::new()));
            }
            let loads = loads_of(reader, &record)?;
            let rotations = backend.rotations_with(reader)?;
            let whereabouts = backend.whereabouts(reader, &record)?;
            Ok(Some(backend.ranked(&record, &loads, &rotations, whereabouts)))
        };
        self.readers.ask(ask).await?.ok_or_else(|| BackendError::NotFound {
            what: format!("ticket {id}"),
        })
    }

    fn ranked(
        &self,
        record: &TicketRecord,
        loads: &BTreeMap<String, Load>,
        rotations: &Escalations,
        whereabouts: Option<Whereabouts>,
    ) -> Vec<dispatch::Proposal> {
        let now = self.clock().now();
        let site = self.directory().registry().site_entry(&record.device.site);
        let job = Job {
            site: record.device.site.clone(),
            place: site.and_then(|s| s.place()),
            region: site.map(|s| s.region.clone()).unwrap_or_default(),
            skills: record.skills.clone(),
            parts: record.parts.clone(),
            whereabouts,
        };
        let on_call = rotations
            .on_call(now)
            .filter_map(|(_, person)| person.cloned())
            .collect();
        dispatch::propose(&self.running.roster, &job, loads, &on_call, now)
    }
}

/// What everybody has to do beside this ticket.
fn loads_of(reader: &Reader, own: &TicketRecord) -> Result<BTreeMap<String, Load>, StoreError> {
    let filter = ListFilter {
        is_open: Some(true),
        ..ListFilter::default()
    };
    let mut loads: BTreeMap<String, Load> = BTreeMap::new();
    for row in reader.tickets(&filter, None, MOST_OPEN)? {
        let record = record_of(&row)?;
        let Some(who) = record.assignee.filter(|_| record.id != own.id) else {
            continue;
        };
        let load = loads.entry(who).or_default();
        load.open = load.open.saturating_add(1);
        if record.device.site == own.device.site {
            load.at_site.insert(record.id);
        }
    }
    Ok(loads)
}

fn proposal_view(proposal: dispatch::Proposal) -> view::Proposal {
    view::Proposal {
        rank: proposal.rank,
        engineer: proposal.engineer,
        is_fit: proposal.is_fit,
        score: proposal.score,
        reasons: proposal.reasons.iter().map(dispatch::Reason::text).collect(),
    }
}
