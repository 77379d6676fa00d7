//! `forewarn diagnose`: names the fault of a recorded waveform, with what the verdict rests on.

use super::npy::NpyRows;
use super::output::output;
use anyhow::Context;
use domain::vibration::WatchedBearing;
use models::vibration::bearing::BearingGeometry;
use models::vibration::catalogue::{self, CatalogueEntry};
use models::vibration::severity::{DEFAULT_LIMITS, LIMIT_SETS, LimitSet};
use models::vibration::spectrum::Plans;
use models::vibration::{Diagnosis, FaultClass, Recording, diagnose};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The recording: a .npy file of acceleration in g, one-dimensional or one snapshot a row.
    #[arg(long, value_name = "FILE.npy")]
    waveform: PathBuf,
    /// Samples per second.
    #[arg(long, value_name = "HZ", value_parser = super::positive)]
    sample_rate: f64,
    /// Shaft speed in revolutions per minute.
    #[arg(long, value_name = "RPM", value_parser = speed)]
    rpm: f64,
    /// A bearing by name, or its number of elements, their diameter, pitch diameter and contact angle in degrees.
    #[arg(long, value_name = "NAME|n,d,D,phi", value_parser = bearing)]
    bearing: Bearing,
    /// Teeth of a gear on this shaft; without it gears are not judged.
    #[arg(long, value_name = "N")]
    teeth: Option<u32>,
    /// Limits of velocity for this kind of machine.
    #[arg(long, value_name = "ID", default_value = DEFAULT_LIMITS.id, value_parser = limits)]
    limits: &'static LimitSet,
    /// The verdict as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bearing {
    geometry: BearingGeometry,
    entry: Option<&'static CatalogueEntry>,
}

/// A recording longer than this many samples is read to its end, but only its latest part is kept.
const MOST_SAMPLES: usize = 1 << 22;
/// Faster than any machine with rolling bearings that is watched by accelerometers.
const MOST_RPM: f64 = 200_000.0;

fn speed(text: &str) -> Result<f64, String> {
    let rpm = super::positive(text)?;
    if rpm > MOST_RPM {
        return Err(format!(
            "more than {MOST_RPM} revolutions per minute; is it in Hz times something?"
        ));
    }
    if rpm < 60.0 {
        return Err(format!(
            "{rpm} revolutions per minute is less than one a second; if {rpm} is in Hz, give {}",
            rpm * 60.0
        ));
    }
    Ok(rpm)
}

fn bearing(text: &str) -> Result<Bearing, String> {
    let WatchedBearing { geometry, name } = WatchedBearing::parse(text)?;
    let entry = name.and_then(catalogue::find);
    Ok(Bearing { geometry, entry })
}

fn limits(text: &str) -> Result<&'static LimitSet, String> {
    let all: Vec<&str> = LIMIT_SETS.iter().map(|set| set.id).collect();
    LimitSet::named(text).ok_or_else(|| format!("one of {}", all.join(", ")))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let snapshots = read_latest(arguments)?;
    let recording = Recording {
        snapshots: &snapshots,
        sample_rate_hz: arguments.sample_rate,
        rpm: arguments.rpm,
        geometry: arguments.bearing.geometry,
        gear_teeth: arguments.teeth,
        limits: arguments.limits,
    };
    let diagnosis = diagnose(&mut Plans::default(), &recording)
        .with_context(|| format!("{} cannot be judged", arguments.waveform.display()))?;
    if arguments.json {
        writeln!(output(), "{}", as_json(arguments, &diagnosis)?)?;
    } else {
        write!(output(), "{}", as_text(arguments, &diagnosis))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The latest snapshots, as many as are analysed.
fn read_latest(arguments: &Arguments) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut rows = NpyRows::open(&arguments.waveform)?;
    let skipped = rows.rows() - rows.rows().min((MOST_SAMPLES / rows.columns()).max(1));
    let (mut snapshots, mut row, mut number) = (Vec::new(), Vec::new(), 0);
    while rows.next_row(&mut row)? {
        if number >= skipped {
            snapshots.push(row.clone());
        }
        number += 1;
    }
    Ok(snapshots)
}

fn as_json(arguments: &Arguments, diagnosis: &Diagnosis) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(diagnosis)?;
    if let Some(object) = value.as_object_mut() {
        // each observation also as the sentence that the text shows
        if let Some(list) = object.get_mut("evidence").and_then(|e| e.as_array_mut()) {
            for (item, evidence) in list.iter_mut().zip(&diagnosis.evidence) {
                item["says"] = evidence.to_string().into();
            }
        }
        object.insert("rpm".to_owned(), arguments.rpm.into());
        object.insert("sample_rate_hz".to_owned(), arguments.sample_rate.into());
        object.insert(
            "orders".to_owned(),
            serde_json::to_value(arguments.bearing.geometry.orders())?,
        );
        object.insert("bearing".to_owned(), bearing_json(&arguments.bearing));
    }
    Ok(serde_json::to_string_pretty(&value)?)
}

fn bearing_json(bearing: &Bearing) -> serde_json::Value {
    match bearing.entry {
        Some(entry) => serde_json::json!({
            "name": entry.name, "geometry": bearing.geometry, "source": entry.source, "is_certain": entry.is_certain,
        }),
        None => serde_json::json!({ "geometry": bearing.geometry, "source": "the command line" }),
    }
}

fn as_text(arguments: &Arguments, diagnosis: &Diagnosis) -> String {
    let percent = diagnosis.confidence * 100.0;
    let mut text = match diagnosis.fault_class {
        FaultClass::Healthy => format!("healthy: nothing stands out (confidence {percent:.0} %)\n"),
        class @ (FaultClass::OuterRace | FaultClass::InnerRace | FaultClass::Ball) => {
            format!("bearing fault, {class} (confidence {percent:.0} %)\n")
        }
        class @ (FaultClass::Unbalance
        | FaultClass::Misalignment
        | FaultClass::Looseness
        | FaultClass::Gear
        | FaultClass::Unknown) => format!("{class} (confidence {percent:.0} %)\n"),
    };
    for evidence in &diagnosis.evidence {
        text.push_str(&format!("  - {evidence}\n"));
    }
    let orders = arguments.bearing.geometry.orders();
    let named = match arguments.bearing.entry {
        Some(entry) if entry.is_certain => format!("bearing {}: {}", entry.name, entry.source),
        Some(entry) => format!("bearing {}, NOT CERTAIN: {}", entry.name, entry.source),
        None => "bearing as given".to_owned(),
    };
    text.push_str(&format!(
        "{named}; outer race {:.3}, inner race {:.3}, ball {:.3} (twice its spin), cage {:.4} times the shaft\n",
        orders.outer_race,
        orders.inner_race,
        2.0 * orders.element_spin,
        orders.cage
    ));
    let supports: Vec<String> = diagnosis
        .supports
        .iter()
        .filter(|s| s.support > 0.0)
        .map(|s| format!("{} {:.2}", s.class, s.support))
        .collect();
    text.push_str(&format!("support, 1 is believed: {}\n", supports.join(", ")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_bearings_list_near_ones_and_wrong_geometries_say_what_is_wrong() {
        let error = bearing("6215").expect_err("not in the catalogue");
        assert!(
            error.contains("near ones are 6205") && error.contains("9,7.94,39.04,0"),
            "{error}"
        );
        assert!(
            bearing("9,39.04,7.94,0")
                .expect_err("swapped")
                .contains("below the pitch diameter")
        );
        assert!(bearing("SKF 6205-2RS").is_ok_and(|b| b.entry.is_some()));
        assert!(bearing("9,7.94,39.04,0").is_ok_and(|b| b.entry.is_none()));
    }

    #[test]
    fn a_speed_in_hz_is_noticed() {
        assert!(speed("29.9").expect_err("in Hz").contains("give 1794"));
        assert_eq!(speed("1797"), Ok(1797.0));
        for wrong in ["0", "-5", "NaN", "inf", "fast", "1e9"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
