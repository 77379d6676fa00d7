//! The Prometheus metrics that the gateway offers, by name: the one list that code and Grafana dashboards share.
//! Labels are few and bounded; never a device.

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, until the process starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl MetricKind {
    /// The word of the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        }
    }
}

macro_rules! metrics {
    ($($variant:ident = $name:literal, $kind:ident, $help:literal;)*) => {
        /// A metric of the gateway.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum GatewayMetric {
            $(#[doc = $help] $variant,)*
        }

        impl GatewayMetric {
            /// Every metric.
            pub const ALL: &[GatewayMetric] = &[$(GatewayMetric::$variant,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(GatewayMetric::$variant => $name,)* }
            }

            /// What kind of number it is.
            pub fn kind(self) -> MetricKind {
                match self { $(GatewayMetric::$variant => MetricKind::$kind,)* }
            }

            /// What it says, in one sentence.
            pub fn help(self) -> &'static str {
                match self { $(GatewayMetric::$variant => $help,)* }
            }
        }
    };
}

metrics! {
    BuildInfo = "forewarn_build_info", Gauge, "Always 1; the label version says what runs.";
    StartTime = "process_start_time_seconds", Gauge, "When the gateway was started, seconds since 1970.";
    ResidentBytes = "process_resident_memory_bytes", Gauge, "Memory in use.";
    MessagesReceived = "forewarn_messages_received_total", Counter, "Messages that came in; the sum of forewarn_messages_total and forewarn_messages_spooled.";
    Messages = "forewarn_messages_total", Counter, "What became of messages, by outcome (stored, duplicate, late, rejected, quarantined, dropped) and reason.";
    MessagesSpooled = "forewarn_messages_spooled", Gauge, "Messages taken in and not yet on disk.";
    PointsStored = "forewarn_points_stored_total", Counter, "Values on disk: each metric of each stored or late message, derived ones too.";
    JournalPosition = "forewarn_journal_position", Gauge, "Number of the newest commit.";
    JournalFailing = "forewarn_journal_failing", Gauge, "1 while commits fail: nothing is acknowledged.";
    HistoryLag = "forewarn_history_lag_commits", Gauge, "Commits that queries on history do not see yet.";
    HistoryUnsealed = "forewarn_history_unsealed_commits", Gauge, "Commits that the journal still keeps for the history store.";
    InfluxUp = "forewarn_influx_up", Gauge, "1 while InfluxDB takes what it is sent; absent without InfluxDB.";
    InfluxLag = "forewarn_influx_lag_commits", Gauge, "Commits that InfluxDB has not taken.";
    InfluxLines = "forewarn_influx_lines_total", Counter, "Lines sent to InfluxDB, by outcome (written, refused).";
    InfluxRequests = "forewarn_influx_requests_total", Counter, "Requests to InfluxDB, by outcome (taken, failed).";
    QueueLength = "forewarn_queue_length", Gauge, "Batches that wait for a shard or, as shard commit, for the commit.";
    OutboxWaiting = "forewarn_outbox_waiting", Gauge, "Orders to other systems that wait.";
    OutboxDead = "forewarn_outbox_dead", Gauge, "Orders to other systems that were given up.";
    Quarantined = "forewarn_quarantine_messages", Gauge, "Packets in quarantine.";
    Devices = "forewarn_devices", Gauge, "Known devices, by connectivity (online, offline, silent, unknown).";
    MetricNames = "forewarn_metric_names", Gauge, "Known metric names of all devices.";
    AlarmsOpen = "forewarn_alarms_open", Gauge, "Alarms that are not normal, by severity.";
    AlarmsUnacknowledged = "forewarn_alarms_unacknowledged", Gauge, "Alarms that nobody has acknowledged.";
    ModelDrifts = "forewarn_model_drifts_total", Counter, "Times that what a model holds for normal of a metric has itself moved, by cause (adopted, moved, outside).";
    IncidentsOpen = "forewarn_incidents_open", Gauge, "Incidents, which are many alarms of one cause, that are not over.";
    Incidents = "forewarn_incidents_total", Counter, "Incidents found, by cause (parent_down, common_mode).";
    SitesFlooded = "forewarn_sites_flooded", Gauge, "Sites with more alarms than one person can answer.";
    Floods = "forewarn_floods_total", Counter, "Floods of alarms that began.";
    TicketsOpen = "forewarn_tickets_open", Gauge, "Tickets with work left, by kind.";
    ClocksBreached = "forewarn_ticket_clocks_breached", Gauge, "Clocks of open tickets that ran out.";
    ListenerAccepted = "forewarn_listener_connections_accepted_total", Counter, "TCP connections taken, before anything was read.";
    ListenerOpen = "forewarn_listener_connections_open", Gauge, "Links open now.";
    ListenerRefused = "forewarn_listener_connections_refused_total", Counter, "Clients not let in, by reason.";
    ListenerPublishes = "forewarn_listener_publishes_total", Counter, "PUBLISH packets handed to the pipeline, by qos.";
    ListenerAcks = "forewarn_listener_acks_sent_total", Counter, "PUBACKs sent for durable publishes.";
    ListenerTakeovers = "forewarn_listener_takeovers_total", Counter, "Links closed because the same client connected again.";
    ListenerWillsPublished = "forewarn_listener_wills_published_total", Counter, "Wills handed to the pipeline.";
    ListenerWillsDropped = "forewarn_listener_wills_dropped_total", Counter, "Wills that could not be handed on in time.";
    ListenerAclDenied = "forewarn_listener_acl_denied_total", Counter, "Publishes and subscriptions outside the client's own topics.";
    ListenerPublishesDenied = "forewarn_listener_publishes_denied_total", Counter, "Publishes outside the client's own topics, refused.";
    ListenerQos2Refused = "forewarn_listener_qos2_refused_total", Counter, "Publishes with QoS 2, refused.";
    ListenerTopicInvalid = "forewarn_listener_topic_invalid_total", Counter, "Topics that are empty or hold a wildcard or NUL, refused.";
    ListenerTooLarge = "forewarn_listener_packet_too_large_total", Counter, "Packets above the size limit; each closed its link.";
    ListenerProtocolErrors = "forewarn_listener_protocol_errors_total", Counter, "Links closed because the client broke the protocol.";
    ListenerKeepAliveExpired = "forewarn_listener_keep_alive_expired_total", Counter, "Links closed because the client was silent.";
    ListenerSlowSubscribers = "forewarn_listener_slow_subscribers_total", Counter, "Links closed because the client did not take what was sent.";
    ListenerOfflineDropped = "forewarn_listener_offline_dropped_total", Counter, "Messages for subscribers that were away, dropped.";
    ListenerOutgoingTooLarge = "forewarn_listener_outgoing_too_large_total", Counter, "Messages larger than a subscriber takes.";
    ListenerOutgoingSent = "forewarn_listener_outgoing_sent_total", Counter, "Messages written to subscribers.";
    ListenerAcceptErrors = "forewarn_listener_accept_errors_total", Counter, "Failed attempts to take a connection from the operating system.";
    BrokerConnected = "forewarn_broker_connected", Gauge, "1 while connected to the broker.";
    BrokerConnects = "forewarn_broker_connects_total", Counter, "Times the broker let us in.";
    BrokerDisconnects = "forewarn_broker_disconnects_total", Counter, "Times the link to the broker went down or could not be made.";
    BrokerPossibleGaps = "forewarn_broker_possible_gaps_total", Counter, "Times the broker had not kept our session.";
    BrokerPublishes = "forewarn_broker_publishes_total", Counter, "Publishes received from the broker, by qos.";
    BrokerAcks = "forewarn_broker_acks_sent_total", Counter, "Acknowledgements given to the broker.";
    BrokerStaleAcks = "forewarn_broker_stale_acks_total", Counter, "Acknowledgements thrown away because their connection was gone.";
    BrokerQos0Dropped = "forewarn_broker_qos0_dropped_total", Counter, "QoS 0 publishes dropped because the pipeline was behind.";
    BrokerWindowOverflows = "forewarn_broker_window_overflows_total", Counter, "Times the link was read no further for a while because the broker sent more than the window.";
    BrokerTooLarge = "forewarn_broker_packet_too_large_total", Counter, "Publishes above the size limit, refused.";
    BrokerTopicInvalid = "forewarn_broker_topic_invalid_total", Counter, "Publishes with a topic that no publish may have, refused.";
    BrokerSubscriptionsRefused = "forewarn_broker_subscriptions_refused_total", Counter, "Subscriptions that the broker refused.";
    BrokerPublished = "forewarn_broker_published_total", Counter, "Our publishes that the broker confirmed.";
    BrokerPublishFailed = "forewarn_broker_publish_failed_total", Counter, "Our publishes that were not confirmed.";
}

impl GatewayMetric {
    /// The metric of a name.
    pub fn of_name(name: &str) -> Option<GatewayMetric> {
        GatewayMetric::ALL.iter().copied().find(|metric| metric.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_say_what_they_are() {
        let names: BTreeSet<_> = GatewayMetric::ALL.iter().map(|m| m.name()).collect();
        assert_eq!(names.len(), GatewayMetric::ALL.len());
        for metric in GatewayMetric::ALL {
            let name = metric.name();
            assert!(name.starts_with("forewarn_") || name.starts_with("process_"), "{name}");
            assert_eq!(metric.kind() == MetricKind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(GatewayMetric::of_name(name), Some(*metric));
        }
    }

    const GATEWAY: &str = include_str!("../grafana/gateway.json");
    const FLEET: &str = include_str!("../grafana/fleet.json");

    fn parsed(text: &str) -> serde_json::Value {
        serde_json::from_str(text).expect("JSON")
    }

    fn expressions(dashboard: &serde_json::Value, field: &str) -> Vec<String> {
        let panels = dashboard["panels"].as_array().expect("panels");
        let targets = panels
            .iter()
            .flat_map(|p| p["targets"].as_array().into_iter().flatten());
        targets.filter_map(|t| Some(t[field].as_str()?.to_owned())).collect()
    }

    #[test]
    fn the_dashboard_asks_only_for_metrics_that_there_are() {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let asked: BTreeSet<String> = expressions(&parsed(GATEWAY), "expr")
            .iter()
            .flat_map(|e| e.split(word).map(str::to_owned).collect::<Vec<_>>())
            .filter(|w| w.starts_with("forewarn_") || w.starts_with("process_"))
            .collect();
        assert!(asked.len() > 20, "a dashboard shows something");
        for name in asked {
            assert!(GatewayMetric::of_name(&name).is_some(), "{name} is not offered");
        }
    }

    #[test]
    fn the_fleet_dashboard_reads_the_measurement_that_is_written() {
        let queries = expressions(&parsed(FLEET), "query");
        assert!(!queries.is_empty());
        for query in queries {
            assert!(query.contains("r._measurement == \"telemetry\""), "{query}");
            assert!(query.contains("v.timeRangeStart"), "{query}");
        }
    }

    #[test]
    fn dashboards_have_fixed_and_different_ids() {
        assert_eq!(parsed(GATEWAY)["uid"], "forewarn-gateway");
        assert_eq!(parsed(FLEET)["uid"], "forewarn-fleet");
        for dashboard in [GATEWAY, FLEET].map(parsed) {
            let panels = dashboard["panels"].as_array().expect("panels").clone();
            let ids: BTreeSet<_> = panels.iter().map(|p| p["id"].as_u64()).collect();
            assert_eq!(ids.len(), panels.len());
        }
    }
}
