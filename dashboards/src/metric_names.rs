//! The Prometheus metrics that the gateway offers, by name: the one list that code and Grafana dashboards share.
//! Labels are few and bounded; never a device.

/// Packets that arrived, by `outcome`; the conservation identity is over this one.
pub const MESSAGES: &str = "forewarn_messages_total";
/// Values of the label `outcome` of [`MESSAGES`], beside `received`.
pub const OUTCOMES: [&str; 7] = ["stored", "duplicate", "late", "rejected", "quarantined", "spooled", "dropped"];
/// Readings stored.
pub const READINGS: &str = "forewarn_readings_total";
/// From arrival to durable, a histogram.
pub const COMMIT_SECONDS: &str = "forewarn_commit_seconds";
/// Packets of one commit, a histogram.
pub const COMMIT_MESSAGES: &str = "forewarn_commit_messages";
/// MQTT connections now.
pub const CONNECTIONS: &str = "forewarn_connections";
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
