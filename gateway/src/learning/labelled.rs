//! Reads tables of labelled rows, and of rows whose class is wanted.

use super::{DataError, column, table};
use models::classes::{Column, ColumnLearner, Labelled};
use models::matrix::Matrix;
use std::collections::BTreeMap;
use std::path::Path;

/// Names that are taken for an identity if the first column has one of them, lower case.
const ID_NAMES: [&str; 6] = ["id", "udi", "uid", "row", "cycle", "index"];

/// Which columns are what.
#[derive(Debug, Clone, Default)]
pub struct LabelColumns {
    /// Holds the class.
    pub label: String,
    /// Rows of one group are held back together.
    pub group: Option<String>,
    /// Left out: whatever is not known when a prediction is wanted.
    pub ignore: Vec<String>,
}

/// Rows whose class is wanted.
#[derive(Debug, Clone)]
pub struct Unlabelled {
    /// What each row is called.
    pub ids: Vec<String>,
    /// The rows, in the model's columns.
    pub rows: Matrix,
    /// Cells that are neither missing nor understood, by column, with the first of them.
    pub strange: Vec<(String, u64, String)>,
}

type Records = Vec<csv::StringRecord>;

fn read_all(file: &Path) -> Result<(Vec<String>, Records), DataError> {
    let (names, records) = table(file, None)?;
    let records: Result<Records, csv::Error> = records.collect();
    let records = records.map_err(|cause| DataError::Table {
        file: file.to_owned(),
        cause,
    })?;
    match records.is_empty() {
        true => Err(DataError::Empty { file: file.to_owned() }),
        false => Ok((names, records)),
    }
}

fn learner(records: &Records, place: usize) -> ColumnLearner {
    let mut learner = ColumnLearner::default();
    records
        .iter()
        .for_each(|record| learner.take(record.get(place).unwrap_or_default()));
    learner
}

/// The column that names rows: the first, if it is no number or is called so.
fn id_column(names: &[String], records: &Records) -> Option<usize> {
    let first = names.first()?.to_ascii_lowercase();
    let is_id = ID_NAMES.contains(&first.as_str()) || first.ends_with("_id");
    // a text with few different words is a category, not a name
    let is_name = || {
        let learner = learner(records, 0);
        !learner.is_numeric() && learner.finish("").is_none()
    };
    (is_id || is_name()).then_some(0)
}

/// Reads labelled rows; columns that hold nothing to learn from are left out.
///
/// # Errors
/// Whatever is wrong with the file.
pub fn read_labelled(file: &Path, columns: &LabelColumns) -> Result<Labelled, DataError> {
    let (names, records) = read_all(file)?;
    let label = column(file, &names, &columns.label)?;
    let group = columns
        .group
        .as_ref()
        .map(|name| column(file, &names, name))
        .transpose()?;
    for name in &columns.ignore {
        column(file, &names, name)?;
    }
    let id = id_column(&names, &records).filter(|id| *id != label);
    let is_feature = |place: &usize| {
        *place != label && Some(*place) != group && Some(*place) != id && !columns.ignore.contains(&names[*place])
    };
    let learned: Vec<(usize, Column)> = (0..names.len())
        .filter(is_feature)
        .filter_map(|place| Some((place, learner(&records, place).finish(&names[place])?)))
        .collect();
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    let mut table = Labelled {
        columns: learned.iter().map(|(_, column)| column.clone()).collect(),
        rows: Matrix::new(learned.len()),
        classes: Vec::new(),
        labels: Vec::new(),
        groups: group.map(|_| Vec::new()),
        voters: None,
    };
    for record in &records {
        let cell = |place: usize| record.get(place).unwrap_or_default();
        if cell(label).is_empty() {
            return Err(DataError::Cell {
                file: file.to_owned(),
                line: record.position().map_or(0, csv::Position::line),
                column: columns.label.clone(),
                text: String::new(),
                problem: "is no label; leave such rows out",
            });
        }
        let next = classes.len();
        table
            .labels
            .push(*classes.entry(cell(label).to_owned()).or_insert(next));
        if let (Some(place), Some(of_rows)) = (group, &mut table.groups) {
            let next = groups.len();
            of_rows.push(*groups.entry(cell(place).to_owned()).or_insert(next));
        }
        let row: Vec<f32> = learned
            .iter()
            .map(|(place, column)| column.encode(cell(*place)))
            .collect();
        table.rows.push(&row);
    }
    // classes by name, so that the order of rows does not matter
    let mut place_of = vec![0; classes.len()];
    for (place, (name, number)) in classes.into_iter().enumerate() {
        place_of[number] = place;
        table.classes.push(name);
    }
    table.labels.iter_mut().for_each(|label| *label = place_of[*label]);
    Ok(table)
}

/// Reads rows for a model with these columns; others are ignored.
///
/// # Errors
/// If a column is missing, or the file cannot be read.
pub fn read_unlabelled(file: &Path, wanted: &[Column]) -> Result<Unlabelled, DataError> {
    let (names, records) = read_all(file)?;
    let place = |wanted: &Column| {
        names
            .iter()
            .position(|name| *name == wanted.name)
            .ok_or_else(|| DataError::OtherColumns {
                file: file.to_owned(),
                problem: format!("`{}` is missing among {}", wanted.name, names.join(", ")),
            })
    };
    let places: Vec<usize> = wanted.iter().map(place).collect::<Result<_, _>>()?;
    let id = id_column(&names, &records);
    let mut found = Unlabelled {
        ids: Vec::new(),
        rows: Matrix::new(wanted.len()),
        strange: Vec::new(),
    };
    for (number, record) in records.iter().enumerate() {
        let cell = |place: usize| record.get(place).unwrap_or_default();
        found.ids.push(match id {
            Some(id) => cell(id).to_owned(),
            None => number.to_string(),
        });
        let row: Vec<f32> = wanted
            .iter()
            .zip(&places)
            .map(|(column, place)| column.encode(cell(*place)))
            .collect();
        for (column, place) in wanted.iter().zip(&places) {
            if column.is_strange(cell(*place)) {
                match found.strange.iter_mut().find(|(name, _, _)| *name == column.name) {
                    Some((_, count, _)) => *count += 1,
                    None => found.strange.push((column.name.clone(), 1, cell(*place).to_owned())),
                }
            }
        }
        found.rows.push(&row);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, text).unwrap();
        (folder, file)
    }

    #[test]
    fn identities_labels_groups_and_what_is_ignored_are_no_features() {
        let (_folder, file) = file("UDI,kind,heat,leak,run,state\n1,L,5,0,a,good\n2,M,6,1,b,bad\n3,L,,0,b,good\n");
        let columns = LabelColumns {
            label: "state".to_owned(),
            group: Some("run".to_owned()),
            ignore: vec!["leak".to_owned()],
        };
        let table = read_labelled(&file, &columns).unwrap();
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["kind", "heat"]);
        assert_eq!(
            (table.classes, table.labels),
            (vec!["bad".to_owned(), "good".to_owned()], vec![1, 0, 1])
        );
        assert_eq!(table.groups, Some(vec![0, 1, 1]));
    }

    #[test]
    fn rows_are_read_in_the_order_of_the_model_and_strange_cells_are_counted() {
        let (_folder, file) = file("heat,kind\n5,X\nhot,L\n");
        let column = |name: &str, words: &[&str]| Column {
            name: name.to_owned(),
            words: words.iter().map(|w| (*w).to_owned()).collect(),
        };
        let wanted = [column("kind", &["L", "M"]), column("heat", &[])];
        let rows = read_unlabelled(&file, &wanted).unwrap();
        assert_eq!(rows.ids, ["0", "1"]);
        assert!(rows.rows.row(0)[0].is_nan() && rows.rows.row(0)[1] == 5.0);
        assert_eq!(rows.strange.len(), 2);
        let error = read_unlabelled(&file, &[column("load", &[])]).unwrap_err().to_string();
        assert!(error.contains("`load` is missing among heat, kind"), "{error}");
    }
}
