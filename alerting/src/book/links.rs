//! Links between tickets: what one of them says, the other says too.

use super::Book;
use super::telling::tell;
use crate::effect::{Effect, Refusal};
use crate::ticket::{Actor, Link, LinkKind, TicketChange, TicketRecord, TicketRefusal, WorkChange};
use domain::{TicketId, Timestamp};
use std::collections::BTreeSet;

impl Book {
    /// What a link means for the ticket at its other end; other work is that ticket's own. The other end must not be archived.
    pub(super) fn mirror_link(
        &mut self,
        ticket: &TicketRecord,
        work: &WorkChange,
        actor: &Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (other, work) = match work {
            WorkChange::Linked { link } => {
                let other = self.linked_ticket(ticket, link)?;
                let (to, kind) = (ticket.id, link.kind.mirrored());
                let link = Link { to, kind };
                (other, WorkChange::Linked { link })
            }
            // An archived ticket keeps what it said.
            WorkChange::Unlinked { to } => match self.tickets.get(to) {
                Some(other) => (other.clone(), WorkChange::Unlinked { to: ticket.id }),
                None => return Ok(()),
            },
            WorkChange::Labour { .. }
            | WorkChange::Part { .. }
            | WorkChange::Check { .. }
            | WorkChange::Ticked { .. }
            | WorkChange::File { .. }
            | WorkChange::Removed { .. }
            | WorkChange::Described { .. }
            | WorkChange::CalledBack { .. } => return Ok(()),
        };
        let mut other = other;
        let change = TicketChange::Worked { work };
        other.apply(change.clone(), actor.clone(), &self.policy, now);
        tell(&other, change, actor.clone(), now, out);
        self.keep_ticket(other);
        Ok(())
    }

    fn linked_ticket(&self, ticket: &TicketRecord, link: &Link) -> Result<TicketRecord, Refusal> {
        let refuse = |why| Refusal::Ticket { ticket: ticket.id, why };
        let Some(other) = self.tickets.get(&link.to) else {
            return Err(Refusal::UnknownTicket { ticket: link.to });
        };
        let others_parent = parent_of(other).filter(|parent| *parent != ticket.id);
        match link.kind {
            LinkKind::Relates => {}
            LinkKind::Child if others_parent.is_some() => {
                let (ticket, why) = (other.id, TicketRefusal::HasParent);
                return Err(Refusal::Ticket { ticket, why });
            }
            LinkKind::Child if self.is_above(other.id, ticket.id) => return Err(refuse(TicketRefusal::LinkInCircle)),
            LinkKind::Parent if self.is_above(ticket.id, other.id) => return Err(refuse(TicketRefusal::LinkInCircle)),
            LinkKind::Child | LinkKind::Parent => {}
        }
        if other.work.links.len() >= crate::ticket::MAX_LINKS {
            let (what, limit) = ("links".to_owned(), crate::ticket::MAX_LINKS);
            let why = TicketRefusal::ListFull { what, limit };
            return Err(Refusal::Ticket { ticket: other.id, why });
        }
        Ok(other.clone())
    }

    /// Whether `above` is the parent of `below`, or the parent of its parent, and so on.
    fn is_above(&self, above: TicketId, below: TicketId) -> bool {
        let mut seen = BTreeSet::new();
        let mut at = Some(below);
        while let Some(ticket) = at.filter(|ticket| seen.insert(*ticket)) {
            at = self.tickets.get(&ticket).and_then(parent_of);
            if at == Some(above) {
                return true;
            }
        }
        false
    }
}

fn parent_of(ticket: &TicketRecord) -> Option<TicketId> {
    let parent = ticket.work.links.iter().find(|link| link.kind == LinkKind::Parent);
    parent.map(|link| link.to)
}
