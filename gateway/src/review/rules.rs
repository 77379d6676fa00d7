//! The table of rules and models, for people and programs.

use super::WARNED_WITHIN;
use crate::store::StoredDevice;
use alerting::record::AlarmRecord;
use alerting::review::{self, KnownDevice, RuleFigures, Share, Span, rule_figures};
use alerting::ticket::TicketRecord;
use dashboards::view::{RuleFigure, Trend};
use domain::{FailureModeId, Millis};

/// By profile, rule and version of the model.
pub(super) fn table(
    tickets: &[TicketRecord],
    alarms: &[AlarmRecord],
    told: &FailureModeId,
    devices: &[StoredDevice],
    span: Span,
) -> Vec<RuleFigure> {
    let known = devices.iter().map(|device| KnownDevice {
        profile: device.profile.clone(),
        first_seen: device.first_seen,
    });
    let known: Vec<KnownDevice> = known.collect();
    let figures = rule_figures(tickets, alarms, told, &known, span, WARNED_WITHIN);
    figures.iter().map(view).collect()
}

pub(super) fn trend_view(trend: review::Trend) -> Trend {
    match trend {
        review::Trend::Rising => Trend::Rising,
        review::Trend::Falling => Trend::Falling,
        review::Trend::Steady => Trend::Steady,
    }
}

fn view(figures: &RuleFigures) -> RuleFigure {
    let Share {
        part: right,
        of: judged,
    } = figures.precision;
    let interval = figures.precision.wilson();
    RuleFigure {
        profile: figures.profile.clone(),
        rule: figures.rule.clone(),
        model: figures.model.clone(),
        warnings: figures.warnings,
        judged,
        right,
        right_mode: figures.precision_of_mode.part,
        precision: figures.precision.value(),
        precision_low: interval.map(|(low, _)| low),
        precision_high: interval.map(|(_, high)| high),
        is_too_few: figures.is_too_few(),
        precision_of_mode: figures.precision_of_mode.value(),
        failures: figures.recall.of,
        failures_warned: figures.recall.part,
        recall: figures.recall.value(),
        lead_time_hours: figures.lead_time.median.map(Millis::as_hours),
        false_alarms: figures.false_alarms,
        false_alarms_a_device_month: figures.false_a_device_month,
    }
}
