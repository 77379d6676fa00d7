//! The Prometheus metrics that the gateway offers, by name: the one list that code and Grafana dashboards share.
//! Labels are few and bounded; never a device.

/// Packets that arrived, by `outcome`; the conservation identity is over this one.
pub const MESSAGES: &str = "forewarn_messages_total";
/// Values of the label `outcome` of [`MESSAGES`], beside `received`.
pub const OUTCOMES: [&str; 7] = [
    "stored",
    "duplicate",
    "late",
    "rejected",
    "quarantined",
    "spooled",
    "dropped",
];
/// Readings stored.
pub const READINGS: &str = "forewarn_readings_total";
/// From arrival to durable, a histogram.
pub const COMMIT_SECONDS: &str = "forewarn_commit_seconds";
/// Packets of one commit, a histogram.
pub const COMMIT_MESSAGES: &str = "forewarn_commit_messages";
/// MQTT connections of the own listener now.
pub const CONNECTIONS: &str = "forewarn_listener_connections_open";
/// PUBACKs sent by the own listener.
pub const LISTENER_ACKS: &str = "forewarn_listener_acks_sent_total";
/// Whether the broker is connected: 0 or 1.
pub const BROKER_CONNECTED: &str = "forewarn_broker_connected";
/// Reconnects after which the broker had forgotten the session.
pub const BROKER_GAPS: &str = "forewarn_broker_possible_gaps_total";
/// Packets taken and not yet durable.
pub const UNACKED: &str = "forewarn_unacknowledged_messages";
/// Packets waiting for a shard, by `shard`.
pub const QUEUE: &str = "forewarn_queue_length";
/// How far the history store is behind, by `store`.
pub const HISTORY_LAG_SECONDS: &str = "forewarn_history_lag_seconds";
/// Orders to other systems that wait.
pub const OUTBOX_PENDING: &str = "forewarn_outbox_pending";
/// Deliveries to other systems, by `outcome`.
pub const DELIVERIES: &str = "forewarn_deliveries_total";
/// Alarm transitions, by `to`.
pub const ALARM_TRANSITIONS: &str = "forewarn_alarm_transitions_total";
/// Alarms that are not normal, by `severity`.
pub const ALARMS_OPEN: &str = "forewarn_alarms_open";
/// Tickets opened, by `kind`.
pub const TICKETS_OPENED: &str = "forewarn_tickets_opened_total";
/// Ticket clocks that ran out.
pub const CLOCKS_BREACHED: &str = "forewarn_ticket_clocks_breached_total";
/// Devices, by `connectivity`.
pub const DEVICES: &str = "forewarn_devices";
/// Packets in quarantine.
pub const QUARANTINED: &str = "forewarn_quarantine_messages";
/// Memory in use.
pub const RESIDENT_BYTES: &str = "process_resident_memory_bytes";

/// Every name.
pub const ALL: &[&str] = &[
    MESSAGES,
    READINGS,
    COMMIT_SECONDS,
    COMMIT_MESSAGES,
    CONNECTIONS,
    LISTENER_ACKS,
    BROKER_CONNECTED,
    BROKER_GAPS,
    UNACKED,
    QUEUE,
    HISTORY_LAG_SECONDS,
    OUTBOX_PENDING,
    DELIVERIES,
    ALARM_TRANSITIONS,
    ALARMS_OPEN,
    TICKETS_OPENED,
    CLOCKS_BREACHED,
    DEVICES,
    QUARANTINED,
    RESIDENT_BYTES,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
    fn the_dashboard_asks_only_for_metrics_that_there_are_and_shows_all() {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let asked: BTreeSet<String> = expressions(&parsed(GATEWAY), "expr")
            .iter()
            .flat_map(|e| e.split(word).map(str::to_owned).collect::<Vec<_>>())
            .filter(|w| w.starts_with("forewarn_") || w.starts_with("process_"))
            .map(|w| {
                w.trim_end_matches("_bucket")
                    .trim_end_matches("_sum")
                    .trim_end_matches("_count")
                    .to_owned()
            })
            .collect();
        let known: BTreeSet<String> = ALL.iter().map(|n| (*n).to_owned()).collect();
        assert_eq!(asked, known);
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
