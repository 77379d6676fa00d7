//! Packets that were not understood: listed, read again after a fix, or thrown away.

use super::readers::unavailable;
use super::{LiveBackend, actor_of};
use crate::ingest::IngestIntakes;
use crate::intake::{Intake, Intakes, Packet, Receipt};
use crate::pipeline::commit::ToCommit;
use crate::store::rows::QuarantineRow;
use crate::web::backend::{Actor, Answer, BackendError, Slice};
use dashboards::view::{Page, Preview, QuarantinedPacket, Replayed};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Bytes of a packet that are shown.
const PREVIEW_BYTES: usize = 512;
/// Packets read again at a time.
const AT_ONCE: u32 = 100;
/// A packet that is not on disk by then stays in quarantine.
const PATIENCE: Duration = Duration::from_secs(30);

fn packet_view(row: &QuarantineRow) -> QuarantinedPacket {
    let preview = match Preview::of(&row.payload, PREVIEW_BYTES) {
        Preview::Text { text, is_cut } => Preview::Text {
            text,
            is_cut: is_cut || row.is_cut,
        },
        Preview::Hex { hex, is_cut } => Preview::Hex {
            hex,
            is_cut: is_cut || row.is_cut,
        },
    };
    QuarantinedPacket {
        id: row.id,
        received_at: row.received_at.into(),
        topic: row.topic.clone(),
        reason: row.reason.clone(),
        detail: row.detail.clone(),
        size_bytes: row.payload.len() as u64,
        preview,
    }
}

fn not_found(id: u64) -> BackendError {
    BackendError::NotFound {
        what: format!("packet {id} in quarantine"),
    }
}

impl LiveBackend {
    pub(super) async fn list_quarantine(&self, slice: Slice) -> Answer<Page<QuarantinedPacket>> {
        let before = slice.cursor.as_deref().map(|c| c.parse::<u64>().unwrap_or(0));
        let limit = slice.limit;
        let mut rows = self
            .readers
            .ask(move |reader| reader.quarantine(before, limit as u32 + 1))
            .await?;
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_more).map(|row| row.id.to_string());
        Ok(Page {
            items: rows.iter().map(packet_view).collect(),
            next,
        })
    }

    async fn quarantine_row(&self, id: u64) -> Answer<QuarantineRow> {
        self.readers
            .ask(move |reader| reader.quarantined(id))
            .await?
            .ok_or_else(|| not_found(id))
    }

    pub(super) async fn read_quarantined(&self, id: u64) -> Answer<QuarantinedPacket> {
        self.quarantine_row(id).await.map(|row| packet_view(&row))
    }

    pub(super) async fn discard_packet(&self, actor: Actor, id: u64) -> Answer<QuarantinedPacket> {
        let gone = self.read_quarantined(id).await?;
        self.release(&actor, vec![id], "quarantine.discarded").await?;
        Ok(gone)
    }

    pub(super) async fn replay_packets(&self, actor: Actor, id: Option<u64>) -> Answer<Replayed> {
        if let Some(id) = id {
            let row = self.quarantine_row(id).await?;
            if row.is_cut {
                let detail = "only the beginning of this packet was kept: it cannot be read again".to_owned();
                return Err(BackendError::Conflict { detail });
            }
            return self.replay_rows(&actor, vec![row]).await;
        }
        // what arrives from now on is left for the next time
        let newest = self
            .readers
            .ask(|reader| reader.quarantine(None, 1))
            .await?
            .first()
            .map_or(0, |row| row.id);
        let mut after = 0;
        let mut total = Replayed {
            accepted: 0,
            refused: 0,
        };
        loop {
            let rows = self
                .readers
                .ask(move |reader| reader.quarantine_span(after, newest, AT_ONCE))
                .await?;
            let Some(last) = rows.last() else { return Ok(total) };
            after = last.id;
            let some = self.replay_rows(&actor, rows).await?;
            total.accepted += some.accepted;
            total.refused += some.refused;
        }
    }

    /// Takes in what is understood now, the oldest first, and lets it go once it is on disk. What is still not understood
    /// is not tried for real, else it would be quarantined a second time.
    async fn replay_rows(&self, actor: &Actor, rows: Vec<QuarantineRow>) -> Answer<Replayed> {
        let wake = Arc::new(Notify::new());
        let mut intake = IngestIntakes(self.running.ingest.clone()).open(wake.clone());
        let (mut accepted, mut refused) = (Vec::new(), 0);
        for row in &rows {
            let packet = Packet {
                topic: &row.topic,
                payload: &row.payload,
                qos: 1,
                retain: false,
                dup: false,
            };
            if !row.is_cut && intake.would_take(packet).is_ok() {
                intake.push(packet);
                accepted.push(row.id);
            } else {
                refused += 1;
            }
        }
        let replayed = Replayed {
            accepted: accepted.len() as u64,
            refused,
        };
        let waiting = async {
            let Some(receipt) = intake.submit().await else { return };
            while !receipt.is_durable() {
                wake.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .map_err(|_| unavailable("the pipeline is busy"))?;
        if !accepted.is_empty() {
            self.release(actor, accepted, "quarantine.replayed").await?;
        }
        Ok(replayed)
    }

    async fn release(&self, actor: &Actor, ids: Vec<u64>, action: &'static str) -> Answer<()> {
        let (reply, done) = oneshot::channel();
        let order = ToCommit::Release {
            ids,
            actor: actor_of(actor),
            action,
            reply,
        };
        self.running
            .commit
            .send(order)
            .await
            .map_err(|_| unavailable("the gateway stops"))?;
        done.await.map_err(|_| unavailable("the gateway stops"))
    }
}
