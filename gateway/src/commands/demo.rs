//! `forewarn demo`: gateway, dashboard and a simulated fleet in one process, joined by real MQTT over a real socket. The
//! fleet's clock and the gateway's are one, and it runs fast, so that hours of wear pass in minutes.

use super::output::announce;
use super::until_told_to_stop;
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config::{Checked, Config};
use crate::listener::ListenerConfig;
use crate::store::{ListFilter, Reader};
use anyhow::Context;
use device_sim::clock::SimClock;
use device_sim::drive::{self, Pace, RunOptions};
use device_sim::fleet::Fleet;
use device_sim::link::MqttTarget;
use device_sim::spec::FleetSpec;
use device_sim::truth::{TicketSummary, compare};
use domain::Timestamp;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

const ASSIGN: &str = r#"
[[assign]]
device = "pump-*"
profile = "pump"
[[assign]]
device = "elevator-*"
profile = "elevator"
[[assign]]
device = "ac-*"
profile = "air_conditioner"
"#;
const DAY_MS: i64 = 86_400_000;
const EIGHT_O_CLOCK_MS: i64 = 8 * 3_600_000;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the dashboard is served; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where the simulated devices connect, and yours may too; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    mqtt: SocketAddr,
    /// Where everything is kept; without it a temporary folder that is removed in the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Machine time to real time: at 60 a second is a minute.
    #[arg(long, default_value_t = 60.0)]
    speed: f64,
    /// Of the simulation: the same seed gives the same wear.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends by itself after so many real seconds; without it Ctrl-C ends it.
    #[arg(long)]
    seconds: Option<u64>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        arguments.speed > 0.0 && arguments.speed <= 1_000.0,
        "--speed must lie above 0 and up to 1000"
    );
    for address in [arguments.http, arguments.mqtt] {
        anyhow::ensure!(
            address.ip().is_loopback(),
            "{address}: the demo has no passwords and keeps to 127.0.0.1"
        );
    }
    // a working day, so that elevators ride and pumps run
    let today = Clock::System.now().0.div_euclid(DAY_MS) * DAY_MS;
    let start = Timestamp(today + EIGHT_O_CLOCK_MS);
    let temporary = tempfile::Builder::new()
        .prefix("forewarn-demo-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let data = arguments.data.clone().unwrap_or_else(|| temporary.path().to_owned());

    let spec = FleetSpec {
        speed: arguments.speed,
        ..FleetSpec::demo(arguments.seed, start.0)
    };
    let fleet = Fleet::new(&spec).map_err(|error| anyhow::anyhow!("{error}"))?;
    let (devices, truth) = (fleet.devices().len(), fleet.truth().clone());

    let gateway = Gateway::start(
        configuration(&arguments, data.clone())?,
        Clock::scaled(start, arguments.speed),
    )
    .await?;
    let clock = SimClock::start(start.0, arguments.speed);
    let mqtt = gateway.running().mqtt_address.context("the demo has a listener")?;
    introduce(&gateway, mqtt, devices, arguments.speed, truth.faults.len());

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let target = MqttTarget {
        host: mqtt.ip().to_string(),
        port: mqtt.port(),
        user: None,
        password: None,
        tls: None,
    };
    let stopping = async move {
        stopped.await.ok();
    };
    let driver =
        tokio::spawn(
            async move { drive::run(fleet, Pace::Clock(clock), &target, RunOptions::default(), stopping).await },
        );
    let watching = tokio::spawn(watch_tickets(
        gateway.running().changed.subscribe(),
        gateway.running().store_path.clone(),
    ));

    let ended = async {
        match arguments.seconds {
            Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        told = until_told_to_stop() => told?,
        () = ended => {}
    }
    announce(format_args!("\nstopping …"));
    stop.send(()).ok();
    let report = driver.await.context("the simulation broke")??;
    let now = clock.now_ms();
    let store_path = gateway.running().store_path.clone();
    gateway.stop().await?;
    watching.abort();

    announce(format_args!(
        "{} messages sent, {} confirmed by the gateway, {:.0} s, machine time {}",
        report.published,
        report.confirmed,
        report.seconds,
        Timestamp(report.machine_end_ms)
    ));
    announce(format_args!(
        "{}",
        compare(&truth, &tickets(&Reader::open(&store_path)?)?, now)
    ));
    if arguments.data.is_some() {
        announce(format_args!("kept in {}", data.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn configuration(arguments: &Arguments, data: PathBuf) -> anyhow::Result<Checked> {
    let mut config = Config {
        data,
        ..Config::default()
    };
    config.listener = Some(ListenerConfig {
        bind: arguments.mqtt,
        ..ListenerConfig::default()
    });
    config.web.bind = arguments.http.to_string();
    let mut checked =
        Checked::of(config).map_err(|problems| anyhow::anyhow!("the demo's own configuration: {problems:?}"))?;
    checked.registry =
        domain::registry::Registry::parse(ASSIGN).map_err(|p| anyhow::anyhow!("the demo's registry: {p:?}"))?;
    Ok(checked)
}

fn introduce(gateway: &Gateway, mqtt: SocketAddr, devices: usize, speed: f64, faults: usize) {
    if let Some(http) = gateway.http_address() {
        announce(format_args!("dashboard: http://{http}"));
    }
    announce(format_args!("mqtt: {mqtt}"));
    announce("");
    announce(format_args!(
        "{devices} simulated machines on two sites publish over MQTT; {faults} of them will wear out."
    ));
    announce(format_args!(
        "One second here is {speed:.0} seconds of theirs. Look at:"
    ));
    announce(format_args!(
        "  the fleet     sorted by risk; it changes as machines degrade"
    ));
    announce(format_args!(
        "  the alarms    raised before the machine fails, each with value and limit"
    ));
    announce(format_args!(
        "  the tickets   opened by the alarms, with their clocks running"
    ));
    announce(format_args!(
        "Press Ctrl-C to end and to see how the tickets compare with what was really broken."
    ));
    announce("");
}

/// Says each new ticket on the terminal.
async fn watch_tickets(
    mut changed: tokio::sync::broadcast::Receiver<crate::pipeline::commit::Changed>,
    store: PathBuf,
) {
    use crate::pipeline::commit::Changed;
    use tokio::sync::broadcast::error::RecvError;
    let mut said = std::collections::BTreeSet::new();
    loop {
        let id = match changed.recv().await {
            Ok(Changed::Ticket(id)) if said.insert(id) => id,
            Ok(Changed::Ticket(_) | Changed::Alarm(_) | Changed::Incident(_)) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let row = Reader::open(&store).and_then(|reader| reader.ticket(id));
        if let Ok(Some(row)) = row {
            let record: Option<alerting::ticket::TicketRecord> = serde_json::from_str(&row.record).ok();
            let (title, reason) = record.map(|r| (r.title.en, r.reason.en)).unwrap_or_default();
            announce(format_args!(
                "{}  ticket T-{id:06}  {}  {}  {title}: {reason}",
                row.opened_at, row.kind, row.device
            ));
        }
    }
}

/// All tickets as the comparison wants them.
fn tickets(reader: &Reader) -> anyhow::Result<Vec<TicketSummary>> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let rows = reader.tickets(&ListFilter::default(), before, 500)?;
        let Some(last) = rows.last() else { return Ok(all) };
        before = Some((last.opened_at.0, last.id as i64));
        // planned maintenance is no warning of a fault
        let faults = rows.iter().filter(|r| !r.failure_mode.as_str().starts_with("plan."));
        all.extend(faults.map(|r| TicketSummary {
            site: r.device.site.to_string(),
            device: r.device.device.to_string(),
            failure_mode: r.failure_mode.to_string(),
            opened_ms: r.opened_at.0,
        }));
    }
}
