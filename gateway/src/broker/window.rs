//! What lies between the link and the pipeline: publishes that have arrived, how many are in the pipeline, and which may be acknowledged.
//! Never holds more than its limit, and never gives an acknowledgement to another link than its publish came by. No clock, no I/O.

use super::counters::BrokerCounters;
use rumqttc::{Publish, QoS};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// A publish, and the link it came by.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) publish: Publish,
    pub(super) epoch: u64,
}

/// What has to be said to the broker when a publish is on disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ack {
    pub(super) packet_id: u16,
    pub(super) epoch: u64,
}

/// Publishes between the link and the disk.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    /// Counts links that were lost.
    epoch: u64,
    arrived: VecDeque<Arrived>,
    in_pipeline: usize,
    due: Vec<u16>,
    is_stopped: bool,
}

impl Window {
    /// Empty, for `limit` publishes.
    pub(super) fn new(limit: usize) -> Window {
        Window {
            limit,
            epoch: 0,
            arrived: VecDeque::new(),
            in_pipeline: 0,
            due: Vec::new(),
            is_stopped: false,
        }
    }

    /// How many more publishes may be read.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.unacknowledged())
    }

    /// Publishes that have arrived and are not on disk yet.
    pub(super) fn unacknowledged(&self) -> usize {
        self.arrived.len() + self.in_pipeline
    }

    /// A publish came by the link there is now. False: it had no promise and was dropped, since half of the room is for what has one.
    pub(super) fn arrive(&mut self, publish: Publish) -> bool {
        if publish.qos == QoS::AtMostOnce && self.room() <= self.limit / 2 {
            return false;
        }
        self.arrived.push_back(Arrived {
            publish,
            epoch: self.epoch,
        });
        true
    }

    /// Moves at most `most` publishes into `batch`, oldest first.
    pub(super) fn take(&mut self, batch: &mut Vec<Arrived>, most: usize) {
        let count = self.arrived.len().min(most);
        batch.extend(self.arrived.drain(..count));
        self.in_pipeline += count;
    }

    /// What was in the pipeline and wants no acknowledgement has left it.
    pub(super) fn forget(&mut self, count: usize) {
        self.in_pipeline -= count;
    }

    /// These are on disk; returns how many of them came by an earlier link, whose broker waits for nothing any more.
    pub(super) fn durable(&mut self, acks: &[Ack]) -> usize {
        self.in_pipeline -= acks.len();
        let before = self.due.len();
        let of_this_link = acks.iter().filter(|ack| ack.epoch == self.epoch);
        self.due.extend(of_this_link.map(|ack| ack.packet_id));
        acks.len() - (self.due.len() - before)
    }

    /// Swaps the packet ids to acknowledge now, in order, for the empty `due`.
    pub(super) fn swap_due(&mut self, due: &mut Vec<u16>) {
        std::mem::swap(&mut self.due, due);
    }

    /// The link is lost: nothing that came by it is acknowledged any more.
    pub(super) fn link_lost(&mut self) {
        self.epoch += 1;
        self.due.clear();
    }

    /// Nothing more arrives.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Whether nothing more arrives.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

/// The window, and how each side of it wakes the other.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) counters: Arc<BrokerCounters>,
    window: Mutex<Window>,
    /// Publishes have arrived, or the link has stopped.
    pub(super) feeder_wake: Notify,
    /// Acknowledgements are due, or there is room again.
    pub(super) link_wake: Notify,
}

impl Shared {
    /// With an empty window.
    pub(super) fn new(limit: usize, counters: Arc<BrokerCounters>) -> Shared {
        Shared {
            counters,
            window: Mutex::new(Window::new(limit)),
            feeder_wake: Notify::new(),
            link_wake: Notify::new(),
        }
    }

    /// The window, locked.
    pub(super) fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().expect("no code panics while it holds the window")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(packet_id: u16) -> Publish {
        let mut publish = Publish::new("forewarn/a/b/telemetry", QoS::AtLeastOnce, "{}");
        publish.pkid = packet_id;
        publish
    }

    fn arrive_and_take(window: &mut Window, packet_ids: std::ops::Range<u16>) -> Vec<Ack> {
        for id in packet_ids {
            assert!(window.arrive(publish(id)));
        }
        let mut batch = Vec::new();
        window.take(&mut batch, usize::MAX);
        let ack = |arrived: &Arrived| Ack {
            packet_id: arrived.publish.pkid,
            epoch: arrived.epoch,
        };
        batch.iter().map(ack).collect()
    }

    fn due(window: &mut Window) -> Vec<u16> {
        let mut due = Vec::new();
        window.swap_due(&mut due);
        due
    }

    #[test]
    fn what_waits_and_what_is_in_the_pipeline_share_the_room() {
        let mut window = Window::new(10);
        let acks = arrive_and_take(&mut window, 1..5);
        assert_eq!(window.room(), 6);
        let without_promise = || Publish::new("forewarn/a/b/telemetry", QoS::AtMostOnce, "{}");
        assert!(window.arrive(without_promise()));
        assert_eq!(window.room(), 5);
        assert!(!window.arrive(without_promise()), "half of the room is for QoS 1");
        assert_eq!(window.room(), 5);
        assert_eq!(window.durable(&acks), 0);
        assert_eq!(window.room(), 9);
        let mut batch = Vec::new();
        window.take(&mut batch, 10);
        window.forget(batch.len());
        assert_eq!(window.room(), 10);
    }

    #[test]
    fn acknowledgements_keep_their_order_and_are_given_once() {
        let mut window = Window::new(10);
        let acks = arrive_and_take(&mut window, 1..5);
        window.durable(&acks[..2]);
        window.durable(&acks[2..]);
        assert_eq!(due(&mut window), [1, 2, 3, 4]);
        assert!(due(&mut window).is_empty());
    }

    #[test]
    fn nothing_of_a_lost_link_is_acknowledged_on_the_next() {
        let mut window = Window::new(10);
        let old = arrive_and_take(&mut window, 1..5);
        window.durable(&old[..1]);
        window.link_lost();
        assert!(due(&mut window).is_empty());
        let new = arrive_and_take(&mut window, 1..3);
        assert_eq!(window.durable(&old[1..]), 3, "the same packet ids, another link");
        assert!(due(&mut window).is_empty());
        assert_eq!(window.durable(&new), 0);
        assert_eq!(due(&mut window), [1, 2]);
        assert_eq!(window.room(), 10);
    }
}
