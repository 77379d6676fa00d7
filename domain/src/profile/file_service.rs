//! The part of a profile's TOML form that calls for a service: fault codes of the device and maintenance plans, and its check.

use super::{Checker, File, warning};
use crate::profile::{FaultCode, MaintenanceDue, MaintenancePlan, Service};
use crate::{FailureModeId, MetricName, Millis, ModeIndex, Severity, text::Text};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultCodeFile {
    code: String,
    pub(super) failure_mode: FailureModeId,
    #[serde(default = "warning")]
    severity: Severity,
    #[serde(default)]
    text: Text,
    service: Option<Service>,
    #[serde(default)]
    cause: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintenanceFile {
    id: FailureModeId,
    title: Text,
    #[serde(default)]
    action: Text,
    #[serde(default)]
    parts: Vec<String>,
    metric: Option<MetricName>,
    every: Option<f64>,
    #[serde(default)]
    lead: f64,
    every_days: Option<f64>,
    #[serde(default)]
    lead_days: f64,
    #[serde(default)]
    checklist: Vec<Text>,
    #[serde(default)]
    grace_before_days: f64,
    #[serde(default)]
    grace_after_days: f64,
}

/// Most points of a plan's checklist.
const MAX_CHECKLIST: usize = 50;
/// Most days that a plan may be done before or after its date.
const MOST_GRACE_DAYS: f64 = 366.0;

impl Checker {
    /// What each code says, by code.
    pub(super) fn fault_codes(&mut self, file: &File) -> BTreeMap<String, FaultCode> {
        let mut codes = BTreeMap::new();
        for (i, f) in file.fault_code.iter().enumerate() {
            match self.modes.iter().position(|m| m.id == f.failure_mode) {
                Some(place) => {
                    let code = FaultCode {
                        mode: ModeIndex(place as u16),
                        severity: f.severity,
                        text: f.text.clone(),
                        service: f.service,
                        cause: f.cause.clone(),
                    };
                    if codes.insert(f.code.clone(), code).is_some() {
                        self.wrong(format!("fault_code[{i}].code"), format!("{} stands twice", f.code));
                    }
                }
                None => {
                    let known: Vec<&str> = self.modes.iter().map(|m| m.id.as_str()).collect();
                    let message = format!(
                        "there is no failure mode {:?}; known are {}",
                        f.failure_mode.as_str(),
                        known.join(", ")
                    );
                    self.wrong(format!("fault_code[{i}].failure_mode"), message);
                }
            }
        }
        codes
    }

    /// What is due and when.
    pub(super) fn maintenance(&mut self, file: &File) -> Vec<MaintenancePlan> {
        let mut plans = Vec::new();
        for (i, m) in file.maintenance.iter().enumerate() {
            let path = format!("maintenance[{i}]");
            let due = match (&m.metric, m.every, m.every_days) {
                (Some(metric), Some(every), None) => {
                    self.known(file, format!("{path}.metric"), metric);
                    self.positive(format!("{path}.every"), every);
                    MaintenanceDue::Counter {
                        metric: metric.clone(),
                        every,
                        lead: m.lead,
                    }
                }
                (None, None, Some(days)) => {
                    self.positive(format!("{path}.every_days"), days);
                    MaintenanceDue::Calendar {
                        every: Millis::from_hours(days * 24.0),
                        lead: Millis::from_hours(m.lead_days * 24.0),
                    }
                }
                (Some(_) | None, Some(_) | None, Some(_) | None) => {
                    self.wrong(&path, "is due either by metric and every (a counter), or by every_days");
                    continue;
                }
            };
            if m.checklist.len() > MAX_CHECKLIST {
                self.wrong(format!("{path}.checklist"), format!("at most {MAX_CHECKLIST} points"));
            }
            for (key, days) in [
                ("grace_before_days", m.grace_before_days),
                ("grace_after_days", m.grace_after_days),
            ] {
                if !(0.0..=MOST_GRACE_DAYS).contains(&days) {
                    self.wrong(
                        format!("{path}.{key}"),
                        format!("{days}; 0 to {MOST_GRACE_DAYS} is expected"),
                    );
                }
            }
            plans.push(MaintenancePlan {
                id: m.id.clone(),
                title: m.title.clone(),
                action: m.action.clone(),
                parts: m.parts.clone(),
                due,
                checklist: m.checklist.clone(),
                grace_before: Millis::from_hours(m.grace_before_days * 24.0),
                grace_after: Millis::from_hours(m.grace_after_days * 24.0),
            });
        }
        plans
    }
}
