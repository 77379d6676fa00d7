//! The review of each month, made once when the month is over by the clocks of the site, and kept in the store.

use super::review;
use crate::clock::Clock;
use crate::pipeline::commit::ToCommit;
use crate::store::{Reader, ReportRow, StoreError};
use crate::web::review_csv;
use alerting::Policy;
use alerting::review::{Month, due};
use domain::Timestamp;
use domain::text::Language;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How often it is looked whether a month is over. Looking costs two rows read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The section `reports` of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportsConfig {
    /// Whether the review of each month is made when it is over.
    pub monthly: bool,
    /// Of the pages, `en` or `zh`.
    pub language: Language,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        ReportsConfig {
            monthly: true,
            language: Language::En,
        }
    }
}

/// The report of a month.
///
/// # Errors
/// The store cannot be read.
pub fn make(
    reader: &Reader,
    policy: &Policy,
    month: Month,
    language: Language,
    now: Timestamp,
) -> Result<ReportRow, StoreError> {
    let review = review(reader, policy, month.span(policy.zone()), now)?;
    let title = month.to_string();
    Ok(ReportRow {
        month: title.clone(),
        made_at: now,
        html: dashboards::page::review_report(&review, &title, language).into_string(),
        csv: review_csv::rows(&review),
    })
}

/// What the task works with.
pub struct Monthly {
    /// The database.
    pub store_path: PathBuf,
    /// Zone and clocks.
    pub policy: Arc<Policy>,
    /// Of the page.
    pub language: Language,
    /// Our time.
    pub clock: Clock,
    /// Who writes.
    pub commit: mpsc::Sender<ToCommit>,
}

impl Monthly {
    /// Works until told to stop. A report that cannot be made is tried again at the next look.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_told = false;
        loop {
            tokio::select! {
                _ = every.tick() => {}
                _ = stop.changed() => return,
            }
            match self.look().await {
                Ok(()) => is_told = false,
                Err(error) if !is_told => {
                    is_told = true;
                    tracing::error!(%error, "the review of a past month cannot be made; it is tried again");
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let (path, policy) = (self.store_path.clone(), self.policy.clone());
        let (language, now) = (self.language, self.clock.now());
        let making = tokio::task::spawn_blocking(move || next(&path, &policy, language, now));
        let Some(row) = making.await.expect("making a report does not panic")? else {
            return Ok(());
        };
        let month = row.month.clone();
        let (reply, done) = oneshot::channel();
        let asked = self
            .commit
            .send(ToCommit::MonthlyReview {
                row: Box::new(row),
                reply,
            })
            .await;
        if asked.is_ok() && done.await.is_ok() {
            tracing::info!(month, "the review of the month is made");
        }
        Ok(())
    }
}

fn next(path: &Path, policy: &Policy, language: Language, now: Timestamp) -> Result<Option<ReportRow>, StoreError> {
    let reader = Reader::open(path)?;
    let last = reader.reports()?.first().and_then(|made| Month::parse(&made.month));
    let Some(since) = reader.first_seen()? else {
        return Ok(None);
    };
    match due(last, since, now, policy.zone()) {
        Some(month) => make(&reader, policy, month, language, now).map(Some),
        None => Ok(None),
    }
}
