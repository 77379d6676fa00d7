//! Reads units: what each machine reported from its first row to its failure, or so far. C-MAPSS text files, or CSV.

use super::{DataError, column, open, table};
use models::learned_life::Unit;
use models::matrix::Matrix;
use std::io::BufRead;
use std::path::Path;

/// Columns of a C-MAPSS file: unit, cycle, three settings, then sensors (Saxena et al., PHM 2008).
const CMAPSS_SETTINGS: usize = 3;
const CMAPSS_SENSORS: usize = 21;
/// Names that are taken for a unit or a time where none is given, lower case, best first.
const UNIT_NAMES: [&str; 7] = ["unit", "unit_id", "machine", "machineid", "device", "asset", "run"];
const TIME_NAMES: [&str; 9] = [
    "cycle",
    "cycles",
    "time",
    "age",
    "hours",
    "runtime_hours",
    "timestamp",
    "ts",
    "datetime",
];

/// How the file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RunFormat {
    /// NASA's text files: 26 columns without a header.
    Cmapss,
    /// A header, then one row per unit and time.
    Csv,
}

/// Which columns of a CSV are what.
#[derive(Debug, Clone, Default)]
pub struct RunColumns {
    /// Names the unit; found by name if missing.
    pub unit: Option<String>,
    /// Tells the time or age; found by name if missing.
    pub time: Option<String>,
    /// Operating conditions rather than measurements.
    pub settings: Vec<String>,
    /// Left out.
    pub ignore: Vec<String>,
}

/// Units with the names of their columns: metrics, then settings.
#[derive(Debug, Clone)]
pub struct Runs {
    /// Names of metrics, then of settings.
    pub columns: Vec<String>,
    /// How many of them are metrics.
    pub metrics: usize,
    /// The units in the order of the file.
    pub units: Vec<Unit>,
}

/// Reads a file; `wanted` are the columns of a model, in its order.
///
/// # Errors
/// Whatever is wrong with it, with line and column.
pub fn read_runs(
    file: &Path,
    format: RunFormat,
    columns: &RunColumns,
    wanted: Option<&[String]>,
) -> Result<Runs, DataError> {
    let runs = match format {
        RunFormat::Cmapss => read_cmapss(file)?,
        RunFormat::Csv => read_csv(file, columns, wanted)?,
    };
    match runs.units.is_empty() {
        true => Err(DataError::Empty { file: file.to_owned() }),
        false => Ok(runs),
    }
}

/// Gathers rows by unit.
struct Gatherer {
    width: usize,
    units: Vec<Unit>,
    places: std::collections::BTreeMap<String, usize>,
}

impl Gatherer {
    fn new(width: usize) -> Gatherer {
        Gatherer {
            width,
            units: Vec::new(),
            places: std::collections::BTreeMap::new(),
        }
    }

    /// Adds a row, unless time goes back within its unit.
    fn add(&mut self, name: &str, time: f64, row: &[f32]) -> bool {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.units.push(Unit {
                    name: name.to_owned(),
                    times: Vec::new(),
                    rows: Matrix::new(self.width),
                });
                self.places.insert(name.to_owned(), self.units.len() - 1);
                self.units.len() - 1
            }
        };
        let unit = &mut self.units[place];
        let is_later = unit.times.last().is_none_or(|last| time >= *last);
        if is_later {
            unit.times.push(time);
            unit.rows.push(row);
        }
        is_later
    }
}

fn cell_error(file: &Path, line: u64, column: &str, text: &str, problem: &'static str) -> DataError {
    DataError::Cell {
        file: file.to_owned(),
        line,
        column: column.to_owned(),
        text: text.chars().take(40).collect(),
        problem,
    }
}

const GOES_BACK: &str = "is before the row above it of the same unit; sort the file by time";

fn read_cmapss(file: &Path) -> Result<Runs, DataError> {
    let read = |cause| DataError::Read {
        file: file.to_owned(),
        cause,
    };
    let settings = (1..=CMAPSS_SETTINGS).map(|i| format!("setting_{i}"));
    let columns: Vec<String> = (1..=CMAPSS_SENSORS)
        .map(|i| format!("sensor_{i}"))
        .chain(settings)
        .collect();
    let expected = 2 + columns.len();
    let mut gatherer = Gatherer::new(columns.len());
    let (mut numbers, mut row) = (Vec::new(), Vec::new());
    for (index, line) in device_sim::table::text(open(file)?).map_err(read)?.lines().enumerate() {
        let (line, number) = (line.map_err(read)?, index as u64 + 1);
        numbers.clear();
        for (place, word) in line.split_whitespace().enumerate() {
            let value = word.parse::<f64>().ok().filter(|v| v.is_finite());
            let name = format!("{}", place + 1);
            numbers.push(value.ok_or_else(|| cell_error(file, number, &name, word, "is not a number"))?);
        }
        if numbers.is_empty() {
            continue;
        }
        if numbers.len() != expected {
            return Err(DataError::Width {
                file: file.to_owned(),
                line: number,
                found: numbers.len(),
                expected,
            });
        }
        row.clear();
        row.extend(numbers[2 + CMAPSS_SETTINGS..].iter().map(|v| *v as f32));
        row.extend(numbers[2..2 + CMAPSS_SETTINGS].iter().map(|v| *v as f32));
        if !gatherer.add(&numbers[0].to_string(), numbers[1], &row) {
            return Err(cell_error(file, number, "2", &numbers[1].to_string(), GOES_BACK));
        }
    }
    Ok(Runs {
        columns,
        metrics: CMAPSS_SENSORS,
        units: gatherer.units,
    })
}

fn find(
    file: &Path,
    names: &[String],
    wanted: Option<&String>,
    usual: &[&str],
    what: &str,
) -> Result<usize, DataError> {
    if let Some(name) = wanted {
        return column(file, names, name);
    }
    let by_name = usual
        .iter()
        .find_map(|usual| names.iter().position(|n| n.to_ascii_lowercase() == *usual));
    by_name.ok_or_else(|| DataError::NoColumn {
        file: file.to_owned(),
        column: format!("{} (name the one that tells it with --{what})", usual[0]),
        columns: names.join(", "),
    })
}

/// A time as a number: as it stands, or the hours since 1970 of a date.
fn time(cell: &str) -> Option<f64> {
    if let Ok(number) = cell.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let with_zone = |text: &str| domain::Timestamp::parse_rfc3339(text);
    let at = with_zone(cell).or_else(|| with_zone(&format!("{}Z", cell.replacen(' ', "T", 1))))?;
    Some(at.0 as f64 / 3_600_000.0)
}

fn read_csv(file: &Path, columns: &RunColumns, wanted: Option<&[String]>) -> Result<Runs, DataError> {
    let (names, records) = table(file, None)?;
    let unit = find(file, &names, columns.unit.as_ref(), &UNIT_NAMES, "unit")?;
    let at = find(file, &names, columns.time.as_ref(), &TIME_NAMES, "time")?;
    for name in columns.settings.iter().chain(&columns.ignore) {
        column(file, &names, name)?;
    }
    let mut chosen: Vec<String> = match wanted {
        Some(wanted) => wanted.to_vec(),
        None => {
            let is_metric = |(place, name): &(usize, &String)| {
                *place != unit && *place != at && !columns.settings.contains(name) && !columns.ignore.contains(name)
            };
            names
                .iter()
                .enumerate()
                .filter(is_metric)
                .map(|(_, name)| name.clone())
                .collect()
        }
    };
    let metrics = chosen.len();
    if wanted.is_none() {
        chosen.extend(columns.settings.iter().cloned());
    }
    let places = chosen.iter().map(|name| match column(file, &names, name) {
        Ok(place) => Ok(place),
        Err(_) if wanted.is_some() => Err(DataError::OtherColumns {
            file: file.to_owned(),
            problem: format!("`{name}` is missing among {}", names.join(", ")),
        }),
        Err(error) => Err(error),
    });
    let places: Vec<usize> = places.collect::<Result<_, _>>()?;
    let mut gatherer = Gatherer::new(chosen.len());
    let mut row = Vec::with_capacity(places.len());
    for record in records {
        let record = record.map_err(|cause| DataError::Table {
            file: file.to_owned(),
            cause,
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let when = time(cell(at))
            .ok_or_else(|| cell_error(file, line, &names[at], cell(at), "is neither a number nor a time"))?;
        row.clear();
        for place in &places {
            let text = cell(*place);
            let value = match text {
                "" => Some(f32::NAN),
                _ => text.parse::<f32>().ok(),
            };
            let no_number = "is not a number; leave the column out with --ignore";
            row.push(value.ok_or_else(|| cell_error(file, line, &names[*place], text, no_number))?);
        }
        if !gatherer.add(cell(unit), when, &row) {
            return Err(cell_error(file, line, &names[at], cell(at), GOES_BACK));
        }
    }
    Ok(Runs {
        columns: chosen,
        metrics,
        units: gatherer.units,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, format: RunFormat, columns: &RunColumns) -> Result<Runs, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        read_runs(&file, format, columns, None)
            .map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    #[test]
    fn units_are_gathered_by_name_even_where_rows_alternate() {
        let text = "machine,hours,temp,load\na,1,5,1\nb,1,6,2\na,2,,1\nb,2,8,2\n";
        let columns = RunColumns {
            settings: vec!["load".to_owned()],
            ..RunColumns::default()
        };
        let runs = read("a.csv", text, RunFormat::Csv, &columns).unwrap();
        assert_eq!((runs.columns.join(" "), runs.metrics), ("temp load".to_owned(), 1));
        assert_eq!(runs.units.len(), 2);
        assert_eq!(runs.units[1].rows.row(1), &[8.0, 2.0]);
        assert!(runs.units[0].rows.row(1)[0].is_nan(), "an empty cell is missing");
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let none = RunColumns::default();
        for (text, expected) in [
            (
                "unit,cycle,temp\n1,1,5\n1,2,warm\n",
                "/a.csv:3: column `temp`: `warm` is not a number",
            ),
            (
                "unit,cycle,temp\n1,2,5\n1,1,6\n",
                "/a.csv:3: column `cycle`: `1` is before the row above",
            ),
            (
                "unit,cycle,temp\n1,soon,5\n",
                "/a.csv:2: column `cycle`: `soon` is neither",
            ),
            ("unit,temp\n1,5\n", "--time"),
            ("unit,cycle,temp\n", "has no rows"),
        ] {
            let error = read("a.csv", text, RunFormat::Csv, &none).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let short = read("t.txt", "1 1 0 0\n", RunFormat::Cmapss, &none).unwrap_err();
        assert!(short.contains("/t.txt:1: 4 columns, 26 are expected"), "{short}");
    }
}
