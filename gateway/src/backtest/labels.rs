//! What is known to have happened, as people write it down.
//!
//! JSON: `{"relative/path.csv": [["2024-01-31 12:00:00", "2024-02-01 00:00:00"], …]}`. CSV with a header:
//! `device,from,to` and, where known, `failure_mode`; `device` is the recording's path below the input folder, or
//! `site/device`. Times are read as in recordings; what names no zone is UTC.

use device_sim::table::parse_time;
use domain::{DeviceKey, FailureModeId, Timestamp};
use models::evaluation::KnownEvent;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Known events by device or recording.
pub type Labels = BTreeMap<String, Vec<KnownEvent>>;

/// What is wrong with a file of labels.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// It cannot be read.
    #[error("cannot read labels {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not JSON of the form expected.
    #[error("labels {} are not an object of recordings with lists of [from, to]", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// It is not CSV of the form expected.
    #[error("labels {} are not CSV with the columns device,from,to[,failure_mode]", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: csv::Error,
    },
    /// A cell means nothing.
    #[error("labels {}: {device}: {text:?} is no {what}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// Whose label.
        device: String,
        /// The cell.
        text: String,
        /// What it should be.
        what: &'static str,
    },
}

#[derive(Deserialize)]
struct CsvLabel {
    device: String,
    from: String,
    to: String,
    #[serde(default)]
    failure_mode: String,
}

/// Reads a file of labels.
///
/// # Errors
/// It cannot be read or understood; nothing is left out in silence.
pub fn read(path: &Path) -> Result<Labels, LabelsError> {
    let text = std::fs::read_to_string(path).map_err(|source| LabelsError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

/// Writes labels as CSV, in the form that [`read`] takes.
///
/// # Errors
/// The output cannot be written.
pub fn write(labels: &[(DeviceKey, KnownEvent)], out: impl Write) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["device", "from", "to", "failure_mode"])?;
    for (device, event) in labels {
        let mode = event.failure_mode.as_ref().map_or("", FailureModeId::as_str);
        writer.write_record([
            &device.to_string(),
            &event.from.to_string(),
            &event.to.to_string(),
            mode,
        ])?;
    }
    writer.flush()?;
    Ok(())
}

fn parse(text: &str, path: &Path) -> Result<Labels, LabelsError> {
    let mut labels = Labels::new();
    let wrong = |device: &str, text: &str, what| LabelsError::Cell {
        path: path.to_owned(),
        device: device.to_owned(),
        text: text.to_owned(),
        what,
    };
    let mut add = |device: String, from: &str, to: &str, mode: &str| {
        let time = |cell: &str| {
            parse_time(cell.trim(), 0)
                .map(Timestamp)
                .ok_or_else(|| wrong(&device, cell, "time"))
        };
        let failure_mode = match mode.trim() {
            "" => None,
            name => Some(FailureModeId::new(name).map_err(|_| wrong(&device, name, "failure mode"))?),
        };
        let event = KnownEvent {
            failure_mode,
            from: time(from)?,
            to: time(to)?,
        };
        if event.to < event.from {
            return Err(wrong(&device, to, "end: it comes before the beginning"));
        }
        labels.entry(device).or_default().push(event);
        Ok(())
    };
    if text.trim_start().starts_with('{') {
        let windows: BTreeMap<String, Vec<(String, String)>> =
            serde_json::from_str(text).map_err(|source| LabelsError::Json {
                path: path.to_owned(),
                source,
            })?;
        for (device, windows) in windows {
            for (from, to) in windows {
                add(device.clone(), &from, &to, "")?;
            }
        }
        return Ok(labels);
    }
    let csv_error = |source| LabelsError::Csv {
        path: path.to_owned(),
        source,
    };
    for row in csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
        .deserialize()
    {
        let row: CsvLabel = row.map_err(csv_error)?;
        add(row.device, &row.from, &row.to, &row.failure_mode)?;
    }
    Ok(labels)
}

/// Events from a column of the recording that is not 0 while something is wrong.
#[derive(Debug, Default)]
pub struct LabelColumn {
    events: Vec<KnownEvent>,
    is_on: bool,
}

impl LabelColumn {
    /// The column's value in a row.
    pub fn add(&mut self, at: Timestamp, value: f64) {
        let is_on = value != 0.0;
        match (is_on, self.is_on, self.events.last_mut()) {
            (true, true, Some(event)) => event.to = at,
            (true, _, _) => self.events.push(KnownEvent {
                failure_mode: None,
                from: at,
                to: at,
            }),
            (false, _, _) => {}
        }
        self.is_on = is_on;
    }

    /// The events.
    pub fn finish(self) -> Vec<KnownEvent> {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(parse_time(text, 0).expect("a time"))
    }

    #[test]
    fn both_forms_are_read() {
        let json = r#"{"a/b.csv": [["2024-01-31 12:00:00.000", "2024-02-01 00:00:00"]], "c.csv": []}"#;
        let labels = parse(json, Path::new("l.json")).expect("reads");
        assert_eq!(labels["a/b.csv"][0].from, at("2024-01-31T12:00:00Z"));
        let csv = "device,from,to,failure_mode\nplant/pump-1,2024-01-31,2024-02-01,bearing_wear\n";
        let labels = parse(csv, Path::new("l.csv")).expect("reads");
        let mode = labels["plant/pump-1"][0].failure_mode.as_ref();
        assert_eq!(mode.map(FailureModeId::as_str), Some("bearing_wear"));
    }

    #[test]
    fn what_is_written_is_read() {
        let event = |from: &str, mode: Option<&str>| KnownEvent {
            failure_mode: mode.map(|mode| FailureModeId::new(mode).expect("a name")),
            from: at(from),
            to: at("2024-03-01T00:00:00Z"),
        };
        let pump = DeviceKey::new("plant", "pump-1").expect("a name");
        let events = [
            event("2024-01-31T12:00:00.250Z", Some("bearing_wear")),
            event("2024-02-01", None),
        ];
        let mut out = Vec::new();
        write(&events.clone().map(|e| (pump.clone(), e)), &mut out).expect("written");
        let read = parse(std::str::from_utf8(&out).expect("text"), Path::new("l.csv")).expect("reads");
        assert_eq!(read["plant/pump-1"], events);
    }

    #[test]
    fn mistakes_are_named() {
        let problem = |text: &str| parse(text, Path::new("l.csv")).expect_err("wrong").to_string();
        assert_eq!(
            problem("device,from,to\np,soon,2024-01-01\n"),
            "labels l.csv: p: \"soon\" is no time"
        );
        assert!(problem("device,from,to\np,2024-02-01,2024-01-01\n").contains("comes before the beginning"));
        assert!(problem("device,from\np,2024-02-01\n").contains("device,from,to"));
        assert!(problem("{\"a\": 3}").contains("lists of [from, to]"));
    }

    #[test]
    fn runs_of_a_label_column_become_events() {
        let mut column = LabelColumn::default();
        for (second, value) in [0.0, 1.0, 1.0, 0.0, 1.0].into_iter().enumerate() {
            column.add(Timestamp(second as i64), value);
        }
        let spans: Vec<(i64, i64)> = column.finish().iter().map(|e| (e.from.0, e.to.0)).collect();
        assert_eq!(spans, [(1, 2), (4, 4)]);
    }
}
