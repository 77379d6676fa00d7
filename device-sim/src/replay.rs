//! Replays a table as one device: each row becomes one telemetry message, at the recorded pace times a factor or as
//! fast as the broker confirms.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::mpsc;

use crate::clock::SimClock;
use crate::link::{Counters, LinkConfig, LinkError, MqttTarget, run_link};
use crate::noise::fnv1a;
use crate::table::{Table, TableError};
use crate::wire::{self, Outgoing, Topics};

/// As whom and how fast.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Site id.
    pub site: String,
    /// Device id.
    pub device: String,
    /// Recorded seconds per second; as fast as confirmed if missing.
    pub speed: Option<f64>,
    /// `boot` of every message; see [`boot_of`].
    pub boot: String,
    /// Unconfirmed messages on the wire.
    pub window: u16,
    /// How long the broker may be away at the start.
    pub patience: Duration,
    /// How long to wait for the last PubAcks.
    pub drain: Duration,
    /// Figures to watch from outside.
    pub counters: Arc<Counters>,
}

/// What was replayed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayReport {
    /// Data rows in the file.
    pub rows: u64,
    /// Rows published.
    pub published: u64,
    /// Of these, confirmed by PubAck.
    pub confirmed: u64,
    /// Rows without any number.
    pub skipped: u64,
    /// Sent again after a reconnect.
    pub resent: u64,
    /// Reconnects.
    pub reconnects: u64,
    /// Time of the first row published, ms since 1970.
    pub first_ms: Option<i64>,
    /// Time of the last row published.
    pub last_ms: Option<i64>,
    /// Real seconds.
    pub seconds: f64,
}

/// Why a replay ended early.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The file.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The connection.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A task broke an invariant.
    #[error("a task of the replay failed")]
    Task(#[from] tokio::task::JoinError),
}

/// The `boot` of a file: the same file replayed again has the same, so that a gateway knows its rows as repeats.
#[must_use]
pub fn boot_of(file: &Path, size: u64) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{:08x}", fnv1a(format!("{name}/{size}").as_bytes()) as u32)
}

/// Publishes all rows. `seq` is the number of the data row. Stops early, in order, when `stop` resolves.
///
/// # Errors
/// If a row cannot be read (rows before it are published), or the broker cannot be reached at the start.
pub async fn replay(
    table: Table,
    target: &MqttTarget,
    options: ReplayOptions,
    stop: impl Future<Output = ()>,
) -> Result<ReplayReport, ReplayError> {
    let started = tokio::time::Instant::now();
    let counters = options.counters.clone();
    let config = LinkConfig {
        client_id: format!("{}.{}", options.site, options.device),
        user: target.user.as_ref().map(|user| {
            user.replace("{site}", &options.site)
                .replace("{device}", &options.device)
        }),
        will: None,
        greetings: Vec::new(),
        window: options.window,
        outbox_limit: 2 * usize::from(options.window),
        patience: options.patience,
        drain: options.drain,
    };
    let (sender, receiver) = mpsc::channel(usize::from(options.window));
    let link = tokio::spawn({
        let (target, counters) = (target.clone(), counters.clone());
        async move { run_link(&target, config, receiver, &counters).await }
    });
    let mut progress = Progress {
        first_ms: None,
        last_ms: None,
        rows: 0,
        skipped: 0,
    };
    let fed = tokio::select! {
        () = stop => Ok(()),
        fed = feed(table, &options, &sender, &mut progress) => fed,
    };
    drop(sender);
    // A refused connection explains more than the row that could not be handed over.
    link.await??;
    fed?;
    Ok(ReplayReport {
        rows: progress.rows,
        published: counters.accepted.load(Ordering::Relaxed),
        confirmed: counters.confirmed.load(Ordering::Relaxed),
        skipped: progress.skipped,
        resent: counters.resent.load(Ordering::Relaxed),
        reconnects: counters.reconnects.load(Ordering::Relaxed),
        first_ms: progress.first_ms,
        last_ms: progress.last_ms,
        seconds: started.elapsed().as_secs_f64(),
    })
}

struct Progress {
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    rows: u64,
    skipped: u64,
}

async fn feed(
    mut table: Table,
    options: &ReplayOptions,
    sender: &mpsc::Sender<Outgoing>,
    progress: &mut Progress,
) -> Result<(), ReplayError> {
    let topic = Topics::new(&options.site, &options.device).telemetry;
    let mut clock = None;
    loop {
        let row = table.next();
        progress.rows = table.rows();
        progress.skipped = table.skipped();
        let Some(row) = row.transpose()? else { return Ok(()) };
        if let Some(speed) = options.speed {
            let clock = clock.get_or_insert_with(|| SimClock::start(row.ts_ms, speed));
            tokio::time::sleep(clock.real_until(row.ts_ms)).await;
        }
        let payload = wire::telemetry(row.ts_ms, row.number, &options.boot, &row.metrics);
        let message = Outgoing {
            device: 0,
            topic: topic.clone(),
            payload,
            retain: false,
        };
        if sender.send(message).await.is_err() {
            // The link has ended with an error of its own.
            return Ok(());
        }
        progress.first_ms.get_or_insert(row.ts_ms);
        progress.last_ms = Some(row.ts_ms);
        options.counters.machine_ms.store(row.ts_ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_depends_on_name_and_size_and_not_on_the_folder() {
        let boot = |path: &str, size| boot_of(Path::new(path), size);
        assert_eq!(boot("/a/x.csv", 5), boot("/b/x.csv", 5));
        assert_ne!(boot("/a/x.csv", 5), boot("/a/x.csv", 6));
        assert_ne!(boot("/a/x.csv", 5), boot("/a/y.csv", 5));
    }
}
