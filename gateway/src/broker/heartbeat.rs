//! When to ping the broker, and when to give it up. No clock, no I/O.
//!
//! A broker gives a client up after 1.5 keep-alives without a packet (MQTT 3.1.1, 3.1.2.10). We ping twice in each keep-alive, so that a
//! machine under load may be late by a whole one.

use std::time::Duration;
use tokio::time::Instant;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing before the next deadline.
    Wait,
    /// A ping.
    Ping,
    /// The broker has not answered three pings.
    Silent,
}

/// The two sides of keep-alive for one link.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    next_ping: Instant,
    heard_at: Instant,
    is_listening: bool,
}

impl Heartbeat {
    /// For a link made at `now`.
    pub(super) fn new(keep_alive: Duration, now: Instant) -> Heartbeat {
        let interval = keep_alive / 2;
        Heartbeat {
            interval,
            next_ping: now + interval,
            heard_at: now,
            is_listening: true,
        }
    }

    /// When to call [`Heartbeat::step`] next.
    pub(super) fn deadline(&self) -> Instant {
        self.next_ping
    }

    /// The broker said something.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// Whether the link is read. While it is not, silence says nothing.
    pub(super) fn listen(&mut self, is_listening: bool, now: Instant) {
        if is_listening && !self.is_listening {
            self.heard_at = now;
        }
        self.is_listening = is_listening;
    }

    /// What is due at `now`.
    pub(super) fn step(&mut self, now: Instant) -> Beat {
        if now < self.next_ping {
            return Beat::Wait;
        }
        if now.duration_since(self.next_ping) >= self.interval {
            // we were held up ourselves, and what the broker said meanwhile is not read yet
            self.heard_at = now;
        }
        if self.is_listening && now.duration_since(self.heard_at) >= self.interval * 3 {
            return Beat::Silent;
        }
        self.next_ping = now + self.interval;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_secs(10);

    /// Beats at each deadline from `heartbeat`'s next one to `until`, as seconds after `began`.
    fn beats(heartbeat: &mut Heartbeat, began: Instant, until: u64) -> Vec<(u64, Beat)> {
        let mut beats = Vec::new();
        while heartbeat.deadline() <= began + Duration::from_secs(until) {
            let now = heartbeat.deadline();
            let beat = heartbeat.step(now);
            beats.push(((now - began).as_secs(), beat));
            if beat == Beat::Silent {
                break;
            }
        }
        beats
    }

    #[test]
    fn a_broker_is_pinged_twice_in_a_keep_alive_and_given_up_within_two() {
        let began = Instant::now();
        let mut heartbeat = Heartbeat::new(KEEP_ALIVE, began);
        assert_eq!(heartbeat.step(began), Beat::Wait);
        let expected = [(5, Beat::Ping), (10, Beat::Ping), (15, Beat::Silent)];
        assert_eq!(beats(&mut heartbeat, began, 100), expected);
    }

    #[test]
    fn a_broker_that_answers_is_kept() {
        let began = Instant::now();
        let mut heartbeat = Heartbeat::new(KEEP_ALIVE, began);
        for half in 1..100 {
            let now = began + KEEP_ALIVE * half / 2;
            assert_eq!(heartbeat.step(now), Beat::Ping);
            heartbeat.heard(now);
        }
    }

    #[test]
    fn a_broker_is_not_given_up_because_we_were_late_ourselves() {
        let began = Instant::now();
        let mut heartbeat = Heartbeat::new(KEEP_ALIVE, began);
        assert_eq!(heartbeat.step(began + KEEP_ALIVE * 3), Beat::Ping);
        let expected = [(35, Beat::Ping), (40, Beat::Ping), (45, Beat::Silent)];
        assert_eq!(beats(&mut heartbeat, began, 100), expected);
    }

    #[test]
    fn silence_while_the_link_is_not_read_says_nothing_and_pings_go_on() {
        let began = Instant::now();
        let mut heartbeat = Heartbeat::new(KEEP_ALIVE, began);
        heartbeat.listen(false, began);
        assert!(
            beats(&mut heartbeat, began, 1_000)
                .iter()
                .all(|(_, beat)| *beat == Beat::Ping)
        );
        heartbeat.listen(true, began + Duration::from_secs(1_001));
        let expected = [
            (1_005, Beat::Ping),
            (1_010, Beat::Ping),
            (1_015, Beat::Ping),
            (1_020, Beat::Silent),
        ];
        assert_eq!(beats(&mut heartbeat, began, 2_000), expected);
    }
}
