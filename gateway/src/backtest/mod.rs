//! How often would this have fired? Plays recorded history through the live path and compares the alarms with what is known
//! to have happened.

pub mod labels;
mod page;
mod report;
mod trace;

pub use page::page;
pub use report::{drifts_json, json, text};
pub use trace::{Span, Trace};

use crate::recorded::{DriftCounts, Player, PlayerError};
use device_sim::table::Row;
use domain::{ConditionState, Profile, Timestamp};
use models::evaluation::{KnownEvent, Observed, RaisedAlarm};
use std::sync::Arc;

/// One recording being played.
pub struct Playing {
    player: Player,
    profile: Arc<Profile>,
    trace: Trace,
    alarms: Vec<RaisedAlarm>,
    from: Option<Timestamp>,
    to: Timestamp,
    rows: u64,
}

/// One recording after it was played.
#[derive(Debug)]
pub struct PlayedRecording {
    /// Alarms and what is known to have happened.
    pub observed: Observed,
    /// For the plot.
    pub trace: Trace,
    /// Rows judged.
    pub rows: u64,
    /// How often what is held for normal has itself moved.
    pub drifts: DriftCounts,
}

impl Playing {
    /// Begins with a device that has learned nothing, or what the player has learned before.
    pub fn new(player: Player, profile: Arc<Profile>) -> Playing {
        Playing {
            player,
            profile,
            trace: Trace::default(),
            alarms: Vec::new(),
            from: None,
            to: Timestamp(0),
            rows: 0,
        }
    }

    /// A row that is known to be normal.
    ///
    /// # Errors
    /// See [`Player::learn`].
    pub fn learn(&mut self, row: &Row) -> Result<(), PlayerError> {
        self.player.learn(row)
    }

    /// What is known to be normal ends here.
    pub fn end_of_normal(&mut self) {
        self.player.end_of_normal();
    }

    /// Plays a row.
    ///
    /// # Errors
    /// See [`Player::play`].
    pub fn row(&mut self, row: &Row) -> Result<(), PlayerError> {
        let at = Timestamp(row.ts_ms);
        self.from.get_or_insert(at);
        self.to = self.to.max(at);
        self.rows += 1;
        let played = self.player.play(row)?;
        for change in played.changes {
            match change.state {
                ConditionState::Active { .. } if stands(&self.alarms, change.failure_mode.as_str()) => {}
                ConditionState::Active { .. } => self.alarms.push(RaisedAlarm {
                    is_unspecific: change.mode == self.profile.built_in.abnormal_behaviour,
                    failure_mode: change.failure_mode.clone(),
                    rule: change.evidence.first().map(|e| e.rule.clone()),
                    raised_at: change.measured_at,
                    cleared_at: None,
                }),
                ConditionState::Clear => {
                    let mode = change.failure_mode.as_str();
                    let standing = self.alarms.iter_mut().rev().find(|a| a.failure_mode.as_str() == mode);
                    if let Some(alarm) = standing {
                        alarm.cleared_at.get_or_insert(change.measured_at);
                    }
                }
            }
        }
        self.trace.add(row, played.score);
        Ok(())
    }

    /// What came of it. `events` is what is known to have happened.
    pub fn finish(self, device: String, mut events: Vec<KnownEvent>) -> PlayedRecording {
        events.sort_by_key(|e| (e.from, e.to));
        PlayedRecording {
            drifts: self.player.drifts().clone(),
            observed: Observed {
                device,
                from: self.from.unwrap_or(Timestamp(0)),
                to: self.to,
                alarms: self.alarms,
                events,
            },
            trace: self.trace,
            rows: self.rows,
        }
    }
}

fn stands(alarms: &[RaisedAlarm], failure_mode: &str) -> bool {
    alarms
        .iter()
        .any(|a| a.cleared_at.is_none() && a.failure_mode.as_str() == failure_mode)
}
