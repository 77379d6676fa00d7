//! The texts of `device-sim list` and `describe`. Pure.

use std::fmt::Write;

use crate::catalogue::{Fault, MachineKind};
use crate::fleet::Fleet;
use crate::spec::{FleetSpec, SiteSpec};

/// All machines with their faults, a line each.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for kind in MachineKind::ALL {
        push(&mut text, format_args!("{:<16} {}", kind.id(), kind.summary()));
        for fault in kind.faults() {
            let safety = if fault.spec().is_safety { " (safety)" } else { "" };
            push(
                &mut text,
                format_args!("  {:<18} {}{safety}", fault.id(), fault.spec().symptoms),
            );
        }
    }
    text
}

/// Everything about one machine.
#[must_use]
pub fn describe(kind: MachineKind) -> String {
    let mut text = String::new();
    push(&mut text, format_args!("{}: {}", kind.id(), kind.summary()));
    push(
        &mut text,
        format_args!(
            "devices {}-001, …; telemetry each {} s",
            kind.device_prefix(),
            kind.default_interval_s()
        ),
    );
    push(&mut text, format_args!("\nMetrics (range of a healthy machine)"));
    for metric in kind.metrics() {
        let held = if metric.is_held {
            "; repeats until the next ride"
        } else {
            ""
        };
        let range = format!("{} … {} {}", metric.low, metric.high, metric.unit);
        push(
            &mut text,
            format_args!("  {:<26} {range:<22} {}{held}", metric.name, metric.meaning),
        );
    }
    push(&mut text, format_args!("\nFaults"));
    for fault in kind.faults() {
        describe_fault(&mut text, *fault);
    }
    push(&mut text, format_args!("\nSample payload"));
    if let Some((topic, payload)) = sample(kind) {
        push(&mut text, format_args!("  {topic}\n  {payload}"));
    }
    text
}

fn describe_fault(text: &mut String, fault: Fault) {
    let spec = fault.spec();
    let safety = if spec.is_safety { ", safety relevant" } else { "" };
    push(text, format_args!("  {}{safety}", fault.id()));
    push(text, format_args!("    symptoms at failure: {}", spec.symptoms));
    push(
        text,
        format_args!(
            "    seen first in {}; growth {}",
            spec.leading_metric,
            spec.growth.describe()
        ),
    );
    push(
        text,
        format_args!("    then the machine stops and raises {} \"{}\"", spec.code, spec.text),
    );
}

/// The first telemetry of such a machine.
fn sample(kind: MachineKind) -> Option<(String, String)> {
    let count = |of| u32::from(of == kind);
    let site = SiteSpec {
        name: "plant".to_owned(),
        pump: count(MachineKind::Pump),
        elevator: count(MachineKind::Elevator),
        air_conditioner: count(MachineKind::AirConditioner),
    };
    let start_ms = 1_767_600_000_000;
    let mut fleet = Fleet::new(&FleetSpec::of_site(1, start_ms, site)).ok()?;
    let mut out = Vec::new();
    fleet.step_until(start_ms + 60_000, &mut out);
    let message = out.into_iter().find(|message| message.topic.ends_with("telemetry"))?;
    Some((
        message.topic.to_string(),
        String::from_utf8_lossy(&message.payload).into_owned(),
    ))
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_machine_and_fault() {
        let text = list();
        assert!(MachineKind::ALL.iter().all(|kind| text.contains(kind.id())));
        assert!(Fault::ALL.iter().all(|fault| text.contains(fault.id())));
    }

    #[test]
    fn a_description_has_every_metric_with_its_unit_and_a_payload() {
        for kind in MachineKind::ALL {
            let text = describe(kind);
            for metric in kind.metrics() {
                assert!(text.contains(metric.name) && text.contains(metric.unit));
            }
            assert!(text.contains("\"metrics\":{"));
        }
    }
}
