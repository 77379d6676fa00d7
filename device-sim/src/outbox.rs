//! The device's own outbox: a message leaves it only when its PubAck has arrived. After a reconnect without a session
//! everything unconfirmed is sent again, in the order it came in. The MQTT client cannot be trusted with that: it
//! drops what is in flight when the broker has forgotten the session. Pure; bounded.

use std::collections::VecDeque;

/// Messages in order of arrival: first those sent and identified, then those handed to the client, then the unsent.
#[derive(Debug)]
pub struct Outbox<T> {
    entries: VecDeque<Entry<T>>,
    /// Entries before this index have a packet id.
    identified: usize,
    /// Entries before this index have been handed to the client.
    handed: usize,
    limit: usize,
}

#[derive(Debug)]
struct Entry<T> {
    message: T,
    packet_id: u16,
}

impl<T> Outbox<T> {
    /// An empty outbox for at most `limit` messages.
    #[must_use]
    pub fn new(limit: usize) -> Outbox<T> {
        Outbox {
            entries: VecDeque::new(),
            identified: 0,
            handed: 0,
            limit,
        }
    }

    /// Messages that are not confirmed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if everything is confirmed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True if nothing more may be put in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.limit
    }

    /// Puts a message in, behind all others; gives it back if the outbox is full.
    ///
    /// # Errors
    /// The message, if the outbox is full.
    pub fn push(&mut self, message: T) -> Result<(), T> {
        if self.is_full() {
            return Err(message);
        }
        self.entries.push_back(Entry { message, packet_id: 0 });
        Ok(())
    }

    /// The next message to hand to the client, if fewer than `window` are in flight. It counts as in flight from here.
    pub fn hand_next(&mut self, window: usize) -> Option<&T> {
        if self.handed >= window || self.handed >= self.entries.len() {
            return None;
        }
        self.handed += 1;
        Some(&self.entries[self.handed - 1].message)
    }

    /// The client has written the oldest handed message under this packet id. False if there was none: a broken client.
    pub fn identify(&mut self, packet_id: u16) -> bool {
        if self.identified >= self.handed {
            return false;
        }
        self.entries[self.identified].packet_id = packet_id;
        self.identified += 1;
        true
    }

    /// A PubAck came: takes the message out. None if no message in flight has this id.
    pub fn confirm(&mut self, packet_id: u16) -> Option<T> {
        let place = self
            .entries
            .iter()
            .take(self.identified)
            .position(|entry| entry.packet_id == packet_id)?;
        let entry = self.entries.remove(place)?;
        self.identified -= 1;
        self.handed -= 1;
        Some(entry.message)
    }

    /// The link is gone and with it all packet ids: everything is unsent again. Returns how many had been handed out.
    pub fn reconnect(&mut self) -> usize {
        self.identified = 0;
        std::mem::take(&mut self.handed)
    }

    /// Puts greetings before everything else and drops the unsent greetings of earlier connections. Only after
    /// [`Outbox::reconnect`] and before anything is handed out. May pass the limit by the number of greetings.
    pub fn greet(&mut self, is_greeting: impl Fn(&T) -> bool, greetings: Vec<T>) {
        debug_assert_eq!(self.handed, 0, "greetings go out before anything else");
        self.entries.retain(|entry| !is_greeting(&entry.message));
        for message in greetings.into_iter().rev() {
            self.entries.push_front(Entry { message, packet_id: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Op {
        Push,
        Hand,
        Write,
        Ack(prop::sample::Index),
        Reconnect,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => Just(Op::Push),
            4 => Just(Op::Hand),
            4 => Just(Op::Write),
            4 => any::<prop::sample::Index>().prop_map(Op::Ack),
            1 => Just(Op::Reconnect),
        ]
    }

    const WINDOW: usize = 4;
    const LIMIT: usize = 8;

    /// The world around the outbox: a client that writes in order and gives ids, a broker that acks in any order.
    #[derive(Default)]
    struct World {
        pushed: u32,
        handed: VecDeque<u32>,
        on_wire: Vec<(u16, u32)>,
        last_id: u16,
        received: Vec<u32>,
        confirmed: Vec<u32>,
    }

    fn play(world: &mut World, outbox: &mut Outbox<u32>, op: &Op) {
        match op {
            Op::Push => {
                if outbox.push(world.pushed).is_ok() {
                    world.pushed += 1;
                }
            }
            Op::Hand => world.handed.extend(outbox.hand_next(WINDOW).copied()),
            Op::Write => {
                if let Some(message) = world.handed.pop_front() {
                    // The smallest free id, as clients with a small id space do.
                    let id = (1..)
                        .find(|id| world.on_wire.iter().all(|(used, _)| used != id))
                        .unwrap();
                    world.last_id = id;
                    world.on_wire.push((id, message));
                    world.received.push(message);
                    assert!(outbox.identify(id));
                }
            }
            Op::Ack(index) => {
                if !world.on_wire.is_empty() {
                    let (id, message) = world.on_wire.remove(index.index(world.on_wire.len()));
                    assert_eq!(outbox.confirm(id), Some(message));
                    world.confirmed.push(message);
                }
            }
            Op::Reconnect => {
                assert_eq!(outbox.reconnect(), world.handed.len() + world.on_wire.len());
                world.handed.clear();
                world.on_wire.clear();
            }
        }
        assert!(outbox.len() <= LIMIT);
        assert!(world.handed.len() + world.on_wire.len() <= WINDOW);
    }

    proptest! {
        #[test]
        fn whatever_happens_nothing_is_lost_and_first_deliveries_keep_their_order(
            ops in prop::collection::vec(op(), 0..200),
            last in any::<prop::sample::Index>(),
        ) {
            let mut world = World::default();
            let mut outbox = Outbox::new(LIMIT);
            for op in &ops {
                play(&mut world, &mut outbox, op);
            }
            // In the end the link holds: everything gets through.
            while !outbox.is_empty() {
                play(&mut world, &mut outbox, &Op::Hand);
                play(&mut world, &mut outbox, &Op::Write);
                if world.on_wire.len() == WINDOW || world.handed.is_empty() {
                    play(&mut world, &mut outbox, &Op::Ack(last));
                }
            }
            let mut confirmed = world.confirmed.clone();
            confirmed.sort_unstable();
            prop_assert_eq!(confirmed, (0..world.pushed).collect::<Vec<_>>(), "each confirmed exactly once");
            let mut first = Vec::new();
            for message in &world.received {
                if !first.contains(message) {
                    first.push(*message);
                }
            }
            prop_assert_eq!(first, (0..world.pushed).collect::<Vec<_>>(), "first deliveries in order");
        }
    }

    #[test]
    fn an_unknown_ack_confirms_nothing() {
        let mut outbox = Outbox::new(2);
        outbox.push('a').unwrap();
        assert_eq!(outbox.confirm(1), None);
        assert!(!outbox.identify(1), "nothing was handed out");
        outbox.hand_next(1);
        assert_eq!(outbox.confirm(0), None, "handed but not yet written");
        assert!(outbox.identify(5));
        assert_eq!((outbox.confirm(5), outbox.len()), (Some('a'), 0));
    }

    #[test]
    fn a_full_outbox_gives_the_message_back() {
        let mut outbox = Outbox::new(1);
        outbox.push('a').unwrap();
        assert_eq!(outbox.push('b'), Err('b'));
    }

    #[test]
    fn greetings_go_first_and_replace_those_of_the_connection_before() {
        let mut outbox = Outbox::new(3);
        outbox.push("m1").unwrap();
        outbox.push("m2").unwrap();
        for _ in 0..2 {
            outbox.reconnect();
            outbox.greet(|message| *message == "online", vec!["online"]);
        }
        assert_eq!(outbox.len(), 3);
        assert_eq!(outbox.hand_next(9), Some(&"online"));
        assert_eq!(outbox.hand_next(9), Some(&"m1"));
    }
}
