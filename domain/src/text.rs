//! A text in the languages of the product.

use serde::{Deserialize, Serialize};

/// A language that every text for people exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

/// One text in every language. In TOML: `{ en = "…", zh = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese; where it is missing, English stands in.
    #[serde(default)]
    pub zh: String,
}

impl Text {
    /// The text in a language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Zh if !self.zh.is_empty() => &self.zh,
            Language::Zh | Language::En => &self.en,
        }
    }
}
