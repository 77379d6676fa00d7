//! What one link remembers between two reads: which publishes wait for the disk, and when the client was last heard. Pure: the time is an
//! argument, and deadlines are returned.

use crate::intake::Receipt;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How a QoS 1 publish will be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is on disk.
    Stored,
    /// The client may not publish there; nothing was stored.
    NotAuthorized,
}

/// A PUBACK that is due once everything before it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The publish's packet id.
    pub packet_id: u16,
    /// What it will say.
    pub answer: Answer,
    /// True if the protocol crate saw the publish, and so must see the PUBACK.
    pub is_tracked: bool,
}

/// Publishes handed to the pipeline and not yet acknowledged, in the order in which they came. PUBACKs leave in that order
/// (MQTT-4.6.0-2), each only once its batch and all before it are durable.
#[derive(Debug)]
pub struct AckQueue<R> {
    batches: VecDeque<Batch<R>>,
    acks: VecDeque<Ack>,
    open_acks: usize,
    open_bytes: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Batch<R> {
    /// None: nothing of this batch had to be stored.
    receipt: Option<R>,
    acks: usize,
    bytes: usize,
}

impl<R> Default for AckQueue<R> {
    fn default() -> AckQueue<R> {
        AckQueue {
            batches: VecDeque::new(),
            acks: VecDeque::new(),
            open_acks: 0,
            open_bytes: 0,
            bytes: 0,
        }
    }
}

impl<R: Receipt> AckQueue<R> {
    /// Notes a publish of the open batch: its size, and the PUBACK it wants (QoS 0 wants none).
    pub fn note(&mut self, bytes: usize, ack: Option<Ack>) {
        self.open_bytes += bytes;
        self.bytes += bytes;
        if let Some(ack) = ack {
            self.acks.push_back(ack);
            self.open_acks += 1;
        }
    }

    /// Closes the open batch with what the pipeline answered.
    pub fn close(&mut self, receipt: Option<R>) {
        if receipt.is_some() || self.open_acks > 0 || self.open_bytes > 0 {
            self.batches.push_back(Batch {
                receipt,
                acks: self.open_acks,
                bytes: self.open_bytes,
            });
        }
        self.open_acks = 0;
        self.open_bytes = 0;
    }

    /// Takes out what may be acknowledged now, in order. Returns how many that were.
    pub fn release(&mut self, mut send: impl FnMut(Ack)) -> usize {
        let mut released = 0;
        while self
            .batches
            .front()
            .is_some_and(|batch| batch.receipt.as_ref().is_none_or(Receipt::is_durable))
        {
            let Some(batch) = self.batches.pop_front() else { break };
            self.bytes -= batch.bytes;
            released += batch.acks;
            self.acks.drain(..batch.acks).for_each(&mut send);
        }
        released
    }

    /// True if a closed batch waits for the disk.
    pub fn is_waiting(&self) -> bool {
        !self.batches.is_empty()
    }

    /// QoS 1 publishes not yet acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.acks.len()
    }

    /// Payload and topic bytes not yet durable.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Watches that the client is heard at least every 1.5 keep-alives, but only while we listen: with reading paused, its pings wait unread.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive {
    limit: Option<Duration>,
    heard: Instant,
    is_listening: bool,
}

impl KeepAlive {
    /// Starts at `now` with the keep-alive in seconds that is in force; 0 is none.
    pub fn new(keep_alive_s: u16, now: Instant) -> KeepAlive {
        let limit = (keep_alive_s > 0).then(|| Duration::from_millis(u64::from(keep_alive_s) * 1_500));
        KeepAlive {
            limit,
            heard: now,
            is_listening: true,
        }
    }

    /// Something came in.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Says whether we read from the client. Starting to read again gives it the full time.
    pub fn listen(&mut self, is_listening: bool, now: Instant) {
        if is_listening && !self.is_listening {
            self.heard = now;
        }
        self.is_listening = is_listening;
    }

    /// When the client counts as gone, if nothing comes.
    pub fn deadline(&self) -> Option<Instant> {
        self.limit.filter(|_| self.is_listening).map(|limit| self.heard + limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    #[derive(Clone, Default)]
    struct Stub(Arc<AtomicBool>);

    impl Stub {
        fn set(&self) {
            self.0.store(true, Relaxed);
        }
    }

    impl Receipt for Stub {
        fn is_durable(&self) -> bool {
            self.0.load(Relaxed)
        }
    }

    fn stored(packet_id: u16) -> Ack {
        Ack {
            packet_id,
            answer: Answer::Stored,
            is_tracked: false,
        }
    }

    fn released(queue: &mut AckQueue<Stub>) -> Vec<u16> {
        let mut ids = Vec::new();
        let count = queue.release(|ack| ids.push(ack.packet_id));
        assert_eq!(count, ids.len());
        ids
    }

    #[test]
    fn a_later_batch_waits_for_the_earlier_one() {
        let (first, second) = (Stub::default(), Stub::default());
        let mut queue = AckQueue::default();
        queue.note(10, Some(stored(1)));
        queue.note(10, None);
        queue.close(Some(first.clone()));
        queue.note(10, Some(stored(2)));
        queue.close(Some(second.clone()));
        second.set();
        assert_eq!(released(&mut queue), [0u16; 0]);
        assert_eq!((queue.unacknowledged(), queue.bytes()), (2, 30));
        first.set();
        assert_eq!(released(&mut queue), [1, 2]);
        assert_eq!(
            (queue.unacknowledged(), queue.bytes(), queue.is_waiting()),
            (0, 0, false)
        );
    }

    #[test]
    fn a_refusal_keeps_its_place_among_the_acks() {
        let durable = Stub::default();
        let mut queue = AckQueue::default();
        queue.note(10, Some(stored(1)));
        queue.close(Some(durable.clone()));
        queue.note(
            0,
            Some(Ack {
                packet_id: 2,
                answer: Answer::NotAuthorized,
                is_tracked: true,
            }),
        );
        queue.close(None);
        assert_eq!(released(&mut queue), [0u16; 0]);
        durable.set();
        assert_eq!(released(&mut queue), [1, 2]);
    }

    #[test]
    fn qos_0_counts_its_bytes_until_they_are_durable() {
        let durable = Stub::default();
        let mut queue = AckQueue::default();
        queue.note(100, None);
        queue.close(Some(durable.clone()));
        assert_eq!((queue.bytes(), queue.is_waiting()), (100, true));
        durable.set();
        assert_eq!(released(&mut queue), [0u16; 0]);
        assert_eq!(queue.bytes(), 0);
    }

    proptest! {
        /// Against a plain model: an ack leaves exactly when its batch and all before it are durable.
        #[test]
        fn acks_leave_in_order_and_never_early(batches in proptest::collection::vec((0usize..5, 0usize..3), 1..12), flips in proptest::collection::vec(any::<prop::sample::Index>(), 0..24)) {
            let mut queue = AckQueue::default();
            let (mut next, mut model, mut durable) = (0u16, Vec::new(), Vec::new());
            for (acks, unacked) in batches {
                let cell = Stub::default();
                let ids: Vec<u16> = (0..acks).map(|_| { next += 1; next }).collect();
                ids.iter().for_each(|id| queue.note(1, Some(stored(*id))));
                (0..unacked).for_each(|_| queue.note(1, None));
                if acks + unacked > 0 {
                    queue.close(Some(cell.clone()));
                    model.push((cell.clone(), ids));
                    durable.push(cell);
                }
            }
            let mut sent = Vec::new();
            for flip in flips {
                if !durable.is_empty() {
                    durable[flip.index(durable.len())].set();
                }
                queue.release(|ack| sent.push(ack.packet_id));
                let expected: Vec<u16> = model.iter().take_while(|(cell, _)| cell.is_durable()).flat_map(|(_, ids)| ids.clone()).collect();
                prop_assert_eq!(&sent, &expected);
            }
        }
    }

    #[test]
    fn the_keep_alive_rests_while_reading_is_paused() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keep_alive = KeepAlive::new(10, start);
        assert_eq!(keep_alive.deadline(), Some(at(15)));
        keep_alive.heard(at(4));
        assert_eq!(keep_alive.deadline(), Some(at(19)));
        keep_alive.listen(false, at(5));
        assert_eq!(keep_alive.deadline(), None);
        keep_alive.listen(true, at(60));
        keep_alive.listen(true, at(62));
        assert_eq!(keep_alive.deadline(), Some(at(75)));
        assert_eq!(KeepAlive::new(0, start).deadline(), None);
    }
}
