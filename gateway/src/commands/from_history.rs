//! `train … --data FOLDER`: the recorded history of a gateway, with what technicians confirmed as labels, as the table that the same
//! command reads from a file. It is written beside the model, so that everybody can see what was learned from.

use super::backtest::confirmed;
use crate::history::Filter;
use crate::history::HistoryReader;
use crate::learning::lives::{Life, Means, lives};
use crate::store::FILE_NAME;
use anyhow::Context;
use domain::{DeviceKey, MetricName, Timestamp};
use models::evaluation::KnownEvent;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The label of what no fault was found in.
pub(super) const HEALTHY: &str = "healthy";

/// Which part of a history is learned from.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct HistoryArguments {
    /// With a gateway's folder as --data: the failure mode whose confirmed tickets end a life (life, ages).
    #[arg(long)]
    pub(super) failure_mode: Option<String>,
    /// With a gateway's folder as --data: only devices whose name begins so.
    #[arg(long, default_value = "")]
    pub(super) devices: String,
}

/// Whether `--data` names the folder of a gateway.
pub(super) fn is_history(data: &Path) -> bool {
    data.join(FILE_NAME).is_file()
}

/// Everything recorded, and what was confirmed.
pub(super) struct Recorded {
    history: HistoryReader,
    devices: BTreeMap<DeviceKey, Vec<MetricName>>,
    events: Vec<(DeviceKey, KnownEvent)>,
}

impl Recorded {
    pub(super) fn open(data: &Path, arguments: &HistoryArguments) -> anyhow::Result<Recorded> {
        let history = super::history::open(data)?;
        let filter = Filter {
            site: None,
            device: None,
            metric: None,
        };
        let mut devices: BTreeMap<DeviceKey, Vec<MetricName>> = BTreeMap::new();
        for (device, metric) in history.series(&filter) {
            if device.device.as_str().starts_with(&arguments.devices) {
                devices.entry(device).or_default().push(metric);
            }
        }
        anyhow::ensure!(
            !devices.is_empty(),
            "no such device has a history in {}",
            data.display()
        );
        let mut events = confirmed(data)?;
        events.sort_by_key(|(_, event)| event.to);
        Ok(Recorded {
            history,
            devices,
            events,
        })
    }

    /// Columns that the devices share: all that any of them has.
    fn columns(&self) -> Vec<MetricName> {
        let all: BTreeSet<&MetricName> = self.devices.values().flatten().collect();
        all.into_iter().cloned().collect()
    }

    fn span(&self, device: &DeviceKey) -> anyhow::Result<Option<(Timestamp, Timestamp)>> {
        let filter = Filter {
            site: Some(device.site.clone()),
            device: Some(device.device.clone()),
            metric: None,
        };
        let rows = self.history.count(&filter)?;
        let first = rows.iter().map(|r| r.first).min();
        Ok(first.zip(rows.iter().map(|r| r.last).max()))
    }

    fn lives(&self, device: &DeviceKey, failure_mode: &str) -> anyhow::Result<Vec<Life>> {
        let is_it = |event: &KnownEvent| event.failure_mode.as_ref().is_some_and(|m| m.as_str() == failure_mode);
        let of_device = self.events.iter().filter(|(of, event)| of == device && is_it(event));
        let repairs: Vec<Timestamp> = of_device.map(|(_, event)| event.to).collect();
        Ok(match self.span(device)? {
            Some((first, last)) => lives(first, last, &repairs),
            None => Vec::new(),
        })
    }

    fn means(
        &self,
        device: &DeviceKey,
        columns: &[MetricName],
        from: Timestamp,
        to: Timestamp,
    ) -> anyhow::Result<Means> {
        let mut means = Means::new(from, to, columns.len());
        for (column, metric) in columns.iter().enumerate() {
            self.history.each_value(device, metric, from, to, &mut |at, value| {
                means.add(at, column, value);
                ControlFlow::Continue(())
            })?;
        }
        Ok(means)
    }

    /// `unit,hours` and all metrics: each life that ended with this fault, from its beginning.
    pub(super) fn runs(&self, failure_mode: &str, out: &Path) -> anyhow::Result<PathBuf> {
        let columns = self.columns();
        let mut table = Table::new(&["unit", "hours"], &columns)?;
        for device in self.devices.keys() {
            let ended = self
                .lives(device, failure_mode)?
                .into_iter()
                .filter(|life| life.has_failed);
            for (number, life) in ended.enumerate() {
                let means = self.means(device, &columns, life.from, life.to)?;
                for (at, values) in means.rows() {
                    let hours = (at - life.from).as_hours();
                    table.row([format!("{device}#{}", number + 1), format!("{hours:.4}")], &values)?;
                }
            }
        }
        table.save(out, &format!("no confirmed {failure_mode} ends a life"))
    }

    /// `unit,age,failed`: where the counter stood at each confirmed fault, since the one before, and where it stands.
    pub(super) fn ages(&self, failure_mode: &str, counter: &MetricName, out: &Path) -> anyhow::Result<PathBuf> {
        let mut table = Table::new(&["unit", "age", "failed"], &[])?;
        for device in self.devices.keys() {
            let mut before = 0.0;
            for (number, life) in self.lives(device, failure_mode)?.into_iter().enumerate() {
                let mut stood = None;
                self.history
                    .each_value(device, counter, life.from, life.to, &mut |_, value| {
                        stood = Some(value);
                        ControlFlow::Continue(())
                    })?;
                let Some(stood) = stood else { continue };
                // a counter that has fallen was replaced: what it says now is all that is known
                let age = if stood >= before { stood - before } else { stood };
                before = stood;
                if age > 0.0 {
                    let failed = u8::from(life.has_failed).to_string();
                    table.row([format!("{device}#{}", number + 1), format!("{age:.4}"), failed], &[])?;
                }
            }
        }
        table.save(out, &format!("no device has counted {counter}"))
    }

    /// `label,device` and all metrics: from the opening to the closing of each confirmed ticket its failure mode, before the first
    /// and between them `healthy`.
    pub(super) fn classes(&self, out: &Path) -> anyhow::Result<PathBuf> {
        let columns = self.columns();
        let mut table = Table::new(&["label", "device"], &columns)?;
        for device in self.devices.keys() {
            let Some((first, last)) = self.span(device)? else {
                continue;
            };
            let events: Vec<&KnownEvent> = self
                .events
                .iter()
                .filter(|(of, _)| of == device)
                .map(|(_, event)| event)
                .collect();
            let label = |at: Timestamp| {
                let during = events.iter().find(|event| event.from <= at && at < event.to);
                during.map_or(HEALTHY, |event| {
                    event.failure_mode.as_ref().map_or(HEALTHY, |m| m.as_str())
                })
            };
            for (at, values) in self.means(device, &columns, first, Timestamp(last.0 + 1))?.rows() {
                table.row([label(at).to_owned(), device.to_string()], &values)?;
            }
        }
        table.save(out, "nothing is recorded")
    }
}

/// A CSV that grows in memory: at most some hundred rows for each life.
struct Table {
    csv: csv::Writer<Vec<u8>>,
    rows: u64,
}

impl Table {
    fn new(head: &[&str], columns: &[MetricName]) -> anyhow::Result<Table> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(head.iter().copied().chain(columns.iter().map(MetricName::as_str)))?;
        Ok(Table { csv, rows: 0 })
    }

    fn row<const N: usize>(&mut self, head: [String; N], values: &[Option<f64>]) -> anyhow::Result<()> {
        let values = values
            .iter()
            .map(|value| value.map_or(String::new(), |v| v.to_string()));
        self.csv.write_record(head.into_iter().chain(values))?;
        self.rows += 1;
        Ok(())
    }

    /// Beside the model.
    fn save(self, out: &Path, nothing: &str) -> anyhow::Result<PathBuf> {
        anyhow::ensure!(self.rows > 0, "{nothing}: there is nothing to learn from");
        let mut name = out.file_name().unwrap_or_default().to_os_string();
        name.push(".csv");
        let path = out.with_file_name(name);
        let bytes = self.csv.into_inner().context("cannot gather the rows")?;
        crate::learning::model_file::save(&path, &bytes)?;
        eprintln!("{} rows of history, written to {}", self.rows, path.display());
        Ok(path)
    }
}
