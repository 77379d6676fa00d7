//! The course of a drill: machines publish, what follows is waited for and timed, then everything is put back.

use super::report::{Phase, Report, Step, Verdict};
use super::{Expected, Scenario};
use device_sim::drive::{self, Pace, RunError, RunOptions};
use device_sim::fleet::Fleet;
use device_sim::link::MqttTarget;
use device_sim::spec::FleetSpec;
use domain::{Millis, Timestamp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What does not come within so many times its limit, and this, is missed.
const PATIENCE_TIMES: f64 = 3.0;
const PATIENCE: Duration = Duration::from_secs(20);
/// Places of each site.
const PLACES: u32 = 9;
/// The reason of the window between drills.
const RESTING: &str = "between drills";
/// Readings are acknowledged at least so fast, each second.
const READINGS_PER_S: f64 = 500.0;
/// An answer to a person's click.
const ANSWER_S: f64 = 2.0;

/// Why a drill could not be carried out; what it found before is lost.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The gateway does not answer as it should.
    #[error("{0}")]
    Gateway(String),
    /// The machines cannot publish.
    #[error("the machines of the drill cannot publish: {0}")]
    Machines(#[from] RunError),
    /// The scenario cannot be run.
    #[error("the scenario cannot be run: {0}")]
    Scenario(String),
}

/// Asks the gateway: path below `/api/v1/`, and a body to POST.
pub trait Ask {
    /// The answer, or what is wrong in words.
    fn ask(&self, path: &str, body: Option<Value>) -> impl Future<Output = Result<Value, String>> + Send;
}

/// A drill under way.
pub struct Course<A> {
    /// The gateway.
    pub api: A,
    /// Where machines connect.
    pub mqtt: MqttTarget,
    /// What is rehearsed.
    pub scenario: Scenario,
    /// What came of it so far.
    pub report: Report,
    /// To what the next steps belong.
    pub phase: Phase,
    /// Says what is being done.
    pub say: fn(&str),
}

impl<A: Ask> Course<A> {
    /// Carries the drill out. `now`: our time at its beginning.
    ///
    /// # Errors
    /// The gateway or the machines fail in a way that is no finding of the drill.
    pub async fn run(mut self, now: Timestamp) -> Result<Report, DrillError> {
        let minutes = |minutes: f64| Millis((minutes * 60_000.0) as i64);
        let (event, calm) = (minutes(self.scenario.minutes), minutes(self.scenario.calm_minutes));
        (self.say)("looking for what earlier drills left");
        self.take_sites(now, event + calm).await?;
        self.end_windows().await?;
        self.expect_people().await?;
        self.phase = Phase::Prevent;
        (self.say)("the machines run");
        let begins = now - event - calm;
        self.publish(
            self.scenario.fleet.clone(),
            begins,
            event,
            "every reading is acknowledged",
        )
        .await?;
        let since = Instant::now();
        self.phase = Phase::Respond;
        (self.say)("waiting for what should follow");
        for expected in self.scenario.expect.clone() {
            self.expect_alarm(&expected, since).await?;
        }
        self.expect_incident(since).await?;
        if self.scenario.expect.is_empty() && self.scenario.incident.is_none() {
            self.expect_quiet().await?;
        }
        self.expect_escalation().await?;
        (self.say)("people work on it");
        self.work().await?;
        self.phase = Phase::Recover;
        (self.say)("the machines are mended and run");
        let mended = FleetSpec {
            faults: Vec::new(),
            ..self.scenario.fleet.clone()
        };
        self.publish(
            mended,
            begins + event,
            calm,
            "readings after the repair are acknowledged",
        )
        .await?;
        let since = Instant::now();
        self.expect_normal(since).await?;
        self.put_back().await?;
        self.plan_window().await;
        Ok(self.report)
    }

    /// Machine time cannot go back, so machines that took part lately rest: each site has some places, such as `drill-hall-1`.
    async fn take_sites(&mut self, now: Timestamp, lasts: Millis) -> Result<(), DrillError> {
        for place in 1..=PLACES {
            let mut is_rested = true;
            for site in self.scenario.sites() {
                let devices = self.items(&format!("devices?site={site}-{place}&limit=500")).await?;
                let heard = devices
                    .iter()
                    .filter_map(|d| d["last_seen"].as_str())
                    .filter_map(Timestamp::parse_rfc3339);
                is_rested &= heard.into_iter().all(|at| now - at > lasts);
            }
            if is_rested {
                self.scenario.move_to_place(place);
                return Ok(());
            }
        }
        let minutes = lasts.0 / 60_000;
        Err(DrillError::Scenario(format!(
            "it ran {PLACES} times within the last {minutes} minutes, and machine time cannot go back; wait"
        )))
    }

    /// Between drills the machines are silent, and nobody shall see that as an alarm.
    async fn plan_window(&self) {
        let body = json!({"purpose": "maintenance", "covers": {"sites": ["drill-*"]}, "schedule": {"is": "until_ended"}, "reason": RESTING});
        if let Err(problem) = self.api.ask("windows", Some(body)).await {
            (self.say)(&format!(
                "the machines of the drill will be shown as silent, because no window could be planned for them: {problem}"
            ));
        }
    }

    async fn end_windows(&self) -> Result<(), DrillError> {
        let windows = self.get("windows").await?;
        for window in windows
            .as_array()
            .into_iter()
            .flatten()
            .filter(|w| w["reason"] == RESTING)
        {
            let path = format!("windows/{}/end", window["id"].as_str().unwrap_or_default());
            self.api
                .ask(&path, Some(json!({"reason": "drill"})))
                .await
                .map_err(DrillError::Gateway)?;
        }
        Ok(())
    }

    pub(super) fn step(
        &mut self,
        what: impl Into<String>,
        within_s: Option<f64>,
        took: Option<Duration>,
        detail: impl Into<String>,
    ) {
        let took_s = took.map(|took| took.as_secs_f64());
        let verdict = match (took_s, within_s) {
            (None, _) => Verdict::Missed,
            (Some(took), Some(within)) if took > within => Verdict::Slow,
            (Some(_), Some(_) | None) => Verdict::InTime,
        };
        self.report.steps.push(Step {
            phase: self.phase,
            what: what.into(),
            within_s,
            took_s,
            verdict,
            detail: detail.into(),
        });
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, DrillError> {
        self.api.ask(path, None).await.map_err(DrillError::Gateway)
    }

    pub(super) async fn items(&self, path: &str) -> Result<Vec<Value>, DrillError> {
        Ok(self.get(path).await?["items"].as_array().cloned().unwrap_or_default())
    }

    async fn publish(
        &mut self,
        spec: FleetSpec,
        begins: Timestamp,
        lasts: Millis,
        what: &str,
    ) -> Result<(), DrillError> {
        // another seed each time is another start of the machines: nothing is taken for a repeat of an earlier drill
        let spec = FleetSpec {
            seed: spec.seed.wrapping_add(begins.0 as u64),
            start_ms: Some(begins.0),
            ..spec
        };
        let fleet = Fleet::new(&spec).map_err(|error| DrillError::Scenario(error.to_string()))?;
        let options = RunOptions {
            duration_ms: Some(lasts.0),
            ..RunOptions::default()
        };
        let began = Instant::now();
        let sent = drive::run(fleet, Pace::Max, &self.mqtt, options, std::future::pending()).await?;
        let (took, count) = (began.elapsed(), sent.published);
        let detail = format!(
            "{} of {count}, {:.0} a second",
            sent.confirmed,
            sent.confirmed as f64 / sent.seconds.max(1e-3)
        );
        let all = (sent.unconfirmed == 0).then_some(took);
        self.step(what, Some((count as f64 / READINGS_PER_S).max(1.0)), all, detail);
        Ok(())
    }

    /// Looks until something is there or the patience is over; what it took since `since`.
    pub(super) async fn wait<T>(
        &self,
        since: Instant,
        within_s: f64,
        mut look: impl AsyncFnMut(&Self) -> Result<Option<T>, DrillError>,
    ) -> Result<Option<(T, Duration)>, DrillError> {
        let patience = Duration::from_secs_f64(within_s * PATIENCE_TIMES) + PATIENCE;
        loop {
            if let Some(found) = look(self).await? {
                return Ok(Some((found, since.elapsed())));
            }
            if since.elapsed() > patience {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn expect_alarm(&mut self, expected: &Expected, since: Instant) -> Result<(), DrillError> {
        let Some(key) = expected.key() else { return Ok(()) };
        let path = format!("alarms?site={}&device={}", key.site, key.device);
        let mode = expected.failure_mode.clone();
        let found = self
            .wait(since, expected.within_s, async |course| {
                let alarms = course.items(&path).await?;
                Ok(alarms
                    .into_iter()
                    .find(|alarm| alarm["failure_mode"] == mode.as_str() && alarm["is_active"] == true))
            })
            .await?;
        let what = format!("an alarm {} of {}", expected.failure_mode, expected.device);
        let Some((alarm, took)) = found else {
            self.step(what, Some(expected.within_s), None, "");
            return Ok(());
        };
        let why = alarm["evidence"][0]["sentence"]["en"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.step(what, Some(expected.within_s), Some(took), why);
        let seen = Instant::now();
        if expected.has_ticket {
            self.expect_ticket(&alarm, expected, since).await?;
        }
        let about = format!("{} of {}", expected.failure_mode, expected.device);
        let subject = alarm["id"].as_str().unwrap_or_default().to_owned();
        self.expect_notice(key.site.as_str(), &[subject], &about, seen).await?;
        Ok(())
    }

    async fn expect_ticket(&mut self, alarm: &Value, expected: &Expected, since: Instant) -> Result<(), DrillError> {
        let path = format!("alarms/{}", alarm["id"].as_str().unwrap_or_default());
        let found = self
            .wait(since, expected.within_s, async |course| {
                let alarm = course.get(&path).await?;
                match alarm["ticket"].as_str() {
                    Some(ticket) => Ok(Some(course.get(&format!("tickets/{ticket}")).await?)),
                    None => Ok(None),
                }
            })
            .await?;
        let what = format!("a ticket about {}", expected.device);
        let Some((ticket, took)) = found else {
            self.step(what, Some(expected.within_s), None, "");
            return Ok(());
        };
        let title = ticket["title"]["en"].as_str().unwrap_or_default();
        self.step(
            what,
            Some(expected.within_s),
            Some(took),
            format!("{} {title}", ticket["id"].as_str().unwrap_or_default()),
        );
        let clocks = ticket["clocks"].as_array().map_or(0, Vec::len);
        let running = (clocks > 0).then_some(Duration::ZERO);
        self.step("its clocks run", None, running, format!("{clocks} clocks"));
        Ok(())
    }

    async fn expect_incident(&mut self, since: Instant) -> Result<(), DrillError> {
        let Some(expected) = self.scenario.incident.clone() else {
            return Ok(());
        };
        let path = format!("incidents?site={}", expected.site);
        let found = self
            .wait(since, expected.within_s, async |course| {
                let incidents = course.items(&path).await?;
                let is_it = |incident: &Value| incident["members"].as_u64() >= Some(expected.members);
                Ok(incidents.into_iter().find(is_it))
            })
            .await?;
        let what = format!("one incident at {} with {} members", expected.site, expected.members);
        let Some((incident, took)) = found else {
            self.step(what, Some(expected.within_s), None, "");
            return Ok(());
        };
        let title = incident["title"]["en"].as_str().unwrap_or_default().to_owned();
        self.step(what, Some(expected.within_s), Some(took), title);
        let (id, seen) = (incident["id"].as_str().unwrap_or_default().to_owned(), Instant::now());
        self.expect_notice(&expected.site, std::slice::from_ref(&id), "the incident", seen)
            .await?;
        let listed = self.items(&format!("alarms?incident={id}&limit=500")).await?.len() as u64;
        let all = (listed >= expected.members).then_some(Duration::ZERO);
        self.step("every member is in the list", None, all, format!("{listed} alarms"));
        Ok(())
    }

    /// Nothing was to follow.
    async fn expect_quiet(&mut self) -> Result<(), DrillError> {
        let mut raised = Vec::new();
        for site in self.scenario.sites() {
            let alarms = self.items(&format!("alarms?site={site}")).await?;
            // machines that have said all they had to say are silent by now
            let by_itself = alarms.iter().filter(|alarm| alarm["failure_mode"] != "no_data");
            raised.extend(by_itself.filter_map(|alarm| alarm["id"].as_str().map(str::to_owned)));
        }
        let quiet = raised.is_empty().then_some(Duration::ZERO);
        self.step("no alarm is raised", None, quiet, raised.join(", "));
        Ok(())
    }

    /// Acknowledges and closes, and times the answers.
    async fn work(&mut self) -> Result<(), DrillError> {
        let began = Instant::now();
        let mut acknowledged = 0u32;
        for site in self.scenario.sites() {
            for alarm in self
                .items(&format!("alarms?site={site}&state=unacknowledged&limit=500"))
                .await?
            {
                let path = format!("alarms/{}/acknowledge", alarm["id"].as_str().unwrap_or_default());
                self.api
                    .ask(&path, Some(json!({"note": "drill"})))
                    .await
                    .map_err(DrillError::Gateway)?;
                acknowledged += 1;
            }
        }
        if acknowledged > 0 {
            let each = began.elapsed() / acknowledged;
            self.step(
                "an alarm is acknowledged",
                Some(ANSWER_S),
                Some(each),
                format!("{acknowledged} alarms, the mean"),
            );
        }
        let began = Instant::now();
        let closed = self.close_tickets().await?;
        if closed > 0 {
            let each = began.elapsed() / closed;
            self.step(
                "a ticket is closed",
                Some(ANSWER_S),
                Some(each),
                format!("{closed} tickets, the mean"),
            );
        }
        Ok(())
    }

    async fn close_tickets(&self) -> Result<u32, DrillError> {
        let mut closed = 0;
        for site in self.scenario.sites() {
            for ticket in self.items(&format!("tickets?site={site}&open=true&limit=500")).await? {
                let path = format!("tickets/{}/close", ticket["id"].as_str().unwrap_or_default());
                // a repair, so that the machine forgets what was rehearsed
                let body = json!({"outcome": "fault_confirmed", "part": "drill", "cause": "drill", "remedy": "drill", "note": "drill"});
                self.api.ask(&path, Some(body)).await.map_err(DrillError::Gateway)?;
                closed += 1;
            }
        }
        Ok(closed)
    }

    async fn expect_normal(&mut self, since: Instant) -> Result<(), DrillError> {
        let sites = self.scenario.sites();
        let within_s = 10.0;
        let found = self
            .wait(since, within_s, async |course| {
                for site in &sites {
                    let alarms = course.items(&format!("alarms?site={site}")).await?;
                    let stands = |alarm: &Value| alarm["is_active"] == true && alarm["failure_mode"] != "no_data";
                    if alarms.iter().any(stands) {
                        return Ok(None);
                    }
                }
                Ok(Some(()))
            })
            .await?;
        self.step(
            "after the repair all alarms return",
            Some(within_s),
            found.map(|(_, took)| took),
            "",
        );
        Ok(())
    }

    /// What an earlier drill, or this one, left open.
    async fn put_back(&self) -> Result<(), DrillError> {
        self.close_tickets().await?;
        for site in self.scenario.sites() {
            let path = format!("alarms?site={site}&limit=500");
            for alarm in self.items(&path).await? {
                let needs = ["unacknowledged", "returned_unacknowledged"]
                    .iter()
                    .any(|state| alarm["state"] == *state);
                if needs {
                    let path = format!("alarms/{}/acknowledge", alarm["id"].as_str().unwrap_or_default());
                    // it may have gone meanwhile
                    self.api.ask(&path, Some(json!({"note": "drill"}))).await.ok();
                }
            }
        }
        Ok(())
    }
}
