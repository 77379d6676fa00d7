//! Cells of a table as numbers: a column is numeric, or has few words that become numbers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A text column with more different words is no category.
const MOST_WORDS: usize = 64;
/// A column is numeric if at least this share of its present cells are numbers.
const NUMERIC_SHARE: f64 = 0.9;
/// Cells that stand for a missing value, lower case.
const MISSING: [&str; 6] = ["", "na", "n/a", "nan", "null", "?"];

/// A column that the model looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The words of a text column, ascending; none for numbers.
    pub words: Vec<String>,
}

fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell.trim().to_ascii_lowercase().as_str())
}

fn number(cell: &str) -> Option<f32> {
    cell.trim().parse::<f32>().ok().filter(|v| v.is_finite())
}

impl Column {
    /// The cell as a number; missing and unknown ones are NaN.
    pub fn encode(&self, cell: &str) -> f32 {
        let found = match self.words.is_empty() {
            true => number(cell),
            false => {
                let place = self.words.binary_search_by(|word| word.as_str().cmp(cell.trim()));
                place.ok().map(|place| place as f32)
            }
        };
        found.unwrap_or(f32::NAN)
    }

    /// Whether a cell is neither missing nor understood.
    pub fn is_strange(&self, cell: &str) -> bool {
        self.encode(cell).is_nan() && !is_missing(cell)
    }
}

/// Finds out what a column holds, cell by cell.
#[derive(Debug, Clone, Default)]
pub struct ColumnLearner {
    numbers: u64,
    others: u64,
    words: BTreeMap<String, u64>,
}

impl ColumnLearner {
    /// Takes a cell in.
    pub fn take(&mut self, cell: &str) {
        if is_missing(cell) {
            return;
        }
        match number(cell) {
            Some(_) => self.numbers += 1,
            None => self.others += 1,
        }
        // one more than allowed is enough to know
        if self.words.len() <= MOST_WORDS || self.words.contains_key(cell.trim()) {
            *self.words.entry(cell.trim().to_owned()).or_default() += 1;
        }
    }

    /// Whether the cells are numbers.
    pub fn is_numeric(&self) -> bool {
        let present = self.numbers + self.others;
        present > 0 && self.numbers as f64 >= NUMERIC_SHARE * present as f64
    }

    /// The column, or `None` if it holds nothing, one value only, or texts that are no categories.
    pub fn finish(self, name: &str) -> Option<Column> {
        let words = match self.is_numeric() {
            true => Vec::new(),
            false if self.words.len() > MOST_WORDS => return None,
            false => self.words.keys().cloned().collect(),
        };
        (self.words.len() > 1).then(|| Column {
            name: name.to_owned(),
            words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(cells: &[&str]) -> Option<Column> {
        let mut learner = ColumnLearner::default();
        cells.iter().for_each(|cell| learner.take(cell));
        learner.finish("c")
    }

    #[test]
    fn numbers_stay_and_words_become_numbers() {
        let numbers = learn(&["1", "2.5", "", "NaN", "-3e2"]).unwrap();
        assert!(numbers.words.is_empty());
        assert_eq!(numbers.encode(" 2.5"), 2.5);
        assert!(numbers.encode("").is_nan() && !numbers.is_strange("n/a") && numbers.is_strange("high"));
        let words = learn(&["M", "L", "H", "L", ""]).unwrap();
        assert_eq!(words.words, ["H", "L", "M"]);
        assert_eq!(words.encode("M"), 2.0);
        assert!(words.is_strange("X"));
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        assert_eq!(learn(&["7", "7", "7"]), None);
        assert_eq!(learn(&["", "?"]), None);
        let names: Vec<String> = (0..100).map(|i| format!("serial {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(learn(&names), None);
    }
}
