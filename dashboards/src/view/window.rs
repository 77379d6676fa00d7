//! Maintenance windows: work on machines, planned and known to everybody.

use super::At;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a window is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowPurpose {
    /// Work on the machines: their alarms are out of service.
    Maintenance,
    /// The machines are being set up: their alarms are suppressed by design.
    Commissioning,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// When a window is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum WindowSchedule {
    /// From now until a person ends it.
    UntilEnded,
    /// Once.
    Once {
        /// It opens.
        from: At,
        /// It closes.
        until: At,
    },
    /// On weekdays, until a person ends it.
    Weekly {
        /// On which.
        days: Vec<Weekday>,
        /// Local time of opening, `22:00`.
        from: String,
        /// How long it is open, in minutes; may go over midnight.
        minutes: u32,
        /// `UTC`, an offset such as `+08:00`, or a name such as `Europe/Berlin`.
        time_zone: String,
    },
}

/// Which machines; in patterns `*` stands for any characters. A list that is empty says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WindowCovers {
    /// Sites.
    pub sites: Vec<String>,
    /// Devices, by name.
    pub devices: Vec<String>,
    /// Classes of machines: the names of their profiles.
    pub profiles: Vec<String>,
    /// Customers.
    pub customers: Vec<String>,
}

/// Where a window is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum WindowState {
    /// It will open.
    Waiting {
        /// When.
        opens_at: At,
    },
    /// It is open.
    Open {
        /// Since when.
        since: At,
        /// Until when; none: until a person ends it.
        until: Option<At>,
    },
    /// It will not open any more.
    Over {
        /// Since when.
        at: At,
    },
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Window {
    /// Such as `W-000042`.
    pub id: String,
    /// What it is for.
    pub purpose: WindowPurpose,
    /// Which machines.
    pub covers: WindowCovers,
    /// When.
    pub schedule: WindowSchedule,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: At,
    /// Where it is in its life.
    pub state: WindowState,
    /// Who ended it before its time, and why.
    pub ended: Option<WindowEnd>,
}

/// A window's end before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WindowEnd {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}
