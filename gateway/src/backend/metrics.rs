//! `/metrics`: the numbers of one moment in Prometheus' text format, read from counters and memory, never from a disk.

use super::standing::StandingCounts;
use crate::broker::BrokerCounters;
use crate::history::{InfluxState, InfluxStatus};
use crate::ledger::Balance;
use crate::listener::ListenerCounters;
use crate::pipeline::commit::StormFigures;
use crate::store::WaitingCounts;
use alerting::ticket::TicketKind;
use dashboards::metric_names::GatewayMetric as M;
#[cfg(doc)]
use dashboards::view::Connectivity;
use domain::{DriftCause, Severity, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// Everything a scrape shows.
pub struct Scrape<'a> {
    /// What became of the messages that reached the intake.
    pub balance: Balance,
    /// Counts of the listener, if there is one.
    pub listener: Option<&'a ListenerCounters>,
    /// Counts of the broker's client, if there is one.
    pub broker: Option<&'a BrokerCounters>,
    /// State of InfluxDB's writer, if there is one.
    pub influx: Option<InfluxStatus>,
    /// Number of the newest commit.
    pub journal: u64,
    /// Whether commits fail.
    pub is_failing: bool,
    /// Up to where queries on history see everything.
    pub history_taken: u64,
    /// Up to where history is safe without the journal.
    pub history_sealed: u64,
    /// What waits, as of a moment ago.
    pub waiting: WaitingCounts,
    /// Devices by [`Connectivity`], as of a few seconds ago.
    pub devices: [u64; 4],
    /// Known metric names.
    pub metric_names: usize,
    /// Batches that wait for each shard, and for the commit.
    pub queues: Vec<usize>,
    /// Alarms and tickets.
    pub standing: StandingCounts,
    /// How often what models hold for normal has moved, by [`DriftCause::ALL`].
    pub drifts: [u64; DriftCause::ALL.len()],
    /// Incidents and floods.
    pub storms: StormFigures,
    /// Memory in use, if the system says it.
    pub resident_bytes: Option<u64>,
    /// When the process was started.
    pub started_at: Timestamp,
}

/// The words of [`Connectivity`], in its order.
const CONNECTIVITIES: [&str; 4] = ["online", "offline", "silent", "unknown"];

struct Text {
    out: String,
    last: Option<M>,
}

impl Text {
    /// A sample; those of one metric must come together.
    fn put(&mut self, metric: M, labels: &[(&str, &str)], value: u64) {
        if self.last != Some(metric) {
            let (name, kind) = (metric.name(), metric.kind().as_str());
            self.line(format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", metric.help()));
            self.last = Some(metric);
        }
        self.out.push_str(metric.name());
        for (place, (label, value)) in labels.iter().enumerate() {
            self.out.push_str(if place == 0 { "{" } else { "," });
            self.line(format_args!("{label}=\"{}\"", Escaped(value)));
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        self.line(format_args!(" {value}\n"));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("a String takes everything");
    }

    /// Counts that come with names of their own.
    fn counts(&mut self, counts: impl Iterator<Item = (&'static str, Vec<(&'static str, &'static str)>, u64)>) {
        for (name, labels, value) in counts {
            // a test holds the counters to the list
            if let Some(metric) = M::of_name(name) {
                self.put(metric, &labels, value);
            }
        }
    }
}

/// A label value with what the format reserves escaped.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Packets that a way in refused before they reached the intake: received and rejected. QoS 0 that it dropped: received
/// and dropped.
fn at_the_door(balance: &mut Balance, listener: Option<&ListenerCounters>, broker: Option<&BrokerCounters>) {
    let mut rejected: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut add =
        |reason, count: &std::sync::atomic::AtomicU64| *rejected.entry(reason).or_default() += count.load(Relaxed);
    if let Some(listener) = listener {
        add("packet_too_large", &listener.packet_too_large);
        add("topic_invalid", &listener.topic_invalid);
        add("qos2_refused", &listener.qos2_refused);
        add("acl_denied", &listener.publishes_denied);
    }
    if let Some(broker) = broker {
        add("packet_too_large", &broker.packet_too_large);
        add("topic_invalid", &broker.topic_invalid);
        let dropped = broker.qos0_dropped.load(Relaxed);
        if dropped > 0 {
            balance.received += dropped;
            *balance.dropped.entry("pipeline_behind").or_default() += dropped;
        }
    }
    for (reason, count) in rejected.into_iter().filter(|(_, count)| *count > 0) {
        balance.received += count;
        *balance.rejected.entry(reason).or_default() += count;
    }
}

/// The text of a scrape.
pub fn render(scrape: Scrape<'_>) -> String {
    let Scrape {
        mut balance,
        listener,
        broker,
        influx,
        journal,
        is_failing,
        history_taken,
        history_sealed,
        ..
    } = scrape;
    let Scrape {
        waiting,
        devices,
        metric_names,
        queues,
        standing,
        drifts,
        storms,
        resident_bytes,
        started_at,
        ..
    } = scrape;
    at_the_door(&mut balance, listener, broker);
    let mut text = Text {
        out: String::with_capacity(8_192),
        last: None,
    };
    text.put(M::BuildInfo, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.put(M::StartTime, &[], (started_at.0 / 1_000).max(0) as u64);
    if let Some(bytes) = resident_bytes {
        text.put(M::ResidentBytes, &[], bytes);
    }
    text.put(M::MessagesReceived, &[], balance.received);
    for (outcome, count) in [
        ("stored", balance.stored),
        ("duplicate", balance.duplicate),
        ("late", balance.late),
    ] {
        text.put(M::Messages, &[("outcome", outcome), ("reason", "")], count);
    }
    for (outcome, by_reason) in [
        ("rejected", &balance.rejected),
        ("quarantined", &balance.quarantined),
        ("dropped", &balance.dropped),
    ] {
        for (reason, count) in by_reason {
            text.put(M::Messages, &[("outcome", outcome), ("reason", reason)], *count);
        }
    }
    text.put(M::MessagesSpooled, &[], balance.spooled);
    text.put(M::PointsStored, &[], balance.points);
    text.put(M::JournalPosition, &[], journal);
    text.put(M::JournalFailing, &[], u64::from(is_failing));
    text.put(M::HistoryLag, &[], journal.saturating_sub(history_taken));
    text.put(M::HistoryUnsealed, &[], journal.saturating_sub(history_sealed));
    if let Some(status) = influx {
        let is_up = match status.state {
            InfluxState::Healthy => 1,
            InfluxState::Retrying { .. } | InfluxState::Misconfigured { .. } => 0,
        };
        text.put(M::InfluxUp, &[], is_up);
        text.put(M::InfluxLag, &[], journal.saturating_sub(status.position));
        text.put(M::InfluxLines, &[("outcome", "written")], status.lines_written);
        text.put(M::InfluxLines, &[("outcome", "refused")], status.lines_refused);
        text.put(M::InfluxRequests, &[("outcome", "taken")], status.requests);
        text.put(M::InfluxRequests, &[("outcome", "failed")], status.failures);
    }
    for (shard, waiting) in queues.iter().enumerate() {
        let is_commit = shard + 1 == queues.len();
        let label = if is_commit {
            "commit".to_owned()
        } else {
            shard.to_string()
        };
        text.put(M::QueueLength, &[("shard", &label)], *waiting as u64);
    }
    text.put(M::OutboxWaiting, &[], waiting.outbox_waiting);
    text.put(M::OutboxDead, &[], waiting.outbox_dead);
    text.put(M::Quarantined, &[], waiting.quarantine);
    for (connectivity, count) in CONNECTIVITIES.into_iter().zip(devices) {
        text.put(M::Devices, &[("connectivity", connectivity)], count);
    }
    text.put(M::MetricNames, &[], metric_names as u64);
    for severity in [Severity::Advisory, Severity::Warning, Severity::Critical] {
        text.put(
            M::AlarmsOpen,
            &[("severity", severity.as_str())],
            standing.alarms[severity as usize],
        );
    }
    text.put(M::AlarmsUnacknowledged, &[], standing.unacknowledged);
    for (cause, count) in DriftCause::ALL.into_iter().zip(drifts) {
        text.put(M::ModelDrifts, &[("cause", cause.as_str())], count);
    }
    text.put(M::IncidentsOpen, &[], storms.incidents_open);
    for (cause, found) in [
        ("parent_down", storms.incidents_by_parent),
        ("common_mode", storms.incidents_by_common_cause),
    ] {
        text.put(M::Incidents, &[("cause", cause)], found);
    }
    text.put(M::SitesFlooded, &[], storms.sites_flooded);
    text.put(M::Floods, &[], storms.floods);
    for kind in [
        TicketKind::MaintenanceReminder,
        TicketKind::OnSiteInspection,
        TicketKind::Emergency,
    ] {
        text.put(
            M::TicketsOpen,
            &[("kind", kind.as_str())],
            standing.tickets[kind as usize],
        );
    }
    text.put(M::ClocksBreached, &[], standing.breached_clocks);
    if let Some(listener) = listener {
        text.counts(listener.iter());
    }
    if let Some(broker) = broker {
        text.counts(broker.iter());
    }
    text.out
}

/// Memory of this process, from Linux; none elsewhere.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, Outcomes};
    use crate::listener::RefusedReason;
    use std::collections::BTreeSet;

    fn scrape<'a>(balance: Balance, listener: &'a ListenerCounters, broker: &'a BrokerCounters) -> Scrape<'a> {
        Scrape {
            balance,
            listener: Some(listener),
            broker: Some(broker),
            influx: Some(InfluxStatus::default()),
            journal: 12,
            is_failing: false,
            history_taken: 11,
            history_sealed: 3,
            waiting: WaitingCounts {
                outbox_waiting: 1,
                outbox_dead: 2,
                quarantine: 3,
            },
            devices: [4, 0, 1, 0],
            metric_names: 5,
            queues: vec![0, 3, 1],
            standing: StandingCounts {
                alarms: [1, 2, 3],
                ..StandingCounts::default()
            },
            drifts: [3, 0, 1],
            storms: StormFigures::default(),
            resident_bytes: Some(1 << 20),
            started_at: Timestamp(1_760_000_000_000),
        }
    }

    /// Name, labels, value of every sample; fails where the text is not what the format asks for.
    fn parsed(text: &str) -> Vec<(String, String, f64)> {
        let mut declared = BTreeSet::new();
        let mut samples = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let words: Vec<&str> = rest.splitn(3, ' ').collect();
                match words[0] {
                    "HELP" => assert!(declared.insert(words[1].to_owned()), "{} stands twice", words[1]),
                    "TYPE" => assert!(
                        declared.contains(words[1]) && ["counter", "gauge"].contains(&words[2]),
                        "{line}"
                    ),
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            assert!(declared.contains(name), "{name} has no HELP");
            samples.push((
                name.to_owned(),
                labels.trim_end_matches('}').to_owned(),
                value.parse().expect("a number"),
            ));
        }
        let names: BTreeSet<_> = samples.iter().map(|(name, labels, _)| (name, labels)).collect();
        assert_eq!(names.len(), samples.len(), "every series stands once");
        samples
    }

    #[test]
    fn a_scrape_parses_and_balances_with_what_was_refused_at_the_door() {
        let ledger = Ledger::default();
        ledger.receive(9);
        ledger.settle(&Outcomes {
            stored: 3,
            duplicate: 1,
            late: 1,
            quarantined: vec!["not_json", "not_json"],
            points: 12,
        });
        ledger.drop_spooled(1, "connection_lost");
        let (listener, broker) = (ListenerCounters::default(), BrokerCounters::default());
        listener.packet_too_large.store(2, Relaxed);
        listener.qos2_refused.store(1, Relaxed);
        listener.count_refused(RefusedReason::ServerBusy);
        broker.packet_too_large.store(5, Relaxed);
        broker.qos0_dropped.store(4, Relaxed);
        let samples = parsed(&render(scrape(ledger.balance(), &listener, &broker)));
        let sum = |wanted: &str| {
            samples
                .iter()
                .filter(|(name, _, _)| name == wanted)
                .map(|(_, _, v)| v)
                .sum::<f64>()
        };
        assert_eq!(sum("forewarn_messages_received_total"), 21.0);
        assert_eq!(sum("forewarn_messages_total") + sum("forewarn_messages_spooled"), 21.0);
        let too_large = samples
            .iter()
            .find(|(_, labels, _)| labels.contains("packet_too_large"))
            .expect("there");
        assert_eq!(
            (too_large.1.as_str(), too_large.2),
            ("outcome=\"rejected\",reason=\"packet_too_large\"", 7.0)
        );
    }

    #[test]
    fn everything_on_the_list_is_offered_and_everything_counted_is_on_the_list() {
        let (listener, broker) = (ListenerCounters::default(), BrokerCounters::default());
        let offered: BTreeSet<String> = parsed(&render(scrape(Balance::default(), &listener, &broker)))
            .into_iter()
            .map(|(name, _, _)| name)
            .collect();
        let listed: BTreeSet<String> = M::ALL.iter().map(|m| m.name().to_owned()).collect();
        assert_eq!(offered, listed);
        for (name, _, _) in listener.iter().chain(broker.iter()) {
            assert!(listed.contains(name), "{name} is not on the list");
        }
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }
}
