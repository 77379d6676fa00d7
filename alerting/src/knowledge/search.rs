//! Finding entries: what fits first, then what has ended faults most surely. Pure and deterministic: the same entries and the
//! same question give the same order, whatever order the entries come in.

use super::words::{asked_of, each_word};
use super::{EntryRecord, EntryState, MakersEntry};
use crate::review::Share;
use domain::FailureModeId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Entries answered at most.
pub const MOST_HITS: usize = 50;

/// The machine's own code is the surest sign.
const CODE: u32 = 100;
/// The same failure mode.
const MODE: u32 = 40;
/// The same class of machine.
const PROFILE: u32 = 20;
/// A word in the title, among the symptoms, in the cause, in the solution: it counts once, where it counts most.
const IN_TITLE: u32 = 8;
const IN_SYMPTOMS: u32 = 6;
const IN_CAUSE: u32 = 4;
const IN_SOLUTION: u32 = 2;

/// How much of a question must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Profile, failure mode and fault code must fit as far as they are asked for, and one word of the text.
    All,
    /// The failure mode or a fault code must fit: for a ticket, of which not everything is known.
    Either,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Words, or a fault code; empty: none asked for.
    pub text: String,
    /// The class of machine.
    pub profile: Option<String>,
    /// How it fails.
    pub failure_mode: Option<FailureModeId>,
    /// The machine's own codes; case does not matter.
    pub fault_codes: BTreeSet<String>,
    /// How much must fit.
    pub wanted: Wanted,
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Candidate<'a> {
    /// An entry of people.
    Entry(&'a EntryRecord),
    /// One of a maker.
    Maker(&'a MakersEntry),
}

/// Something found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'a> {
    /// What.
    pub candidate: Candidate<'a>,
    /// How well it fits; only for comparing.
    pub score: u32,
}

/// What a question finds, the best first, at most `limit` (itself at most [`MOST_HITS`]); and how many there were in all.
///
/// Order: score; released before drafts, before makers' entries, before retired ones; the lower end of Wilson's interval for the
/// share of tickets ended ([`Share::wilson`]); tickets ended; the number.
pub fn search<'a>(
    candidates: impl IntoIterator<Item = Candidate<'a>>,
    query: &Query,
    limit: usize,
) -> (Vec<Hit<'a>>, usize) {
    let asked = Asked::of(query);
    let mut hits: Vec<Hit<'a>> = candidates
        .into_iter()
        .filter_map(|candidate| asked.score(&candidate).map(|score| Hit { candidate, score }))
        .collect();
    hits.sort_by_cached_key(|hit| {
        let solved = hit.candidate.solved();
        // of floats only their order is wanted: shares are never negative, so their bits rise with them
        let surely = solved.wilson().map_or(0, |(low, _)| low.max(0.0).to_bits());
        let (rank, key) = (hit.candidate.rank(), hit.candidate.key());
        (Reverse(hit.score), rank, Reverse((surely, solved.part)), key)
    });
    let found = hits.len();
    hits.truncate(limit.min(MOST_HITS));
    (hits, found)
}

/// A question, taken apart once.
struct Asked<'a> {
    query: &'a Query,
    words: BTreeSet<String>,
    codes: BTreeSet<String>,
    /// Pieces of the text that may be codes.
    pieces: BTreeSet<String>,
}

impl<'a> Asked<'a> {
    fn of(query: &'a Query) -> Self {
        let pieces = query.text.split_whitespace().map(str::to_lowercase);
        Asked {
            query,
            words: asked_of(&query.text),
            codes: query.fault_codes.iter().map(|c| c.trim().to_lowercase()).collect(),
            pieces: pieces.collect(),
        }
    }

    /// None: it does not fit.
    fn score(&self, candidate: &Candidate<'_>) -> Option<u32> {
        let query = self.query;
        let has_code = candidate.codes().any(|c| self.codes.contains(&c.to_lowercase()));
        let is_mode = query.failure_mode.is_some() && candidate.failure_mode() == query.failure_mode.as_ref();
        let is_profile = query.profile.as_deref().is_some_and(|p| candidate.is_about(p));
        let says_code = candidate.codes().any(|c| self.pieces.contains(&c.to_lowercase()));
        let in_words = self.score_of_words(candidate);
        let fits = match query.wanted {
            Wanted::All => {
                let code_fits = self.codes.is_empty() || has_code;
                let mode_fits = query.failure_mode.is_none() || is_mode;
                let profile_fits = query.profile.is_none() || is_profile;
                let text_fits = query.text.trim().is_empty() || says_code || in_words > 0;
                code_fits && mode_fits && profile_fits && text_fits
            }
            Wanted::Either => has_code || is_mode,
        };
        let parts = [
            (has_code || says_code, CODE),
            (is_mode, MODE),
            (is_profile, PROFILE),
            (true, in_words),
        ];
        let score = parts.iter().filter(|(is_so, _)| *is_so).map(|(_, score)| score).sum();
        fits.then_some(score)
    }

    /// Each word that was asked for counts once, where it counts most.
    fn score_of_words(&self, candidate: &Candidate<'_>) -> u32 {
        if self.words.is_empty() {
            return 0;
        }
        let mut best: BTreeMap<&str, u32> = BTreeMap::new();
        for (weight, texts) in candidate.texts() {
            for text in texts {
                each_word(text, |word| {
                    if let Some(word) = self.words.get(word) {
                        let known = best.entry(word).or_default();
                        *known = weight.max(*known);
                    }
                });
            }
        }
        best.values().sum()
    }
}

impl<'a> Candidate<'a> {
    fn codes(&self) -> impl Iterator<Item = &'a str> {
        let (many, one) = match self {
            Candidate::Entry(entry) => (Some(entry.content.fault_codes.iter()), None),
            Candidate::Maker(maker) => (None, maker.fault_code.as_deref()),
        };
        many.into_iter().flatten().map(String::as_str).chain(one)
    }

    fn failure_mode(&self) -> Option<&'a FailureModeId> {
        match self {
            Candidate::Entry(entry) => entry.content.failure_mode.as_ref(),
            Candidate::Maker(maker) => Some(&maker.failure_mode),
        }
    }

    /// An entry that names no profile is about every machine.
    fn is_about(&self, profile: &str) -> bool {
        match self {
            Candidate::Entry(entry) => entry.content.profiles.is_empty() || entry.content.profiles.contains(profile),
            Candidate::Maker(maker) => maker.profile == profile,
        }
    }

    fn texts(&self) -> [(u32, Vec<&'a str>); 4] {
        match self {
            Candidate::Entry(entry) => {
                let content = &entry.content;
                let mode = content.failure_mode.as_ref().map_or("", |m| m.as_str());
                [
                    (IN_TITLE, vec![content.title.as_str(), content.part.as_str(), mode]),
                    (IN_SYMPTOMS, vec![content.symptoms.as_str()]),
                    (IN_CAUSE, vec![content.cause.as_str()]),
                    (IN_SOLUTION, vec![content.solution.as_str()]),
                ]
            }
            Candidate::Maker(maker) => {
                let both = |text: &'a domain::text::Text| vec![text.en.as_str(), text.zh.as_str()];
                let mut title = both(&maker.title);
                title.extend([maker.part.as_str(), maker.failure_mode.as_str()]);
                [
                    (IN_TITLE, title),
                    (IN_SYMPTOMS, Vec::new()),
                    (IN_CAUSE, both(&maker.cause)),
                    (IN_SOLUTION, both(&maker.solution)),
                ]
            }
        }
    }

    fn solved(&self) -> Share {
        match self {
            Candidate::Entry(entry) => entry.solved(),
            Candidate::Maker(_) => Share::default(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Candidate::Entry(entry) => match entry.state {
                EntryState::Released { .. } => 0,
                EntryState::Draft => 1,
                EntryState::Retired { .. } => 3,
            },
            Candidate::Maker(_) => 2,
        }
    }

    fn key(&self) -> String {
        match self {
            Candidate::Entry(entry) => entry.id.to_string(),
            Candidate::Maker(maker) => maker.key(),
        }
    }
}
