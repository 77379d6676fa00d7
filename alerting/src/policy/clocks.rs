//! Clocks by class of ticket as written in the configuration.

use crate::calendar::Hours;
use serde::{Deserialize, Serialize};

/// Clocks by class of ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClocksConfig {
    /// Default: first response 30 min, on site 2 h, resolution 24 h.
    pub emergency: ClassClocks,
    /// Default: first response 1 h, on site (first handling) 24 h, resolution 72 h.
    pub key: ClassClocks,
    /// Default: first response 1 h, resolution 24 h.
    pub ordinary: ClassClocks,
    /// Default: none but the due date.
    pub planned: ClassClocks,
    /// Warned when this share (0 to 1) of the time is used.
    pub warn_at_share: f64,
}

impl Default for ClocksConfig {
    fn default() -> Self {
        ClocksConfig {
            emergency: ClassClocks::default(),
            key: ClassClocks::default(),
            ordinary: ClassClocks::default(),
            planned: ClassClocks::default(),
            warn_at_share: 0.75,
        }
    }
}

/// The clocks of one class. What is not given is the default of the class; 0 minutes: there is no such clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassClocks {
    /// Until somebody takes it up.
    pub first_response_min: Option<u32>,
    /// Until work on site begins.
    pub on_site_min: Option<u32>,
    /// Until the work is done.
    pub resolution_min: Option<u32>,
    /// Which time counts; default: day and night.
    pub hours: Option<Hours>,
}
