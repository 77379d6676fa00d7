//! The part of a drill that is about people being told: who is on call, the first notice, the first escalation.

use super::course::{Ask, Course, DrillError};
use super::report::Verdict;
use domain::Timestamp;
use serde_json::Value;
use std::time::{Duration, Instant};

/// From the alarm's row to the first notice, seconds: as for a real event it is decided in the same commit, unless notices are
/// held back in a storm.
pub const FIRST_NOTICE_S: f64 = 5.0;
/// From the instant at which the next level is due until it is told, seconds.
pub const ESCALATION_S: f64 = 5.0;
/// A drill waits so long for a level that nobody answers, seconds; what takes longer is rehearsed with a faster clock.
pub const MOST_WAIT_S: f64 = 120.0;

/// The next level of a ticket's chain that nobody has answered.
struct NextLevel {
    ticket: String,
    level: u64,
    at: Timestamp,
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(Timestamp::parse_rfc3339)
}

/// When a level above another was told, by the history of its ticket.
fn told_above(ticket: &Value, level: u64) -> Option<(Timestamp, String)> {
    let steps = ticket["history"].as_array()?.iter();
    let mut told = steps.filter(|step| step["what"]["is"] == "told" && step["what"]["level"].as_u64() > Some(level));
    let first = told.next()?;
    let people = first["what"]["people"].as_array().into_iter().flatten();
    let people: Vec<&str> = people.filter_map(Value::as_str).collect();
    Some((instant(&first["at"])?, people.join(", ")))
}

impl<A: Ask> Course<A> {
    /// Who would be called now.
    pub(super) async fn expect_people(&mut self) -> Result<(), DrillError> {
        let rotations = self.get("on-call").await?;
        let said: Vec<String> = rotations
            .as_array()
            .into_iter()
            .flatten()
            .map(|r| {
                let name = r["name"].as_str().unwrap_or_default();
                format!("{name}: {}", r["now"].as_str().unwrap_or("nobody at this hour"))
            })
            .collect();
        let detail = match said.is_empty() {
            true => "no rotation is set up; people and groups of the chain are told".to_owned(),
            false => said.join(", "),
        };
        self.step("it is known who is on call", None, Some(Duration::ZERO), detail);
        Ok(())
    }

    /// The first notice about something whose row was seen at `seen`.
    pub(super) async fn expect_notice(
        &mut self,
        site: &str,
        subjects: &[String],
        about: &str,
        seen: Instant,
    ) -> Result<(), DrillError> {
        let path = format!("drills/notices?site={site}");
        let found = self
            .wait(seen, FIRST_NOTICE_S, async |course| {
                let notices = course.get(&path).await?;
                // the newest comes first: the last that fits is the first that was told
                let all = notices.as_array().cloned().unwrap_or_default();
                let is_it = |notice: &&Value| subjects.iter().any(|subject| notice["subject"] == subject.as_str());
                Ok(all.iter().rev().find(is_it).cloned())
            })
            .await?;
        let what = format!("the first notice about {about}");
        let Some((notice, took)) = found else {
            self.step(what, Some(FIRST_NOTICE_S), None, "nobody would have been told");
            return Ok(());
        };
        let receivers = notice["receivers"].as_array().into_iter().flatten();
        let receivers: Vec<&str> = receivers.filter_map(Value::as_str).collect();
        let detail = match receivers.is_empty() {
            true => "no receiver is set up that takes it".to_owned(),
            false => format!("at a real site it goes to {}", receivers.join(", ")),
        };
        self.step(what, Some(FIRST_NOTICE_S), Some(took), detail);
        Ok(())
    }

    /// The level that is due first because nobody answers, of all tickets of the drill.
    async fn next_level(&self) -> Result<Option<NextLevel>, DrillError> {
        let mut first: Option<NextLevel> = None;
        for site in self.scenario.sites() {
            for summary in self.items(&format!("tickets?site={site}&open=true&limit=500")).await? {
                let id = summary["id"].as_str().unwrap_or_default().to_owned();
                let ticket = self.get(&format!("tickets/{id}")).await?;
                let Some(at) = instant(&ticket["chain"]["next_at"]) else {
                    continue;
                };
                if first.as_ref().is_none_or(|known| at < known.at) {
                    let level = ticket["chain"]["level"].as_u64().unwrap_or(1);
                    first = Some(NextLevel { ticket: id, level, at });
                }
            }
        }
        Ok(first)
    }

    /// Whether the next level is told when nobody answers: waited for where the gateway's clock lets it come soon.
    pub(super) async fn expect_escalation(&mut self) -> Result<(), DrillError> {
        let what = "the next level is told when nobody answers";
        let Some(next) = self.next_level().await? else {
            return Ok(());
        };
        let clock = self.get("drills").await?;
        let (now, speed) = (instant(&clock["now"]), clock["speed"].as_f64().unwrap_or(1.0));
        let wait_s = now.map_or(0.0, |now| (next.at - now).0.max(0) as f64 / 1_000.0 / speed);
        if wait_s > MOST_WAIT_S {
            let detail = format!(
                "{} tells it at {}; a drill waits {MOST_WAIT_S:.0} s at most: rehearse it with FOREWARN_REHEARSAL on a test gateway",
                next.ticket, next.at
            );
            self.leave_out(what, Some(ESCALATION_S), detail);
            return Ok(());
        }
        (self.say)("nobody answers, until the next level is told");
        let path = format!("tickets/{}", next.ticket);
        let found = self
            .wait(Instant::now(), wait_s + ESCALATION_S, async |course| {
                Ok(told_above(&course.get(&path).await?, next.level))
            })
            .await?;
        let Some(((at, people), _)) = found else {
            self.step(
                what,
                Some(ESCALATION_S),
                None,
                format!("{} was due at {}", next.ticket, next.at),
            );
            return Ok(());
        };
        let late = Duration::from_secs_f64((at - next.at).0.max(0) as f64 / 1_000.0 / speed);
        self.step(
            what,
            Some(ESCALATION_S),
            Some(late),
            format!("{}: {people}, due at {}", next.ticket, next.at),
        );
        Ok(())
    }

    /// A step that this drill does not try.
    fn leave_out(&mut self, what: &str, within_s: Option<f64>, detail: String) {
        self.step(what, within_s, None, detail);
        if let Some(step) = self.report.steps.last_mut() {
            step.verdict = Verdict::NotTried;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_level_above_is_found_in_the_history_of_a_ticket() {
        let told = |at: &str, level: u64| json!({"at": at, "what": {"is": "told", "level": level, "people": ["li"]}});
        let opened = json!({"at": "2026-11-02T08:00:00Z", "what": {"is": "opened"}});
        let ticket = json!({"history": [opened, told("2026-11-02T09:00:00Z", 2), told("2026-11-02T10:00:00Z", 3)]});
        let at = |text: &str| Timestamp::parse_rfc3339(text).expect("an instant");
        let found = told_above(&ticket, 1);
        assert_eq!(found, Some((at("2026-11-02T09:00:00Z"), "li".to_owned())));
        assert_eq!(told_above(&ticket, 3), None);
    }
}
