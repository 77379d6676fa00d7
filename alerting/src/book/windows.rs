//! Maintenance windows in the book: planned and ended by people, opened and closed by time.

use super::alarms::person;
use super::{Book, Subject};
use crate::effect::{AuditEntry, Effect, Refusal, WindowCommand};
use crate::ticket::{Actor, MAX_TEXT_BYTES, check_text};
use crate::window::{MAX_WINDOWS, WindowId, WindowRecord, WindowState};
use domain::Timestamp;

impl Book {
    pub(super) fn command_window(
        &mut self,
        command: WindowCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let by = person(&actor)?;
        let text = |reason: &str| check_text("reason", reason, MAX_TEXT_BYTES).map_err(|why| Refusal::Text { why });
        let (window, action) = match command {
            WindowCommand::Plan {
                purpose,
                covers,
                schedule,
                reason,
            } => {
                text(&reason)?;
                schedule.check(now).map_err(|why| Refusal::Schedule { why })?;
                if covers.is_everything() {
                    let why = "say which machines; it cannot be all".to_owned();
                    return Err(Refusal::Covers { why });
                }
                if let Some(problem) = covers.problems("covers").first() {
                    let why = format!("{}: {}", problem.path, problem.message);
                    return Err(Refusal::Covers { why });
                }
                if self.windows.len() >= MAX_WINDOWS {
                    return Err(Refusal::TooManyWindows { limit: MAX_WINDOWS });
                }
                self.last_window += 1;
                let mut window = WindowRecord {
                    id: WindowId(self.last_window),
                    purpose,
                    covers,
                    schedule,
                    by,
                    reason,
                    created_at: now,
                    changed_at: now,
                    state: WindowState::Waiting { opens_at: now },
                    ended: None,
                };
                window.pass_time(now);
                (window, "planned")
            }
            WindowCommand::End { window: id, reason } => {
                text(&reason)?;
                let Some(known) = self.windows.get(&id) else {
                    return Err(Refusal::UnknownWindow { window: id });
                };
                let mut window = known.clone();
                window.state = WindowState::Over { at: now };
                window.changed_at = now;
                window.ended = Some((by, reason));
                (window, "ended")
            }
        };
        self.change_window(window, action, actor, now, out);
        Ok(())
    }

    /// A window's deadline has come: it opens, closes, or is over.
    pub(super) fn wake_window(&mut self, id: WindowId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut window) = self.windows.get(&id).cloned() else {
            return;
        };
        if window.pass_time(now) {
            let action = match window.state {
                WindowState::Open { .. } => "opened",
                WindowState::Waiting { .. } => "closed",
                WindowState::Over { .. } => "over",
            };
            self.change_window(window, action, Actor::System, now, out);
        }
    }

    fn change_window(
        &mut self,
        window: WindowRecord,
        action: &str,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let reason = window.ended.as_ref().map_or(&window.reason, |(_, why)| why);
        out.push(Effect::WindowChanged {
            record: Box::new(window.clone()),
        });
        out.push(Effect::Audit(AuditEntry {
            at: now,
            actor,
            action: format!("window.{action}"),
            subject: window.id.to_string(),
            detail: format!("{} by {}: {reason}", window.purpose.as_str(), window.by),
        }));
        self.keep_window(window.clone());
        self.settle_under(&window, now, out);
    }

    /// Puts a window in its place, or forgets it when it is over, and moves its deadline.
    pub(super) fn keep_window(&mut self, window: WindowRecord) {
        self.set_deadline(Subject::Window(window.id), window.next_deadline());
        if window.is_live() {
            self.windows.insert(window.id, window);
        } else {
            self.windows.remove(&window.id);
        }
    }
}
