//! Storms: many alarms at once. What comes from one cause is one incident with its members; what a person is told is
//! limited, and what is not told one by one is told as a summary; how long a flood lasts is recorded. No alarm is lost by
//! any of this: all stand in the list.

mod incident;
mod notices;
mod response;

#[cfg(test)]
mod tests;

pub use incident::{IncidentCause, IncidentEvent, IncidentId, IncidentRecord, IncidentState, MAX_EXAMPLES};
pub use notices::{Flood, Held, NoticeWeight, SiteNotices, Summary};
pub use response::{Done, IncidentCommand, Response, ResponseRefusal, Stage};
