//! The table of rules and models of a review: each figure under its name, and the meanings beside them.

use super::Frame;
use crate::figures::rules::{ALL, FALSE_ALARMS, LEAD_TIME, PRECISION, PRECISION_OF_MODE, RECALL, WARNINGS};
use crate::view::RuleFigure;
use crate::words::Word as W;
use maud::{Markup, html};

/// Nothing where no rule spoke.
pub(super) fn rules(frame: &Frame, rules: &[RuleFigure]) -> Markup {
    html! {
        @if !rules.is_empty() {
            h2 #rules { (frame.t(W::RulesAndModels)) }
            div.panel { table.cards aria-labelledby="rules" {
                thead { tr {
                    th scope="col" { (frame.t(W::Rule)) }
                    @for kind in ALL { th scope="col" title=(frame.say(&kind.definition())) { (frame.say(&kind.name())) } }
                } }
                tbody { @for rule in rules { (row(frame, rule)) } }
            } }
            dl.facts.small { @for kind in ALL { div { dt { (frame.say(&kind.name())) } dd.mute { (frame.say(&kind.definition())) } } } }
        }
    }
}

fn row(frame: &Frame, rule: &RuleFigure) -> Markup {
    let share = |value: Option<f64>, part: u64, of: u64| {
        html! { b { (percent(frame, value)) } @if of > 0 { span.small.mute { " " (part) " / " (of) } } }
    };
    let name = |kind: &crate::figures::FigureKind| frame.say(&kind.name()).to_owned();
    html! {
        tr {
            th.lead scope="row" { (rule.profile) " / " (rule.rule) span.small.block.mute { (rule.model) } }
            td.number data-label=(name(&WARNINGS)) { (rule.warnings) }
            td.number data-label=(name(&PRECISION)) {
                (share(rule.precision, rule.right, rule.judged))
                @if let (Some(low), Some(high)) = (rule.precision_low, rule.precision_high) {
                    span.small.block.mute { (format!("{:.0}–{:.0} %", low * 100.0, high * 100.0)) }
                }
                @if rule.is_too_few { span.tag { (frame.t(W::TooFew)) } }
            }
            td.number data-label=(name(&PRECISION_OF_MODE)) { (share(rule.precision_of_mode, rule.right_mode, rule.judged)) }
            td.number data-label=(name(&RECALL)) { (share(rule.recall, rule.failures_warned, rule.failures)) }
            td.number data-label=(name(&LEAD_TIME)) {
                @match rule.lead_time_hours { Some(hours) => { (format!("{hours:.1} h")) }, None => { (frame.t(W::NotKnown)) } }
            }
            td.number data-label=(name(&FALSE_ALARMS)) {
                @match rule.false_alarms_a_device_month { Some(rate) => { (format!("{rate:.2}")) }, None => { (frame.t(W::NotKnown)) } }
                span.small.mute { " (" (rule.false_alarms) ")" }
            }
        }
    }
}

fn percent(frame: &Frame, share: Option<f64>) -> String {
    share.map_or_else(
        || frame.t(W::NotKnown).to_owned(),
        |share| format!("{:.0} %", share * 100.0),
    )
}
