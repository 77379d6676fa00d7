//! A model that somebody offers to a running gateway. Checked whole before anything is kept. Pure.

use super::catalogue::problems_with_registry;
use crate::ingest::directory::Directory;
use domain::checked::Problem;
use domain::profile::parse;
use domain::{ModelVersion, Profile};
use models::bundle::{Bundle, BundleError, BundleKind, ProfileModel};
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
    /// From a bundle of a profile, or from the text of one.
    ///
    /// # Errors
    /// Every mistake; nothing is kept.
    pub fn read(bytes: &[u8]) -> Result<Candidate, Vec<Problem>> {
        if Bundle::is_meant(bytes) {
            Candidate::of_bundle(bytes)
        } else {
            Candidate::of_toml(bytes)
        }
    }

    /// A bundle and the text in it are the same model, unless it brings something learned along.
    fn of_bundle(bytes: &[u8]) -> Result<Candidate, Vec<Problem>> {
        let wrong = |error: BundleError| vec![Problem::at("", error.to_string())];
        let bundle = Bundle::decode(bytes).map_err(wrong)?;
        let model: ProfileModel = bundle.unpack(BundleKind::Profile).map_err(wrong)?;
        let candidate = Candidate::of_toml(model.toml.as_bytes())?;
        match &bundle.description().profile {
            Some(named) if *named != candidate.profile.id => {
                let message = format!(
                    "the bundle is for the profile {named}, but holds {}",
                    candidate.profile.id
                );
                return Err(vec![Problem::at("profile", message)]);
            }
            Some(_) | None => {}
        }
        let Some(learned) = model.learned else {
            return Ok(candidate);
        };
        let content = [model.toml.as_bytes(), &learned].concat();
        Ok(Candidate {
            version: ModelVersion::of_candidate(&candidate.profile.id, candidate.profile.version, &content),
            learned: Some(learned.into()),
            ..candidate
        })
    }

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
    /// There are none of its kind, one has limits of its own that it does not know, or the engine has no use for what it has
    /// learned: judging without it would be another model than the one that was offered.
    pub fn fits(&self, profiles: &[String], directory: &Directory) -> Result<(), Vec<Problem>> {
        if !profiles.contains(&self.profile.id) {
            let known = profiles.join(", ");
            let message = format!("this gateway has no profile {:?}; known are {known}", self.profile.id);
            return Err(vec![Problem::at("profile", message)]);
        }
        if self.learned.is_some() {
            let message =
                "the bundle brings something learned along, which this program cannot use; offer its profile alone";
            return Err(vec![Problem::at("", message)]);
        }
        let problems = problems_with_registry(&self.profile, directory);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::profile::shipped::TEXTS;
    use models::bundle::Description;

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

    fn bundle(toml: &str, named: &str, learned: Option<Vec<u8>>) -> Bundle {
        let description = Description {
            name: named.to_owned(),
            columns: Vec::new(),
            profile: Some(named.to_owned()),
            span: None,
            rows: 0,
            units: 0,
            data_fingerprint: 0,
            figures: Vec::new(),
            made_at: Timestamp(0),
        };
        let toml = toml.to_owned();
        Bundle::pack(BundleKind::Profile, &ProfileModel { toml, learned }, description).expect("small")
    }

    #[test]
    fn a_bundle_is_read_whole_or_refused_whole() {
        let text = TEXTS.iter().find(|(name, _)| *name == "pump").expect("shipped").1;
        let bytes = bundle(text, "pump", None).encode().expect("small");
        let read = Candidate::read(&bytes).expect("sound");
        assert_eq!(read, Candidate::read(text.as_bytes()).expect("sound"));
        let learned = bundle(text, "pump", Some(vec![1, 2])).encode().expect("small");
        let learned = Candidate::read(&learned).expect("sound");
        assert_ne!(
            learned.version, read.version,
            "something learned makes it another model"
        );
        assert_eq!(learned.learned.as_deref(), Some(&[1, 2][..]));

        let said = |bytes: &[u8]| Candidate::read(bytes).expect_err("wrong")[0].message.clone();
        let mut flipped = bytes.clone();
        flipped[100] ^= 1;
        assert!(said(&flipped).contains("checksum"));
        assert!(said(&bytes[..bytes.len() - 9]).contains("not copied completely"));
        assert!(said(&bundle(text, "washing_machine", None).encode().expect("small")).contains("washing_machine"));
        let mistaken = text.replacen("deadband", "dedband", 1);
        let problems = Candidate::read(&bundle(&mistaken, "pump", None).encode().expect("small")).expect_err("wrong");
        assert!(problems.iter().any(|p| p.line.is_some()), "{problems:?}");
    }
}
