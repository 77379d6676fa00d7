//! The way to InfluxDB 2 (and whatever takes its v2 write API): batches of lines from the journal, again and again until
//! the server has them. The only file that names `influxdb2`.
//!
//! At least once: the position is saved after the server said yes, and equal points merge there. An outage costs nothing
//! but the journal's room. A batch that the server refuses is halved until the refused lines stand alone; those are set
//! aside and counted. It never reads from the server.

use super::line::push_line;
use super::{CommittedEntry, OwnedMessage};
use crate::secret::Secret;
use domain::{Names, Timestamp};
use influxdb2::RequestError;
use influxdb2::api::write::TimestampPrecision;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Where and how to write.
#[derive(Debug, Clone)]
pub struct InfluxConfig {
    /// `http://host:8086`.
    pub url: String,
    /// The organisation's name or id.
    pub org: String,
    /// The bucket's name or id.
    pub bucket: String,
    /// A token that may write to the bucket.
    pub token: Secret,
    /// First part of each line.
    pub measurement: String,
    /// Lines in a request; InfluxDB advises 5,000.
    pub lines_per_batch: usize,
    /// No line waits longer for its batch.
    pub batch_age: Duration,
    /// For one request.
    pub timeout: Duration,
    /// First wait after a failure; doubles.
    pub retry_first: Duration,
    /// Longest wait.
    pub retry_max: Duration,
    /// Of the jitter.
    pub seed: u64,
}

impl InfluxConfig {
    /// 5,000 lines or 1 s, time-out 10 s, retries after 0.5 s to 1 min, measurement `telemetry`.
    pub fn new(url: &str, org: &str, bucket: &str, token: Secret) -> Self {
        InfluxConfig {
            url: url.to_owned(),
            org: org.to_owned(),
            bucket: bucket.to_owned(),
            token,
            measurement: "telemetry".to_owned(),
            lines_per_batch: 5_000,
            batch_age: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            retry_first: Duration::from_millis(500),
            retry_max: Duration::from_secs(60),
            seed: 0,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InfluxConfigError {
    /// Not an address.
    #[error("influx url {url:?} is not an http or https address")]
    Url {
        /// What was given.
        url: String,
    },
    /// Not a name.
    #[error("influx {field} must be 1 to 128 characters without control characters, and must not start with '_'")]
    Name {
        /// Which setting.
        field: &'static str,
    },
    /// A token cannot stand in a header.
    #[error("influx token has characters that no token has")]
    Token,
    /// A limit is zero.
    #[error("influx {field} must not be zero")]
    Zero {
        /// Which setting.
        field: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error("cannot make the influx client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A checked configuration with its client.
#[derive(Debug)]
pub struct InfluxPort {
    client: influxdb2::Client,
    config: InfluxConfig,
}

/// What the server, or the way to it, made of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WriteFailure {
    /// 400, 413, 422: some of these lines.
    Refused(String),
    /// 401, 403, 404 and other answers that no waiting cures.
    Misconfigured { reason: String, advice: &'static str },
    /// Everything that may pass.
    Unavailable(String),
}

impl InfluxPort {
    /// Checks the configuration; does not connect.
    pub fn new(config: InfluxConfig) -> Result<Self, InfluxConfigError> {
        let url = reqwest011::Url::parse(&config.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        if url.is_none_or(|url| !url.has_host()) {
            return Err(InfluxConfigError::Url { url: config.url });
        }
        for (field, text) in [
            ("org", &config.org),
            ("bucket", &config.bucket),
            ("measurement", &config.measurement),
        ] {
            let is_fine = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
            if !is_fine || (field == "measurement" && text.starts_with('_')) {
                return Err(InfluxConfigError::Name { field });
            }
        }
        if !config.token.expose().chars().all(|c| c.is_ascii_graphic()) {
            return Err(InfluxConfigError::Token);
        }
        if config.lines_per_batch == 0 {
            return Err(InfluxConfigError::Zero {
                field: "lines_per_batch",
            });
        }
        let http = reqwest011::ClientBuilder::new()
            .timeout(config.timeout)
            .connect_timeout(config.timeout.min(Duration::from_secs(5)))
            // A redirect would carry the token elsewhere.
            .redirect(reqwest011::redirect::Policy::none());
        let client =
            influxdb2::ClientBuilder::with_builder(http, config.url.clone(), config.org.clone(), config.token.expose())
                .build()
                .map_err(|error| InfluxConfigError::Client(Box::new(error)))?;
        Ok(InfluxPort { client, config })
    }

    async fn write(&self, lines: String) -> Result<(), WriteFailure> {
        let InfluxConfig { org, bucket, .. } = &self.config;
        let precision = TimestampPrecision::Milliseconds;
        match self
            .client
            .write_line_protocol_with_precision(org, bucket, lines, precision)
            .await
        {
            Ok(()) => Ok(()),
            Err(RequestError::Http { status, text }) => classify(status.as_u16(), &text),
            Err(other) => Err(WriteFailure::Unavailable(with_causes(&other))),
        }
    }
}

/// What an answer other than 204 means.
fn classify(status: u16, text: &str) -> Result<(), WriteFailure> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    let reason = format!("status {status}: {text}");
    let misconfigured = |advice| {
        Err(WriteFailure::Misconfigured {
            reason: reason.clone(),
            advice,
        })
    };
    match status {
        200..=299 => Ok(()),
        400 | 413 | 422 => Err(WriteFailure::Refused(reason)),
        401 => misconfigured("set a valid token: the server does not know this one"),
        403 => misconfigured("give the token the right to write to the bucket"),
        404 => misconfigured("create the bucket, or correct org, bucket or url: the server does not find them"),
        408 | 429 => Err(WriteFailure::Unavailable(reason)),
        300..=499 => misconfigured("check the url: something that is not an InfluxDB 2 answers there"),
        _ => Err(WriteFailure::Unavailable(reason)),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Why the journal or the position could not be read or written.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The journal, as this task reads it.
pub trait JournalSource: Send + Sync {
    /// The entries after `position`, in order, of about `max_bytes` (at least one entry if there is one).
    fn read_after(
        &self,
        position: u64,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<(u64, Vec<OwnedMessage>)>, SourceError>> + Send;

    /// Returns once there is an entry after `position`.
    fn wait_newer(&self, position: u64) -> impl Future<Output = ()> + Send;
}

/// Keeps what must outlive the process.
pub trait PositionStore: Send {
    /// The saved position, 0 at first.
    fn load(&mut self) -> Result<u64, SourceError>;
    /// Saves durably; called after the server has everything up to here.
    fn save_position(&mut self, position: u64) -> Result<(), SourceError>;
    /// Keeps a line that the server refuses, and why. May limit how many.
    fn set_aside(&mut self, line: &str, reason: &str) -> Result<(), SourceError>;
}

/// [`PositionStore`] as two small files: `influx.position`, and `influx-refused.txt` up to 10 MB.
#[derive(Debug)]
pub struct PositionFiles {
    folder: PathBuf,
}

const REFUSED_BYTES_MAX: u64 = 10_000_000;

impl PositionFiles {
    /// In this folder, which must exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        PositionFiles { folder: folder.into() }
    }
}

impl PositionStore for PositionFiles {
    fn load(&mut self) -> Result<u64, SourceError> {
        match std::fs::read_to_string(self.folder.join("influx.position")) {
            Ok(text) => Ok(text.trim().parse()?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn save_position(&mut self, position: u64) -> Result<(), SourceError> {
        use std::io::Write;
        let new = self.folder.join("influx.position.new");
        let mut file = std::fs::File::create(&new)?;
        writeln!(file, "{position}")?;
        file.sync_all()?;
        std::fs::rename(&new, self.folder.join("influx.position"))?;
        Ok(())
    }

    fn set_aside(&mut self, line: &str, reason: &str) -> Result<(), SourceError> {
        use std::io::Write;
        let path = self.folder.join("influx-refused.txt");
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        if file.metadata()?.len() < REFUSED_BYTES_MAX {
            writeln!(file, "# {reason}\n{line}")?;
            file.sync_data()?;
        }
        Ok(())
    }
}

/// How writing goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InfluxState {
    /// The last write was taken, or none was needed yet.
    #[default]
    Healthy,
    /// The server cannot be reached or is busy; nothing is lost meanwhile.
    Retrying {
        /// Since when.
        since: Timestamp,
        /// Failed attempts since then.
        attempts: u32,
        /// The latest.
        last_error: String,
    },
    /// Somebody has to do something; tried again slowly, nothing is lost meanwhile.
    Misconfigured {
        /// Since when.
        since: Timestamp,
        /// Failed attempts since then.
        attempts: u32,
        /// What the server said.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
}

/// State and counts, for pages and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InfluxStatus {
    /// How it goes.
    pub state: InfluxState,
    /// The journal is needed only after this.
    pub position: u64,
    /// Lines the server took.
    pub lines_written: u64,
    /// Lines set aside.
    pub lines_refused: u64,
    /// Requests the server took.
    pub requests: u64,
    /// Requests that failed, of any kind.
    pub failures: u64,
}

/// Lines on their way.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
    /// All lines of entries up to here are in this batch or an earlier one.
    complete: u64,
    since: Option<Instant>,
}

impl Batch {
    fn lines(&self, from: usize, to: usize) -> &str {
        let start = if from == 0 { 0 } else { self.ends[from - 1] };
        &self.text[start..self.ends[to - 1]]
    }
}

/// Stopped because the gateway stops; the batch is in the journal still.
#[derive(Debug, PartialEq, Eq)]
struct Stopped;

/// The task that feeds InfluxDB.
pub struct InfluxWriter<S, P> {
    port: InfluxPort,
    source: S,
    positions: P,
    names: Arc<dyn Names + Send + Sync>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    random: ChaCha8Rng,
    status: watch::Sender<InfluxStatus>,
    saved: u64,
    has_written: bool,
}

/// Bytes of journal read at once.
const READ_BYTES: usize = 1 << 20;
/// So many lines refused one by one, and none ever taken: then it is not the lines.
const REFUSED_BEFORE_DOUBT: usize = 32;

impl<S: JournalSource, P: PositionStore> InfluxWriter<S, P> {
    /// `clock` is for the times in the status only.
    pub fn new(
        port: InfluxPort,
        source: S,
        mut positions: P,
        names: Arc<dyn Names + Send + Sync>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Result<Self, SourceError> {
        let saved = positions.load()?;
        let random = ChaCha8Rng::seed_from_u64(port.config.seed);
        let status = watch::Sender::new(InfluxStatus {
            position: saved,
            ..InfluxStatus::default()
        });
        Ok(InfluxWriter {
            port,
            source,
            positions,
            names,
            clock,
            random,
            status,
            saved,
            has_written: false,
        })
    }

    /// State and counts as they change. `position` is where the journal may be cut.
    pub fn status(&self) -> watch::Receiver<InfluxStatus> {
        self.status.subscribe()
    }

    /// Runs until `stop` becomes true (or its sender is gone), or until journal or position store fail.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), SourceError> {
        let mut batch = Batch {
            complete: self.saved,
            ..Batch::default()
        };
        let mut read = self.saved;
        while !*stop.borrow() {
            let entries = self.source.read_after(read, READ_BYTES).await?;
            let is_drained = entries.is_empty();
            for (position, messages) in entries {
                for message in messages.as_slice().iter().map(std::slice::from_ref) {
                    message.visit(&mut |message| {
                        push_line(&mut batch.text, &self.port.config.measurement, message, &*self.names);
                    });
                    if batch.ends.last().copied().unwrap_or(0) < batch.text.len() {
                        batch.ends.push(batch.text.len());
                        batch.since.get_or_insert_with(Instant::now);
                    }
                    if batch.ends.len() >= self.port.config.lines_per_batch
                        && self.flush(&mut batch, &mut stop).await?.is_err()
                    {
                        return Ok(());
                    }
                }
                read = position;
                batch.complete = position;
            }
            let is_due = batch
                .since
                .is_some_and(|since| since.elapsed() >= self.port.config.batch_age);
            if (is_due || batch.ends.is_empty()) && self.flush(&mut batch, &mut stop).await?.is_err() {
                return Ok(());
            }
            if is_drained {
                let age = self.port.config.batch_age;
                let wait = batch.since.map_or(age, |since| age.saturating_sub(since.elapsed()));
                tokio::select! {
                    () = self.source.wait_newer(read) => {}
                    () = tokio::time::sleep(wait), if batch.since.is_some() => {}
                    _ = stop.changed() => {}
                }
                if stop.has_changed().is_err() {
                    break;
                }
            }
        }
        // One last attempt; what it does not bring over is in the journal.
        if !batch.ends.is_empty() && self.port.write(batch.text.clone()).await.is_ok() {
            self.lines_taken(batch.ends.len());
            self.save(batch.complete)?;
        }
        Ok(())
    }

    /// Brings a batch over, however long it takes, and saves the position.
    async fn flush(
        &mut self,
        batch: &mut Batch,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Result<(), Stopped>, SourceError> {
        if !batch.ends.is_empty() && self.deliver(batch, stop).await?.is_err() {
            return Ok(Err(Stopped));
        }
        self.save(batch.complete)?;
        batch.text.clear();
        batch.ends.clear();
        batch.since = None;
        Ok(Ok(()))
    }

    /// Writes all lines of the batch, halving what is refused until the refused lines stand alone.
    async fn deliver(
        &mut self,
        batch: &Batch,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Result<(), Stopped>, SourceError> {
        let mut open = vec![(0, batch.ends.len())];
        let mut refused: Vec<(usize, String)> = Vec::new();
        let mut attempts = 0u32;
        while let Some((from, to)) = open.pop() {
            let failure = match self.port.write(batch.lines(from, to).to_owned()).await {
                Ok(()) => {
                    attempts = 0;
                    self.lines_taken(to - from);
                    continue;
                }
                Err(failure) => failure,
            };
            self.status.send_modify(|status| status.failures += 1);
            let failure = match failure {
                WriteFailure::Refused(_) if to - from > 1 => {
                    let middle = from + (to - from) / 2;
                    open.push((middle, to));
                    open.push((from, middle));
                    continue;
                }
                WriteFailure::Refused(reason) => {
                    refused.push((from, reason.clone()));
                    if self.has_written || refused.len() < REFUSED_BEFORE_DOUBT {
                        continue;
                    }
                    // Nothing was ever taken: start over rather than set everything aside.
                    refused.clear();
                    open = vec![(0, batch.ends.len())];
                    let advice = "check org, bucket and url: the server has refused every line so far";
                    WriteFailure::Misconfigured { reason, advice }
                }
                other => {
                    open.push((from, to));
                    other
                }
            };
            attempts = attempts.saturating_add(1);
            let wait = self.failed(failure, attempts);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return Ok(Err(Stopped)),
            }
        }
        for (index, reason) in refused {
            let line = batch.lines(index, index + 1).trim_end();
            tracing::warn!(reason, "influx refuses a line, set aside");
            self.positions.set_aside(line, &reason)?;
            self.status.send_modify(|status| status.lines_refused += 1);
        }
        self.status.send_modify(|status| status.state = InfluxState::Healthy);
        Ok(Ok(()))
    }

    fn lines_taken(&mut self, lines: usize) {
        self.has_written = true;
        self.status.send_modify(|status| {
            status.requests += 1;
            status.lines_written += lines as u64;
            if status.state != InfluxState::Healthy {
                tracing::info!("influx takes lines again");
                status.state = InfluxState::Healthy;
            }
        });
    }

    /// Notes a failure and says how long to wait.
    fn failed(&mut self, failure: WriteFailure, attempts: u32) -> Duration {
        let now = (self.clock)();
        let InfluxConfig {
            retry_first, retry_max, ..
        } = self.port.config;
        let wait = match &failure {
            WriteFailure::Misconfigured { .. } => jittered(retry_max, &mut self.random),
            WriteFailure::Unavailable(_) | WriteFailure::Refused(_) => {
                back_off(attempts, retry_first, retry_max, &mut self.random)
            }
        };
        self.status.send_modify(|status| {
            let (since, is_news) = match &status.state {
                InfluxState::Healthy => (now, true),
                InfluxState::Retrying { since, .. } | InfluxState::Misconfigured { since, .. } => (*since, false),
            };
            status.state = match failure {
                WriteFailure::Misconfigured { reason, advice } => InfluxState::Misconfigured {
                    since,
                    attempts,
                    reason,
                    advice,
                },
                WriteFailure::Unavailable(last_error) | WriteFailure::Refused(last_error) => InfluxState::Retrying {
                    since,
                    attempts,
                    last_error,
                },
            };
            if is_news {
                tracing::warn!(state = ?status.state, "influx does not take lines; they wait in the journal");
            }
        });
        wait
    }

    fn save(&mut self, position: u64) -> Result<(), SourceError> {
        if position > self.saved {
            self.positions.save_position(position)?;
            self.saved = position;
            self.status.send_modify(|status| status.position = position);
        }
        Ok(())
    }
}

/// The wait after the `attempt`-th failure in a row (from 1): doubling, capped, half of it random.
fn back_off(attempt: u32, first: Duration, max: Duration, random: &mut impl Rng) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(30)));
    jittered(doubled.min(max), random)
}

/// Between half of the span and all of it.
fn jittered(span: Duration, random: &mut impl Rng) -> Duration {
    span.mul_f64(random.random_range(0.5..=1.0))
}

#[cfg(test)]
#[path = "influx_tests.rs"]
mod tests;
