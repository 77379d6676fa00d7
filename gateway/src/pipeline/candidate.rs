//! A model that somebody offers to a running gateway. Checked whole before anything is kept. Pure.

use super::catalogue::problems_with_registry;
use crate::ingest::directory::Directory;
use domain::checked::Problem;
use domain::profile::parse;
use domain::{ModelVersion, Profile};
use std::sync::Arc;

/// Largest text of a profile, in bytes. The shipped ones have less than a tenth of it.
pub const MOST_BYTES: usize = 512 << 10;

/// A model that was offered and is sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name: the profile, its version, and what tells one content from another.
    pub version: ModelVersion,
    /// What it makes of its text.
    pub profile: Arc<Profile>,
    /// The text of its profile.
    pub toml: Arc<str>,
    /// What it has learned elsewhere, if anything.
    pub learned: Option<Arc<[u8]>>,
}

impl Candidate {
    /// From the text of a profile.
    ///
    /// # Errors
    /// Every mistake, with its line and path; nothing is kept.
    pub fn of_toml(bytes: &[u8]) -> Result<Candidate, Vec<Problem>> {
        if bytes.len() > MOST_BYTES {
            let message = format!("a profile has at most {MOST_BYTES} bytes, this one has {}", bytes.len());
            return Err(vec![Problem::at("", message)]);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.iter().take(error.valid_up_to());
            vec![Problem {
                line: Some(before.filter(|b| **b == b'\n').count() + 1),
                ..Problem::at("", "not UTF-8 text: is the file damaged?")
            }]
        })?;
        let profile = parse(text)?;
        Ok(Candidate {
            version: ModelVersion::of_candidate(&profile.id, profile.version, bytes),
            profile: Arc::new(profile),
            toml: text.into(),
            learned: None,
        })
    }

    /// Whether it can judge the devices of this gateway.
    ///
    /// # Errors
    /// There are none of its kind, or one has limits of its own that it does not know.
    pub fn fits(&self, profiles: &[String], directory: &Directory) -> Result<(), Vec<Problem>> {
        if !profiles.contains(&self.profile.id) {
            let known = profiles.join(", ");
            let message = format!("this gateway has no profile {:?}; known are {known}", self.profile.id);
            return Err(vec![Problem::at("profile", message)]);
        }
        let problems = problems_with_registry(&self.profile, directory);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::profile::shipped::TEXTS;

    #[test]
    fn a_mistake_is_told_with_its_line_and_field() {
        let text = TEXTS.iter().find(|(name, _)| *name == "pump").expect("shipped").1;
        let sound = Candidate::of_toml(text.as_bytes()).expect("sound");
        assert!(sound.version.as_str().starts_with("pump@"), "{}", sound.version);
        let wrong = text.replacen("expected_interval_ms =", "expected_interval_mss =", 1);
        let problems = Candidate::of_toml(wrong.as_bytes()).expect_err("a key is wrong");
        assert!(
            problems
                .iter()
                .any(|p| p.line.is_some() && p.path.contains("expected_interval_mss")),
            "{problems:?}"
        );
        let problems = Candidate::of_toml(b"profile = \"a\"\n\xff").expect_err("damaged");
        assert_eq!(problems[0].line, Some(2));
        assert!(Candidate::of_toml(&vec![b' '; MOST_BYTES + 1]).is_err());
        assert!(
            Candidate::of_toml(&text.as_bytes()[..text.len() / 2]).is_err(),
            "cut in the middle"
        );
    }
}
