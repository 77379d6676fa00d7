//! Receivers: how they stand, trying one, deliveries that were given up, and what other systems tell.

use super::readers::unavailable;
use super::{LiveBackend, actor_of};
use crate::outbound::Delivery;
use crate::outbound::receivers::config::read_secret;
use crate::outbound::receivers::inbound::{self, There};
use crate::outbound::send::Sender;
use crate::outbound::webhook::Webhook;
use crate::pipeline::commit::ToCommit;
use crate::store::OutboxCount;
use crate::store::rows::OutboxRow;
use crate::web::backend::{Actor, Answer, BackendError, Order, Slice};
use crate::web::is_same;
use alerting::effect::Command;
use alerting::ticket::{self, TicketCommand};
use dashboards::view::{DeadLetter, Heard, Page, Receiver, ReceiverState, Tried};
use domain::TicketId;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::oneshot;

fn letter(row: &OutboxRow) -> DeadLetter {
    DeadLetter {
        id: row.id,
        target: row.target.clone(),
        key: row.key.clone(),
        kind: row.kind.clone(),
        subject: row.subject.clone(),
        created_at: row.created_at.into(),
        attempts: row.attempts,
        error: row.last_error.clone(),
    }
}

fn no_receiver(name: &str) -> BackendError {
    BackendError::NotFound {
        what: format!("receiver {name}"),
    }
}

fn by_itself(sender: &Sender, count: Option<&OutboxCount>) -> Receiver {
    let (config, standing) = (sender.config(), sender.standing());
    let (state, last_error) = match (standing.gone, standing.failed) {
        (Some(why), _) => (ReceiverState::Disabled, why),
        (None, Some((_, why))) => (ReceiverState::Failing, why),
        // what the start before this one has left
        (None, None) => match count.filter(|c| standing.delivered_at.is_none() && !c.last_error.is_empty()) {
            Some(count) => (ReceiverState::Failing, count.last_error.clone()),
            None => (ReceiverState::Ok, String::new()),
        },
    };
    Receiver {
        name: config.name.clone(),
        kind: config.kind.as_str().to_owned(),
        state,
        waiting: count.map_or(0, |c| c.waiting),
        dead: count.map_or(0, |c| c.dead),
        last_error,
        delivered_at: standing.delivered_at.map(Into::into),
    }
}

impl LiveBackend {
    pub(super) async fn list_receivers(&self) -> Answer<Vec<Receiver>> {
        let counts = self.readers.ask(|reader| reader.outbox_counts()).await?;
        let count = |target: &str| counts.iter().find(|c| c.target == target);
        let hooks = self.running.outbound.webhook.iter().map(|hook| {
            let count = count(&format!("webhook:{}", hook.name));
            let last_error = count.map_or_else(String::new, |c| c.last_error.clone());
            Receiver {
                name: hook.name.clone(),
                kind: "webhook".to_owned(),
                state: match last_error.is_empty() {
                    true => ReceiverState::Ok,
                    false => ReceiverState::Failing,
                },
                waiting: count.map_or(0, |c| c.waiting),
                dead: count.map_or(0, |c| c.dead),
                last_error,
                delivered_at: None,
            }
        });
        let senders = self.running.senders.iter();
        let mut all: Vec<Receiver> = hooks
            .chain(senders.map(|(target, sender)| by_itself(sender, count(target))))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn sender(&self, name: &str) -> Option<&Arc<Sender>> {
        self.running.senders.values().find(|s| s.config().name == name)
    }

    pub(super) async fn try_one(&self, actor: Actor, name: String) -> Answer<Tried> {
        let now = self.clock().now();
        let hook = self.running.outbound.webhook.iter().find(|h| h.name == name);
        let (delivery, said) = match (self.sender(&name), hook) {
            (Some(sender), _) => {
                let ended = sender.trial(&actor.name, now).await;
                (ended.delivery, ended.said)
            }
            (None, Some(hook)) => {
                let hook = Webhook::new(hook.clone()).map_err(|_| unavailable("TLS cannot be set up"))?;
                let source = self.running.outbound.source.as_deref().unwrap_or("forewarn");
                let key = format!("test/{}", now.0);
                let event = json!({
                    "specversion": "1.0", "id": key, "source": source, "type": "io.forewarn.test.v1", "subject": name,
                    "time": now.to_string(), "datacontenttype": "application/json", "data": {"by": actor.name},
                });
                let order = OutboxRow {
                    id: 0,
                    target: format!("webhook:{name}"),
                    key,
                    kind: "io.forewarn.test.v1".to_owned(),
                    subject: name.clone(),
                    payload: event.to_string(),
                    created_at: now,
                    attempts: 0,
                    next_attempt_at: now,
                    last_error: String::new(),
                };
                (hook.post(&order).await, "it was taken".to_owned())
            }
            (None, None) => return Err(no_receiver(&name)),
        };
        let tried = match delivery {
            Delivery::Done => Tried { arrived: true, said },
            Delivery::Retry { error, .. } | Delivery::Refused { error } => Tried {
                arrived: false,
                said: error,
            },
        };
        self.note_outbound(&actor, None, "receiver.tried", name, tried.said.clone())
            .await?;
        Ok(tried)
    }

    pub(super) async fn list_dead(&self, slice: Slice) -> Answer<Page<DeadLetter>> {
        let before = slice.cursor.as_deref().map(|c| c.parse::<u64>().unwrap_or(0));
        let limit = slice.limit;
        let mut rows = self
            .readers
            .ask(move |reader| reader.dead_letters(before, limit as u32 + 1))
            .await?;
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_more).map(|row| row.id.to_string());
        Ok(Page {
            items: rows.iter().map(letter).collect(),
            next,
        })
    }

    pub(super) async fn send_again(&self, actor: Actor, id: u64) -> Answer<DeadLetter> {
        let row = self.readers.ask(move |reader| reader.dead_letter(id)).await?;
        let row = row.ok_or_else(|| BackendError::NotFound {
            what: format!("delivery {id} that was given up"),
        })?;
        let (subject, detail) = (row.target.clone(), row.key.clone());
        self.note_outbound(&actor, Some(id), "delivery.resent", subject, detail)
            .await?;
        Ok(letter(&row))
    }

    async fn note_outbound(
        &self,
        actor: &Actor,
        again: Option<u64>,
        action: &'static str,
        subject: String,
        detail: String,
    ) -> Answer<()> {
        let (reply, done) = oneshot::channel();
        let order = ToCommit::Outbound {
            again,
            actor: actor_of(actor),
            action,
            subject,
            detail,
            reply,
        };
        let gone = || unavailable("the gateway stops");
        self.running.commit.send(order).await.map_err(|_| gone())?;
        done.await.map_err(|_| gone())
    }

    /// A receiver that is not there, tells nothing or shows another secret is answered alike.
    pub(super) async fn take_told(&self, receiver: &str, secret: &str, body: &Value) -> Answer<Heard> {
        let stranger = || BackendError::NotFound {
            what: "receiver with this secret".to_owned(),
        };
        let config = self.sender(receiver).ok_or_else(stranger)?.config();
        let expected = config
            .inbound_secret
            .as_ref()
            .and_then(|s| read_secret(s).ok())
            .ok_or_else(stranger)?;
        if expected.is_empty() || !is_same(expected.expose().as_bytes(), secret.as_bytes()) {
            return Err(stranger());
        }
        let told = inbound::read(config.kind, body).map_err(|detail| BackendError::Invalid {
            pointer: String::new(),
            detail,
        })?;
        let command = match told.change {
            There::Nothing => return Ok(heard("nothing")),
            There::Closed { text } => TicketCommand::Close {
                outcome: ticket::Outcome::Other { text },
                note: String::new(),
            },
            There::Commented { text } => TicketCommand::Comment { text },
        };
        let (key, is_closing) = (told.ticket_key, matches!(command, TicketCommand::Close { .. }));
        let row = self.readers.ask(move |reader| match key.strip_prefix("forewarn T-") {
            Some(number) => number.parse().map_or(Ok(None), |id| reader.ticket(id)),
            None => reader.ticket_by_key(&key),
        });
        let row = row.await?.ok_or_else(|| BackendError::NotFound {
            what: "ticket with this key".to_owned(),
        })?;
        // closed by us before it was closed there, or told twice
        if is_closing && !row.is_open {
            return Ok(heard("nothing"));
        }
        let order = Order {
            actor: Actor::program(config.name.clone()),
            if_revision: None,
        };
        let command = Command::Ticket {
            ticket: TicketId(row.id),
            command,
        };
        self.command(&order, command).await?;
        Ok(heard(if is_closing { "closed" } else { "commented" }))
    }
}

fn heard(done: &str) -> Heard {
    Heard { done: done.to_owned() }
}
