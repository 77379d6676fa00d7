//! A fault that a person reports: by telephone, at the machine, from another system.

use super::{
    MAX_NAME_BYTES, MAX_TEXT_BYTES, Malfunction, TicketClass, TicketKind, TicketRefusal, check_length, check_text,
};
use crate::alarm::PersonName;
use domain::FailureModeId;
use serde::{Deserialize, Serialize};

/// The failure mode of a ticket that a person opened without naming one. Of such there may be several for one machine.
pub const REPORTED: &str = "reported";
/// Tickets opened by hand have this and their own number as episode, so that no episode of an alarm is ever the same.
pub const BY_HAND: u32 = 1 << 31;

/// What a person reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// How it fails, if the reporter can tell.
    pub failure_mode: Option<FailureModeId>,
    /// What it is about; needed without a failure mode.
    pub title: String,
    /// Which service; default by the class.
    pub kind: Option<TicketKind>,
    /// Which clocks run; default [`TicketClass::Ordinary`].
    pub class: Option<TicketClass>,
    /// What was seen and heard; may be empty.
    pub description: String,
    /// Who told it: a customer, say; empty: who wrote it down.
    pub reporter: String,
    /// How the fault showed.
    pub malfunction: Malfunction,
}

/// Who told of a fault, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Who told it.
    pub by: PersonName,
    /// What was seen and heard; may be empty.
    pub description: String,
}

impl Report {
    /// Whether its texts are there and not endless.
    ///
    /// # Errors
    /// Which is not.
    pub(crate) fn check(&self) -> Result<(), TicketRefusal> {
        match &self.failure_mode {
            None => check_text("title", &self.title, MAX_NAME_BYTES)?,
            Some(_) => check_length("title", &self.title, MAX_NAME_BYTES)?,
        }
        check_length("description", &self.description, MAX_TEXT_BYTES)?;
        check_length("reporter", &self.reporter, MAX_NAME_BYTES)?;
        self.malfunction.check()
    }
}
