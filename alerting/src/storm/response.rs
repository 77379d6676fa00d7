//! What is done about an incident, and whether it was in time: somebody answers, then it is dealt with.
//!
//! Pure. Each thing that is late is told once; a level that rises brings its own times, counted from the beginning.

use crate::alarm::PersonName;
use crate::policy::EventLevel;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Bytes of a note.
const MAX_NOTE: usize = 4_000;

/// What was done, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Who.
    pub by: PersonName,
    /// When, our time.
    pub at: Timestamp,
    /// What they said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How far the answer to an incident is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The level of event.
    pub level: String,
    /// Our time when the incident was found.
    pub since: Timestamp,
    /// Somebody answers until then.
    pub respond_by: Timestamp,
    /// It is dealt with until then.
    pub handle_by: Timestamp,
    /// Somebody answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responded: Option<Done>,
    /// It was dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled: Option<Done>,
    /// What people were told to be late.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_late: Vec<Stage>,
}

/// What may be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The answer.
    Respond,
    /// Dealing with it.
    Handle,
}

impl Stage {
    /// The word of the wire and of the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Respond => "respond",
            Stage::Handle => "handle",
        }
    }
}

/// What a person does about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum IncidentCommand {
    /// Answers for it.
    Respond {
        /// A remark; may be empty.
        #[serde(default)]
        note: String,
    },
    /// Has dealt with it.
    Handle {
        /// What was done.
        note: String,
    },
}

/// Why that was not taken; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ResponseRefusal {
    /// No level of event is meant for it.
    #[error("no level of event is meant for it, so nobody needs to answer")]
    NoLevel,
    /// Somebody answers for it already.
    #[error("somebody answers for it already")]
    Responded,
    /// It was dealt with already.
    #[error("it was dealt with already")]
    Handled,
    /// Nothing says what was done.
    #[error("say what was done")]
    NoNote,
    /// The note is too long.
    #[error("a note has at most {MAX_NOTE} bytes")]
    LongNote,
}

impl Response {
    /// An incident of a level was found.
    pub fn begin(level: &EventLevel, since: Timestamp) -> Response {
        Response {
            level: level.name.clone(),
            since,
            respond_by: since + level.respond.answer_within,
            handle_by: since + level.handle.answer_within,
            responded: None,
            handled: None,
            told_late: Vec::new(),
        }
    }

    /// It has become more serious. Who answered still does; nothing gets more time than it had.
    pub fn rise(&mut self, level: &EventLevel) {
        self.level = level.name.clone();
        self.respond_by = self.respond_by.min(self.since + level.respond.answer_within);
        self.handle_by = self.handle_by.min(self.since + level.handle.answer_within);
    }

    /// Takes what a person did.
    ///
    /// # Errors
    /// It was done before, or lacks a note.
    pub fn take(&mut self, command: IncidentCommand, by: PersonName, at: Timestamp) -> Result<(), ResponseRefusal> {
        let (IncidentCommand::Respond { note } | IncidentCommand::Handle { note }) = &command;
        if note.len() > MAX_NOTE {
            return Err(ResponseRefusal::LongNote);
        }
        if self.handled.is_some() {
            return Err(ResponseRefusal::Handled);
        }
        match command {
            IncidentCommand::Respond { .. } if self.responded.is_some() => Err(ResponseRefusal::Responded),
            IncidentCommand::Respond { note } => {
                self.responded = Some(Done { by, at, note });
                Ok(())
            }
            IncidentCommand::Handle { note } if note.trim().is_empty() => Err(ResponseRefusal::NoNote),
            IncidentCommand::Handle { note } => {
                // whoever deals with it answers for it
                let answered = || Done {
                    by: by.clone(),
                    at,
                    note: String::new(),
                };
                self.responded.get_or_insert_with(answered);
                self.handled = Some(Done { by, at, note });
                Ok(())
            }
        }
    }

    fn stages(&self) -> [(Stage, Timestamp, bool); 2] {
        [
            (Stage::Respond, self.respond_by, self.responded.is_some()),
            (Stage::Handle, self.handle_by, self.handled.is_some()),
        ]
    }

    /// What is late at `now` and was not told yet; it counts as told from then on.
    pub fn tell_late(&mut self, now: Timestamp) -> Vec<Stage> {
        let stages = self.stages();
        let late = stages
            .iter()
            .filter(|(stage, by, is_done)| !is_done && *by <= now && !self.told_late.contains(stage));
        let late: Vec<Stage> = late.map(|(stage, ..)| *stage).collect();
        self.told_late.extend(&late);
        late
    }

    /// When something will be late next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let stages = self.stages();
        let waiting = stages
            .iter()
            .filter(|(stage, _, is_done)| !is_done && !self.told_late.contains(stage));
        waiting.map(|(_, by, _)| *by).min()
    }

    /// Whether something was done later than it should have been, or still is not done.
    pub fn is_late(&self, now: Timestamp) -> bool {
        let at = |done: &Option<Done>| done.as_ref().map_or(now, |done| done.at);
        at(&self.responded) > self.respond_by || at(&self.handled) > self.handle_by
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    fn level(name: &str) -> EventLevel {
        Policy::default().events.named(name).expect("a level").clone()
    }

    #[derive(Debug, Clone)]
    enum Act {
        Respond,
        Handle,
        Rise,
        Look,
    }

    proptest! {
        #[test]
        fn each_stage_is_told_late_once_and_only_when_it_is_not_done_in_time(
            acts in prop::collection::vec((0..10 * HOUR, prop_oneof![Just(Act::Respond), Just(Act::Handle), Just(Act::Rise), Just(Act::Look)]), 1..12),
        ) {
            let mut response = Response::begin(&level("minor"), Timestamp(0));
            let (mut now, mut told) = (0, Vec::new());
            for (wait, act) in acts {
                now += wait;
                // whoever is woken when it said looks before anything else happens
                while let Some(at) = response.next_deadline().filter(|at| at.0 <= now) {
                    let late = response.tell_late(at);
                    prop_assert!(!late.is_empty(), "woken for something");
                    told.extend(late);
                }
                let before = response.clone();
                let taken = match act {
                    Act::Respond => response.take(IncidentCommand::Respond { note: String::new() }, "li".into(), Timestamp(now)),
                    Act::Handle => response.take(IncidentCommand::Handle { note: "done".into() }, "li".into(), Timestamp(now)),
                    Act::Rise => { response.rise(&level("major")); Ok(()) }
                    Act::Look => Ok(()),
                };
                if taken.is_err() {
                    prop_assert_eq!(&response, &before, "a refusal changes nothing");
                }
                prop_assert!(response.handled.is_none() || response.responded.is_some());
                prop_assert!(response.respond_by <= before.respond_by && response.handle_by <= before.handle_by);
            }
            let mut once = told.clone();
            once.dedup();
            prop_assert_eq!(&once, &told);
            for (stage, by, done) in [(Stage::Respond, response.respond_by, &response.responded), (Stage::Handle, response.handle_by, &response.handled)] {
                let is_late = done.as_ref().map_or(now, |d| d.at.0) >= by.0;
                prop_assert!(told.contains(&stage) <= is_late, "{:?} was told", stage);
            }
        }
    }

    #[test]
    fn the_first_note_says_who_answers_and_the_second_what_was_done() {
        let mut response = Response::begin(&level("major"), Timestamp(0));
        assert_eq!(response.respond_by, Timestamp(2 * HOUR));
        assert_eq!(response.handle_by, Timestamp(24 * HOUR));
        let handle = |note: &str| IncidentCommand::Handle { note: note.into() };
        let respond = || IncidentCommand::Respond { note: String::new() };
        assert_eq!(response.take(respond(), "li".into(), Timestamp(HOUR)), Ok(()));
        assert_eq!(
            response.take(respond(), "wu".into(), Timestamp(HOUR)),
            Err(ResponseRefusal::Responded)
        );
        assert_eq!(
            response.take(handle(" "), "li".into(), Timestamp(HOUR)),
            Err(ResponseRefusal::NoNote)
        );
        assert_eq!(
            response.take(handle("feeder on"), "li".into(), Timestamp(3 * HOUR)),
            Ok(())
        );
        assert_eq!(
            response.take(handle("again"), "li".into(), Timestamp(4 * HOUR)),
            Err(ResponseRefusal::Handled)
        );
        assert!(!response.is_late(Timestamp(100 * HOUR)) && response.next_deadline().is_none());
    }
}
