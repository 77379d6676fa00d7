//! What the makers of machines say in their profiles: an entry for each fault code, and one for each failure mode, to read only.
//! So the knowledge base is never empty. Pure.

use domain::FailureModeId;
use domain::profile::{FailureMode, Profile};
use domain::text::Text;

/// What a profile says of a fault code, or of a failure mode as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakersEntry {
    /// The profile.
    pub profile: String,
    /// How the machine fails.
    pub failure_mode: FailureModeId,
    /// The machine's own code; none: the entry is about the failure mode as a whole.
    pub fault_code: Option<String>,
    /// In a few words.
    pub title: Text,
    /// The part that fails.
    pub part: String,
    /// What it likely comes from; may be empty.
    pub cause: Text,
    /// What to do.
    pub solution: Text,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// Whether people may be harmed.
    pub is_safety: bool,
}

impl MakersEntry {
    /// `maker/pump/code/E31`, `maker/pump/mode/bearing_wear`: unique.
    pub fn key(&self) -> String {
        match &self.fault_code {
            Some(code) => format!("maker/{}/code/{code}", self.profile),
            None => format!("maker/{}/mode/{}", self.profile, self.failure_mode),
        }
    }
}

/// All that a profile says, by fault code, then by failure mode. Failure modes that say neither what to do nor what to bring are
/// left out.
pub fn makers_entries(profile: &Profile) -> Vec<MakersEntry> {
    let entry = |mode: &FailureMode, title: &Text, cause: Text, fault_code: Option<String>| MakersEntry {
        profile: profile.id.clone(),
        failure_mode: mode.id.clone(),
        fault_code,
        title: title.clone(),
        part: mode.part.clone(),
        cause,
        solution: mode.action.clone(),
        parts: mode.parts.clone(),
        is_safety: mode.is_safety,
    };
    let codes = profile.fault_codes.iter().filter_map(|(code, known)| {
        let mode = profile.mode(known.mode)?;
        let title = if known.text.en.is_empty() {
            &mode.title
        } else {
            &known.text
        };
        Some(entry(mode, title, known.cause.clone(), Some(code.clone())))
    });
    let says = |mode: &&FailureMode| !mode.action.en.is_empty() || !mode.parts.is_empty();
    let modes = profile.modes.iter().filter(says);
    codes
        .chain(modes.map(|mode| entry(mode, &mode.title, Text::default(), None)))
        .collect()
}
