//! The periodic review: how good the warnings were, how well the service worked, what the alarms asked of people.

use super::{Frame, Listens, Place, layout};
use crate::figures::{FigureGroup, FigureUnit};
use crate::view::{Fault, Figure, Review, ShareOf};
use crate::words::Word as W;
use domain::Timestamp;
use maud::{Markup, html};

/// The page of a review. `days`: how long the span is, if it ends now.
pub fn review(frame: &Frame, review: &Review, days: u32) -> Markup {
    let csv = format!(
        "/api/v1/review.csv?from={}&until={}",
        iso(review.from.0),
        iso(review.until.0)
    );
    let body = html! {
        h1 { (frame.t(W::Review)) }
        form.filter method="get" action="/review" {
            label { span { (frame.t(W::Span)) }
                select name="days" {
                    @for choice in [7, 30, 91, 365] {
                        option value=(choice) selected[choice == days] { (choice) " " (frame.t(W::Days)) }
                    }
                }
            }
            button type="submit" { (frame.t(W::Apply)) }
            a.button href=(csv) { "CSV" }
        }
        p.mute.small { (iso(review.from.0)) " – " (iso(review.until.0)) @if review.is_cut { " · " (frame.t(W::ReviewCut)) } }
        @for (group, title) in [
            (FigureGroup::Warnings, W::ReviewWarnings), (FigureGroup::Service, W::ReviewService), (FigureGroup::Alarms, W::ReviewAlarms),
        ] {
            h2 { (frame.t(title)) }
            div.panel { table.cards.review {
                tbody { @for figure in review.figures.iter().filter(|f| f.group == group) { (row(frame, figure)) } }
            } }
        }
        div.columns {
            div {
                (shares(frame, W::RightByMode, &review.by_mode))
                (shares(frame, W::RightByRule, &review.by_rule))
                (shares(frame, W::RightByModel, &review.by_model))
            }
            div {
                (shares(frame, W::ClocksInTime, &review.clocks))
                (shares(frame, W::FrequentAlarms, &review.frequent))
                @if !review.without_warning.is_empty() {
                    h2 { (frame.t(W::WithoutWarning)) }
                    ul.panel.list { @for alarm in &review.without_warning { li { a href=(format!("/alarms/{alarm}")) { (alarm) } } } }
                }
            }
        }
        @if !review.faults.is_empty() {
            h2 { (frame.t(W::FaultsByModel)) }
            (faults(frame, &review.faults))
        }
    };
    layout(frame, Place::Review, frame.t(W::Review), &Listens::Nothing, &body)
}

fn row(frame: &Frame, figure: &Figure) -> Markup {
    html! {
        tr {
            th.lead scope="row" { (frame.say(&figure.name))
                span.small.block.mute { (frame.say(&figure.definition)) } }
            td.number {
                b { (value(frame, figure)) }
                @if let (Some(part), Some(of)) = (figure.part, figure.of) {
                    @if figure.unit == FigureUnit::Share && of > 0 { span.small.mute { " " (part) " / " (of) } }
                }
            }
            td.small.mute { @if let Some(target) = &figure.target { (frame.t(W::Target)) ": " (frame.say(target)) } }
        }
    }
}

fn value(frame: &Frame, figure: &Figure) -> String {
    match (figure.value, figure.unit) {
        (None, _) => frame.t(W::NotKnown).to_owned(),
        (Some(value), FigureUnit::Count) => format!("{value:.0}"),
        (Some(value), FigureUnit::Share) => format!("{:.1} %", value * 100.0),
        (Some(value), FigureUnit::Hours) => format!("{value:.1} h"),
        (Some(value), FigureUnit::PerDay) => format!("{value:.1}"),
    }
}

fn shares(frame: &Frame, title: W, shares: &[ShareOf]) -> Markup {
    html! {
        @if !shares.is_empty() {
            h2 { (frame.t(title)) }
            div.panel { table { tbody {
                @for share in shares {
                    tr { th scope="row" { (share.of_what) } td.number { (share.part) " / " (share.of) } }
                }
            } } }
        }
    }
}

fn faults(frame: &Frame, faults: &[Fault]) -> Markup {
    html! {
        div.panel { table.cards {
            thead { tr {
                th scope="col" { (frame.t(W::Profile)) }
                th scope="col" { (frame.t(W::FailureMode)) }
                th scope="col" { (frame.t(W::HowOften)) }
                th scope="col" { (frame.t(W::SpanBefore)) }
                th scope="col" { (frame.t(W::Cause)) }
            } }
            tbody {
                @for fault in faults {
                    tr {
                        th.lead scope="row" { (fault.profile) }
                        td data-label=(frame.t(W::FailureMode)) { (fault.failure_mode) }
                        td.number data-label=(frame.t(W::HowOften)) { (fault.count) }
                        td.number data-label=(frame.t(W::SpanBefore)) { (fault.before) }
                        td data-label=(frame.t(W::Cause)) { (fault.causes.join("; ")) }
                    }
                }
            }
        } }
    }
}

fn iso(at: Timestamp) -> String {
    at.to_string()
}
