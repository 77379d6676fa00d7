//! The driver of the outbox: takes what is due, delivers it, and tells the commit how that went. A delivery counts as
//! done only when that is on disk; after a crash in between it is sent again under the same key.

use super::send::{Sender, Senders};
use super::webhook::Webhook;
use super::{Delivery, OutboundConfig, next_attempt};
use crate::clock::Clock;
use crate::failpoint::{self, Failpoint};
use crate::pipeline::commit::ToCommit;
use crate::store::rows::OutboxRow;
use crate::store::{Reader, StoreError};
use domain::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Deliveries taken from the outbox at a time.
const TAKE: u32 = 256;
/// How often the outbox is looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Publishes on the MQTT side, ours or a broker's; resolves when the message is taken over for good.
pub type MqttPublish = Arc<dyn Fn(OutboxRow) -> Pin<Box<dyn Future<Output = Delivery> + Send>> + Send + Sync>;

/// What the deliverer needs.
pub struct Deliverer {
    /// The outbox.
    pub reader: Reader,
    /// Where outcomes go.
    pub commit: mpsc::Sender<ToCommit>,
    /// Told when there is something new.
    pub wake: Arc<Notify>,
    /// Our time.
    pub clock: Clock,
    /// The MQTT side.
    pub mqtt: MqttPublish,
    /// Receivers of CloudEvents by HTTP.
    pub outbound: OutboundConfig,
    /// The others.
    pub senders: Senders,
}

/// How a delivery ended, for the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Its number.
    pub id: u64,
    /// When to try again; none with an error: never.
    pub next_attempt_at: Option<Timestamp>,
    /// Why it failed; none: it arrived.
    pub error: Option<String>,
}

impl Deliverer {
    /// Works until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut hooks = BTreeMap::new();
        for config in &self.outbound.webhook {
            match Webhook::new(config.clone()) {
                Ok(hook) => {
                    hooks.insert(format!("webhook:{}", config.name), Arc::new(hook));
                }
                Err(error) => {
                    tracing::error!(webhook = config.name, %error, "cannot set up a webhook; its deliveries wait")
                }
            }
        }
        let (finished, mut outcomes) = mpsc::channel::<Delivered>(TAKE as usize * 2);
        // by receiver: what is under way, and what is done but perhaps not yet deleted
        let mut under_way: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        let mut queues: BTreeMap<String, mpsc::Sender<OutboxRow>> = BTreeMap::new();
        loop {
            match self.due(&under_way) {
                Ok(due) => {
                    for row in due {
                        let (id, target) = (row.id, row.target.clone());
                        let queue = queues
                            .entry(target.clone())
                            .or_insert_with(|| self.worker(&target, &hooks, &finished));
                        if queue.try_send(row).is_ok() {
                            under_way.entry(target).or_default().insert(id);
                        }
                    }
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "deliveries wait");
                }
            }
            tokio::select! {
                _ = self.wake.notified() => {}
                _ = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => return,
                outcome = outcomes.recv() => {
                    let mut next = outcome;
                    while let Some(delivered) = next {
                        let id = delivered.id;
                        let (reply, committed) = tokio::sync::oneshot::channel();
                        if self.commit.send(ToCommit::Delivered(delivered, reply)).await.is_err() {
                            return;
                        }
                        next = outcomes.try_recv().ok();
                        if next.is_none() {
                            // the last one's commit covers those before it
                            committed.await.ok();
                        }
                        for ids in under_way.values_mut() {
                            ids.remove(&id);
                        }
                    }
                }
            }
        }
    }

    /// What can be handed to the workers: taken for each receiver on its own, so that a long queue for one that hangs does not
    /// hide what is due for the others.
    fn due(&self, under_way: &BTreeMap<String, BTreeSet<u64>>) -> Result<Vec<OutboxRow>, StoreError> {
        let (now, nothing) = (self.clock.now(), BTreeSet::new());
        let mut due = Vec::new();
        for target in self.reader.outbox_targets()? {
            let ids = under_way.get(&target).unwrap_or(&nothing);
            if ids.len() < TAKE as usize {
                let limit = TAKE + ids.len() as u32;
                // What is open there must not be opened after it was closed.
                let rows = match self.senders.contains_key(&target) {
                    true => self.reader.outbox_due_in_order(&target, now, limit)?,
                    false => self.reader.outbox_due(&target, now, limit)?,
                };
                due.extend(rows.into_iter().filter(|row| !ids.contains(&row.id)));
            }
        }
        Ok(due)
    }

    /// One worker for each receiver: a slow one does not hold up the others.
    fn worker(
        &self,
        target: &str,
        hooks: &BTreeMap<String, Arc<Webhook>>,
        finished: &mpsc::Sender<Delivered>,
    ) -> mpsc::Sender<OutboxRow> {
        let (queue, mut orders) = mpsc::channel::<OutboxRow>(TAKE as usize);
        let line = match (hooks.get(target), self.senders.get(target), target) {
            (_, _, "mqtt") => Line::Mqtt,
            (Some(hook), _, _) => Line::Webhook(hook.clone()),
            (None, Some(sender), _) => Line::Receiver(sender.clone()),
            (None, None, _) => Line::Unknown,
        };
        let (mqtt, clock, finished) = (self.mqtt.clone(), self.clock, finished.clone());
        tokio::spawn(async move {
            while let Some(mut order) = orders.recv().await {
                let (id, attempts) = (order.id, order.attempts);
                let outcome = match &line {
                    // In order, whatever it takes: were one put off and the next sent, what stays on a topic could be the older.
                    Line::Mqtt => loop {
                        match mqtt(order.clone()).await {
                            Delivery::Retry { .. } => order.attempts = order.attempts.saturating_add(1),
                            end @ (Delivery::Done | Delivery::Refused { .. }) => break end,
                        }
                        tokio::select! {
                            () = finished.closed() => return,
                            () = tokio::time::sleep(LOOK_EVERY) => {}
                        }
                    },
                    Line::Webhook(hook) => {
                        let outcome = hook.post(&order).await;
                        failpoint::hit(Failpoint::AfterWebhookSend);
                        outcome
                    }
                    Line::Receiver(sender) => {
                        let outcome = sender.deliver(&order, clock.now()).await;
                        failpoint::hit(Failpoint::AfterWebhookSend);
                        outcome
                    }
                    Line::Unknown => Delivery::Retry {
                        error: "this receiver is not configured any more".into(),
                        after: None,
                    },
                };
                let delivered = conclude(id, attempts, outcome, clock.now());
                if finished.send(delivered).await.is_err() {
                    return;
                }
            }
        });
        queue
    }
}

/// By which way a worker sends.
enum Line {
    Mqtt,
    Webhook(Arc<Webhook>),
    Receiver(Arc<Sender>),
    Unknown,
}

fn conclude(id: u64, attempts: u32, outcome: Delivery, now: Timestamp) -> Delivered {
    match outcome {
        Delivery::Done => Delivered {
            id,
            next_attempt_at: None,
            error: None,
        },
        Delivery::Retry { error, after } => Delivered {
            id,
            next_attempt_at: next_attempt(id, attempts, now, after),
            error: Some(error),
        },
        Delivery::Refused { error } => Delivered {
            id,
            next_attempt_at: None,
            error: Some(error),
        },
    }
}
