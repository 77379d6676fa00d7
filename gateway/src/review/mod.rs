//! The periodic review: rows of the store through `alerting::review` into figures, for the page, the API, the command line
//! and the monthly report.

pub mod monthly;
mod rules;

use crate::backend::{alarm_of, ticket_of};
use crate::store::{Reader, StoreError};
use alerting::Policy;
use alerting::policy::ReviewConfig;
use alerting::record::AlarmRecord;
use alerting::review::{
    Advice, AlarmLoad, CustomerFigures, Durations, ReliabilityFigures, ServiceFigures, Share, Span, WarningFigures,
    alarm_load, customer_figures, fault_counts, reliability_figures, service_figures, suggestions, warning_figures,
};
use alerting::storm::SiteNotices;
use alerting::ticket::TicketRecord;
use dashboards::figures::{self, FigureKind, Numbers};
use dashboards::view::{Fault, Figure, Review, ShareOf, Suggestion};
use domain::{FailureModeId, Millis, Timestamp};

/// A warning counts for a failure that comes within so long after it.
const WARNED_WITHIN: Millis = Millis::days(14);
/// Faults are shown by month over a year.
const YEAR: Millis = Millis::days(366);
/// Alarms, and tickets, that a review counts at most, the newest.
const MOST_ROWS: usize = 100_000;
/// Causes named for each fault.
const CAUSES: usize = 3;

/// Reviews a span. Reads only.
pub fn review(reader: &Reader, policy: &Policy, span: Span, now: Timestamp) -> Result<Review, StoreError> {
    let told = FailureModeId::new("device_fault").expect("a name");
    let counts_by = &policy.review;
    // what is counted before the span: repairs of the same fault, the span of the same length, the year
    let since = (span.from - span.length().max(counts_by.repeat_within())).min(span.until - YEAR);
    let alarms = reader.alarms_changed_since(span.from - WARNED_WITHIN, MOST_ROWS + 1)?;
    let tickets = reader.tickets_changed_since(since, MOST_ROWS + 1)?;
    let is_cut = alarms.len() > MOST_ROWS || tickets.len() > MOST_ROWS;
    let alarms: Vec<AlarmRecord> = alarms.iter().map(alarm_of).collect::<Result<_, _>>()?;
    let tickets: Vec<TicketRecord> = tickets.iter().map(ticket_of).collect::<Result<_, _>>()?;
    let notices = reader.site_notices()?;
    let notices: Vec<SiteNotices> = notices
        .iter()
        .filter_map(|r| serde_json::from_str(&r.record).ok())
        .filter(|site: &SiteNotices| !site.site.is_drill())
        .collect();
    let (alarms, tickets) = without_drills(alarms, tickets);
    let service = service_figures(&tickets, policy, span, counts_by.repeat_within(), now);
    let warnings = warning_figures(&tickets, &alarms, &told, span, WARNED_WITHIN);
    let load = alarm_load(&alarms, &notices, span, now);
    let customers = customer_figures(&tickets, counts_by, span, now);
    let mut devices = reader.devices()?;
    devices.retain(|device| !device.key.site.is_drill());
    let known_since: Vec<Timestamp> = devices.iter().map(|device| device.first_seen).collect();
    let rules = rules::table(&tickets, &alarms, &told, &devices, span);
    let machines = reliability_figures(&tickets, &alarms, &known_since, span, now);
    let frequent = load.most_frequent.iter().map(|(of_what, part)| ShareOf {
        of_what: of_what.clone(),
        part: *part,
        of: load.raised,
    });
    let frequent = frequent.collect();
    let faults = fault_counts(&tickets, span).into_iter().map(fault_view).collect();
    let counted = Counted {
        warnings,
        service,
        customers,
        machines,
        load,
    };
    let (warnings, service) = (&counted.warnings, &counted.service);
    Ok(Review {
        from: span.from.into(),
        until: span.until.into(),
        figures: figures_of(&counted, &numbers(counts_by)),
        by_mode: shares(&warnings.by_mode),
        by_rule: shares(&warnings.by_rule),
        by_model: shares(&warnings.by_model),
        rules,
        clocks: clocks(service),
        faults,
        frequent,
        without_warning: warnings.without_warning.iter().map(ToString::to_string).collect(),
        suggestions: suggestions(&tickets, &alarms, &told, span)
            .iter()
            .map(suggestion_view)
            .collect(),
        is_cut,
    })
}

fn suggestion_view(suggestion: &alerting::review::Suggestion) -> Suggestion {
    let moved = match suggestion.advice {
        Advice::MoveLimit { from, to, spared } => Some((from, to, spared)),
        Advice::NeverRight | Advice::TooFew | Advice::NoLimit | Advice::NotApart => None,
    };
    Suggestion {
        profile: suggestion.profile.clone(),
        rule: suggestion.rule.clone(),
        right: suggestion.right,
        false_alarms: suggestion.false_alarms,
        limit: moved.map(|(from, _, _)| from),
        suggested_limit: moved.map(|(_, to, _)| to),
        spared: moved.map(|(_, _, spared)| spared),
        text: suggestion.text(),
    }
}

/// A rehearsal counts nowhere.
fn without_drills(
    mut alarms: Vec<AlarmRecord>,
    mut tickets: Vec<TicketRecord>,
) -> (Vec<AlarmRecord>, Vec<TicketRecord>) {
    alarms.retain(|alarm| !alarm.device.site.is_drill());
    tickets.retain(|ticket| !ticket.device.site.is_drill());
    (alarms, tickets)
}

/// All that is counted of a span.
struct Counted {
    warnings: WarningFigures,
    service: ServiceFigures,
    customers: CustomerFigures,
    machines: ReliabilityFigures,
    load: AlarmLoad,
}

/// The numbers that stand in the texts of figures.
fn numbers(rules: &ReviewConfig) -> Numbers {
    let aims = &rules.aims;
    Numbers {
        repeat_days: rules.repeat_repair_within_days,
        call_back_hours: rules.call_back_within_hours,
        good_rating: rules.good_rating_from,
        satisfied: aims.satisfied,
        repeat_repair: aims.repeat_repair,
        answered: aims.answered,
        called_back: aims.called_back,
        in_time: aims.in_time,
        complaints: aims.complaints,
    }
}

fn figures_of(counted: &Counted, numbers: &Numbers) -> Vec<Figure> {
    let Counted {
        warnings,
        service,
        customers,
        machines,
        load,
    } = counted;
    let share = |kind: &FigureKind, share: Share| Figure::of(kind, share.value(), Some(share.part), Some(share.of));
    let count = |kind: &FigureKind, count: u64| Figure::of(kind, Some(count as f64), None, None);
    let hours = |kind: &FigureKind, time: Option<Millis>, of: &Durations| {
        let value = time.map(|time| time.0 as f64 / 3_600_000.0);
        Figure::of(kind, value, None, Some(of.count))
    };
    let mut in_time = Share::default();
    for (_, _, level) in &service.clocks {
        in_time.part += level.in_time;
        in_time.of += level.in_time + level.late;
    }
    let figures = vec![
        share(&figures::PRECISION, warnings.precision),
        hours(
            &figures::AHEAD,
            warnings.ahead_of_repair.median,
            &warnings.ahead_of_repair,
        ),
        share(&figures::WARNED, warnings.told_failures_warned),
        count(&figures::OPENED, service.opened),
        count(&figures::CLOSED, service.closed),
        count(&figures::BACKLOG, service.backlog),
        hours(&figures::REACTION, service.first_reaction.mean, &service.first_reaction),
        hours(&figures::REPAIR, service.repair.mean, &service.repair),
        share(&figures::FIRST_TIME_FIX, service.first_time_fix),
        share(&figures::REPEAT_REPAIR, service.repeat_repair),
        share(&figures::OVERRIDES, service.overrides),
        share(&figures::PLANNED, service.planned),
        share(&figures::IN_TIME, in_time),
        share(&figures::ANSWERED, customers.answered),
        share(&figures::CALLED_BACK, customers.called_back),
        share(&figures::SATISFIED, customers.satisfied),
        share(&figures::COMPLAINTS, customers.complaints),
        count(&figures::BREAKDOWNS, machines.breakdowns),
        Figure::of(
            &figures::BETWEEN,
            machines.between_failures.map(Millis::as_hours),
            None,
            None,
        ),
        hours(&figures::DOWNTIME, machines.downtime.mean, &machines.downtime),
        Figure::of(&figures::AVAILABLE, machines.available.value(), None, None),
        hours(&figures::DETECTION, machines.detection.mean, &machines.detection),
        count(&figures::RAISED, load.raised),
        Figure::of(&figures::EACH_DAY, load.each_day, None, None),
        count(&figures::PEAK, load.peak),
        hours(
            &figures::ACKNOWLEDGED,
            load.acknowledged_after.median,
            &load.acknowledged_after,
        ),
        share(&figures::TOP_TEN, load.most_frequent_share),
        count(&figures::CHATTERING, load.chattering),
        count(&figures::FLEETING, load.fleeting),
        count(&figures::STALE, load.stale),
        // milliseconds say nothing to people
        Figure::of(&figures::IN_FLOOD, load.in_flood.value(), None, None),
    ];
    figures.into_iter().map(|figure| figure.filled(numbers)).collect()
}

fn shares<'a>(shares: impl IntoIterator<Item = (&'a String, &'a Share)>) -> Vec<ShareOf> {
    let shares = shares.into_iter().map(|(of_what, share)| ShareOf {
        of_what: of_what.clone(),
        part: share.part,
        of: share.of,
    });
    shares.collect()
}

fn clocks(service: &ServiceFigures) -> Vec<ShareOf> {
    // of clocks that were not due there is nothing to say
    let due = service
        .clocks
        .iter()
        .filter(|(_, _, level)| level.in_time + level.late > 0);
    let clocks = due.map(|(class, clock, level)| ShareOf {
        of_what: format!("{} / {}", class.as_str(), clock.as_str()),
        part: level.in_time,
        of: level.in_time + level.late,
    });
    clocks.collect()
}

fn fault_view(fault: alerting::review::FaultCount) -> Fault {
    let causes = fault.causes.into_iter().take(CAUSES);
    Fault {
        profile: fault.profile,
        failure_mode: fault.failure_mode,
        count: fault.count,
        before: fault.before,
        trend: rules::trend_view(fault.trend),
        busiest_month: fault.busiest,
        by_month: fault.by_month,
        causes: causes.map(|(cause, times)| format!("{cause} ({times})")).collect(),
    }
}
