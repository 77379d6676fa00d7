//! A ticket without what its reader may not see: alarms of other machines that it serves, and tickets that it names.

use super::LiveBackend;
use crate::store::Reader;
use crate::web::backend::Answer;
use dashboards::view::{ServiceReport, StepKind, Ticket, TicketStep, Work};
use domain::DeviceKey;
use std::collections::BTreeSet;

/// The number in a text such as `T-000042`.
fn number(text: &str) -> Option<u64> {
    text.strip_prefix("T-")?.parse().ok()
}

/// The tickets that a note names: links are written down as `relates T-000042`.
fn named_in(note: &str) -> impl Iterator<Item = &str> {
    note.split_whitespace().filter(|word| number(word).is_some())
}

/// Tickets that a step of the history names.
fn named_by(step: &TicketStep) -> Vec<&str> {
    match &step.what {
        StepKind::Linked { ticket }
        | StepKind::MergedInto { ticket }
        | StepKind::Absorbed { ticket }
        | StepKind::SplitOff { ticket }
        | StepKind::SplitFrom { ticket } => vec![ticket],
        StepKind::Commented { from: Some(from) } => vec![from],
        StepKind::Worked { wrote } if wrote == "linked" || wrote == "unlinked" => named_in(&step.note).collect(),
        _ => Vec::new(),
    }
}

fn forget_links(work: &mut Work, is_seen: impl Fn(&str) -> bool) {
    work.links.retain(|link| is_seen(&link.ticket));
}

impl LiveBackend {
    /// Of some tickets those that are seen.
    async fn seen_of(&self, ids: BTreeSet<u64>) -> Answer<BTreeSet<u64>> {
        let ask = move |reader: &Reader| {
            let mut seen = BTreeSet::new();
            for id in ids {
                if reader.ticket(id)?.is_some() {
                    seen.insert(id);
                }
            }
            Ok(seen)
        };
        self.readers.ask(ask).await
    }

    /// Several tickets may serve one cause, and several machines one ticket: without alarms of machines that are not seen, and
    /// without tickets of theirs wherever they are named.
    pub(super) async fn without_others(&self, mut ticket: Ticket) -> Answer<Ticket> {
        if self.sight.is_all() {
            return Ok(ticket);
        }
        let is_seen = |alarm: &str| {
            let mut parts = alarm.splitn(3, '/');
            let key = parts
                .next()
                .zip(parts.next())
                .map(|(site, device)| DeviceKey::new(site, device));
            key.is_some_and(|key| key.is_ok_and(|key| self.sight.sees(&key)))
        };
        ticket.alarms.retain(|alarm| is_seen(alarm));
        ticket.history.retain(|step| match &step.what {
            StepKind::Answered { alarm_id } | StepKind::Merged { alarm_id, .. } => is_seen(alarm_id),
            _ => true,
        });
        let lists = ticket.linked.iter().chain(&ticket.absorbed).chain(&ticket.merged_into);
        let links = ticket.work.links.iter().map(|link| &link.ticket);
        let steps = ticket.history.iter().flat_map(named_by);
        let named = lists.chain(links).map(String::as_str).chain(steps);
        let seen = self.seen_of(named.filter_map(number).collect()).await?;
        let is_seen = |ticket: &str| number(ticket).is_some_and(|id| seen.contains(&id));
        ticket.linked.retain(|other| is_seen(other));
        ticket.absorbed.retain(|other| is_seen(other));
        ticket.merged_into = ticket.merged_into.filter(|other| is_seen(other));
        forget_links(&mut ticket.work, is_seen);
        for step in &mut ticket.history {
            // what was said stays, where it was said does not
            if let StepKind::Commented { from } = &mut step.what
                && from.as_ref().is_some_and(|from| !is_seen(from))
            {
                *from = None;
            }
        }
        ticket.history.retain(|step| named_by(step).into_iter().all(is_seen));
        Ok(ticket)
    }

    /// The same of the report of a service.
    pub(super) async fn report_without_others(&self, mut report: ServiceReport) -> Answer<ServiceReport> {
        if self.sight.is_all() {
            return Ok(report);
        }
        let links = report.work.links.iter().map(|link| &link.ticket);
        let named = report.absorbed.iter().chain(links);
        let seen = self.seen_of(named.filter_map(|text| number(text)).collect()).await?;
        let is_seen = |ticket: &str| number(ticket).is_some_and(|id| seen.contains(&id));
        report.absorbed.retain(|other| is_seen(other));
        forget_links(&mut report.work, is_seen);
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dashboards::view::{Act, At};
    use domain::{TicketId, Timestamp};

    #[test]
    fn a_step_that_names_a_ticket_is_known_by_it_and_words_of_people_are_not_searched() {
        let step = |what, note: &str| TicketStep {
            act: Act {
                by: "li".into(),
                at: At(Timestamp(0)),
            },
            what,
            note: note.into(),
        };
        let ticket = || TicketId(7).to_string();
        for what in [
            StepKind::Linked { ticket: ticket() },
            StepKind::MergedInto { ticket: ticket() },
            StepKind::Absorbed { ticket: ticket() },
            StepKind::SplitOff { ticket: ticket() },
            StepKind::SplitFrom { ticket: ticket() },
            StepKind::Commented { from: Some(ticket()) },
        ] {
            assert_eq!(named_by(&step(what, "")), ["T-000007"]);
        }
        let linked = StepKind::Worked { wrote: "linked".into() };
        assert_eq!(named_by(&step(linked, "parent T-000009")), ["T-000009"]);
        let said = StepKind::Commented { from: None };
        assert_eq!(named_by(&step(said, "see T-000009")), [""; 0]);
    }
}
