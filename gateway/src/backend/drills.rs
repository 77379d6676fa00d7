//! Drills for people: which were held, what is due, and whom the notices of one would have told.

use super::LiveBackend;
use super::readers::unavailable;
use crate::drill::Scenario;
use crate::pipeline::commit::ToCommit;
use crate::store::{DrillRow, Reader};
use crate::web::backend::{Actor, Answer, DrillResult};
use alerting::drill as turn;
use dashboards::view::{DrillHeld, DrillKind, DrillNotice, Drills};
use tokio::sync::oneshot;

impl LiveBackend {
    pub(super) async fn list_drills(&self) -> Answer<Drills> {
        let rows = self.readers.ask(Reader::drills).await?;
        let clock = self.clock();
        let (now, speed) = (clock.now(), clock.speed());
        let scenarios = Scenario::shipped();
        let kinds: Vec<&str> = scenarios.iter().map(|s| s.kind.as_str()).collect();
        let held: Vec<turn::Held<'_>> = rows.iter().map(|row| (row.kind.as_str(), row.at)).collect();
        let next = turn::next(
            &kinds,
            &held,
            self.running.policy.review.drill_every_months,
            now,
            self.running.policy.zone(),
        );
        let next = next.ok_or_else(|| unavailable("no scenario comes along"))?;
        let kind = |scenario: &Scenario| {
            let last = rows.iter().find(|row| row.kind == scenario.kind);
            DrillKind {
                kind: scenario.kind.clone(),
                scenario: scenario.name.clone(),
                last_at: last.map(|row| row.at.into()),
                was_good: last.map(|row| row.is_good),
            }
        };
        Ok(Drills {
            now: now.into(),
            speed,
            kinds: scenarios.iter().map(kind).collect(),
            next: scenarios.get(next.kind).map(|s| s.name.clone()).unwrap_or_default(),
            due_by: next.due_by.into(),
            is_due: next.is_due,
            held: rows.into_iter().map(held_view).collect(),
        })
    }

    pub(super) async fn list_drill_notices(&self, site: Option<String>) -> Answer<Vec<DrillNotice>> {
        let rows = self
            .readers
            .ask(move |reader| reader.notices_of_drills(site.as_deref()))
            .await?;
        let view = |row: crate::store::NoticeOfDrill| DrillNotice {
            at: row.at.into(),
            site: row.site,
            subject: row.subject,
            receivers: row
                .receivers
                .split(',')
                .filter(|r| !r.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Writes a drill down; answered when it is on disk.
    pub(super) async fn write_drill(&self, actor: Actor, drill: DrillResult) -> Answer<DrillHeld> {
        let row = DrillRow {
            at: drill.began_at,
            kind: drill.kind,
            scenario: drill.scenario,
            is_good: drill.is_good,
            by: actor.name,
            conclusion: drill.conclusion,
        };
        let (reply, answer) = oneshot::channel();
        let message = ToCommit::Drill {
            row: Box::new(row.clone()),
            reply,
        };
        self.running
            .commit
            .send(message)
            .await
            .map_err(|_| unavailable("the gateway stops"))?;
        answer.await.map_err(|_| unavailable("the gateway stops"))?;
        Ok(held_view(row))
    }
}

fn held_view(row: DrillRow) -> DrillHeld {
    DrillHeld {
        at: row.at.into(),
        kind: row.kind,
        scenario: row.scenario,
        is_good: row.is_good,
        by: row.by,
        conclusion: row.conclusion,
    }
}
