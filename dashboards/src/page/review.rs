//! The periodic review: how good the warnings were, how well the service worked, what the alarms asked of people.

use super::parts::{class_word, clock_word, when};
use super::rules::rules;
use super::{Frame, Listens, Place, layout, tag};
use crate::figures::{FigureGroup, FigureUnit};
use crate::view::{Fault, Figure, LedgerLine, MonthlyReport, Review, ShareOf, Trend};
use crate::words::Word as W;
use domain::text::Language;
use domain::{Millis, SiteName, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A report stands alone: no file beside it.
const REPORT_STYLE: &str = "
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2733; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #dde3e8; vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; white-space: nowrap; } .mute { color: #56616d; } .small { font-size: 13px; font-weight: 400; }
.block { display: block; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; } .months { vertical-align: middle; } .months rect { fill: #24588f; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }";
/// Lines of the ledger on the page.
const LINES: usize = 50;
/// Months shown of each fault.
const MONTHS: i64 = 12;

/// What a review covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewFilter {
    /// How long the span is, which ends now.
    pub days: u32,
    /// Only this site.
    pub site: Option<SiteName>,
    /// All of which there may be a review.
    pub sites: Vec<SiteName>,
}

/// The page of a review.
pub fn review(
    frame: &Frame,
    review: &Review,
    breaches: &[LedgerLine],
    reports: &[MonthlyReport],
    filter: &ReviewFilter,
) -> Markup {
    let site = filter
        .site
        .as_ref()
        .map_or(String::new(), |site| format!("&site={site}"));
    let csv = format!(
        "/api/v1/review.csv?from={}&until={}{site}",
        iso(review.from.0),
        iso(review.until.0)
    );
    let body = html! {
        h1 { (frame.t(W::Review)) }
        form.filter method="get" action="/review" {
            label { span { (frame.t(W::Span)) }
                select name="days" {
                    @for choice in [7, 30, 91, 365] {
                        option value=(choice) selected[choice == filter.days] { (choice) " " (frame.t(W::Days)) }
                    }
                }
            }
            label { span { (frame.t(W::Site)) }
                select name="site" {
                    option value="" { (frame.t(W::All)) }
                    @for site in &filter.sites { option value=(site) selected[filter.site.as_ref() == Some(site)] { (site) } }
                }
            }
            button type="submit" { (frame.t(W::Apply)) }
            a.button href=(csv) { "CSV" }
        }
        p.mute.small { (iso(review.from.0)) " – " (iso(review.until.0)) @if review.is_cut { " · " (frame.t(W::ReviewCut)) } }
        @if !reports.is_empty() {
            p.small { (frame.t(W::PastMonths)) ": "
                @for report in reports.iter().take(24) { a href=(format!("/api/v1/reports/{}.html", report.month)) { (report.month) } " " }
            }
        }
        (tables(frame, review))
        (ledger(frame, breaches))
    };
    layout(frame, Place::Review, frame.t(W::Review), &Listens::Nothing, &body)
}

/// A review as a file of its own, to read, print and keep. `title`: what it covers, such as `2026-11`.
pub fn review_report(review: &Review, title: &str, language: Language) -> Markup {
    let frame = Frame::of_report(language, review.until.0);
    html! {
        (DOCTYPE)
        html lang=(tag(language)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (frame.t(W::Review)) " " (title) }
                style { (PreEscaped(REPORT_STYLE)) }
            }
            body {
                h1 { (frame.t(W::Review)) " " (title) }
                p.mute.small { (iso(review.from.0)) " – " (iso(review.until.0)) @if review.is_cut { " · " (frame.t(W::ReviewCut)) } }
                (tables(&frame, review))
            }
        }
    }
}

fn tables(frame: &Frame, review: &Review) -> Markup {
    html! {
        @for (group, title) in [
            (FigureGroup::Warnings, W::ReviewWarnings), (FigureGroup::Service, W::ReviewService),
            (FigureGroup::Customers, W::ReviewCustomers), (FigureGroup::Machines, W::ReviewMachines), (FigureGroup::Alarms, W::ReviewAlarms),
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
        (rules(frame, &review.rules))
        @if !review.suggestions.is_empty() {
            h2 { (frame.t(W::Suggestions)) }
            ul.panel.list {
                @for said in &review.suggestions { li { b { (said.profile) " / " (said.rule) } ": " (frame.say(&said.text)) } }
            }
        }
        @if !review.faults.is_empty() {
            h2 { (frame.t(W::FaultsByModel)) }
            (faults(frame, &review.faults, review.until.0))
        }
    }
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

/// The newest lines of the ledger; the others are reached through the API.
fn ledger(frame: &Frame, lines: &[LedgerLine]) -> Markup {
    html! {
        @if !lines.is_empty() {
            h2 #breaches { (frame.t(W::Ledger)) " " span.mute.small { (lines.len()) } }
            div.panel { table.cards aria-labelledby="breaches" {
                thead { tr {
                    th scope="col" { (frame.t(W::Ticket)) }
                    th scope="col" { (frame.t(W::Clock)) }
                    th scope="col" { (frame.t(W::DueAt)) }
                    th scope="col" { (frame.t(W::Assignee)) }
                } }
                tbody { @for line in lines.iter().take(LINES) {
                    tr {
                        th.lead scope="row" { a href=(format!("/tickets/{}", line.ticket)) { (line.ticket) } span.small.block.mute { (line.site) " / " (line.device) } }
                        td data-label=(frame.t(W::Clock)) { (frame.t(clock_word(line.breach.clock))) " · " (frame.t(class_word(line.breach.class))) }
                        td data-label=(frame.t(W::DueAt)) { (when(frame, line.breach.due_at))
                            @if line.breach.ended_at.is_none() { " " span.tag.bad { (frame.t(W::StillLate)) } } }
                        td data-label=(frame.t(W::Assignee)) { (line.breach.assignee.as_deref().unwrap_or(frame.t(W::NobodyAssigned))) }
                    }
                } }
            } }
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

fn faults(frame: &Frame, faults: &[Fault], until: Timestamp) -> Markup {
    let year = last_months(until);
    html! {
        div.panel { table.cards {
            thead { tr {
                th scope="col" { (frame.t(W::Profile)) }
                th scope="col" { (frame.t(W::FailureMode)) }
                th scope="col" { (frame.t(W::HowOften)) }
                th scope="col" { (frame.t(W::SpanBefore)) }
                th scope="col" { (frame.t(W::ByMonth)) }
                th scope="col" { (frame.t(W::Cause)) }
            } }
            tbody {
                @for fault in faults {
                    tr {
                        th.lead scope="row" { (fault.profile) }
                        td data-label=(frame.t(W::FailureMode)) { (fault.failure_mode) }
                        td.number data-label=(frame.t(W::HowOften)) { (fault.count) }
                        td.number data-label=(frame.t(W::SpanBefore)) { (fault.before) }
                        td data-label=(frame.t(W::ByMonth)) { (months(fault, &year))
                            span.small.block { (frame.t(trend_word(fault.trend)))
                                @if let Some(month) = &fault.busiest_month { " · " (frame.t(W::BusiestMonth)) " " (month) } } }
                        td data-label=(frame.t(W::Cause)) { (fault.causes.join("; ")) }
                    }
                }
            }
        } }
    }
}

fn trend_word(trend: Trend) -> W {
    match trend {
        Trend::Rising => W::TrendRising,
        Trend::Falling => W::TrendFalling,
        Trend::Steady => W::TrendSteady,
    }
}

/// The last twelve months up to the one in which the span ends, the earliest first, as `2026-11`.
fn last_months(until: Timestamp) -> Vec<String> {
    // the end does not belong to the span
    let last = (until - Millis(1)).to_string();
    let number = |text: Option<&str>| text.and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
    let mut parts = last.split('-');
    let (year, month) = (number(parts.next()), number(parts.next()));
    let last = year * 12 + month - 1;
    let named = |number: i64| format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1);
    (last - MONTHS + 1..=last).map(named).collect()
}

/// A bar for each month of the year, also for those without any: trend and season at a look.
fn months(fault: &Fault, year: &[String]) -> Markup {
    let count = |month: &String| fault.by_month.get(month).copied().unwrap_or(0);
    let most = year.iter().map(count).max().unwrap_or(1).max(1);
    let had_any = year.iter().filter(|month| count(month) > 0);
    let said: Vec<String> = had_any.map(|month| format!("{month}: {}", count(month))).collect();
    let said = said.join(", ");
    html! {
        svg.months viewBox="0 0 120 24" width="120" height="24" role="img" aria-label=(said) {
            title { (said) }
            @for (i, month) in year.iter().enumerate() {
                @let height = (count(month) * 22).div_ceil(most);
                rect x=(i * 10) y=(24 - height) width="8" height=(height) {}
            }
        }
    }
}

fn iso(at: Timestamp) -> String {
    at.to_string()
}
