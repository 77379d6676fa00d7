//! The task between the link and the pipeline: hands publishes on in batches, and says in order which are on disk. Never touches the link.

use super::window::{Ack, Arrived, Shared};
use crate::intake::{Intake, Packet, Receipt};
use rumqttc::QoS;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Publishes handed to the pipeline as one batch.
const BATCH: usize = 512;

/// Batches not yet durable, in order, each with what to acknowledge then.
type Pending<R> = VecDeque<(Option<R>, Vec<Ack>)>;

/// Hands publishes to the pipeline.
pub(super) struct Feeder<I: Intake> {
    intake: I,
    /// The intake tells by it that a batch is on disk.
    wake: Arc<Notify>,
    shared: Arc<Shared>,
    pending: Pending<I::Receipt>,
    max_packet_bytes: usize,
}

impl<I: Intake> Feeder<I> {
    /// With an intake that notifies `wake`.
    pub(super) fn new(intake: I, wake: Arc<Notify>, shared: Arc<Shared>, max_packet_bytes: usize) -> Feeder<I> {
        Feeder {
            intake,
            wake,
            shared,
            pending: VecDeque::new(),
            max_packet_bytes,
        }
    }

    /// Works until the link has stopped and all that came by it is handed on.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            acknowledge(&mut self.pending, &self.shared);
            let now = Instant::now();
            let throttled = self.intake.throttled_until().filter(|until| *until > now);
            let is_stopped = {
                let mut window = self.shared.window();
                if throttled.is_none() {
                    window.take(&mut batch, BATCH);
                }
                window.is_stopped()
            };
            if !batch.is_empty() {
                self.feed(&mut batch).await;
                continue;
            }
            if is_stopped {
                return;
            }
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = self.shared.feeder_wake.notified() => {}
                () = tokio::time::sleep_until(throttled.unwrap_or(now)), if throttled.is_some() => {}
            }
        }
    }

    async fn feed(&mut self, batch: &mut Vec<Arrived>) {
        for Arrived { publish, .. } in batch.iter() {
            self.push(publish);
        }
        let receipt = {
            let mut submitting = std::pin::pin!(self.intake.submit());
            loop {
                tokio::select! {
                    biased;
                    receipt = &mut submitting => break receipt,
                    () = self.wake.notified() => acknowledge(&mut self.pending, &self.shared),
                }
            }
        };
        let count = batch.len();
        let acks: Vec<Ack> = batch
            .drain(..)
            .filter(|arrived| arrived.publish.qos == QoS::AtLeastOnce)
            .map(|Arrived { publish, epoch }| Ack {
                packet_id: publish.pkid,
                epoch,
            })
            .collect();
        self.shared.window().forget(count - acks.len());
        self.pending.push_back((receipt, acks));
    }

    fn push(&mut self, publish: &rumqttc::Publish) {
        let counters = &self.shared.counters;
        if publish.topic.len() + publish.payload.len() > self.max_packet_bytes {
            // Refused for good: withholding the acknowledgement would only bring it back for ever.
            counters.packet_too_large.fetch_add(1, Relaxed);
            tracing::warn!(
                topic = publish.topic,
                bytes = publish.payload.len(),
                "message refused: too large"
            );
            return;
        }
        if crate::listener::access::check_topic(&publish.topic).is_err() {
            counters.topic_invalid.fetch_add(1, Relaxed);
            return;
        }
        self.intake.push(Packet {
            topic: &publish.topic,
            payload: &publish.payload,
            qos: publish.qos as u8,
            retain: publish.retain,
            dup: publish.dup,
        });
    }
}

/// Says, in order, what has become durable, and wakes the link once for all of it.
fn acknowledge<R: Receipt>(pending: &mut Pending<R>, shared: &Shared) {
    let is_durable = |receipt: &Option<R>| receipt.as_ref().is_none_or(Receipt::is_durable);
    let count = pending.iter().take_while(|(receipt, _)| is_durable(receipt)).count();
    if count == 0 {
        return;
    }
    let counters = &shared.counters;
    {
        let mut window = shared.window();
        for (_, acks) in pending.drain(..count) {
            let stale = window.durable(&acks);
            counters.stale_acks.fetch_add(stale as u64, Relaxed);
            counters.acks_sent.fetch_add((acks.len() - stale) as u64, Relaxed);
        }
    }
    shared.link_wake.notify_one();
}
