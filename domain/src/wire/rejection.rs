//! Why a packet cannot be taken: one variant for each thing that can be wrong, each with a short name that metrics count.

use serde::{Deserialize, Serialize};

/// Why a packet was not understood. The packet goes to quarantine with this reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum Rejection {
    #[error(
        "topic {topic:?} is not forewarn/{{site}}/{{device}}/telemetry, …/waveform/{{sensor}}, …/event or …/status"
    )]
    UnknownTopic { topic: String },
    #[error("topic level {level:?}: {problem}")]
    BadName { level: String, problem: String },
    #[error("the payload is empty")]
    Empty,
    #[error("the payload has {bytes} bytes, at most {limit} are taken")]
    TooLarge { bytes: usize, limit: usize },
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 { at: usize },
    #[error("not JSON: {problem}")]
    NotJson { problem: String },
    #[error("nested {depth} deep, at most {limit} are taken")]
    TooDeep { depth: usize, limit: usize },
    #[error("{field} is missing")]
    Missing { field: String },
    #[error("{field} must be {expected}, found {found}")]
    WrongType {
        field: String,
        expected: String,
        found: String,
    },
    #[error("metric {metric:?} is not a finite number")]
    NotFinite { metric: String },
    #[error("metric name {metric:?}: {problem}")]
    BadMetricName { metric: String, problem: String },
    #[error("metric {metric:?} stands twice in one message")]
    MetricTwice { metric: String },
    #[error("{count} metrics in one message, at most {limit} are taken")]
    TooManyMetrics { count: usize, limit: usize },
    #[error("there are {limit} metric names already, {metric:?} would be one more; raise devices.metric_names")]
    MetricLimit { metric: String, limit: usize },
    #[error("{count} messages in one packet, at most {limit} are taken")]
    TooManyMessages { count: usize, limit: usize },
    #[error("metrics are empty")]
    NoMetrics,
    #[error("ts {ts} is not after 1970; milliseconds since 1970 are expected")]
    TimestampNotPositive { ts: i64 },
    #[error("ts {ts} lies before 2000; milliseconds are expected, was it sent in seconds?")]
    TimestampTooEarly { ts: i64 },
    #[error("ts {ts} lies after 2100; milliseconds are expected, was it sent in micro- or nanoseconds?")]
    TimestampTooLate { ts: i64 },
    #[error("ts {ts} lies {ahead_ms} ms in the future, at most {limit_ms} ms are taken; check the device's clock")]
    Future { ts: i64, ahead_ms: i64, limit_ms: i64 },
    #[error("{field} has {bytes} bytes, at most {limit} are taken")]
    TextTooLong { field: String, bytes: usize, limit: usize },
    #[error("waveform: {problem}")]
    BadWaveform { problem: String },
    #[error("the site takes no more new devices today (limit {limit}); register {device} to let it in")]
    DeviceLimit { device: String, limit: u64 },
    #[error("{device} is not registered, and this gateway does not register devices by itself")]
    NotRegistered { device: String },
    #[error("the packet came from {principal}, which may not publish here")]
    Forbidden { principal: String },
}

impl Rejection {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::UnknownTopic { .. } => "unknown_topic",
            Rejection::BadName { .. } => "bad_name",
            Rejection::Empty => "empty",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::NotUtf8 { .. } => "not_utf8",
            Rejection::NotJson { .. } => "not_json",
            Rejection::TooDeep { .. } => "too_deep",
            Rejection::Missing { .. } => "missing_field",
            Rejection::WrongType { .. } => "wrong_type",
            Rejection::NotFinite { .. } => "not_finite",
            Rejection::BadMetricName { .. } => "bad_metric_name",
            Rejection::MetricTwice { .. } => "metric_twice",
            Rejection::TooManyMetrics { .. } => "too_many_metrics",
            Rejection::MetricLimit { .. } => "metric_limit",
            Rejection::TooManyMessages { .. } => "too_many_messages",
            Rejection::NoMetrics => "no_metrics",
            Rejection::TimestampNotPositive { .. } => "timestamp_not_positive",
            Rejection::TimestampTooEarly { .. } => "timestamp_too_early",
            Rejection::TimestampTooLate { .. } => "timestamp_too_late",
            Rejection::Future { .. } => "timestamp_in_future",
            Rejection::TextTooLong { .. } => "text_too_long",
            Rejection::BadWaveform { .. } => "bad_waveform",
            Rejection::DeviceLimit { .. } => "device_limit",
            Rejection::NotRegistered { .. } => "not_registered",
            Rejection::Forbidden { .. } => "forbidden",
        }
    }
}
