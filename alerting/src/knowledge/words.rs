//! Texts taken apart for comparing and searching. Pure; the same for every language that is written with spaces, and for Chinese.

use std::collections::BTreeSet;

/// Whether a character belongs to a script that is written without spaces (CJK ideographs and Japanese kana).
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Runs of letters and digits, in lower case; a run ends where the script changes.
fn runs(text: &str) -> Vec<(bool, String)> {
    let mut all: Vec<(bool, String)> = Vec::new();
    let mut is_inside = false;
    for c in text.chars() {
        if !c.is_alphanumeric() {
            is_inside = false;
            continue;
        }
        let is_unspaced = is_unspaced(c);
        match all.last_mut().filter(|(kind, _)| is_inside && *kind == is_unspaced) {
            Some((_, run)) => run.extend(c.to_lowercase()),
            None => all.push((is_unspaced, c.to_lowercase().collect())),
        }
        is_inside = true;
    }
    all
}

/// Whether the letter case, the punctuation and the spaces differ, or the text itself: equal texts are the same.
pub fn normalised(text: &str) -> String {
    let runs = runs(text);
    runs.iter().map(|(_, run)| run.as_str()).collect::<Vec<_>>().join(" ")
}

/// Words that a text has: lower-case words without the plural's s, and for Chinese each character and each pair of neighbours.
pub(super) fn words_of(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (is_unspaced, run) in runs(text) {
        if is_unspaced {
            let chars: Vec<char> = run.chars().collect();
            words.extend(chars.iter().map(char::to_string));
            words.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>()));
        } else {
            words.insert(singular(&run).to_owned());
        }
    }
    words
}

/// Words that somebody asks for: of a Chinese run its pairs alone, as single characters are everywhere, unless it is one.
pub(super) fn asked_of(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (is_unspaced, run) in runs(text) {
        if is_unspaced {
            let chars: Vec<char> = run.chars().collect();
            match chars.len() {
                1 => {
                    words.insert(run);
                }
                _ => words.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>())),
            }
        } else {
            words.insert(singular(&run).to_owned());
        }
    }
    words
}

/// `bearings` is asked for as `bearing`; `gas` and `loss` stay.
fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 3 && !stem.ends_with('s') => stem,
        Some(_) | None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn english_is_words_and_chinese_is_pairs() {
        assert_eq!(words_of("Worn bearings, E31!"), set(&["worn", "bearing", "e31"]));
        assert_eq!(
            words_of("轴承磨损"),
            set(&["轴", "承", "磨", "损", "轴承", "承磨", "磨损"])
        );
        assert_eq!(asked_of("轴承 6205"), set(&["轴承", "6205"]));
        assert_eq!(asked_of("泵"), set(&["泵"]));
        assert_eq!(asked_of(" ,。"), set(&[]));
    }

    #[test]
    fn case_punctuation_and_spaces_do_not_make_another_text() {
        assert_eq!(normalised("  No  Grease!"), normalised("no grease"));
        assert_eq!(normalised("缺油，干磨"), normalised("缺油 干磨"));
        assert_ne!(normalised("no grease"), normalised("much grease"));
    }
}
