//! Reading TOML so that a person can mend it: every mistake at once, each with its line, path and what would be right.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1; none where the value came from elsewhere.
    pub line: Option<usize>,
    /// Where, such as `listener.window` or `rules[2].metric`; empty for the whole file.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// A mistake at a path, its line not yet known.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Problem {
            line: None,
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (Some(line), "") => write!(f, "line {line}: {}", self.message),
            (Some(line), path) => write!(f, "line {line}: {path}: {}", self.message),
            (None, "") => write!(f, "{}", self.message),
            (None, path) => write!(f, "{path}: {}", self.message),
        }
    }
}

/// How many mistakes are looked for before giving up.
const MOST_PROBLEMS: usize = 50;

/// Reads TOML text into a tree of values; a syntax error names its line.
pub fn tree_of(text: &str) -> Result<Value, Problem> {
    toml::from_str::<Value>(text).map_err(|error| Problem {
        line: error.span().map(|span| line_at(text, span.start)),
        path: String::new(),
        message: format!("not TOML: {}", error.message()),
    })
}

/// Makes a `T` from a tree. On a wrong value, notes it, drops it and goes on, so that all mistakes come at once.
///
/// # Errors
/// Every mistake found, in the order met. Keys that `T` does not know are mistakes if `T` denies unknown fields.
pub fn from_tree<T: DeserializeOwned>(mut tree: Value) -> Result<T, Vec<Problem>> {
    let mut problems = Vec::new();
    loop {
        match serde_path_to_error::deserialize::<_, T>(tree.clone()) {
            Ok(value) if problems.is_empty() => return Ok(value),
            Ok(_) => return Err(problems),
            Err(error) => {
                let message = error.inner().to_string();
                let path = error.path().to_string();
                let path = match quoted(&message, "unknown field `") {
                    Some(field) if !path.ends_with(field) => join(&path, field),
                    Some(_) | None if path == "." => String::new(),
                    Some(_) | None => path,
                };
                let was_removed = remove(&mut tree, &path);
                problems.push(Problem::at(path, plain(&message)));
                if !was_removed || problems.len() >= MOST_PROBLEMS {
                    return Err(problems);
                }
            }
        }
    }
}

/// Gives each problem the line of its path in the TOML text, or of the nearest parent that is there.
pub fn locate(text: &str, problems: &mut [Problem]) {
    let Ok(document) = toml::de::DeTable::parse(text) else {
        return;
    };
    for problem in problems.iter_mut().filter(|p| p.line.is_none()) {
        let mut table = Some(document.get_ref());
        let mut array: Option<&toml::de::DeArray<'_>> = None;
        let mut offset = None;
        for step in steps(&problem.path) {
            let (value, at) = match (&step, table, array) {
                (Step::Key(key), Some(t), _) => match t.get_key_value(key.as_str()) {
                    Some((k, v)) => (v, k.span().start),
                    None => break,
                },
                (Step::Index(i), _, Some(a)) => match a.get(*i) {
                    Some(v) => (v, v.span().start),
                    None => break,
                },
                (Step::Key(_), None, _) | (Step::Index(_), _, None) => break,
            };
            offset = Some(at);
            table = value.get_ref().as_table();
            array = value.get_ref().as_array();
        }
        problem.line = offset.map(|at| line_at(text, at));
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    let rest = &message[message.find(before)? + before.len()..];
    rest.split('`').next()
}

/// serde speaks of fields; people of keys.
fn plain(message: &str) -> String {
    message
        .replace("unknown field", "unknown key")
        .replace(", expected one of", "; known are")
        .replace(", expected `", "; known is `")
        .replace(
            "invalid socket address syntax",
            "is not an address with a port, such as 127.0.0.1:1883",
        )
        .replace("expected f64", "expected a number")
        .replace("expected usize", "expected a whole number from 0")
        .replace("expected u64", "expected a whole number from 0")
        .replace("expected u32", "expected a whole number from 0")
        .replace("expected u16", "expected a whole number from 0 to 65535")
        .replace("expected u8", "expected a whole number from 0 to 255")
        .replace("expected i64", "expected a whole number")
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() || path == "." {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

enum Step {
    Key(String),
    Index(usize),
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|p| !p.is_empty()) {
        let mut pieces = part.split('[');
        match pieces.next() {
            Some("") | None => {}
            Some(key) => steps.push(Step::Key(key.to_owned())),
        }
        for index in pieces {
            match index.trim_end_matches(']').parse() {
                Ok(i) => steps.push(Step::Index(i)),
                Err(_) => steps.push(Step::Key(index.to_owned())),
            }
        }
    }
    steps
}

/// Removes what stands at the path; elements of a list become null, so that later indices stay true.
fn remove(tree: &mut Value, path: &str) -> bool {
    let steps = steps(path);
    let Some((last, parents)) = steps.split_last() else {
        return false;
    };
    let mut at = tree;
    for step in parents {
        let next = match step {
            Step::Key(key) => at.get_mut(key.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    match (last, at) {
        (Step::Key(key), Value::Object(map)) => map.remove(key).is_some(),
        (Step::Key(_), Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => false,
        (Step::Index(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, Default)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        port: u16,
        inner: Inner,
    }

    #[derive(Debug, serde::Deserialize, Default)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        name: String,
        size: u8,
    }

    #[test]
    fn every_mistake_comes_at_once_with_its_line() {
        let text = "port = \"x\"\ncolour = 1\n\n[inner]\nname = 3\nsize = 900\nwidth = 2\n";
        let mut problems = from_tree::<Outer>(tree_of(text).expect("TOML")).expect_err("five mistakes");
        locate(text, &mut problems);
        problems.sort();
        let seen: Vec<_> = problems.iter().map(|p| (p.line, p.path.as_str())).collect();
        let expected = [
            (Some(1), "port"),
            (Some(2), "colour"),
            (Some(5), "inner.name"),
            (Some(6), "inner.size"),
            (Some(7), "inner.width"),
        ];
        assert_eq!(seen, expected, "{problems:?}");
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        assert_eq!(tree_of("a = 1\nb = = 2\n").expect_err("bad").line, Some(2));
    }
}
