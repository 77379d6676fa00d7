//! What a drill showed: each step with what it took, as text, JSON and a page to keep.

use domain::Timestamp;
use maud::{DOCTYPE, PreEscaped, html};
use serde::Serialize;
use std::fmt::Write;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should.
    InTime,
    /// Later than it should.
    Slow,
    /// Not at all while it was waited for.
    Missed,
    /// It would take longer than a drill waits.
    NotTried,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::InTime => "in time",
            Verdict::Slow => "SLOW",
            Verdict::Missed => "MISSED",
            Verdict::NotTried => "not tried",
        }
    }

    fn is_good(self) -> bool {
        match self {
            Verdict::InTime | Verdict::NotTried => true,
            Verdict::Slow | Verdict::Missed => false,
        }
    }
}

/// The four phases of an emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Everybody and everything is in its place.
    Prepare,
    /// Machines are watched.
    Prevent,
    /// The event is found, people are told and take it up.
    Respond,
    /// The machines are back, and nothing is left.
    Recover,
}

impl Phase {
    const ALL: [Phase; 4] = [Phase::Prevent, Phase::Prepare, Phase::Respond, Phase::Recover];

    fn title(self) -> &'static str {
        match self {
            Phase::Prevent => "Prevent: machines are watched",
            Phase::Prepare => "Prepare: people and plans are known",
            Phase::Respond => {
                "Respond: found, told, taken up (to begin within 2 h, a major event handled first within 24 h)"
            }
            Phase::Recover => "Recover: machines are back, nothing is left",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// To which phase it belongs.
    pub phase: Phase,
    /// What should follow.
    pub what: String,
    /// Within so many seconds; none: no limit is set.
    pub within_s: Option<f64>,
    /// What it took; none: it did not happen.
    pub took_s: Option<f64>,
    /// How it went.
    pub verdict: Verdict,
    /// More, where there is something to say.
    pub detail: String,
}

/// What a drill showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which scenario.
    pub scenario: String,
    /// Which kind of event.
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// At which gateway.
    pub gateway: String,
    /// When it began.
    pub began_at: String,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

impl Report {
    /// Whether all went as it should.
    pub fn is_good(&self) -> bool {
        self.steps.iter().all(|step| step.verdict.is_good())
    }

    /// A report that begins.
    pub fn new(scenario: &super::Scenario, gateway: &str, began_at: Timestamp) -> Report {
        Report {
            scenario: scenario.name.clone(),
            kind: scenario.kind.clone(),
            title: scenario.title.clone(),
            gateway: gateway.to_owned(),
            began_at: began_at.to_string(),
            steps: Vec::new(),
        }
    }

    fn steps_of(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.phase == phase)
    }

    /// What was slow or missed, in a sentence.
    pub fn conclusion(&self) -> String {
        let bad: Vec<&str> = self
            .steps
            .iter()
            .filter(|step| !step.verdict.is_good())
            .map(|step| step.what.as_str())
            .collect();
        match bad.is_empty() {
            true => "All went as it should.".to_owned(),
            false => format!("To be looked at: {}.", bad.join("; ")),
        }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = format!(
            "Drill {} ({}): {}\n{}, {}\n\n",
            self.scenario, self.kind, self.title, self.gateway, self.began_at
        );
        for phase in Phase::ALL {
            writeln!(text, "{}", phase.title()).expect("memory");
            for step in self.steps_of(phase) {
                let seconds = |s: Option<f64>| s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
                let (took, within) = (seconds(step.took_s), seconds(step.within_s));
                writeln!(
                    text,
                    "{:>9}  {took:>8}  of {within:>8}  {}",
                    step.verdict.word(),
                    step.what
                )
                .expect("memory");
                if !step.detail.is_empty() {
                    writeln!(text, "{:>33}  {}", "", step.detail).expect("memory");
                }
            }
        }
        write!(text, "\n{}\n", self.conclusion()).expect("memory");
        text
    }

    /// A page that needs nothing else.
    pub fn page(&self) -> String {
        let style = "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2733; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #dde3e8; vertical-align: top; }
.number { text-align: right; white-space: nowrap; } .bad { color: #b3261e; font-weight: 600; } .mute { color: #56616d; }";
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Drill " (self.scenario) }
                    style { (PreEscaped(style)) }
                }
                body {
                    h1 { "Drill: " (self.title) }
                    p.mute { (self.scenario) " · " (self.kind) " · " (self.gateway) " · " (self.began_at) }
                    table {
                        thead { tr { th { "What should follow" } th { "Within" } th { "Took" } th { "" } } }
                        @for phase in Phase::ALL { tbody {
                            tr { th colspan="4" { (phase.title()) } }
                            @for step in self.steps_of(phase) { tr {
                                td { (step.what) @if !step.detail.is_empty() { br; span.mute { (step.detail) } } }
                                td.number { @if let Some(s) = step.within_s { (format!("{s:.1} s")) } }
                                td.number { @if let Some(s) = step.took_s { (format!("{s:.1} s")) } }
                                td class=[(!step.verdict.is_good()).then_some("bad")] { (step.verdict.word()) }
                            } }
                        } }
                    }
                    p { (self.conclusion()) }
                }
            }
        }
        .into_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_slow_or_missed_stands_in_the_conclusion() {
        let step = |what: &str, verdict| Step {
            phase: Phase::Respond,
            what: what.into(),
            within_s: Some(5.0),
            took_s: (verdict != Verdict::Missed).then_some(6.0),
            verdict,
            detail: String::new(),
        };
        let mut report = Report::new(&super::super::Scenario::shipped()[0], "http://gateway", Timestamp(0));
        report.steps.push(step("readings are taken", Verdict::InTime));
        assert!(report.is_good() && report.text().contains("All went as it should."));
        report.steps.push(step("an alarm", Verdict::Slow));
        report.steps.push(step("a ticket", Verdict::Missed));
        assert!(!report.is_good());
        assert!(report.text().ends_with("To be looked at: an alarm; a ticket.\n"));
        assert!(report.page().contains("class=\"bad\">MISSED"));
        for phase in Phase::ALL {
            assert!(report.text().contains(phase.title()) && report.page().contains(phase.title()));
        }
    }

    #[test]
    fn what_was_not_tried_is_told_and_is_no_fault() {
        let mut report = Report::new(&super::super::Scenario::shipped()[0], "http://gateway", Timestamp(0));
        report.steps.push(Step {
            phase: Phase::Respond,
            what: "the next level".into(),
            within_s: Some(5.0),
            took_s: None,
            verdict: Verdict::NotTried,
            detail: "in an hour".into(),
        });
        assert!(report.is_good() && report.text().contains("not tried"));
    }
}
