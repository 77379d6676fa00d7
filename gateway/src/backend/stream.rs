//! What happens, for the pages that listen: changes of alarms, tickets and incidents as they are committed, readings of watched
//! devices, and the counters of the fleet at most once a second.

use super::LiveBackend;
use super::incidents::incident_view;
use super::standing::Missed;
use crate::pipeline::commit::Changed;
use crate::pipeline::shard::{LiveReading as ShardReading, ToShard, shard_of};
use crate::store::{Reader, StoreError};
use crate::web::StreamEvent;
use crate::web::backend::{Answer, LiveReading, WatchGuard};
use dashboards::view::{Alarm, FleetCounts, Incident, TicketSummary};
use domain::{DeviceKey, Names};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, oneshot, watch};

/// Changes read from the store at a time.
const AT_ONCE: usize = 64;
/// Counters and what waits are looked at so often.
const BEAT: Duration = Duration::from_secs(1);
/// Where nobody looks at the fleet, `/metrics` has it from every so many beats.
const FLEET_BEATS: u32 = 5;

/// Ends the watch when it is dropped.
struct Watch {
    #[allow(dead_code)] // its drop is the message
    until: oneshot::Sender<()>,
}

/// A changed row, read.
enum Read {
    Alarm(Box<Alarm>),
    Ticket(Box<TicketSummary>),
    Incident(Box<Incident>),
}

impl LiveBackend {
    /// Asks for the readings of a device while the guard lives. The shard is told the end after the beginning, however
    /// busy it is.
    pub(super) fn watch_device(&self, key: &DeviceKey) -> WatchGuard {
        let seen = self.sight.sees(key).then(|| self.directory().find(key)).flatten();
        let Some(device) = seen else {
            return Box::new(());
        };
        let shards = &self.running.ingest.shards;
        let shard = shards[shard_of(device, shards.len())].clone();
        let (until, dropped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            if shard.send(ToShard::Watch(device, true)).await.is_ok() {
                // an error is the drop that we wait for
                dropped.await.ok();
                shard.send(ToShard::Watch(device, false)).await.ok();
            }
        });
        Box::new(Watch { until })
    }

    /// Works until told to stop.
    pub(super) async fn follow(
        self,
        mut changed: broadcast::Receiver<Changed>,
        mut live: broadcast::Receiver<ShardReading>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told: Option<FleetCounts> = None;
        let mut beats = 0u32;
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                change = changed.recv() => match change {
                    Ok(first) => {
                        let (changes, is_lost) = batch(first, &mut changed);
                        self.tell_changes(changes).await;
                        if is_lost {
                            self.catch_up().await;
                        }
                    }
                    Err(RecvError::Lagged(_)) => self.catch_up().await,
                    Err(RecvError::Closed) => return,
                },
                reading = live.recv() => match reading {
                    Ok(reading) => self.tell_reading(&reading),
                    // plots are redrawn from history anyhow
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                _ = beat.tick() => {
                    self.look_at_what_waits().await;
                    self.flush_notes().await;
                    if self.events.receiver_count() > 0 || beats.is_multiple_of(FLEET_BEATS) {
                        told = self.tell_counts(told).await;
                    }
                    beats = beats.wrapping_add(1);
                }
            }
        }
    }

    async fn tell_changes(&self, changes: Vec<Missed>) {
        let backend = self.clone();
        let ask = move |reader: &Reader| {
            changes
                .iter()
                .map(|change| backend.read_change(reader, change))
                .collect()
        };
        let read: Answer<Vec<Option<Read>>> = self.readers.ask(ask).await;
        // the store's error is in the log; the pages look anew by themselves
        for read in read.into_iter().flatten().flatten() {
            self.tell(match read {
                Read::Alarm(alarm) => StreamEvent::Alarm(Arc::new(*alarm)),
                Read::Ticket(ticket) => StreamEvent::Ticket(Arc::new(*ticket)),
                Read::Incident(incident) => StreamEvent::Incident(Arc::new(*incident)),
            });
        }
    }

    fn read_change(&self, reader: &Reader, change: &Missed) -> Result<Option<Read>, StoreError> {
        match change {
            Missed::Alarm(id) => {
                let row = self.standing.follow_alarm(reader, id)?;
                row.map(|row| Ok(Read::Alarm(Box::new(self.alarm_view(&row)?))))
                    .transpose()
            }
            Missed::Ticket(id) => {
                let row = self.standing.follow_ticket(reader, *id)?;
                row.map(|row| Ok(Read::Ticket(Box::new(self.ticket_summary(&row)?))))
                    .transpose()
            }
            Missed::Incident(id) => {
                let row = reader.incident(*id)?;
                row.map(|row| Ok(Read::Incident(Box::new(incident_view(&row, &self.running.policy)?))))
                    .transpose()
            }
        }
    }

    /// More changed than the channel holds: looks at everything that is open, and tells what is new about it.
    async fn catch_up(&self) {
        let standing = self.standing.clone();
        if let Ok(missed) = self.readers.ask(move |reader| standing.reload(reader)).await {
            for some in missed.chunks(AT_ONCE) {
                self.tell_changes(some.to_vec()).await;
            }
        }
    }

    fn tell_reading(&self, reading: &ShardReading) {
        let directory = self.directory();
        let named = reading.samples.iter().map(|s| (directory.metric(s.metric), s.value));
        let reading_view = LiveReading {
            at: reading.measured_at.into(),
            values: named.collect(),
        };
        self.tell(StreamEvent::Reading {
            device: directory.device(reading.device),
            reading: Arc::new(reading_view),
        });
    }

    async fn tell_counts(&self, told: Option<FleetCounts>) -> Option<FleetCounts> {
        match self.fleet_counts().await {
            Ok(counts) if told != Some(counts) => {
                self.tell(StreamEvent::Fleet(counts));
                Some(counts)
            }
            Ok(_) | Err(_) => told,
        }
    }

    async fn look_at_what_waits(&self) {
        if let Ok(waiting) = self.readers.ask(|reader| reader.waiting_counts()).await {
            self.waiting.send_replace(waiting);
        }
    }

    /// Nobody may be listening; that is no error.
    pub(super) fn tell(&self, event: StreamEvent) {
        self.events.send(event).ok();
    }
}

/// The change and those that wait behind it, each subject once; and whether some were lost.
fn batch(first: Changed, more: &mut broadcast::Receiver<Changed>) -> (Vec<Missed>, bool) {
    let mut batch = vec![subject(first)];
    while batch.len() < AT_ONCE {
        match more.try_recv().map(subject) {
            Ok(change) if batch.contains(&change) => {}
            Ok(change) => batch.push(change),
            Err(TryRecvError::Lagged(_)) => return (batch, true),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    (batch, false)
}

fn subject(change: Changed) -> Missed {
    match change {
        Changed::Alarm(id) => Missed::Alarm(id),
        Changed::Ticket(id) => Missed::Ticket(id),
        Changed::Incident(id) => Missed::Incident(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_each_subject_once_and_says_when_some_were_lost() {
        let (send, mut changes) = broadcast::channel(4);
        let alarm = |n: u64| Changed::Alarm(n.to_string());
        for n in [1, 2, 1] {
            send.send(alarm(n)).expect("somebody listens");
        }
        let first = changes.try_recv().expect("there");
        assert_eq!(
            batch(first, &mut changes),
            (vec![Missed::Alarm("1".into()), Missed::Alarm("2".into())], false)
        );
        for n in 0..9 {
            send.send(alarm(n)).expect("somebody listens");
        }
        assert_eq!(batch(Changed::Ticket(7), &mut changes), (vec![Missed::Ticket(7)], true));
    }
}
