//! Texts taken apart for comparing and searching. Pure; the same for every language that is written with spaces, and for Chinese.

use std::collections::BTreeSet;

/// Whether a character belongs to a script that is written without spaces (CJK ideographs and Japanese kana).
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Runs of letters and digits, in lower case; a run ends where the script changes. Whether it is of a script without spaces is
/// told with it.
fn each_run(text: &str, mut take: impl FnMut(bool, &str)) {
    let (mut run, mut kind) = (String::new(), false);
    for c in text.chars() {
        let is_word = c.is_alphanumeric();
        let is_unspaced = is_word && is_unspaced(c);
        if !run.is_empty() && (!is_word || is_unspaced != kind) {
            take(kind, &run);
            run.clear();
        }
        if is_word {
            kind = is_unspaced;
            match c.is_ascii() {
                true => run.push(c.to_ascii_lowercase()),
                false => run.extend(c.to_lowercase()),
            }
        }
    }
    if !run.is_empty() {
        take(kind, &run);
    }
}

/// Characters of a run in windows of so many.
fn windows(run: &str, length: usize) -> impl Iterator<Item = &str> {
    let begins = run.char_indices().map(|(at, _)| at);
    let ends = run.char_indices().map(|(at, c)| at + c.len_utf8()).skip(length - 1);
    begins.zip(ends).map(|(from, to)| &run[from..to])
}

/// A text without what does not matter: letter case, punctuation, spaces. Equal texts are the same.
pub fn normalised(text: &str) -> String {
    let mut all = String::new();
    each_run(text, |_, run| {
        if !all.is_empty() {
            all.push(' ');
        }
        all.push_str(run);
    });
    all
}

/// Words that a text has: lower-case words without the plural's s, and for Chinese each character and each pair of neighbours.
pub(super) fn each_word(text: &str, mut take: impl FnMut(&str)) {
    each_run(text, |is_unspaced, run| match is_unspaced {
        true => {
            windows(run, 1).for_each(&mut take);
            windows(run, 2).for_each(&mut take);
        }
        false => take(singular(run)),
    });
}

/// Words that somebody asks for: of a Chinese run its pairs alone, as single characters are everywhere, unless it is one.
pub(super) fn asked_of(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    each_run(text, |is_unspaced, run| match is_unspaced {
        true => {
            let length = run.chars().count().min(2);
            words.extend(windows(run, length).map(str::to_owned));
        }
        false => {
            words.insert(singular(run).to_owned());
        }
    });
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

    fn words_of(text: &str) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        each_word(text, |word| {
            words.insert(word.to_owned());
        });
        words
    }

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
        assert_eq!(
            words_of("6205轴承"),
            set(&["6205", "轴", "承", "轴承"]),
            "a script ends a word"
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
