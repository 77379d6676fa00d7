//! What happens to one PUBLISH: topic check, access check, into the pipeline's open batch, PUBACK noted. Never acknowledges and never waits.

use super::access::{Grant, check_topic};
use super::counters::ListenerCounters;
use super::fast_path::PublishFrame;
use super::session::{Ack, AckQueue, Answer};
use crate::intake::{Intake, Packet};
use std::sync::atomic::Ordering::Relaxed;

/// A publish that ends its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Topic with a wildcard or NUL, or none.
    BadTopic,
    /// Outside the client's topics, on a protocol version whose PUBACK cannot say so.
    NotAuthorized,
}

/// One link's way into the pipeline.
#[derive(Debug)]
pub struct Door<I: Intake> {
    /// The pipeline's side.
    pub intake: I,
    /// What waits for the disk.
    pub acks: AckQueue<I::Receipt>,
    /// What the client may use.
    pub grant: Grant,
    /// Whether refusals can be told in a PUBACK.
    pub is_v5: bool,
    /// The open batch holds something.
    pub is_open: bool,
    qos0: u64,
    qos1: u64,
}

impl<I: Intake> Door<I> {
    /// The way in of a client that was just let in.
    pub fn new(intake: I, grant: Grant, is_v5: bool) -> Door<I> {
        Door {
            intake,
            acks: AckQueue::default(),
            grant,
            is_v5,
            is_open: false,
            qos0: 0,
            qos1: 0,
        }
    }

    /// Takes one publish of QoS 0 or 1. `is_tracked` if the protocol crate saw it.
    #[inline]
    pub fn publish(
        &mut self,
        frame: PublishFrame<'_>,
        is_tracked: bool,
        counters: &ListenerCounters,
    ) -> Result<(), Refusal> {
        if check_topic(frame.topic).is_err() {
            counters.topic_invalid.fetch_add(1, Relaxed);
            return Err(Refusal::BadTopic);
        }
        let answer = if self.grant.may_publish(frame.topic) {
            self.intake.push(Packet {
                topic: frame.topic,
                payload: frame.payload,
                qos: u8::from(frame.packet_id.is_some()),
                retain: frame.retain,
                dup: frame.dup,
            });
            Answer::Stored
        } else {
            counters.acl_denied.fetch_add(1, Relaxed);
            counters.publishes_denied.fetch_add(1, Relaxed);
            if !self.is_v5 {
                return Err(Refusal::NotAuthorized);
            }
            Answer::NotAuthorized
        };
        match (answer, frame.packet_id) {
            (Answer::Stored, None) => self.qos0 += 1,
            (Answer::Stored, Some(_)) => self.qos1 += 1,
            (Answer::NotAuthorized, None) => return Ok(()),
            (Answer::NotAuthorized, Some(_)) => {}
        }
        self.is_open = true;
        let ack = frame.packet_id.map(|packet_id| Ack {
            packet_id,
            answer,
            is_tracked,
        });
        self.acks.note(frame.topic.len() + frame.payload.len(), ack);
        Ok(())
    }

    /// Moves what was counted to the shared counters; once per read instead of once per packet.
    pub fn count(&mut self, counters: &ListenerCounters) {
        for (mine, all) in [
            (&mut self.qos0, &counters.publishes_qos0),
            (&mut self.qos1, &counters.publishes_qos1),
        ] {
            if *mine > 0 {
                all.fetch_add(std::mem::take(mine), Relaxed);
            }
        }
    }
}
