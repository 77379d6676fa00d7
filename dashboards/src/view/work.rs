//! What was written down of the work on a ticket, and the report of the service.

use super::{Act, Alarm, At, Clock, Closing, Entry, SimilarEpisode, TicketSummary, schema};
use domain::FailureModeId;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody's time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Labour {
    /// Its number in the ticket.
    pub entry: u32,
    /// Whose time.
    pub who: String,
    /// When it began.
    pub start: At,
    /// How long.
    pub seconds: u32,
    /// What an hour costs, in hundredths of the site's currency.
    pub rate_cents_per_hour: Option<u32>,
    /// What it costs, in hundredths of the site's currency.
    pub cost_cents: Option<u64>,
}

/// A part that was built in or used up.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PartUsed {
    /// Its number in the ticket.
    pub entry: u32,
    /// By name or number of the maker.
    pub part: String,
    /// How many.
    pub quantity: u32,
}

/// A point of the checklist.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Check {
    /// Its number in the ticket.
    pub entry: u32,
    /// What is to be done.
    #[schema(value_type = schema::Text)]
    pub text: Text,
    /// Who has done it, and when.
    pub done: Option<Act>,
}

/// A file of the ticket; its content is at `/api/v1/tickets/{ticket}/files/{entry}`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TicketFile {
    /// Its number in the ticket.
    pub entry: u32,
    /// What it is called.
    pub name: String,
    /// What it is, such as `image/jpeg`.
    pub content_type: String,
    /// How long.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// Who brought it, and when.
    #[serde(flatten)]
    pub act: Act,
}

/// How two tickets belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// They have to do with each other.
    Relates,
    /// The other one is the whole of which this is a part.
    Parent,
    /// The other one is a part of this.
    Child,
}

/// A link to another ticket.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Link {
    /// Which.
    pub ticket: String,
    /// How.
    pub kind: LinkKind,
}

/// How a fault showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct Malfunction {
    /// What somebody saw or heard.
    pub symptom: String,
    /// The device's own fault code.
    pub fault_code: String,
    /// Whether the machine stood still; none: nobody has said.
    pub is_breakdown: Option<bool>,
    /// When it began.
    pub began_at: Option<At>,
    /// When it was over.
    pub ended_at: Option<At>,
}

/// What the customer said after the work.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallBack {
    /// Who called, and when.
    #[serde(flatten)]
    pub act: Act,
    /// From 1 (bad) to 5.
    pub rating: Option<u8>,
    /// In the customer's words.
    pub text: String,
}

/// What was written down of the work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct Work {
    /// Whose time.
    pub labour: Vec<Labour>,
    /// All of it, in seconds.
    pub labour_seconds: u64,
    /// What it costs, in hundredths of the site's currency; entries without a rate count nothing.
    pub labour_cents: Option<u64>,
    /// Parts used.
    pub parts: Vec<PartUsed>,
    /// What is to be done.
    pub checklist: Vec<Check>,
    /// Files.
    pub files: Vec<TicketFile>,
    /// Links to other tickets.
    pub links: Vec<Link>,
    /// How the fault showed.
    pub malfunction: Malfunction,
    /// What the customer said afterwards.
    pub call_back: Option<CallBack>,
}

/// Who told of a fault by hand.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reported {
    /// Who.
    pub by: String,
    /// What was seen and heard.
    pub description: String,
}

/// The visit for planned work.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Visit {
    /// From when on the work counts for its plan.
    pub from: At,
    /// Its date by the plan, or before a failure that is foretold.
    pub due: At,
    /// Until when it is in time.
    pub until: At,
    /// When somebody should go, if something speaks for another time.
    pub proposed: Option<At>,
}

/// The maker's warranty.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Warranty {
    /// Its last day, `2027-03-31`.
    pub until: String,
    /// Whether it held when the ticket was opened.
    pub covers: bool,
}

/// The machine of a ticket, as the registry knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct Machine {
    /// The maker's serial number.
    pub serial_number: String,
    /// Where it stands.
    pub location: String,
    /// Whose it is.
    pub customer: String,
    /// The model of machine.
    pub profile: String,
    /// The maker's warranty; none: nobody knows.
    pub warranty: Option<Warranty>,
}

/// An earlier ticket of the same machine.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EarlierTicket {
    /// As on the board.
    #[serde(flatten)]
    pub summary: TicketSummary,
    /// How it ended.
    pub closing: Option<Closing>,
}

/// The report of a service: what the customer signs, and the next technician reads.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ServiceReport {
    /// When it was made.
    pub made_at: At,
    /// The ticket as on the board, with its clocks.
    pub ticket: TicketSummary,
    /// The machine.
    pub machine: Machine,
    /// Why the ticket was opened, with value and limit.
    #[schema(value_type = schema::Text)]
    pub reason: Text,
    /// Who reported it by hand.
    pub report: Option<Reported>,
    /// How the fault showed.
    pub malfunction: Malfunction,
    /// What it likely comes from: the fault code's cause, else the cause found when this machine or one like it had the same;
    /// empty if nothing is known.
    #[schema(value_type = schema::Text)]
    pub likely_cause: Text,
    /// What the knowledge base says, the best first; at most 5.
    pub knowledge: Vec<Entry>,
    /// Earlier episodes like it.
    pub similar: Vec<SimilarEpisode>,
    /// Earlier tickets of the same machine, newest first; at most 20.
    pub earlier: Vec<EarlierTicket>,
    /// Its alarm as it is now.
    pub alarm: Option<Box<Alarm>>,
    /// Clocks.
    pub clocks: Vec<Clock>,
    /// Part, damage, cause, remedy and verdict; none while there is work.
    pub closing: Option<Closing>,
    /// Labour, parts, checklist, files.
    pub work: Work,
    /// Tickets that were merged into it.
    pub absorbed: Vec<String>,
    /// What to do, from the profile.
    #[schema(value_type = schema::Text)]
    pub action: Text,
    /// What to mind.
    #[schema(value_type = schema::Text)]
    pub safety_note: Text,
    /// What to do next, so that it does not come back.
    pub advice: Vec<Advice>,
}

/// Something to do after the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Advice {
    /// Its alarm still stands: look again.
    AlarmStands,
    /// The same fault was mended before within a year: look for the cause behind it.
    Repeated {
        /// How many times.
        times: u32,
    },
    /// Points of the checklist are not done.
    ChecksOpen {
        /// How many.
        count: u32,
    },
    /// The machine was at fault in another way than warned: its rules should be looked at.
    RulesToReview {
        /// The fault that it was.
        #[schema(value_type = String)]
        failure_mode: FailureModeId,
    },
    /// Planned work is open on the same machine.
    PlannedWork {
        /// Its ticket.
        ticket: String,
    },
}
