//! Who may come in and what they see, for the web door: orders to the commit thread, and the checks that every command passes.

use super::LiveBackend;
use super::readers::unavailable;
use super::tickets::record_of;
use crate::access::notes::Note;
use crate::access::{AccessOrder, AccessRefusal, Accounts, Limits, Role, Sight};
use crate::pipeline::commit::ToCommit;
use crate::web::backend::{Answer, BackendError, Order};
use alerting::effect::Command;
use alerting::ticket::TicketRecord;
use alerting::ticket::WorkCommand;
use alerting::{StockCommand, TicketCommand, WindowCommand};
use domain::TicketId;
use std::sync::{Arc, PoisonError};
use tokio::sync::oneshot;

fn forbidden(detail: &str) -> BackendError {
    BackendError::Forbidden {
        detail: detail.to_owned(),
    }
}

fn refused(refusal: AccessRefusal) -> BackendError {
    let detail = refusal.to_string();
    let invalid = |pointer: &str| BackendError::Invalid {
        pointer: pointer.to_owned(),
        detail: detail.clone(),
    };
    match refusal {
        AccessRefusal::Unknown { name } => BackendError::NotFound {
            what: format!("user {name}"),
        },
        AccessRefusal::NoToken { name } => BackendError::NotFound {
            what: format!("such token of {name}"),
        },
        AccessRefusal::Changed { revision } => BackendError::Changed { revision },
        AccessRefusal::FirstIsNoAdmin => invalid("/role"),
        AccessRefusal::BeyondRole { .. } => invalid("/scopes"),
        AccessRefusal::Taken { .. } => invalid("/name"),
        AccessRefusal::LastAdmin | AccessRefusal::Full { .. } => BackendError::Conflict { detail },
        AccessRefusal::NoLink => BackendError::Forbidden { detail },
    }
}

/// What `assignee` says of the person: nobody, them, or somebody else.
fn is_free_for(record: &TicketRecord, name: &str) -> bool {
    record
        .assignee
        .as_deref()
        .is_none_or(|to| to.trim().to_lowercase() == name.trim().to_lowercase())
}

impl LiveBackend {
    /// The same backend, of which only this is seen.
    pub(super) fn limited_to(&self, sight: Sight) -> LiveBackend {
        LiveBackend {
            readers: self.readers.seen_by(sight.clone()),
            sight,
            ..self.clone()
        }
    }

    pub(super) fn sight_within(&self, limits: &Limits) -> Sight {
        match limits.is_none() {
            true => Sight::all(),
            false => Sight::of(limits, &self.customers),
        }
    }

    pub(super) fn known_accounts(&self) -> Arc<Accounts> {
        self.running.access.borrow().clone()
    }

    pub(super) async fn order_access(&self, actor: String, order: AccessOrder) -> Answer<Option<u64>> {
        let (reply, answer) = oneshot::channel();
        let order = Box::new(order);
        let message = ToCommit::Access { order, actor, reply };
        let gone = || unavailable("the gateway stops");
        self.running.commit.send(message).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?.map_err(refused)
    }

    pub(super) fn add_note(&self, note: Note) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.add(note);
    }

    /// Notes that wait go to the commit, all in one.
    pub(super) async fn flush_notes(&self) {
        let waiting = {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.take(self.clock().now())
        };
        if !waiting.is_empty() {
            // a commit thread that is gone takes nothing more from anybody
            self.running.commit.send(ToCommit::Note(waiting)).await.ok();
        }
    }

    /// Whether a ticket is seen, and for a technician nobody else's; then the revision at which it was so.
    async fn permit_ticket(&self, order: &Order, ticket: TicketId) -> Answer<Option<u64>> {
        let found = self.readers.ask(move |reader| reader.ticket(ticket.0)).await?;
        let row = found.ok_or_else(|| BackendError::NotFound {
            what: format!("ticket {ticket}"),
        })?;
        if order.actor.role != Role::Technician || !order.actor.is_person {
            return Ok(None);
        }
        let record = record_of(&row).map_err(|error| super::readers::of_store(&error))?;
        match is_free_for(&record, &order.actor.name) {
            true => Ok(Some(row.revision)),
            false => Err(forbidden(
                "this ticket is somebody else's; a dispatcher can give it to you",
            )),
        }
    }

    /// What every command passes: it is about something that its actor sees, and a technician changes only their own tickets
    /// and those that nobody has. Returns the order, tied to the ticket as it was looked at.
    pub(super) async fn permit(&self, order: &Order, command: &Command) -> Answer<Order> {
        let mut order = order.clone();
        match command {
            Command::Alarm { alarm, .. } => {
                if !self.sight.is_all() {
                    let wanted = alarm.to_string();
                    let found = self.readers.ask(move |reader| reader.alarm(&wanted)).await?;
                    found.ok_or_else(|| BackendError::NotFound {
                        what: format!("alarm {alarm}"),
                    })?;
                }
            }
            Command::Ticket { ticket, command } => {
                // whoever is given it meanwhile has it
                let revision = self.permit_ticket(&order, *ticket).await?;
                order.if_revision = order.if_revision.or(revision);
                // a link is written into the other ticket too
                if let TicketCommand::Work {
                    work: WorkCommand::Link { to, .. } | WorkCommand::Unlink { to },
                } = command
                {
                    self.permit_ticket(&order, *to).await?;
                }
            }
            Command::Split { ticket, .. } => {
                let revision = self.permit_ticket(&order, *ticket).await?;
                order.if_revision = order.if_revision.or(revision);
            }
            Command::Merge { ticket, into } => {
                let revision = self.permit_ticket(&order, *ticket).await?;
                order.if_revision = order.if_revision.or(revision);
                self.permit_ticket(&order, *into).await?;
            }
            Command::Window { command } if !self.sight.is_all() => match command {
                WindowCommand::Plan { covers, .. } => {
                    let is_seen = |site: &String| self.sight.sites().any(|s| s.as_str() == site);
                    if covers.sites.is_empty() || !covers.sites.iter().all(is_seen) || !covers.customers.is_empty() {
                        return Err(forbidden("name the sites, each of them one of yours, and no customers"));
                    }
                }
                WindowCommand::End { window, .. } => {
                    let id = window.0;
                    let found = self.readers.ask(move |reader| reader.window(id)).await?;
                    found.ok_or_else(|| BackendError::NotFound {
                        what: format!("window {window}"),
                    })?;
                }
            },
            Command::Override { .. } if !self.sight.is_all() => {
                return Err(forbidden(
                    "rotations serve every site; somebody without limits can change them",
                ));
            }
            Command::Stock { command } => match command {
                StockCommand::Reserve { ticket, .. } | StockCommand::Release { ticket, .. } => {
                    let revision = self.permit_ticket(&order, *ticket).await?;
                    order.if_revision = order.if_revision.or(revision);
                }
                StockCommand::Book { .. } => {}
            },
            // what may not be seen was not found before; who may do what with which entry is said where it is ordered
            Command::Window { .. }
            | Command::Override { .. }
            | Command::Incident { .. }
            | Command::Knowledge { .. } => {}
        }
        Ok(order)
    }
}
