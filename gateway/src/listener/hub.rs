//! What we send to subscribers: retained messages, subscriptions, and the sessions of clients that come and go. The outbox publishes here;
//! each link takes its messages out at its own pace from a bounded queue. Publishing never waits: a subscriber that does not keep up loses
//! its link, and one that is away loses its oldest messages. Nothing here outlives the process; the retained messages are given at start.

use super::access::matches;
use super::counters::ListenerCounters;
use super::topic_tree::{Delivery, TopicTree};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// Bounds of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubLimits {
    /// Retained messages kept.
    pub retained_topics: usize,
    /// Messages that may wait for one subscriber.
    pub queued_messages: usize,
    /// Sessions kept; beyond, the one longest away ends.
    pub sessions: usize,
    /// Filters of one subscriber.
    pub subscriptions: usize,
}

impl Default for HubLimits {
    fn default() -> HubLimits {
        HubLimits {
            retained_topics: 100_000,
            queued_messages: 1_000,
            sessions: 20_000,
            subscriptions: 64,
        }
    }
}

/// A message to subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic name.
    pub topic: Arc<str>,
    /// Application message.
    pub payload: Bytes,
}

/// A message on its way to one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What.
    pub message: Message,
    /// 0 or 1.
    pub qos: u8,
    /// Whether it goes out marked as retained.
    pub retain: bool,
}

/// Whose session: the principal is part of it, so that nobody takes over another's by naming its client id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Who was let in.
    pub principal: String,
    /// The client id of CONNECT.
    pub client_id: String,
}

/// Why the hub ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kick {
    /// The same client connected again.
    TakenOver,
    /// Its queue ran over.
    SlowSubscriber,
}

/// The hub; clones share it.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: HubLimits,
    counters: Arc<ListenerCounters>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    retained: BTreeMap<Arc<str>, Bytes>,
    tree: TopicTree,
    sessions: HashMap<u32, Session>,
    ids: HashMap<SessionKey, u32>,
    next_id: u32,
    next_link: u64,
}

#[derive(Debug)]
struct Session {
    key: SessionKey,
    filters: BTreeMap<String, Delivery>,
    /// Retained messages of new subscriptions; they leave before what is queued, which is newer.
    backlog: VecDeque<Outgoing>,
    queue: VecDeque<Outgoing>,
    /// Sent at QoS 1 and not yet acknowledged, in the order of sending.
    in_flight: VecDeque<(u16, Outgoing)>,
    /// How long the session is kept without a link. Zero: it ends with the link.
    expiry: Duration,
    link: Option<LinkEntry>,
    away_since: Option<Instant>,
}

#[derive(Debug)]
struct LinkEntry {
    number: u64,
    kick: Option<oneshot::Sender<Kick>>,
    gone: Option<oneshot::Receiver<()>>,
    signal: Signal,
}

/// How the hub and the pipeline reach a link: one wake-up for both, and a flag that spares the link a look into the hub when it was the
/// pipeline.
#[derive(Debug, Clone, Default)]
pub struct Signal {
    /// Wakes the link.
    pub wake: Arc<Notify>,
    has_mail: Arc<AtomicBool>,
}

impl Signal {
    /// Says that the link should look into the hub (again).
    pub fn mail(&self) {
        self.has_mail.store(true, Release);
        self.wake.notify_one();
    }

    /// As `mail`, but without a wake-up: the link is awake, and something else will wake it when there is room.
    pub fn mail_again(&self) {
        self.has_mail.store(true, Release);
    }

    /// Whether to look into the hub; asking clears it.
    pub fn take_mail(&self) -> bool {
        self.has_mail.load(Relaxed) && self.has_mail.swap(false, Acquire)
    }
}

/// A link's claim on its session. Dropping it tells the hub that the link is gone.
#[derive(Debug)]
pub struct HubLink {
    shared: Arc<Shared>,
    id: u32,
    number: u64,
    /// Wakes the link when there is something to take.
    pub signal: Signal,
    /// Dropped with the link: who took over waits for that.
    _gone: oneshot::Sender<()>,
}

/// The answer to a claim.
#[derive(Debug)]
pub struct Claim {
    /// The link's door to the hub.
    pub link: HubLink,
    /// Fires when the link must end.
    pub kick: oneshot::Receiver<Kick>,
    /// Resolves when the link that was taken over is gone.
    pub previous: Option<oneshot::Receiver<()>>,
}

impl Hub {
    /// A hub that knows these retained messages (topic, payload), as stored before a restart.
    pub fn new(retained: Vec<(String, Vec<u8>)>, limits: HubLimits, counters: Arc<ListenerCounters>) -> Hub {
        let retained = retained
            .into_iter()
            .map(|(topic, payload)| (Arc::from(topic), Bytes::from(payload)))
            .collect();
        let state = Mutex::new(State {
            retained,
            ..State::default()
        });
        Hub {
            shared: Arc::new(Shared {
                limits,
                counters,
                state,
            }),
        }
    }

    /// Delivers to everybody subscribed and, if `retain`, keeps the message for those who subscribe later (an empty payload forgets it).
    /// Never waits.
    pub fn publish(&self, topic: &str, payload: Bytes, retain: bool) {
        let message = Message {
            topic: Arc::from(topic),
            payload,
        };
        let shared = &self.shared;
        let mut state = shared.lock();
        if retain && message.payload.is_empty() {
            state.retained.remove(topic);
        } else if retain {
            if state.retained.len() < shared.limits.retained_topics || state.retained.contains_key(topic) {
                state.retained.insert(message.topic.clone(), message.payload.clone());
            } else {
                tracing::warn!(
                    topic,
                    limit = shared.limits.retained_topics,
                    "retained message not kept: as many as allowed are"
                );
            }
        }
        for (id, delivery) in state.tree.matching(topic) {
            let retain = retain && delivery.retain_as_published;
            if let Some(session) = state.sessions.get_mut(&id) {
                shared.enqueue(
                    session,
                    Outgoing {
                        message: message.clone(),
                        qos: delivery.qos,
                        retain,
                    },
                );
            }
        }
    }

    /// Claims the session of `key` for a new link; a link that has it is told to end.
    pub fn claim(&self, key: SessionKey) -> Claim {
        let mut state = self.shared.lock();
        state.next_link += 1;
        let number = state.next_link;
        let id = match state.ids.get(&key) {
            Some(id) => *id,
            None => state.add_session(key),
        };
        let (kick_sender, kick) = oneshot::channel();
        let (gone_sender, gone) = oneshot::channel();
        let signal = Signal::default();
        let entry = LinkEntry {
            number,
            kick: Some(kick_sender),
            gone: Some(gone),
            signal: signal.clone(),
        };
        let before = state
            .sessions
            .get_mut(&id)
            .and_then(|session| session.link.replace(entry));
        let previous = before.and_then(|mut before| {
            if before
                .kick
                .take()
                .is_some_and(|kick| kick.send(Kick::TakenOver).is_ok())
            {
                self.shared.counters.takeovers.fetch_add(1, Relaxed);
            }
            before.gone.take()
        });
        let link = HubLink {
            shared: self.shared.clone(),
            id,
            number,
            signal,
            _gone: gone_sender,
        };
        Claim { link, kick, previous }
    }
}

impl HubLink {
    /// Opens the session once the previous link is gone: `is_clean` forgets what it held. Returns whether there was a session to go on with.
    pub fn open(&self, is_clean: bool, expiry: Duration, now: Instant) -> bool {
        let mut state = self.shared.lock();
        let Some(session) = state.sessions.get_mut(&self.id) else {
            return false;
        };
        // A session taken over has not been away.
        let away_since = session.away_since.take();
        let was_kept = !session.expiry.is_zero() && away_since.is_none_or(|since| now < since + session.expiry);
        if is_clean || !was_kept {
            state.clear_session(self.id);
        }
        if let Some(session) = state.sessions.get_mut(&self.id) {
            session.expiry = expiry;
        }
        let has_mail = state
            .sessions
            .get(&self.id)
            .is_some_and(|session| !session.queue.is_empty() || !session.backlog.is_empty());
        if has_mail {
            self.signal.mail();
        }
        state.end_oldest_beyond(self.shared.limits.sessions, now);
        was_kept && !is_clean
    }

    /// MQTT 5: a client may change the expiry with its DISCONNECT.
    pub fn set_expiry(&self, expiry: Duration) {
        if let Some(session) = self.shared.lock().sessions.get_mut(&self.id) {
            session.expiry = expiry;
        }
    }

    /// Subscribes to a well-formed filter. Some(is_new), or None if there are as many as allowed. `send_retained` is asked with is_new.
    pub fn subscribe(&self, filter: &str, delivery: Delivery, send_retained: impl Fn(bool) -> bool) -> Option<bool> {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let session = state.sessions.get_mut(&self.id)?;
        let is_new = !session.filters.contains_key(filter);
        if is_new && session.filters.len() >= self.shared.limits.subscriptions {
            return None;
        }
        session.filters.insert(filter.to_owned(), delivery);
        state.tree.insert(filter, self.id, delivery);
        if send_retained(is_new) {
            // Only topics that start like the filter can match it.
            let start = filter
                .split(['+', '#'])
                .next()
                .unwrap_or_default()
                .trim_end_matches('/');
            let found = state
                .retained
                .range::<str, _>((Bound::Included(start), Bound::Unbounded))
                .take_while(|(topic, _)| topic.starts_with(start))
                .filter(|(topic, _)| matches(filter, topic));
            for (topic, payload) in found {
                let message = Message {
                    topic: topic.clone(),
                    payload: payload.clone(),
                };
                session.backlog.push_back(Outgoing {
                    message,
                    qos: delivery.qos,
                    retain: true,
                });
            }
            if session.backlog.len() > 2 * self.shared.limits.retained_topics {
                self.shared.kick_slow(session);
            } else {
                self.signal.mail();
            }
        }
        Some(is_new)
    }

    /// Unsubscribes. False if there was no such subscription.
    pub fn unsubscribe(&self, filter: &str) -> bool {
        let mut state = self.shared.lock();
        let was_there = state
            .sessions
            .get_mut(&self.id)
            .is_some_and(|session| session.filters.remove(filter).is_some());
        if was_there {
            state.tree.remove(filter, self.id);
        }
        was_there
    }

    /// What an earlier link sent and nobody acknowledged, to be sent again under the same packet ids.
    pub fn unacknowledged(&self) -> VecDeque<(u16, Outgoing)> {
        self.shared
            .lock()
            .sessions
            .get(&self.id)
            .map(|session| session.in_flight.clone())
            .unwrap_or_default()
    }

    /// Takes the next message to send.
    pub fn take(&self) -> Option<Outgoing> {
        let mut state = self.shared.lock();
        let session = state
            .sessions
            .get_mut(&self.id)
            .filter(|session| session.is_on(self.number))?;
        session.backlog.pop_front().or_else(|| session.queue.pop_front())
    }

    /// Notes a message sent at QoS 1 under `packet_id`.
    pub fn sent(&self, packet_id: u16, outgoing: Outgoing) {
        if let Some(session) = self.shared.lock().sessions.get_mut(&self.id) {
            session.in_flight.push_back((packet_id, outgoing));
        }
    }

    /// The subscriber acknowledged (or can never take) `packet_id`.
    pub fn acknowledged(&self, packet_id: u16) {
        if let Some(session) = self.shared.lock().sessions.get_mut(&self.id)
            && let Some(index) = session.in_flight.iter().position(|(id, _)| *id == packet_id)
        {
            session.in_flight.remove(index);
        }
    }
}

impl Drop for HubLink {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let Some(session) = state
            .sessions
            .get_mut(&self.id)
            .filter(|session| session.is_on(self.number))
        else {
            return; // taken over
        };
        session.link = None;
        if session.expiry.is_zero() {
            state.remove_session(self.id);
        } else {
            session.away_since = Some(Instant::now());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the hub")
    }

    fn enqueue(&self, session: &mut Session, outgoing: Outgoing) {
        if session.link.is_none() && outgoing.qos == 0 {
            return; // QoS 0 promises nothing to who is away
        }
        if session.queue.len() >= self.limits.queued_messages {
            match &session.link {
                Some(_) => return self.kick_slow(session),
                None => {
                    session.queue.pop_front();
                    self.counters.offline_dropped.fetch_add(1, Relaxed);
                }
            }
        }
        session.queue.push_back(outgoing);
        if let Some(link) = &session.link {
            link.signal.mail();
        }
    }

    fn kick_slow(&self, session: &mut Session) {
        if let Some(kick) = session.link.as_mut().and_then(|link| link.kick.take()) {
            self.counters.slow_subscribers.fetch_add(1, Relaxed);
            tracing::warn!(
                client_id = session.key.client_id,
                "subscriber does not keep up: link closed"
            );
            if kick.send(Kick::SlowSubscriber).is_err() {
                tracing::debug!("the slow subscriber's link has ended by itself");
            }
        }
    }
}

impl Session {
    fn is_on(&self, number: u64) -> bool {
        self.link.as_ref().is_some_and(|link| link.number == number)
    }
}

impl State {
    fn add_session(&mut self, key: SessionKey) -> u32 {
        while self.sessions.contains_key(&self.next_id) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.ids.insert(key.clone(), id);
        self.sessions.insert(
            id,
            Session {
                key,
                filters: BTreeMap::new(),
                backlog: VecDeque::new(),
                queue: VecDeque::new(),
                in_flight: VecDeque::new(),
                expiry: Duration::ZERO,
                link: None,
                away_since: None,
            },
        );
        id
    }

    /// Forgets what the session held; its link stays.
    fn clear_session(&mut self, id: u32) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.backlog.clear();
            session.queue.clear();
            session.in_flight.clear();
            for filter in std::mem::take(&mut session.filters).into_keys() {
                self.tree.remove(&filter, id);
            }
        }
    }

    fn remove_session(&mut self, id: u32) {
        self.clear_session(id);
        if let Some(session) = self.sessions.remove(&id) {
            self.ids.remove(&session.key);
        }
    }

    /// Ends sessions that expired or, if there are still too many, the one longest away. Only looks when there are too many.
    fn end_oldest_beyond(&mut self, limit: usize, now: Instant) {
        if self.sessions.len() <= limit {
            return;
        }
        let away = |session: &Session| {
            session
                .away_since
                .filter(|_| session.link.is_none())
                .map(|since| (since, since + session.expiry))
        };
        let expired: Vec<u32> = self
            .sessions
            .iter()
            .filter(|(_, session)| away(session).is_some_and(|(_, end)| end <= now))
            .map(|(id, _)| *id)
            .collect();
        expired.into_iter().for_each(|id| self.remove_session(id));
        if self.sessions.len() > limit {
            let oldest = self
                .sessions
                .iter()
                .filter_map(|(id, session)| away(session).map(|(since, _)| (since, *id)))
                .min();
            if let Some((_, id)) = oldest {
                self.remove_session(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_1: Delivery = Delivery {
        qos: 1,
        retain_as_published: false,
    };
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    fn hub(retained: &[(&str, &str)], limits: HubLimits) -> (Hub, Arc<ListenerCounters>) {
        let counters = Arc::new(ListenerCounters::default());
        let retained = retained
            .iter()
            .map(|(topic, payload)| ((*topic).to_owned(), payload.as_bytes().to_vec()))
            .collect();
        (Hub::new(retained, limits, counters.clone()), counters)
    }

    fn key(client_id: &str) -> SessionKey {
        SessionKey {
            principal: "anonymous".to_owned(),
            client_id: client_id.to_owned(),
        }
    }

    fn texts(link: &HubLink) -> Vec<(String, String, bool)> {
        std::iter::from_fn(|| link.take())
            .map(|out| {
                (
                    out.message.topic.to_string(),
                    String::from_utf8(out.message.payload.to_vec()).unwrap(),
                    out.retain,
                )
            })
            .collect()
    }

    fn text(topic: &str, payload: &str, retain: bool) -> (String, String, bool) {
        (topic.to_owned(), payload.to_owned(), retain)
    }

    #[tokio::test]
    async fn retained_messages_come_first_and_marked_live_ones_after_and_unmarked() {
        let (hub, _) = hub(
            &[("a/x", "old"), ("a/y", "other"), ("b", "no"), ("ab", "no")],
            HubLimits::default(),
        );
        let link = hub.claim(key("c")).link;
        link.open(true, Duration::ZERO, Instant::now());
        assert_eq!(link.subscribe("a/#", AT_1, |_| true), Some(true));
        hub.publish("a/x", Bytes::from("new"), true);
        assert_eq!(
            texts(&link),
            [
                text("a/x", "old", true),
                text("a/y", "other", true),
                text("a/x", "new", false)
            ]
        );
        assert_eq!(link.subscribe("a/#", AT_1, |is_new| is_new), Some(false));
        assert_eq!(texts(&link), []);
        assert_eq!(link.subscribe("+/x", AT_1, |_| true), Some(true));
        assert_eq!(texts(&link), [text("a/x", "new", true)]);
        hub.publish("a/x", Bytes::new(), true);
        assert_eq!(texts(&link), [text("a/x", "", false)]);
        link.subscribe("a/x", AT_1, |_| true);
        assert_eq!(texts(&link), []);
    }

    #[tokio::test]
    async fn a_kept_session_goes_on_a_clean_one_starts_anew() {
        let (hub, _) = hub(&[], HubLimits::default());
        let now = Instant::now();
        let first = hub.claim(key("c")).link;
        assert!(!first.open(false, WEEK, now));
        first.subscribe("a", AT_1, |_| false);
        hub.publish("a", Bytes::from("1"), false);
        let sent = first.take().unwrap();
        first.sent(7, sent.clone());
        drop(first);
        hub.publish("a", Bytes::from("2"), false);

        let second = hub.claim(key("c")).link;
        assert!(second.open(false, WEEK, Instant::now()));
        assert_eq!(second.unacknowledged(), [(7, sent)]);
        second.acknowledged(7);
        assert!(second.unacknowledged().is_empty());
        assert_eq!(texts(&second), [text("a", "2", false)]);
        drop(second);

        let third = hub.claim(key("c")).link;
        assert!(!third.open(true, Duration::ZERO, Instant::now()));
        hub.publish("a", Bytes::from("3"), false);
        assert_eq!(texts(&third), []);
        drop(third);
        assert!(!hub.claim(key("c")).link.open(false, WEEK, Instant::now()));
    }

    #[tokio::test]
    async fn an_expired_session_is_not_present() {
        let (hub, _) = hub(&[], HubLimits::default());
        let first = hub.claim(key("c")).link;
        first.open(false, Duration::from_secs(60), Instant::now());
        drop(first);
        let second = hub.claim(key("c")).link;
        assert!(!second.open(false, WEEK, Instant::now() + Duration::from_secs(61)));
    }

    #[tokio::test]
    async fn a_second_link_ends_the_first_and_waits_for_it() {
        let (hub, counters) = hub(&[], HubLimits::default());
        let mut first = hub.claim(key("c"));
        assert!(first.previous.is_none());
        let mut second = hub.claim(key("c"));
        assert_eq!(first.kick.try_recv(), Ok(Kick::TakenOver));
        assert!(
            second
                .previous
                .as_mut()
                .unwrap()
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
        );
        drop(first.link);
        assert!(second.previous.unwrap().await.is_err());
        second.link.open(true, Duration::ZERO, Instant::now());
        second.link.subscribe("a", AT_1, |_| false);
        hub.publish("a", Bytes::from("1"), false);
        assert_eq!(texts(&second.link).len(), 1);
        assert_eq!(counters.takeovers.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn a_client_id_of_another_principal_is_another_session() {
        let (hub, _) = hub(&[], HubLimits::default());
        let first = hub.claim(key("c"));
        let other = hub.claim(SessionKey {
            principal: "user:x".to_owned(),
            client_id: "c".to_owned(),
        });
        assert!(other.previous.is_none());
        drop(first);
    }

    #[tokio::test]
    async fn a_full_queue_ends_the_link_and_drops_the_oldest_of_who_is_away() {
        let (hub, counters) = hub(
            &[],
            HubLimits {
                queued_messages: 2,
                ..HubLimits::default()
            },
        );
        let mut claim = hub.claim(key("c"));
        claim.link.open(false, WEEK, Instant::now());
        claim.link.subscribe("a", AT_1, |_| false);
        for payload in ["1", "2", "3", "4"] {
            hub.publish("a", Bytes::from(payload), false);
        }
        assert_eq!(claim.kick.try_recv(), Ok(Kick::SlowSubscriber));
        assert_eq!(counters.slow_subscribers.load(Relaxed), 1);
        drop(claim);
        hub.publish("a", Bytes::from("5"), false);
        assert_eq!(counters.offline_dropped.load(Relaxed), 1);
        let back = hub.claim(key("c")).link;
        assert!(back.open(false, WEEK, Instant::now()));
        assert_eq!(texts(&back), [text("a", "2", false), text("a", "5", false)]);
    }

    #[tokio::test]
    async fn sessions_filters_and_retained_messages_are_bounded() {
        let limits = HubLimits {
            sessions: 2,
            subscriptions: 1,
            retained_topics: 1,
            ..HubLimits::default()
        };
        let (hub, _) = hub(&[], limits);
        for client in ["1", "2", "3"] {
            let link = hub.claim(key(client)).link;
            link.open(false, WEEK, Instant::now());
            assert_eq!(link.subscribe("a", AT_1, |_| false), Some(true));
            assert_eq!(link.subscribe("b", AT_1, |_| false), None);
        }
        assert_eq!(hub.shared.lock().sessions.len(), 2);
        let one = hub.claim(key("1")).link;
        assert!(!one.open(false, WEEK, Instant::now()));
        hub.publish("x", Bytes::from("1"), true);
        hub.publish("y", Bytes::from("1"), true);
        assert_eq!(hub.shared.lock().retained.len(), 1);
    }
}
