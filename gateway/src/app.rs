//! The wiring of a gateway, in the order things happen: store → names → history → shards → book → commit → ways in → ways
//! out → pages. [`Gateway::start`] opens everything, [`Gateway::stop`] closes it in the order in which nothing is lost.

use crate::access::{AccessOrder, Accounts, new_secret};
use crate::attachments::Attachments;
use crate::backend::{Follower, LiveBackend};
use crate::broker::{self, BrokerCounters, BrokerHandle, PublishError};
use crate::clock::Clock;
use crate::config::{Checked, Config};
use crate::history::influx::PositionFiles;
use crate::history::{Embedded, HistoryReader, HistorySink, InfluxPort, InfluxStatus, InfluxWriter};
use crate::ingest::directory::Directory;
use crate::ingest::{Ingest, IngestIntakes};
use crate::ledger::Ledger;
use crate::listener::{Hub, Listener, ListenerCounters};
use crate::outbound::deliver::{Deliverer, MqttPublish};
use crate::outbound::send::{Senders, senders};
use crate::outbound::{Delivery, OutboundConfig, Routing};
use crate::pipeline::catalogue::Catalogue;
use crate::pipeline::commit::{Changed, CommitSetup, Committer, StormCounts, ToCommit};
use crate::pipeline::drifts::DriftCounts;
use crate::pipeline::feed::{HistoryFeed, InfluxSource, follow_influx};
use crate::pipeline::fleet::Fleet;
use crate::pipeline::positions::Positions;
use crate::pipeline::recovery::{Recovered, restore_book, restore_comparisons, restore_models, restore_shards};
use crate::pipeline::shard::{LiveReading, Shard, ShardSetup, ToShard};
use crate::review::monthly::Monthly;
use crate::secret::Secret;
use crate::store::Store;
use crate::web::{self, WebConfig};
use anyhow::Context;
use bytes::Bytes;
use domain::{Millis, Names};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

/// Batches that may wait for a shard.
const SHARD_QUEUE: usize = 256;
/// Pieces that may wait for the commit.
const COMMIT_QUEUE: usize = 256;
/// How often time passes for silent devices, deadlines and checkpoints, in real time.
const TICK: Duration = Duration::from_millis(250);
/// Events that a slow page may be behind.
const EVENTS: usize = 4_096;
/// How long an answer under way may hold up the end.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// What the rest of the process (pages, commands) works with while the gateway runs.
#[derive(Clone)]
pub struct Running {
    /// Shared by all connections; names, ledger and clock are in it.
    pub ingest: Arc<Ingest>,
    /// Profiles in force.
    pub catalogue: Arc<Catalogue>,
    /// The commit thread's inbox.
    pub commit: mpsc::Sender<ToCommit>,
    /// Users and tokens.
    pub access: watch::Receiver<Arc<Accounts>>,
    /// How far everybody is.
    pub positions: Arc<Positions>,
    /// How often what models hold for normal has moved.
    pub drifts: Arc<DriftCounts>,
    /// Recorded readings.
    pub history: HistoryReader,
    /// What changes.
    pub changed: broadcast::Sender<Changed>,
    /// Storms in numbers.
    pub storms: Arc<StormCounts>,
    /// Readings of watched devices.
    pub live: broadcast::Sender<LiveReading>,
    /// The store's file, for readers.
    pub store_path: PathBuf,
    /// Counts of the listener, if there is one.
    pub listener: Option<Arc<ListenerCounters>>,
    /// Counts of the broker's client, if there is one.
    pub broker: Option<Arc<BrokerCounters>>,
    /// State of InfluxDB's writer, if there is one.
    pub influx: Option<watch::Receiver<InfluxStatus>>,
    /// The policy of alarms and tickets.
    pub policy: Arc<alerting::policy::Policy>,
    /// Who can be sent.
    pub roster: Arc<alerting::dispatch::Roster>,
    /// Where devices connect, if there is a listener.
    pub mqtt_address: Option<SocketAddr>,
    /// The listener's TLS port, if there is one.
    pub mqtts_address: Option<SocketAddr>,
    /// What the restart found.
    pub recovered: Recovered,
    /// Receivers with a protocol of their own.
    pub senders: Senders,
    /// Who gets messages, as configured.
    pub outbound: Arc<OutboundConfig>,
    /// Files of tickets.
    pub attachments: Arc<Attachments>,
}

/// A gateway that runs.
pub struct Gateway {
    running: Running,
    stop_ways_in: watch::Sender<bool>,
    stop_ways_out: watch::Sender<bool>,
    ways_in: Vec<tokio::task::JoinHandle<()>>,
    ways_out: Vec<tokio::task::JoinHandle<()>>,
    broker: Option<BrokerHandle>,
    shards: Vec<JoinHandle<()>>,
    committer: JoinHandle<Store>,
    history: JoinHandle<()>,
    stop_history: Arc<AtomicBool>,
    pages: Pages,
    set_up: Option<Secret>,
    /// The name by which others reach the pages, if it is configured.
    host: Option<String>,
}

/// The server of pages and API.
struct Pages {
    address: SocketAddr,
    follower: Follower,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Gateway {
    /// Opens the data folder, recovers what a crash left, and lets devices in.
    pub async fn start(checked: Checked, clock: Clock) -> anyhow::Result<Gateway> {
        let Checked {
            config,
            policy,
            profiles,
            registry,
            roster,
        } = checked;
        let policy = Arc::new(policy);
        let mut store = Store::open(&config.data)?;
        let directory = Arc::new(Directory::new(
            config.devices.clone(),
            registry,
            store.devices()?,
            store.metrics()?,
        ));
        let persisted = directory.sizes();
        let catalogue = Arc::new(Catalogue::new(profiles, &directory));

        let history =
            Embedded::open(config.history.store_config(&config.data), clock.now()).context("cannot open history")?;
        store.skip_to(history.durable_position());
        let influx_port = config
            .influxdb
            .as_ref()
            .map(|i| InfluxPort::new(i.writer_config()))
            .transpose()?;
        let reader = store.reader()?;
        let replay_from = reader.meta("replay_from")?.unwrap_or(0) as u64;
        let influx_at = influx_port.is_some().then_some(0);
        // not the last position given: whoever follows the journal waits for the first entry after it, and there is none yet
        let last_entry = reader.journal_span()?.map_or(0, |(_, last)| last);
        let positions = Arc::new(Positions::new(
            last_entry,
            replay_from,
            history.durable_position(),
            influx_at,
        ));

        let (commit, commit_inbox) = mpsc::channel(COMMIT_QUEUE);
        let (changed, _) = broadcast::channel(EVENTS);
        let (live, _) = broadcast::channel(EVENTS);
        let count = shard_count(&config);
        let fleet = Arc::new(Fleet::default());
        let setup = |number| ShardSetup {
            number,
            of: count,
            directory: directory.clone(),
            catalogue: catalogue.clone(),
            fleet: fleet.clone(),
            reorder_window: Millis(config.ingest.reorder_window_ms),
            commit: commit.clone(),
            live: live.clone(),
            started_at: clock.now(),
        };
        let mut shards: Vec<Shard> = (0..count).map(|number| Shard::new(setup(number))).collect();
        let releases = restore_models(&reader, &catalogue, &directory)?;
        let recovered = restore_shards(&reader, &mut shards)?;
        restore_comparisons(&reader, &releases, &directory, &mut shards)?;
        let book = restore_book(&reader, policy.clone(), &directory, &mut shards)?;
        tracing::info!(
            devices = directory.sizes().0,
            replayed = recovered.replayed,
            position = store.last_position(),
            alarms = book.alarms().count(),
            tickets = book.tickets().count(),
            "recovered"
        );

        let (inboxes, outlets): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::channel(SHARD_QUEUE)).unzip();
        let shard_threads = shards.into_iter().zip(outlets).enumerate();
        let shard_threads = shard_threads
            .map(|(number, (shard, inbox))| spawn(&format!("shard-{number}"), move || shard.run(inbox)))
            .collect::<anyhow::Result<Vec<_>>>()?;

        let ledger = Arc::new(Ledger::default());
        let drifts = Arc::new(DriftCounts::default());
        let has_listener = config.listener.is_some() || config.broker.is_none();
        let routing = Routing::new(true, config.outbound.clone());
        let senders = senders(&config.outbound);
        let outbox_wake = Arc::new(Notify::new());
        let store_path = store.path().to_owned();
        let retained = reader.retained()?;
        let (outbox_reader, history_reader) = (store.reader()?, store.reader()?);
        let influx_reader = influx_port.is_some().then(|| store.reader()).transpose()?;
        let storms = StormCounts::of(&book);
        let configured = config.web.tokens.iter().map(|t| (t.name.clone(), t.role));
        let accounts = Accounts::restore(
            reader.accounts()?,
            reader.access_tokens()?,
            reader.set_up_link()?,
            configured,
        );
        let (tell_access, access) = watch::channel(Arc::new(accounts.clone()));
        let committer = Committer::new(CommitSetup {
            store,
            book,
            directory: directory.clone(),
            catalogue: catalogue.clone(),
            releases,
            accounts,
            access: tell_access,
            ledger: ledger.clone(),
            drifts: drifts.clone(),
            clock,
            config: config.store.clone(),
            quarantine_packets: config.ingest.quarantine_packets,
            waveforms_per_sensor: config.ingest.waveforms_per_sensor,
            routing,
            shards: inboxes.clone(),
            positions: positions.clone(),
            outbox_wake: outbox_wake.clone(),
            changed: changed.clone(),
            storms: storms.clone(),
            repairs: reader.repairs()?,
            persisted,
        });
        let committer = spawn("commit", move || committer.run(commit_inbox))?;

        let recorded = history.reader();
        let feed = HistoryFeed {
            history,
            reader: history_reader,
            directory: directory.clone(),
            positions: positions.clone(),
            clock,
            seal_after_bytes: config.store.journal_bytes / 4,
        };
        let stop_history = Arc::new(AtomicBool::new(false));
        let stop = stop_history.clone();
        let history = spawn("history", move || feed.run(&stop))?;

        let (stop_ways_in, ways_in_stop) = watch::channel(false);
        let (stop_ways_out, ways_out_stop) = watch::channel(false);
        let (mut ways_in, mut ways_out) = (Vec::new(), Vec::new());
        ways_in.push(tokio::spawn(tick(
            clock,
            inboxes.clone(),
            commit.clone(),
            ways_in_stop.clone(),
        )));
        if config.reports.monthly {
            let monthly = Monthly {
                store_path: store_path.clone(),
                policy: policy.clone(),
                language: config.reports.language,
                clock,
                commit: commit.clone(),
            };
            ways_in.push(tokio::spawn(monthly.run(ways_in_stop.clone())));
        }

        let mut influx = None;
        if let (Some(port), Some(reader)) = (influx_port, influx_reader) {
            let source = InfluxSource::new(reader, &positions);
            let files = PositionFiles::new(config.data.join("influxdb"));
            let names: Arc<dyn Names + Send + Sync> = directory.clone();
            std::fs::create_dir_all(config.data.join("influxdb"))
                .context("cannot make the folder of InfluxDB's position")?;
            let writer = InfluxWriter::new(port, source, files, names, Arc::new(move || clock.now()))
                .map_err(|error| anyhow::anyhow!("cannot set up the writer to InfluxDB: {error}"))?;
            let status = writer.status();
            positions.influx_is_at(status.borrow().position);
            ways_out.push(tokio::spawn(follow_influx(status.clone(), positions.clone())));
            let stop = ways_out_stop.clone();
            ways_out.push(tokio::spawn(async move {
                if let Err(error) = writer.run(stop).await {
                    tracing::error!(%error, "the writer to InfluxDB stopped; the journal keeps what it has not taken");
                }
            }));
            influx = Some(status);
        }

        let ingest = Arc::new(Ingest {
            config: config.ingest.clone(),
            directory,
            ledger,
            clock,
            shards: inboxes,
        });
        let intakes = IngestIntakes(ingest.clone());
        let mut running = Running {
            ingest,
            catalogue,
            commit: commit.clone(),
            access,
            positions,
            drifts,
            history: recorded,
            changed,
            storms,
            live,
            store_path,
            listener: None,
            broker: None,
            influx,
            policy,
            roster: Arc::new(roster),
            mqtt_address: None,
            mqtts_address: None,
            recovered,
            senders: senders.clone(),
            outbound: Arc::new(config.outbound.clone()),
            attachments: Arc::new(Attachments::open(&config.data)?),
        };
        let mut hub = None;
        if has_listener {
            let counters = Arc::new(ListenerCounters::default());
            let own = Hub::new(retained, config.subscribers, counters.clone());
            let listener_config = config.listener.clone().unwrap_or_default();
            let listener = Listener::bind(&listener_config, intakes.clone(), own.clone(), counters.clone()).await?;
            running.mqtt_address = Some(listener.local_addr());
            running.mqtts_address = listener.tls_addr();
            running.listener = Some(counters);
            hub = Some(own);
            ways_in.push(tokio::spawn(listener.run(ways_in_stop.clone())));
        }
        let mut broker_handle = None;
        if let Some(section) = &config.broker {
            let counters = Arc::new(BrokerCounters::default());
            let handle = broker::run(
                section,
                &intakes,
                counters.clone(),
                rand::random(),
                ways_in_stop.clone(),
            )?;
            running.broker = Some(counters);
            broker_handle = Some(handle);
        }
        let deliverer = Deliverer {
            reader: outbox_reader,
            commit,
            wake: outbox_wake,
            clock,
            mqtt: mqtt_publisher(hub, broker_handle.as_ref()),
            outbound: config.outbound.clone(),
            senders,
        };
        ways_out.push(tokio::spawn(deliverer.run(ways_out_stop)));
        let set_up = offer_set_up(&running, &config.web).await?;
        let pages = serve_pages(running.clone(), &config.web).await?;
        Ok(Gateway {
            running,
            stop_ways_in,
            stop_ways_out,
            ways_in,
            ways_out,
            broker: broker_handle,
            shards: shard_threads,
            committer,
            history,
            stop_history,
            pages,
            set_up,
            host: config.web.allowed_hosts.first().cloned(),
        })
    }

    /// The link by which the first administrator comes in, where nobody can yet; shown once and kept nowhere.
    pub fn set_up_link(&self) -> Option<String> {
        let secret = self.set_up.as_ref()?;
        // an address that stands for all is none to open
        let host = match (self.host.as_deref(), self.pages.address.ip().is_unspecified()) {
            (Some(host), _) => host.to_owned(),
            (None, true) => format!("localhost:{}", self.pages.address.port()),
            (None, false) => self.pages.address.to_string(),
        };
        Some(format!("http://{host}/setup?key={}", secret.expose()))
    }

    /// Where the pages are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        Some(self.pages.address)
    }

    /// What pages and commands work with.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Stops taking in, commits and acknowledges what was taken, brings it into history, and closes.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Gateway {
            running,
            stop_ways_in,
            stop_ways_out,
            ways_in,
            ways_out,
            broker,
            shards,
            committer,
            history,
            stop_history,
            pages,
            set_up: _,
            host: _,
        } = self;
        pages.stop().await;
        stop_ways_in.send_replace(true);
        for task in ways_in {
            task.await.context("a way in broke")?;
        }
        if let Some(broker) = broker {
            broker.stopped().await;
        }
        stop_ways_out.send_replace(true);
        for shard in &running.ingest.shards {
            shard.send(ToShard::Stop).await.ok();
        }
        for task in ways_out {
            task.abort();
        }
        let closing = tokio::task::spawn_blocking(move || {
            for shard in shards {
                shard.join().map_err(|_| anyhow::anyhow!("a shard broke"))?;
            }
            let store = committer
                .join()
                .map_err(|_| anyhow::anyhow!("the commit thread broke"))?;
            stop_history.store(true, Ordering::Release);
            history
                .join()
                .map_err(|_| anyhow::anyhow!("the history thread broke"))?;
            drop(store);
            Ok(())
        });
        closing.await.context("closing broke")?
    }
}

/// Where others can connect and nobody can come in: a link for the first administrator. An earlier one is void.
async fn offer_set_up(running: &Running, config: &WebConfig) -> anyhow::Result<Option<Secret>> {
    if config.is_loopback() || !running.access.borrow().is_empty() {
        return Ok(None);
    }
    let secret = new_secret();
    let (reply, answer) = oneshot::channel();
    let order = AccessOrder::OfferSetUp {
        hash: crate::access::hex(&crate::access::sha256(secret.as_bytes())),
    };
    let message = ToCommit::Access {
        order: Box::new(order),
        actor: "forewarn".to_owned(),
        reply,
    };
    running
        .commit
        .send(message)
        .await
        .context("cannot offer a set-up link")?;
    answer.await.context("cannot offer a set-up link")??;
    Ok(Some(Secret::new(secret)))
}

/// Binds, and serves from then on.
async fn serve_pages(running: Running, config: &WebConfig) -> anyhow::Result<Pages> {
    let address = config
        .address()
        .with_context(|| format!("web.bind {:?} is not an address", config.bind))?;
    let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
        format!("cannot serve pages on {address}: stop what uses this port, or set web.bind to another (port 0 takes a free one)")
    })?;
    let address = listener.local_addr().context("the address of the pages")?;
    let (backend, follower) = LiveBackend::start(running).await?;
    let (stop, mut stopped) = watch::channel(false);
    let app = web::router(backend, config.clone());
    let server = tokio::spawn(async move {
        let until_stopped = async move {
            // the sender being gone means the same
            stopped.wait_for(|is_stopped| *is_stopped).await.ok();
        };
        if let Err(error) = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(until_stopped)
            .await
        {
            tracing::error!(%error, "pages are no longer served");
        }
    });
    Ok(Pages {
        address,
        follower,
        stop,
        server,
    })
}

impl Pages {
    /// Ends streams, answers what was asked, and closes; a connection that does not end is cut.
    async fn stop(self) {
        self.follower.stop().await;
        self.stop.send_replace(true);
        let mut server = self.server;
        if tokio::time::timeout(LAST_ANSWERS, &mut server).await.is_err() {
            server.abort();
        }
    }
}

fn shard_count(config: &Config) -> usize {
    match config.ingest.shards {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        count => count,
    }
}

/// A thread of the pipeline. Should a bug break it, the process ends at once: a restart recovers everything that was
/// acknowledged, while a gateway without one of its threads would take readings in and never acknowledge them.
fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<JoinHandle<T>> {
    let guarded = move || {
        let _guard = EndsTheProcessOnPanic;
        work()
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(guarded)
        .with_context(|| format!("cannot start the thread {name}"))
}

struct EndsTheProcessOnPanic;

impl Drop for EndsTheProcessOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                thread = std::thread::current().name(),
                "broken by a bug; the process ends, a restart recovers"
            );
            std::process::abort();
        }
    }
}

/// Time passes for shards and commit. Whoever is busy will see the next one.
async fn tick(
    clock: Clock,
    shards: Vec<mpsc::Sender<ToShard>>,
    commit: mpsc::Sender<ToCommit>,
    mut stop: watch::Receiver<bool>,
) {
    let mut every = tokio::time::interval(TICK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beat = 0u32;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = stop.changed() => return,
        }
        commit.try_send(ToCommit::Tick).ok();
        beat = beat.wrapping_add(1);
        if beat.is_multiple_of(4) {
            for shard in &shards {
                shard.try_send(ToShard::Tick(clock.now())).ok();
            }
        }
    }
}

/// To our own subscribers at once, to a broker until it confirms; with both, the broker's word counts.
fn mqtt_publisher(hub: Option<Hub>, broker: Option<&BrokerHandle>) -> MqttPublish {
    let publisher = broker.map(BrokerHandle::publisher);
    Arc::new(move |order| {
        let (hub, publisher) = (hub.clone(), publisher.clone());
        Box::pin(async move {
            let stays = order.kind.ends_with("/alarm");
            let payload = Bytes::from(order.payload);
            if let Some(hub) = hub
                && order.attempts == 0
            {
                hub.publish(&order.kind, payload.clone(), stays);
            }
            match publisher {
                None => Delivery::Done,
                Some(publisher) => match publisher.publish(&order.kind, payload, stays).await {
                    Ok(()) => Delivery::Done,
                    Err(error @ (PublishError::NotConnected | PublishError::LinkLost)) => Delivery::Retry {
                        error: error.to_string(),
                        after: None,
                    },
                    Err(error @ PublishError::Unsendable) => Delivery::Refused {
                        error: error.to_string(),
                    },
                },
            }
        })
    })
}
