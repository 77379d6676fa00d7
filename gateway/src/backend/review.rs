//! The periodic review, and the reports that were made of past months.

use super::LiveBackend;
use super::tickets::{breach_view, record_of as ticket_of};
use crate::store::Reader;
use crate::web::backend::{Answer, ReportFile};
use crate::{review, store};
use alerting::review::Span;
use dashboards::view::{LedgerLine, MonthlyReport, Review};
use domain::Timestamp;

/// Tickets looked at for the ledger, and lines shown of it: the newest.
const MOST_TICKETS: usize = 20_000;
const MOST_LINES: usize = 1_000;

impl LiveBackend {
    pub(super) async fn make_review(&self, from: Timestamp, until: Timestamp) -> Answer<Review> {
        let (policy, now) = (self.running.policy.clone(), self.clock().now());
        let ask = move |reader: &Reader| review::review(reader, &policy, Span { from, until }, now);
        self.readers.ask(ask).await
    }

    /// The newest first; of tickets that changed since the beginning of the span, or are open.
    pub(super) async fn list_breaches(&self, from: Timestamp, until: Timestamp) -> Answer<Vec<LedgerLine>> {
        let ask = move |reader: &Reader| {
            let mut lines = Vec::new();
            for row in reader.tickets_changed_since(from, MOST_TICKETS)? {
                let record = ticket_of(&row)?;
                let late = record.breaches.iter().filter(|b| from <= b.due_at && b.due_at < until);
                lines.extend(late.map(|breach| LedgerLine {
                    ticket: record.id.to_string(),
                    site: record.device.site.clone(),
                    device: record.device.device.clone(),
                    breach: breach_view(breach),
                }));
            }
            lines.sort_by_key(|line| std::cmp::Reverse(line.breach.due_at.0));
            lines.truncate(MOST_LINES);
            Ok(lines)
        };
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
