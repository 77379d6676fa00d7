//! Drives a fleet against a broker: asks the clock, steps the fleet, spreads messages over connections, and ends in
//! order. When the broker is slow or away the fleet waits and then catches up: machine time loses nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock::SimClock;
use crate::fleet::{DeviceName, Fleet};
use crate::link::{Counters, LinkConfig, LinkEnd, LinkError, MqttTarget, run_link};
use crate::wire::{self, Outgoing, Topics};

/// Up to this many devices have a connection each, with a will, as real devices do; larger fleets share this many.
pub const OWN_CONNECTIONS_MAX: usize = 50;

/// Machine time per step at full speed and when catching up: bounds the messages made at once.
const CHUNK_MS: i64 = 5_000;

/// What decides how fast machine time runs.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// This clock.
    Clock(SimClock),
    /// As fast as the broker confirms.
    Max,
}

/// How to drive.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Machine time to run; without end if missing.
    pub duration_ms: Option<i64>,
    /// Number of connections; chosen by the number of devices if missing.
    pub connections: Option<usize>,
    /// Unconfirmed messages on the wire per connection.
    pub window: u16,
    /// Messages an outbox holds while the broker is away.
    pub outbox_limit: usize,
    /// How long the broker may be away at the start.
    pub patience: Duration,
    /// How long to wait for the last PubAcks.
    pub drain: Duration,
    /// Figures to watch from outside.
    pub counters: Arc<Counters>,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            duration_ms: None,
            connections: None,
            window: 100,
            outbox_limit: 1_000,
            patience: Duration::from_secs(15),
            drain: Duration::from_secs(10),
            counters: Arc::default(),
        }
    }
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// Devices of the fleet.
    pub devices: usize,
    /// Connections used.
    pub connections: usize,
    /// Messages put into the outboxes.
    pub published: u64,
    /// Of these, confirmed by PubAck.
    pub confirmed: u64,
    /// Of these, given up unconfirmed at the end.
    pub unconfirmed: u64,
    /// Sent again after a reconnect.
    pub resent: u64,
    /// Reconnects.
    pub reconnects: u64,
    /// Machine time reached, ms since 1970.
    pub machine_end_ms: i64,
    /// Real seconds.
    pub seconds: f64,
}

/// Why a run ended early.
#[derive(Debug, Error)]
pub enum RunError {
    /// A connection gave up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A connection's task broke an invariant.
    #[error("a connection's task failed")]
    Task(#[from] tokio::task::JoinError),
}

/// Runs the fleet until `stop` resolves or the duration is over, then says goodbye and waits for the last PubAcks.
///
/// # Errors
/// If a broker cannot be reached at the start or refuses a device. A broker lost later is waited for.
pub async fn run(
    mut fleet: Fleet,
    pace: Pace,
    target: &MqttTarget,
    options: RunOptions,
    stop: impl Future<Output = ()>,
) -> Result<RunReport, RunError> {
    let started = tokio::time::Instant::now();
    let counters = options.counters.clone();
    let devices = fleet.devices().len();
    let connections = options
        .connections
        .unwrap_or(OWN_CONNECTIONS_MAX)
        .clamp(1, devices.max(1));
    let (mut links, senders) = connect(&fleet, target, &options, connections);
    let mut stop = std::pin::pin!(stop);

    let end_ms = options
        .duration_ms
        .map_or(i64::MAX, |duration_ms| fleet.start_ms().saturating_add(duration_ms));
    let mut position_ms = fleet.start_ms();
    let mut pending = VecDeque::new();
    let outcome = tokio::select! {
        () = &mut stop => Ok(()),
        outcome = advance(&mut fleet, pace, &senders, &counters, end_ms, &mut position_ms, &mut pending) => outcome,
        failed = first_failure(&mut links) => failed,
    };
    let mut unconfirmed = 0;
    if outcome.is_ok() {
        // Made but not yet accepted when the stop came; then the farewells. Bounded by the time to drain.
        let mut farewells = Vec::new();
        fleet.say_goodbye(position_ms, &mut farewells);
        pending.extend(farewells);
        if tokio::time::timeout(options.drain, hand_over(&mut pending, &senders))
            .await
            .is_err()
        {
            tracing::warn!("the broker does not take the farewells");
        }
        unconfirmed += pending.len() as u64;
    }
    drop(senders);
    outcome?;
    while let Some(ended) = links.join_next().await {
        unconfirmed += ended??.unconfirmed as u64;
    }
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    Ok(RunReport {
        devices,
        connections,
        published: read(&counters.accepted),
        confirmed: read(&counters.confirmed),
        unconfirmed,
        resent: read(&counters.resent),
        reconnects: read(&counters.reconnects),
        machine_end_ms: position_ms,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Steps the fleet and hands its messages to the links until `end_ms`. What it has made and not handed over stays in
/// `pending`, so it may be dropped at any await.
async fn advance(
    fleet: &mut Fleet,
    pace: Pace,
    senders: &[mpsc::Sender<Outgoing>],
    counters: &Counters,
    end_ms: i64,
    position_ms: &mut i64,
    pending: &mut VecDeque<Outgoing>,
) -> Result<(), RunError> {
    let mut made = Vec::new();
    loop {
        let now_ms = match pace {
            Pace::Clock(clock) => clock.now_ms().min(end_ms),
            Pace::Max => end_ms,
        };
        while *position_ms < now_ms {
            *position_ms = position_ms.saturating_add(CHUNK_MS).min(now_ms);
            fleet.step_until(*position_ms, &mut made);
            pending.extend(made.drain(..));
            hand_over(pending, senders).await;
            counters.machine_ms.store(*position_ms, Ordering::Relaxed);
        }
        if *position_ms >= end_ms {
            return Ok(());
        }
        let wait = match pace {
            Pace::Clock(clock) => fleet
                .next_due_ms()
                .map_or(Duration::ZERO, |due_ms| clock.real_until(due_ms)),
            Pace::Max => Duration::ZERO,
        };
        tokio::time::sleep(wait.clamp(Duration::from_millis(2), Duration::from_millis(200))).await;
    }
}

/// Gives all pending messages to their links, in order.
async fn hand_over(pending: &mut VecDeque<Outgoing>, senders: &[mpsc::Sender<Outgoing>]) {
    while let Some(device) = pending.front().map(|message| message.device) {
        // A closed link has failed, which is seen elsewhere: wait there.
        let Ok(permit) = senders[device % senders.len()].reserve().await else {
            std::future::pending().await
        };
        if let Some(message) = pending.pop_front() {
            permit.send(message);
        }
    }
}

/// Waits until a link fails. A link that ends well before its input has ended does not exist.
async fn first_failure(links: &mut JoinSet<Result<LinkEnd, LinkError>>) -> Result<(), RunError> {
    while let Some(ended) = links.join_next().await {
        ended??;
    }
    std::future::pending().await
}

fn connect(
    fleet: &Fleet,
    target: &MqttTarget,
    options: &RunOptions,
    connections: usize,
) -> (JoinSet<Result<LinkEnd, LinkError>>, Vec<mpsc::Sender<Outgoing>>) {
    let mut links = JoinSet::new();
    let mut senders = Vec::with_capacity(connections);
    let is_own = connections == fleet.devices().len();
    for number in 0..connections {
        let carried: Vec<(usize, &DeviceName)> = fleet
            .devices()
            .iter()
            .enumerate()
            .skip(number)
            .step_by(connections)
            .collect();
        let first = carried[0].1;
        let greetings = carried.iter().map(|(index, name)| Outgoing {
            device: *index,
            topic: Topics::new(&name.site, &name.id).status,
            payload: wire::status(None, true),
            retain: true,
        });
        let config = LinkConfig {
            client_id: if is_own {
                format!("{}.{}", first.site, first.id)
            } else {
                format!("device-sim-{}-{number}", first.site)
            },
            user: target
                .user
                .as_ref()
                .map(|user| user.replace("{site}", &first.site).replace("{device}", &first.id)),
            will: is_own.then(|| (Topics::new(&first.site, &first.id).status, wire::status(None, false))),
            // A shared connection has no will, so there is nothing to undo.
            greetings: if is_own { greetings.collect() } else { Vec::new() },
            window: options.window,
            outbox_limit: options.outbox_limit,
            patience: options.patience,
            drain: options.drain,
        };
        let (sender, receiver) = mpsc::channel(64);
        senders.push(sender);
        let (target, counters) = (target.clone(), options.counters.clone());
        links.spawn(async move { run_link(&target, config, receiver, &counters).await });
    }
    (links, senders)
}
