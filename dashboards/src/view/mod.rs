//! What pages show and the API answers: plain values, filled by the gateway. Instants are RFC 3339 UTC, spans have their
//! unit in the name, words are the ones of `domain`.

mod access;
mod alarm;
mod device;
mod dispatch;
mod drill;
mod follow_up;
mod incident;
mod knowledge;
mod model;
mod on_call;
mod outbound;
mod review;
mod similar;
mod stock;
mod system;
mod ticket;
mod topology;
mod window;
mod work;

pub use access::*;
pub use alarm::*;
pub use device::*;
pub use dispatch::*;
pub use drill::*;
pub use follow_up::*;
pub use incident::*;
pub use knowledge::*;
pub use model::*;
pub use on_call::*;
pub use outbound::*;
pub use review::*;
pub use similar::*;
pub use stock::*;
pub use system::*;
pub use ticket::*;
pub use topology::*;
pub use window::*;
pub use work::*;

use domain::text::Text;
use domain::{RemainingLife, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

/// An instant that is written as RFC 3339 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At(pub Timestamp);

impl From<Timestamp> for At {
    fn from(at: Timestamp) -> At {
        At(at)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        domain::time::rfc3339::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At, D::Error> {
        domain::time::rfc3339::deserialize(deserializer).map(At)
    }
}

impl utoipa::PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC"))
            .build()
            .into()
    }
}

impl ToSchema for At {}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Page<T: ToSchema> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; none: this was the last.
    pub next: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// A page without a next one.
    pub fn last(items: Vec<T>) -> Self {
        Page { items, next: None }
    }

    /// Cuts a page out of a sorted list: what comes after `cursor`, at most `limit` items. `key` names an item uniquely.
    /// An unknown cursor starts behind the end, so that a list never repeats itself.
    pub fn cut<I: IntoIterator<Item = T>>(
        all: I,
        cursor: Option<&str>,
        limit: usize,
        key: impl Fn(&T) -> String,
    ) -> Self {
        let mut all = all.into_iter();
        if let Some(cursor) = cursor {
            all.by_ref().find(|item| key(item) == cursor);
        }
        let mut items: Vec<T> = all.by_ref().take(limit).collect();
        let next = match (all.next(), items.last()) {
            (Some(_), Some(last)) => Some(key(last)),
            (Some(_), None) | (None, _) => None,
        };
        items.shrink_to_fit();
        Page { items, next }
    }
}

/// Time left until failure, as quantiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct TimeLeft {
    /// When the estimate was made, device time.
    pub made_at: At,
    /// One in ten fails earlier.
    pub p10_hours: f64,
    /// As likely earlier as later.
    pub p50_hours: f64,
    /// Nine in ten fail earlier.
    pub p90_hours: f64,
    /// What it rests on: `trend` of this machine, `age` of its kind, `trend_and_age`, or `learned` by a trained model.
    pub basis: &'static str,
}

impl From<RemainingLife> for TimeLeft {
    fn from(life: RemainingLife) -> TimeLeft {
        TimeLeft {
            made_at: life.made_at.into(),
            p10_hours: life.p10.as_hours(),
            p50_hours: life.p50.as_hours(),
            p90_hours: life.p90.as_hours(),
            basis: life.basis.as_str(),
        }
    }
}

/// The shapes of `domain`'s types for the API document; never built.
pub mod schema {
    use utoipa::ToSchema;

    /// How bad a condition is.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    #[allow(missing_docs)] // the words of `domain::Severity`
    pub enum Severity {
        Advisory,
        Warning,
        Critical,
    }

    /// How normal came to be something else.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    #[allow(missing_docs)] // the words of `domain::DriftCause`
    pub enum DriftCause {
        Adopted,
        Moved,
        Outside,
    }

    /// The risk matrix's answer.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    #[allow(missing_docs)] // the words of `domain::RiskLevel`
    pub enum RiskLevel {
        VeryLow,
        Low,
        Medium,
        High,
        VeryHigh,
    }

    /// Whether a value may be believed.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    #[allow(missing_docs)] // the words of `domain::Quality`
    pub enum Quality {
        Good,
        Uncertain,
        Bad,
    }

    /// Which way is wrong.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    #[allow(missing_docs)] // the words of `domain::profile::Direction`
    pub enum Direction {
        Above,
        Below,
    }

    /// One text in every language.
    #[derive(ToSchema)]
    pub struct Text {
        /// English.
        pub en: String,
        /// Simplified Chinese; empty: English stands in.
        pub zh: String,
    }
}

/// The same words in every language: for names and what comes from outside.
pub fn same_in_all(text: impl Into<String>) -> Text {
    Text {
        en: text.into(),
        zh: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_list_once_and_end() {
        let all: Vec<String> = (0..7).map(|i| format!("d{i}")).collect();
        for limit in 1..9 {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = Page::cut(all.clone(), cursor.as_deref(), limit, String::clone);
                assert!(page.items.len() <= limit);
                seen.extend(page.items);
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, all);
        }
        assert!(Page::cut(all, Some("gone"), 3, String::clone).items.is_empty());
    }
}
