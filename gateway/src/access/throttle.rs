//! Back-off of log-ins that fail, by name and by address. Bounded; time is an argument.

use domain::{Millis, Timestamp};
use std::collections::BTreeMap;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;
/// The same of an address, behind which many people may sit.
const FREE_OF_ADDRESS: u32 = 20;
/// The longest wait.
const LONGEST: Millis = Millis::minutes(15);
/// After so long without a failure nothing is held against anybody.
const FORGOTTEN: Millis = Millis::hours(1);
/// Names and addresses remembered; the one that failed longest ago makes room.
const MOST: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
    free: u32,
}

impl Failures {
    fn until(&self) -> Timestamp {
        let over = self.count.saturating_sub(self.free);
        let wait = match over {
            0 => Millis::ZERO,
            over => Millis(1000 << over.min(20).saturating_sub(1)).min(LONGEST),
        };
        self.last + wait
    }
}

/// Who failed how often.
#[derive(Debug, Default)]
pub struct Throttle {
    failures: BTreeMap<String, Failures>,
}

fn keys(name: &str, address: &str) -> [(String, u32); 2] {
    // a name may be as long as somebody likes
    let name: String = name.chars().take(64).collect();
    [
        (format!("name {name}"), FREE),
        (format!("address {address}"), FREE_OF_ADDRESS),
    ]
}

impl Throttle {
    /// How long this name from this address has to wait before another try; none: not at all.
    pub fn wait(&self, name: &str, address: &str, now: Timestamp) -> Option<Millis> {
        let of = |key: &str| self.failures.get(key).filter(|f| now - f.last < FORGOTTEN);
        let until = keys(name, address)
            .iter()
            .filter_map(|(key, _)| of(key))
            .map(Failures::until)
            .max()?;
        (until > now).then(|| until - now)
    }

    /// It was wrong.
    pub fn failed(&mut self, name: &str, address: &str, now: Timestamp) {
        for (key, free) in keys(name, address) {
            if self.failures.len() >= MOST && !self.failures.contains_key(&key) {
                let oldest = self
                    .failures
                    .iter()
                    .min_by_key(|(_, f)| f.last)
                    .map(|(key, _)| key.clone());
                oldest.map(|key| self.failures.remove(&key));
            }
            let failures = self.failures.entry(key).or_insert(Failures {
                count: 0,
                last: now,
                free,
            });
            if now - failures.last >= FORGOTTEN {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
    }

    /// It was right after all, though counted as wrong: the name starts anew. The address only gets this one back, since one that knows
    /// a single password could else guess others without end.
    pub fn succeeded(&mut self, name: &str, address: &str) {
        let [(name, _), (address, _)] = keys(name, address);
        self.failures.remove(&name);
        if let Some(failures) = self.failures.get_mut(&address) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_success_or_time() {
        let mut throttle = Throttle::default();
        let now = Timestamp(0);
        let mut waits = Vec::new();
        for _ in 0..17 {
            throttle.failed("ann", "10.0.0.1", now);
            waits.push(throttle.wait("ann", "10.0.0.1", now).map_or(0, |w| w.0 / 1000));
        }
        assert_eq!(waits[..8], [0, 0, 0, 0, 0, 1, 2, 4]);
        assert_eq!(waits[16], 900);
        assert_eq!(
            throttle.wait("bob", "10.0.0.1", now),
            None,
            "others at that address may go on"
        );
        assert!(
            throttle.wait("ann", "10.0.0.2", now).is_some(),
            "another address does not help"
        );
        assert_eq!(throttle.wait("ann", "10.0.0.1", now + FORGOTTEN), None);
        throttle.succeeded("ann", "10.0.0.1");
        assert_eq!(throttle.wait("ann", "10.0.0.2", now), None);
    }

    #[test]
    fn an_address_that_tries_many_names_is_held_up() {
        let mut throttle = Throttle::default();
        for n in 0..25 {
            throttle.failed(&format!("user-{n}"), "10.0.0.1", Timestamp(0));
        }
        assert!(throttle.wait("new", "10.0.0.1", Timestamp(0)).is_some());
        assert_eq!(throttle.wait("new", "10.0.0.2", Timestamp(0)), None);
    }

    #[test]
    fn people_who_know_their_passwords_are_not_held_up_by_an_address_that_they_share() {
        let mut throttle = Throttle::default();
        for n in 0..100 {
            let name = format!("user-{n}");
            assert_eq!(throttle.wait(&name, "10.0.0.1", Timestamp(n)), None);
            throttle.failed(&name, "10.0.0.1", Timestamp(n));
            throttle.succeeded(&name, "10.0.0.1");
        }
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut throttle = Throttle::default();
        for n in 0..(MOST as i64 + 500) {
            throttle.failed(&format!("user-{n}"), "10.0.0.1", Timestamp(n));
        }
        assert!(throttle.failures.len() <= MOST);
    }
}
