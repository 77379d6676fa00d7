//! The periodic review, and the reports that were made of past months.

use super::LiveBackend;
use crate::store::Reader;
use crate::web::backend::{Answer, ReportFile};
use crate::{review, store};
use alerting::review::Span;
use dashboards::view::{MonthlyReport, Review};
use domain::Timestamp;

impl LiveBackend {
    pub(super) async fn make_review(&self, from: Timestamp, until: Timestamp) -> Answer<Review> {
        let (policy, now) = (self.running.policy.clone(), self.clock().now());
        let ask = move |reader: &Reader| review::review(reader, &policy, Span { from, until }, now);
        self.readers.ask(ask).await
    }

    pub(super) async fn list_reports(&self) -> Answer<Vec<MonthlyReport>> {
        let view = |row: store::ReportMade| MonthlyReport {
            month: row.month,
            made_at: row.made_at.into(),
        };
        let ask = move |reader: &Reader| Ok(reader.reports()?.into_iter().map(view).collect());
        self.readers.ask(ask).await
    }

    pub(super) async fn read_report(&self, month: String) -> Answer<Option<ReportFile>> {
        let file = |row: store::ReportRow| ReportFile {
            html: row.html,
            csv: row.csv,
        };
        let ask = move |reader: &Reader| Ok(reader.report(&month)?.map(file));
        self.readers.ask(ask).await
    }
}
