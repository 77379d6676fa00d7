//! Reads ages of units that failed, and of units that still run.

use super::{DataError, column, table};
use models::weibull::Life;
use std::collections::BTreeMap;
use std::path::Path;

/// Words of a unit that has failed, and of one that still runs, lower case.
const FAILED: [&str; 6] = ["1", "true", "yes", "y", "failed", "failure"];
const RUNNING: [&str; 8] = ["0", "false", "no", "n", "running", "censored", "suspended", ""];

/// Which columns are what.
#[derive(Debug, Clone)]
pub struct AgeColumns {
    /// The age, at the failure or so far.
    pub age: String,
    /// Whether it failed at that age.
    pub failed: String,
    /// The kind of unit.
    pub by: Option<String>,
}

/// Reads lives by kind of unit; without kinds, all under an empty name.
///
/// # Errors
/// Whatever is wrong with the file, with line and column.
pub fn read_ages(file: &Path, columns: &AgeColumns) -> Result<BTreeMap<String, Vec<Life>>, DataError> {
    let (names, records) = table(file, None)?;
    let age = column(file, &names, &columns.age)?;
    let failed = column(file, &names, &columns.failed)?;
    let by = columns.by.as_ref().map(|name| column(file, &names, name)).transpose()?;
    let mut kinds: BTreeMap<String, Vec<Life>> = BTreeMap::new();
    for record in records {
        let record = record.map_err(|cause| DataError::Table {
            file: file.to_owned(),
            cause,
        })?;
        let cell = |place: usize| record.get(place).unwrap_or_default().trim();
        let wrong = |name: &str, place: usize, problem: &'static str| DataError::Cell {
            file: file.to_owned(),
            line: record.position().map_or(0, csv::Position::line),
            column: name.to_owned(),
            text: cell(place).to_owned(),
            problem,
        };
        let years = cell(age)
            .parse::<f64>()
            .ok()
            .filter(|age| age.is_finite() && *age > 0.0);
        let years = years.ok_or_else(|| wrong(&columns.age, age, "is no age: a number above 0 is needed"))?;
        let word = cell(failed).to_ascii_lowercase();
        let life = match (FAILED.contains(&word.as_str()), RUNNING.contains(&word.as_str())) {
            (true, _) => Life::Failed(years),
            (false, true) => Life::Running(years),
            (false, false) => {
                let problem = "does not say whether the unit failed: write 1 or 0";
                return Err(wrong(&columns.failed, failed, problem));
            }
        };
        kinds
            .entry(by.map_or_else(String::new, |by| cell(by).to_owned()))
            .or_default()
            .push(life);
    }
    match kinds.is_empty() {
        true => Err(DataError::Empty { file: file.to_owned() }),
        false => Ok(kinds),
    }
}

/// Reads the ages of units whose failure is asked for: a name, which is the first column unless that is the age, the kind, the age.
///
/// # Errors
/// Whatever is wrong with the file, with line and column.
pub fn read_running(file: &Path, age: &str, by: Option<&str>) -> Result<Vec<(String, String, f64)>, DataError> {
    let (names, records) = table(file, None)?;
    let place = column(file, &names, age)?;
    let by = by.map(|name| column(file, &names, name)).transpose()?;
    let mut units = Vec::new();
    for (number, record) in records.enumerate() {
        let record = record.map_err(|cause| DataError::Table {
            file: file.to_owned(),
            cause,
        })?;
        let cell = |place: usize| record.get(place).unwrap_or_default().trim();
        let reached = cell(place)
            .parse::<f64>()
            .ok()
            .filter(|age| age.is_finite() && *age >= 0.0);
        let reached = reached.ok_or_else(|| DataError::Cell {
            file: file.to_owned(),
            line: record.position().map_or(0, csv::Position::line),
            column: age.to_owned(),
            text: cell(place).to_owned(),
            problem: "is no age: a number from 0 on is needed",
        })?;
        let name = if place == 0 || by == Some(0) {
            number.to_string()
        } else {
            cell(0).to_owned()
        };
        units.push((name, by.map_or_else(String::new, |by| cell(by).to_owned()), reached));
    }
    match units.is_empty() {
        true => Err(DataError::Empty { file: file.to_owned() }),
        false => Ok(units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_and_running_units_are_read_by_kind_and_mistakes_have_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ages.csv");
        std::fs::write(&file, "pump,make,hours,failed\np1,A,120,1\np2,B,90.5,no\np3,A,300,\n").unwrap();
        let mut columns = AgeColumns {
            age: "hours".to_owned(),
            failed: "failed".to_owned(),
            by: Some("make".to_owned()),
        };
        let kinds = read_ages(&file, &columns).unwrap();
        assert_eq!(kinds["A"], [Life::Failed(120.0), Life::Running(300.0)]);
        assert_eq!(kinds["B"], [Life::Running(90.5)]);
        let running = read_running(&file, "hours", Some("make")).unwrap();
        assert_eq!(running[1], ("p2".to_owned(), "B".to_owned(), 90.5));
        columns.failed = "make".to_owned();
        let error = read_ages(&file, &columns).unwrap_err().to_string();
        assert!(error.contains("ages.csv:2: column `make`: `A` does not say"), "{error}");
    }
}
