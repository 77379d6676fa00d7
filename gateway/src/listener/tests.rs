//! The listener over real sockets, against a pipeline whose durability the test decides.

use super::passwords::tests::quick_hash;
use super::testing::*;
use super::*;
use crate::secret::Secret;
use bytes::Bytes;
use std::path::PathBuf;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

pub(super) const TELEMETRY: &str = "forewarn/a/lift-1/telemetry";

struct Running {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    intakes: FakeIntakes,
    hub: Hub,
    counters: Arc<ListenerCounters>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

pub(super) fn config() -> ListenerConfig {
    ListenerConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        ..ListenerConfig::default()
    }
}

async fn start(config: ListenerConfig, intakes: FakeIntakes) -> Running {
    start_with(config, intakes, &[], HubLimits::default()).await
}

async fn start_with(
    config: ListenerConfig,
    intakes: FakeIntakes,
    retained: &[(&str, &str)],
    limits: HubLimits,
) -> Running {
    assert_eq!(config.problems(), vec![]);
    let counters = Arc::new(ListenerCounters::default());
    let retained = retained
        .iter()
        .map(|(topic, payload)| ((*topic).to_owned(), payload.as_bytes().to_vec()))
        .collect();
    let hub = Hub::new(retained, limits, counters.clone());
    let listener = Listener::bind(&config, intakes.clone(), hub.clone(), counters.clone())
        .await
        .unwrap();
    let (stop, shutdown) = watch::channel(false);
    let (address, tls_address) = (listener.local_addr(), listener.tls_addr());
    let task = tokio::spawn(listener.run(shutdown));
    Running {
        address,
        tls_address,
        intakes,
        hub,
        counters,
        stop,
        task,
    }
}

pub(super) fn hello(is_v5: bool, client_id: &str) -> Hello<'_> {
    Hello {
        is_v5,
        client_id,
        keep_alive_s: 60,
        ..Hello::default()
    }
}

fn puback_id(frame: &Frame) -> u16 {
    assert_eq!(frame.kind(), PUBACK, "{frame:?}");
    u16::from_be_bytes([frame.body[0], frame.body[1]])
}

fn user(name: &str) -> UserConfig {
    UserConfig {
        name: name.to_owned(),
        password_hash: Secret::new(quick_hash("right")),
        site: None,
        topics: vec![],
    }
}

#[tokio::test]
async fn acks_come_only_after_the_commit_and_in_order() {
    for is_v5 in [false, true] {
        let running = start(config(), FakeIntakes::held()).await;
        let mut client = Client::connected(running.address, hello(is_v5, "c")).await;
        let ids: Vec<u16> = (1..=400).rev().collect();
        for id in &ids {
            client.publish(TELEMETRY, 1, *id, b"{}").await;
        }
        client.publish(TELEMETRY, 0, 0, b"{}").await;
        assert_eq!(client.before_pong().await, []);
        until("all are in", || running.intakes.count() == 401).await;
        running.intakes.commit();
        for id in ids {
            assert_eq!(puback_id(&client.next().await.unwrap()), id);
        }
        assert_eq!(running.counters.publishes_qos0.load(Relaxed), 1);
        assert_eq!(running.counters.publishes_qos1.load(Relaxed), 400);
        until("acks are counted", || running.counters.acks_sent.load(Relaxed) == 400).await;
    }
}

#[tokio::test]
async fn a_full_window_pauses_reading_and_nothing_is_lost() {
    let running = start(ListenerConfig { window: 10, ..config() }, FakeIntakes::held()).await;
    let stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let mut client = Client::on(stream, false);
    assert_eq!(
        client
            .hello(Hello {
                client_id: "c",
                keep_alive_s: 1,
                ..Hello::default()
            })
            .await,
        Some((false, 0))
    );
    let payload = vec![b'x'; 1000];
    let frames: Vec<u8> = (1..=20_000u16)
        .flat_map(|id| publish(false, TELEMETRY, 1, id, &payload))
        .collect();
    let (mut reader, mut writer) = tokio::io::split(client.stream);
    let sending = tokio::spawn(async move {
        tokio::io::AsyncWriteExt::write_all(&mut writer, &frames)
            .await
            .map(|()| writer)
    });
    until("the window is full", || running.intakes.count() >= 10).await;
    // Longer than 1.5 keep-alives: the timer must rest while we do not read.
    let full_at = Instant::now();
    until("1.6 s have passed", || full_at.elapsed() > Duration::from_millis(1600)).await;
    assert!(!sending.is_finished(), "the client is held back");
    assert!(
        running.intakes.count() <= 10 + inbox::CAPACITY / 1000,
        "{}",
        running.intakes.count()
    );
    running.intakes.set_instant();
    let mut acks = vec![0; 4 * 20_000];
    soon("all acks", reader.read_exact(&mut acks)).await.unwrap();
    let ids: Vec<u16> = acks.chunks(4).map(|ack| u16::from_be_bytes([ack[2], ack[3]])).collect();
    assert_eq!(ids, (1..=20_000).collect::<Vec<u16>>());
    assert!(running.intakes.most_waiting() <= 10 + inbox::CAPACITY / 1000);
    drop(soon("sending", sending).await.unwrap().unwrap());
}

#[tokio::test]
async fn acks_leave_and_take_over_works_while_the_pipeline_is_full() {
    let running = start(config(), FakeIntakes::held()).await;
    let mut client = Client::connected(running.address, hello(true, "c")).await;
    client.publish(TELEMETRY, 1, 1, b"1").await;
    until("the first is in", || running.intakes.count() == 1).await;
    assert_eq!(client.before_pong().await, []);
    running.intakes.set_full(true);
    client.publish(TELEMETRY, 1, 2, b"2").await;
    until("the second waits", || running.intakes.count() == 2).await;
    running.intakes.commit();
    assert_eq!(puback_id(&client.next().await.unwrap()), 1);
    let mut second = Client::tcp(running.address, true).await;
    let taking_over = tokio::spawn(async move { second.hello(hello(true, "c")).await });
    until("the first is told to go", || {
        running.counters.takeovers.load(Relaxed) == 1
    })
    .await;
    running.intakes.set_full(false);
    assert_eq!(soon("take-over", taking_over).await.unwrap(), Some((false, 0)));
}

#[tokio::test]
async fn frames_may_come_byte_by_byte_or_larger_than_the_buffer() {
    for is_v5 in [false, true] {
        let running = start(config(), FakeIntakes::instant()).await;
        let mut client = Client::connected(running.address, hello(is_v5, "c")).await;
        for byte in publish(is_v5, TELEMETRY, 1, 5, b"slow") {
            client.send(&[byte]).await;
        }
        assert_eq!(puback_id(&client.next().await.unwrap()), 5);
        let large = vec![7; 200_000];
        let mut bytes = publish(is_v5, TELEMETRY, 1, 6, &large);
        bytes.extend(publish(is_v5, TELEMETRY, 1, 7, b"after"));
        client.send(&bytes).await;
        assert_eq!(puback_id(&client.next().await.unwrap()), 6);
        assert_eq!(puback_id(&client.next().await.unwrap()), 7);
        let payloads: Vec<Vec<u8>> = running.intakes.got().into_iter().map(|got| got.payload).collect();
        assert_eq!(payloads, [b"slow".to_vec(), large, b"after".to_vec()]);
    }
}

#[tokio::test]
async fn what_follows_connect_at_once_is_served() {
    let running = start(config(), FakeIntakes::instant()).await;
    let mut client = Client::tcp(running.address, false).await;
    let mut bytes = connect(&hello(false, "c"));
    bytes.extend(publish(false, TELEMETRY, 1, 1, b"early"));
    client.send(&bytes).await;
    assert_eq!(client.next().await.unwrap().kind(), CONNACK);
    assert_eq!(puback_id(&client.next().await.unwrap()), 1);
}

#[tokio::test]
async fn a_second_connect_takes_over_and_the_first_is_told() {
    let running = start(config(), FakeIntakes::instant()).await;
    let status = "forewarn/a/lift-1/status";
    let will = Some((status, "offline"));
    let mut first = Client::connected(
        running.address,
        Hello {
            will,
            ..hello(true, "c")
        },
    )
    .await;
    let mut second = Client::connected(running.address, hello(true, "c")).await;
    let told = first.next().await.unwrap();
    assert_eq!((told.kind(), told.body[0]), (DISCONNECT, 0x8e));
    assert!(first.is_closed().await);
    assert_eq!(second.before_pong().await, []);
    assert_eq!(running.counters.takeovers.load(Relaxed), 1);
    let got = running.intakes.got();
    assert_eq!((got.len(), got[0].topic.as_str(), got[0].retain), (1, status, true));
}

#[tokio::test]
async fn the_will_is_published_when_the_client_is_lost_and_only_then() {
    let running = start(config(), FakeIntakes::instant()).await;
    let will = Some(("forewarn/a/lift-1/status", "offline"));
    let mut polite = Client::connected(
        running.address,
        Hello {
            will,
            ..hello(false, "polite")
        },
    )
    .await;
    polite.send(&[0xe0, 0]).await;
    assert!(polite.is_closed().await);
    assert_eq!(running.counters.wills_published.load(Relaxed), 0);

    drop(
        Client::connected(
            running.address,
            Hello {
                will,
                ..hello(false, "cut")
            },
        )
        .await,
    );
    until("the will of the cut link", || running.intakes.count() == 1).await;

    let mut silent = Client::connected(
        running.address,
        Hello {
            will,
            keep_alive_s: 1,
            ..hello(true, "silent")
        },
    )
    .await;
    let told = silent.next().await.unwrap();
    assert_eq!((told.kind(), told.body[0]), (DISCONNECT, 0x8d));
    until("the will of the silent client", || running.intakes.count() == 2).await;

    let mut asks_for_it = Client::connected(
        running.address,
        Hello {
            will,
            ..hello(true, "asks")
        },
    )
    .await;
    asks_for_it.send(&[0xe0, 1, 0x04]).await;
    until("the will asked for", || running.intakes.count() == 3).await;
    until("all are counted", || {
        running.counters.wills_published.load(Relaxed) == 3
    })
    .await;
}

#[tokio::test]
async fn a_client_that_pings_in_time_keeps_its_link() {
    let running = start(config(), FakeIntakes::instant()).await;
    let mut client = Client::connected(
        running.address,
        Hello {
            keep_alive_s: 1,
            ..hello(false, "c")
        },
    )
    .await;
    // Each silence is shorter than 1.5 s, two of them together are longer.
    for _ in 0..3 {
        let heard_at = Instant::now();
        until("nearly a keep-alive has passed", || {
            heard_at.elapsed() > Duration::from_millis(950)
        })
        .await;
        assert_eq!(client.before_pong().await, []);
    }
    assert_eq!(running.counters.keep_alive_expired.load(Relaxed), 0);
}

#[tokio::test]
async fn qos_2_is_refused_cleanly() {
    let running = start(config(), FakeIntakes::instant()).await;
    let mut v5 = Client::connected(running.address, hello(true, "v5")).await;
    v5.publish(TELEMETRY, 2, 1, b"{}").await;
    let told = v5.next().await.unwrap();
    assert_eq!((told.kind(), told.body[0]), (DISCONNECT, 0x9b));
    let mut v3 = Client::connected(running.address, hello(false, "v3")).await;
    v3.publish(TELEMETRY, 2, 1, b"{}").await;
    assert_eq!(v3.next().await, None);
    assert_eq!(
        (running.counters.qos2_refused.load(Relaxed), running.intakes.count()),
        (2, 0)
    );
}

#[tokio::test]
async fn a_packet_too_large_closes_the_link_before_it_is_read() {
    let running = start(
        ListenerConfig {
            max_packet_bytes: 2_000,
            ..config()
        },
        FakeIntakes::instant(),
    )
    .await;
    for is_v5 in [false, true] {
        let mut client = Client::connected(running.address, hello(is_v5, "c")).await;
        client.publish(TELEMETRY, 1, 1, &[0; 100]).await;
        assert_eq!(puback_id(&client.next().await.unwrap()), 1);
        client.send(&[0x32, 0xff, 0xff, 0xff, 0x7f]).await;
        let told = client.next().await;
        assert_eq!(
            told.map(|frame| (frame.kind(), frame.body[0])),
            is_v5.then_some((DISCONNECT, 0x95))
        );
        let mut client = Client::connected(running.address, hello(is_v5, "c")).await;
        client.publish(TELEMETRY, 1, 1, &[0; 2_000]).await;
        assert!(client.is_closed().await);
    }
    assert_eq!(
        (running.counters.packet_too_large.load(Relaxed), running.intakes.count()),
        (4, 2)
    );
}

#[tokio::test]
async fn topics_that_no_publish_may_have_close_the_link() {
    let running = start(config(), FakeIntakes::instant()).await;
    for is_v5 in [false, true] {
        for topic in ["forewarn/+/x/telemetry", "forewarn/#", "forewarn/a\0/b/telemetry", ""] {
            let mut client = Client::connected(running.address, hello(is_v5, "c")).await;
            client.publish(topic, 1, 1, b"{}").await;
            assert!(client.is_closed().await, "{topic:?}");
        }
    }
    assert_eq!(running.intakes.count(), 0);
    // An empty topic without alias is a protocol error of MQTT 5, found by the protocol crate.
    assert_eq!(running.counters.topic_invalid.load(Relaxed), 7);
    assert_eq!(running.counters.protocol_errors.load(Relaxed), 1);
}

#[tokio::test]
async fn broken_packets_close_the_link_and_harm_nobody_else() {
    let running = start(config(), FakeIntakes::instant()).await;
    let mut good = Client::connected(running.address, hello(false, "good")).await;
    for bytes in [
        &[0x36, 3, 0, 1, b'a'][..],                                  // QoS 3
        &[0x32, 6, 0, 2, 0xff, 0xfe, 0, 1],                          // topic is not UTF-8
        &[0x32, 5, 0, 1, b'a', 0, 0],                                // packet id 0
        &[0x32, 2, 0, 9],                                            // topic longer than the packet
        &[0x30, 0xff, 0xff, 0xff, 0xff, 1],                          // length in five bytes
        &[0x40, 2, 0, 1],                                            // PUBACK for nothing
        &[0xf0, 0],                                                  // AUTH in 3.1.1
        &[0x20, 2, 0, 0],                                            // CONNACK from a client
        &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0], // second CONNECT
    ] {
        let mut bad = Client::connected(running.address, hello(false, "bad")).await;
        bad.send(bytes).await;
        assert!(bad.is_closed().await, "{bytes:?}");
    }
    let mut first = Client::tcp(running.address, false).await;
    first.publish(TELEMETRY, 1, 1, b"{}").await;
    assert_eq!(first.next().await, None, "PUBLISH before CONNECT");
    let mut old = Client::tcp(running.address, false).await;
    old.send(&[0x10, 14, 0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, 2, 0, 0, 0, 0])
        .await;
    assert_eq!(old.next().await.map(|frame| frame.body), Some(vec![0, 1]));
    good.publish(TELEMETRY, 1, 9, b"{}").await;
    assert_eq!(puback_id(&good.next().await.unwrap()), 9);
    assert_eq!(running.intakes.count(), 1);
}

#[tokio::test]
async fn a_device_uses_only_its_own_topics() {
    let running = start(
        ListenerConfig {
            users: vec![user("a/lift-1")],
            ..config()
        },
        FakeIntakes::held(),
    )
    .await;
    let login = Some(("a/lift-1", "right"));
    let mut v5 = Client::connected(
        running.address,
        Hello {
            login,
            ..hello(true, "v5")
        },
    )
    .await;
    v5.publish(TELEMETRY, 1, 1, b"{}").await;
    v5.publish("forewarn/a/lift-2/telemetry", 1, 2, b"{}").await;
    v5.publish(TELEMETRY, 1, 3, b"{}").await;
    assert_eq!(
        v5.before_pong().await,
        [],
        "the refusal keeps its place in the order of acks"
    );
    until("both are in", || running.intakes.count() == 2).await;
    running.intakes.set_instant();
    assert_eq!(puback_id(&v5.next().await.unwrap()), 1);
    assert_eq!(v5.next().await.unwrap().body, [0, 2, 0x87]);
    assert_eq!(puback_id(&v5.next().await.unwrap()), 3);
    assert_eq!(v5.subscribe("forewarn/a/lift-1/#").await, 1);
    assert_eq!(v5.subscribe("forewarn/+/+/alarm").await, 0x87);

    let mut v3 = Client::connected(
        running.address,
        Hello {
            login,
            ..hello(false, "v3")
        },
    )
    .await;
    assert_eq!(v3.subscribe("#").await, 0x80);
    v3.publish("forewarn/a/lift-2/telemetry", 1, 1, b"{}").await;
    assert_eq!(v3.next().await, None);
    assert_eq!(running.intakes.count(), 2);
    assert_eq!(running.counters.acl_denied.load(Relaxed), 4);

    let will = Some(("forewarn/a/lift-2/status", "offline"));
    let mut client = Client::tcp(running.address, false).await;
    assert_eq!(
        client
            .hello(Hello {
                login,
                will,
                ..hello(false, "w")
            })
            .await,
        Some((false, 5))
    );
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why() {
    let closed = ListenerConfig {
        anonymous_loopback: false,
        users: vec![user("a/lift-1")],
        ..config()
    };
    let running = start(closed, FakeIntakes::instant()).await;
    let cases = [
        (None, (5, 0x87)),
        (Some(("a/lift-1", "wrong")), (4, 0x86)),
        (Some(("nobody", "right")), (4, 0x86)),
        (Some(("a/lift-1", "right")), (0, 0)),
    ];
    for (login, (v3, v5)) in cases {
        for (is_v5, code) in [(false, v3), (true, v5)] {
            let mut client = Client::tcp(running.address, is_v5).await;
            assert_eq!(
                client
                    .hello(Hello {
                        login,
                        ..hello(is_v5, "c")
                    })
                    .await,
                Some((false, code)),
                "{login:?}"
            );
        }
    }
    assert_eq!(running.counters.refused(RefusedReason::BadCredentials), 4);
    assert_eq!(running.counters.refused(RefusedReason::AnonymousRefused), 2);
}

#[tokio::test]
async fn a_client_without_connect_is_cut_and_one_too_many_is_told() {
    let few = ListenerConfig {
        max_connections: 1,
        connect_timeout_s: 1,
        ..config()
    };
    let running = start(few, FakeIntakes::instant()).await;
    let mut silent = Client::tcp(running.address, false).await;
    assert_eq!(silent.next().await, None);
    assert_eq!(running.counters.refused(RefusedReason::ConnectTimeout), 1);
    until("it is gone", || running.counters.connections_open.load(Relaxed) == 0).await;

    let client = Client::connected(running.address, hello(false, "1")).await;
    for (is_v5, code) in [(false, 3), (true, 0x89)] {
        let mut surplus = Client::tcp(running.address, is_v5).await;
        assert_eq!(surplus.hello(hello(is_v5, "2")).await, Some((false, code)));
    }
    drop(client);
    until("there is room", || running.counters.connections_open.load(Relaxed) == 0).await;
    Client::connected(running.address, hello(false, "2")).await;
}

#[tokio::test]
async fn retained_and_live_messages_reach_subscribers() {
    for is_v5 in [false, true] {
        let retained = [("forewarn/a/lift-1/alarm", "old")];
        let running = start_with(config(), FakeIntakes::instant(), &retained, HubLimits::default()).await;
        let mut client = Client::connected(running.address, hello(is_v5, "c")).await;
        assert_eq!(client.subscribe("forewarn/+/+/alarm").await, 1);
        let (first, topic, _, payload) = client.delivered(true).await;
        assert_eq!(
            (first, topic.as_str(), payload.as_str()),
            (0x33, "forewarn/a/lift-1/alarm", "old")
        );
        running.hub.publish("forewarn/b/pump/alarm", Bytes::from("new"), true);
        let (first, topic, _, payload) = client.delivered(true).await;
        assert_eq!(
            (first, topic.as_str(), payload.as_str()),
            (0x32, "forewarn/b/pump/alarm", "new")
        );
        running
            .hub
            .publish("forewarn/b/pump/service", Bytes::from("not asked for"), false);
        assert_eq!(client.before_pong().await, []);
    }
}

#[tokio::test]
async fn unacknowledged_messages_come_again_in_a_kept_session() {
    for is_v5 in [false, true] {
        let running = start(config(), FakeIntakes::instant()).await;
        let keeps = Hello {
            keeps_session: true,
            receive_maximum: Some(2),
            ..hello(is_v5, "c")
        };
        let mut client = Client::tcp(running.address, is_v5).await;
        assert_eq!(client.hello(keeps.clone()).await, Some((false, 0)));
        assert_eq!(client.subscribe("forewarn/#").await, 1);
        for payload in ["1", "2", "3"] {
            running.hub.publish("forewarn/a/b/alarm", Bytes::from(payload), false);
        }
        let (_, _, first_id, _) = client.delivered(true).await;
        let (_, _, second_id, _) = client.delivered(false).await;
        assert_ne!(first_id, second_id);
        // The pong shows that the PUBACK of the first was taken.
        client.before_pong().await;
        drop(client);
        until("it is away", || running.counters.connections_open.load(Relaxed) == 0).await;
        running.hub.publish("forewarn/a/b/alarm", Bytes::from("4"), false);

        let mut client = Client::tcp(running.address, is_v5).await;
        assert_eq!(client.hello(keeps).await, Some((true, 0)));
        let mut seen = Vec::new();
        while seen.last().is_none_or(|(_, payload)| payload != "4") {
            let (first, _, id, payload) = client.delivered(true).await;
            if payload == "2" {
                assert_eq!(id, second_id);
            }
            seen.push((first & 0x08 != 0, payload));
        }
        let again: Vec<(bool, String)> = [(true, "2"), (true, "3"), (false, "4")]
            .map(|(dup, text)| (dup, text.to_owned()))
            .to_vec();
        assert_eq!(seen, again);
    }
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_loses_its_link_and_only_it() {
    let limits = HubLimits {
        queued_messages: 50,
        ..HubLimits::default()
    };
    let running = start_with(config(), FakeIntakes::instant(), &[], limits).await;
    let mut slow = Client::connected(running.address, hello(true, "slow")).await;
    let mut fast = Client::connected(running.address, hello(true, "fast")).await;
    assert_eq!(
        (
            slow.subscribe("forewarn/slow/#").await,
            fast.subscribe("forewarn/fast/#").await
        ),
        (1, 1)
    );
    for _ in 0..200 {
        running
            .hub
            .publish("forewarn/slow/x/alarm", Bytes::from(vec![b'x'; 100]), false);
    }
    running
        .hub
        .publish("forewarn/fast/x/alarm", Bytes::from("hello"), false);
    assert_eq!(fast.delivered(true).await.3, "hello");
    assert!(slow.is_closed().await);
    assert_eq!(running.counters.slow_subscribers.load(Relaxed), 1);
}

#[tokio::test]
async fn stopping_sends_the_acks_that_are_due_and_says_so() {
    let running = start(config(), FakeIntakes::held()).await;
    let will = Some(("forewarn/a/lift-1/status", "offline"));
    let mut client = Client::connected(
        running.address,
        Hello {
            will,
            ..hello(true, "c")
        },
    )
    .await;
    client.publish(TELEMETRY, 1, 1, b"{}").await;
    until("it is in", || running.intakes.count() == 1).await;
    assert_eq!(client.before_pong().await, []);
    running.stop.send(true).unwrap();
    until("nobody new comes in", || {
        std::net::TcpStream::connect(running.address).is_err()
    })
    .await;
    running.intakes.commit();
    assert_eq!(puback_id(&client.next().await.unwrap()), 1);
    let told = client.next().await.unwrap();
    assert_eq!((told.kind(), told.body[0]), (DISCONNECT, 0x8b));
    drop(client);
    soon("the end", running.task).await.unwrap();
    assert_eq!(running.intakes.count(), 1, "no will: nothing happened to the device");
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let running = start(
        ListenerConfig {
            shutdown_grace_s: 1,
            ..config()
        },
        FakeIntakes::held(),
    )
    .await;
    let mut client = Client::connected(running.address, hello(false, "c")).await;
    client.publish(TELEMETRY, 1, 1, b"{}").await;
    until("it is in", || running.intakes.count() == 1).await;
    running.stop.send(true).unwrap();
    assert_eq!(client.next().await, None, "no ack for what is not on disk");
    soon("the end", running.task).await.unwrap();
}

/// A CA and certificates signed by it, as files.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("ca.pem"),
            parameters.self_signed(&key).unwrap().pem(),
        )
        .unwrap();
        Authority {
            folder,
            issuer: rcgen::Issuer::new(parameters, key),
        }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Certificate and key files for a common name.
    pub(crate) fn sign(&self, common_name: &str) -> (PathBuf, PathBuf) {
        let mut parameters =
            rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, common_name);
        let key = rcgen::KeyPair::generate().unwrap();
        let file = common_name.replace('/', "_");
        let (cert_path, key_path) = (
            self.folder.path().join(format!("{file}.pem")),
            self.folder.path().join(format!("{file}.key")),
        );
        std::fs::write(&cert_path, parameters.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(&key_path, key.serialize_pem()).unwrap();
        (cert_path, key_path)
    }
}

#[tokio::test]
async fn a_certificate_says_who_a_device_is() {
    let authority = Authority::new();
    let (cert, key) = authority.sign("localhost");
    let tls = ListenerTls {
        bind: "127.0.0.1:0".parse().unwrap(),
        cert,
        key,
        client_ca: Some(authority.ca()),
        client_certificate: ClientCertificate::Required,
    };
    let running = start(
        ListenerConfig {
            tls: Some(tls),
            ..config()
        },
        FakeIntakes::instant(),
    )
    .await;
    let address = running.tls_address.unwrap();
    let connect_as = async |identity: Option<(PathBuf, PathBuf)>| {
        let identity = identity.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
        let connector = tokio_rustls::TlsConnector::from(tls::client_config(Some(&authority.ca()), identity).unwrap());
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        Client::on(connector.connect(name, stream).await.unwrap(), true)
    };
    let mut device = connect_as(Some(authority.sign("a/lift-1"))).await;
    assert_eq!(device.hello(hello(true, "c")).await, Some((false, 0)));
    for id in 1..=200 {
        device.publish(TELEMETRY, 1, id, &[b'x'; 3000]).await;
    }
    for id in 1..=200 {
        assert_eq!(puback_id(&device.next().await.unwrap()), id);
    }
    device.publish("forewarn/a/lift-2/telemetry", 1, 2, b"{}").await;
    assert_eq!(device.next().await.unwrap().body, [0, 2, 0x87]);

    let mut unknown = connect_as(None).await;
    let mut byte = [0];
    assert!(
        soon("the refusal", unknown.stream.read(&mut byte)).await.is_err(),
        "no certificate, no link"
    );
    until("it is counted", || {
        running.counters.refused(RefusedReason::TlsHandshake) == 1
    })
    .await;
}

#[tokio::test]
async fn mosquitto_clients_publish_and_subscribe() {
    if Command::new("mosquitto_pub").arg("--help").output().await.is_err() {
        println!("skipped: mosquitto_pub is not installed");
        return;
    }
    let running = start(config(), FakeIntakes::instant()).await;
    let port = running.address.port().to_string();
    for version in ["mqttv311", "mqttv5"] {
        let before = running.intakes.count();
        for qos in ["0", "1"] {
            let arguments = [
                "-p", &port, "-V", version, "-q", qos, "-t", TELEMETRY, "-m", "hello", "-r",
            ];
            let output = soon("mosquitto_pub", Command::new("mosquitto_pub").args(arguments).output())
                .await
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        until("both are in", || running.intakes.count() == before + 2).await;

        running
            .hub
            .publish("forewarn/a/lift-1/alarm", Bytes::from("raised"), true);
        let arguments = [
            "-p",
            &port,
            "-V",
            version,
            "-q",
            "1",
            "-t",
            "forewarn/+/+/alarm",
            "-C",
            "1",
            "-v",
        ];
        let output = soon("mosquitto_sub", Command::new("mosquitto_sub").args(arguments).output())
            .await
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "forewarn/a/lift-1/alarm raised\n"
        );
    }
}
