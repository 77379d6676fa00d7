//! A model that somebody offers to a running gateway. Checked whole before anything is kept. Pure.

use super::catalogue::problems_with_registry;
use crate::ingest::directory::Directory;
use domain::checked::Problem;
use domain::profile::parse;
use domain::{ModelVersion, Profile};
use models::bundle::{Bundle, BundleError, BundleKind, ProfileModel};
use models::bundled::Bundled;
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

/// What judges the devices of a profile now, beside which a trained model is to judge.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The profile.
    pub profile: Arc<Profile>,
    /// The trained models that are there.
    pub bundled: Option<Arc<Bundled>>,
}

fn wrong(error: BundleError) -> Vec<Problem> {
    vec![Problem::at("", error.to_string())]
}

impl Candidate {
    /// From a bundle of a profile, from a trained model, or from the text of a profile. A trained model judges beside the rules
    /// of what is `in_force` for its profile: of the same profile, and with the other trained models that are there.
    ///
    /// # Errors
    /// Every mistake; nothing is kept.
    pub fn read(bytes: &[u8], in_force: &dyn Fn(&str) -> Option<Beside>) -> Result<Candidate, Vec<Problem>> {
        if !Bundle::is_meant(bytes) {
            return Candidate::of_toml(bytes);
        }
        let bundle = Bundle::decode(bytes).map_err(wrong)?;
        match bundle.kind() {
            BundleKind::Profile => Candidate::of_bundle(&bundle),
            BundleKind::Life | BundleKind::Classes | BundleKind::VibrationClasses | BundleKind::Ages => {
                Candidate::of_trained(bundle, in_force)
            }
        }
    }

    fn of_trained(bundle: Bundle, in_force: &dyn Fn(&str) -> Option<Beside>) -> Result<Candidate, Vec<Problem>> {
        let alone = Bundled::of(vec![bundle.clone()]).map_err(wrong)?;
        let Some(name) = bundle.description().profile.clone() else {
            let message = "the model does not say of which profile its machines are; train it with --profile NAME";
            return Err(vec![Problem::at("", message)]);
        };
        let Some(beside) = in_force(&name) else {
            let message = format!("the model is for devices of the profile {name:?}, which this gateway does not have");
            return Err(vec![Problem::at("profile", message)]);
        };
        let bundled = match &beside.bundled {
            Some(before) => before.with(bundle).map_err(wrong)?,
            None => alone,
        };
        Candidate::of_toml(beside.profile.text.as_bytes())?.with(bundled)
    }

    /// The same with trained models beside its rules.
    fn with(self, bundled: Bundled) -> Result<Candidate, Vec<Problem>> {
        let problems = bundled.problems(&self.profile);
        if !problems.is_empty() {
            return Err(problems);
        }
        let content = [self.toml.as_bytes(), bundled.identity().as_bytes()].concat();
        Ok(Candidate {
            version: ModelVersion::of_candidate(&self.profile.id, self.profile.version, &content),
            learned: Some(bundled.to_bytes().map_err(wrong)?.into()),
            ..self
        })
    }

    /// A bundle and the text in it are the same model, unless it brings something learned along.
    fn of_bundle(bundle: &Bundle) -> Result<Candidate, Vec<Problem>> {
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
        match model.learned {
            Some(learned) => candidate.with(Bundled::from_bytes(&learned).map_err(wrong)?),
            None => Ok(candidate),
        }
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
        let nothing = |_: &str| None;
        let read = Candidate::read(&bytes, &nothing).expect("sound");
        assert_eq!(read, Candidate::read(text.as_bytes(), &nothing).expect("sound"));

        let said = |bytes: &[u8]| Candidate::read(bytes, &nothing).expect_err("wrong")[0].message.clone();
        let learned = bundle(text, "pump", Some(vec![1, 2])).encode().expect("small");
        assert!(said(&learned).contains("list of models"));
        let mut flipped = bytes.clone();
        flipped[100] ^= 1;
        assert!(said(&flipped).contains("checksum"));
        assert!(said(&bytes[..bytes.len() - 9]).contains("not copied completely"));
        assert!(said(&bundle(text, "washing_machine", None).encode().expect("small")).contains("washing_machine"));
        let mistaken = text.replacen("deadband", "dedband", 1);
        let problems =
            Candidate::read(&bundle(&mistaken, "pump", None).encode().expect("small"), &nothing).expect_err("wrong");
        assert!(problems.iter().any(|p| p.line.is_some()), "{problems:?}");
    }
}
