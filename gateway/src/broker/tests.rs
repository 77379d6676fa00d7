//! The broker client against a real Mosquitto, and against our own listener.

use super::link::pause;
use super::*;
use crate::listener::testing::{FakeIntakes, PATIENCE, soon, until};
use crate::listener::{Hub, HubLimits, Listener, ListenerConfig, ListenerCounters};
use crate::secret::Secret;
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};
use tokio::time::Instant;

const TOPIC: &str = "forewarn/a/lift-1/telemetry";

/// A Mosquitto of our own on a port of its own.
struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Mosquitto {
    /// None, with the reason printed, if it is not installed. `extra` goes into its configuration.
    async fn new(extra: &str) -> Option<Mosquitto> {
        let folder = tempfile::tempdir().unwrap();
        // Free at this moment; the broker cannot tell us a port it chose itself.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().display();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence_location {path}/\n{extra}\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut broker = Mosquitto {
            folder,
            port,
            process: None,
        };
        broker.start().await.then_some(broker)
    }

    fn program() -> &'static str {
        let installed = "/usr/sbin/mosquitto";
        if Path::new(installed).exists() {
            installed
        } else {
            "mosquitto"
        }
    }

    async fn start(&mut self) -> bool {
        let mut command = Command::new(Mosquitto::program());
        command.arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        match command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
        {
            Ok(process) => self.process = Some(process),
            Err(error) => {
                println!("skipped: mosquitto cannot be started: {error}");
                return false;
            }
        }
        let port = self.port;
        until("mosquitto listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
        true
    }

    async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }

    fn config(&self) -> BrokerConfig {
        BrokerConfig {
            port: self.port,
            reconnect_min_ms: 10,
            reconnect_max_ms: 50,
            ..BrokerConfig::default()
        }
    }

    /// A plain client that publishes and waits for each PUBACK batch.
    async fn publish(&self, messages: impl IntoIterator<Item = String>) {
        let mut options = MqttOptions::new("device", "127.0.0.1", self.port);
        options.set_clean_session(true).set_inflight(1000);
        let (client, mut events) = AsyncClient::new(options, 100_000);
        let mut unconfirmed = 0;
        for message in messages {
            client.try_publish(TOPIC, QoS::AtLeastOnce, false, message).unwrap();
            unconfirmed += 1;
        }
        while unconfirmed > 0 {
            if let Event::Incoming(Incoming::PubAck(_)) = soon("device's poll", events.poll()).await.unwrap() {
                unconfirmed -= 1;
            }
        }
    }
}

struct Running {
    handle: BrokerHandle,
    intakes: FakeIntakes,
    counters: Arc<BrokerCounters>,
    stop: watch::Sender<bool>,
}

fn start(config: &BrokerConfig, intakes: FakeIntakes) -> Running {
    assert_eq!(config.problems(), vec![]);
    let counters = Arc::new(BrokerCounters::default());
    let (stop, shutdown) = watch::channel(false);
    let handle = run(config, &intakes, counters.clone(), 7, shutdown).unwrap();
    Running {
        handle,
        intakes,
        counters,
        stop,
    }
}

impl Running {
    async fn event(&mut self) -> BrokerEvent {
        soon("an event", self.handle.events.recv())
            .await
            .expect("the client runs")
    }

    /// Skips the disconnects on the way.
    async fn connected(&mut self) -> bool {
        loop {
            match self.event().await {
                BrokerEvent::Connected { session_present } => return session_present,
                BrokerEvent::PossibleGap | BrokerEvent::Disconnected { .. } => {}
            }
        }
    }

    async fn subscribed(&mut self) {
        self.connected().await;
        // The broker answers requests of one link in order: once a publish is confirmed, so is the subscription before it.
        let handle = &self.handle;
        soon("a confirmation", handle.publish("other/topic", Bytes::from("x"), false))
            .await
            .unwrap();
    }

    fn texts(&self) -> Vec<String> {
        self.intakes
            .got()
            .into_iter()
            .map(|got| String::from_utf8(got.payload).unwrap())
            .collect()
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        soon("the end", self.handle.stopped()).await;
    }
}

fn numbered(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn messages_are_acknowledged_after_the_commit_and_pings_go_on_meanwhile() {
    let Some(broker) = Mosquitto::new("max_inflight_messages 20").await else {
        return;
    };
    let config = BrokerConfig {
        keep_alive_s: 1,
        ..broker.config()
    };
    let mut running = start(&config, FakeIntakes::held());
    running.subscribed().await;
    broker.publish(numbered(0..100)).await;
    until("the broker's window is full", || running.intakes.count() == 20).await;
    let full_at = Instant::now();
    until("three keep-alives have passed", || {
        full_at.elapsed() > Duration::from_secs(3)
    })
    .await;
    assert_eq!(running.counters.acks_sent.load(Relaxed), 0);
    assert_eq!(
        running.counters.disconnects.load(Relaxed),
        0,
        "the link holds without acknowledgements"
    );
    assert_eq!(running.intakes.count(), 20);
    running.intakes.set_instant();
    until("all are in", || running.intakes.count() == 100).await;
    assert_eq!(running.texts(), numbered(0..100));
    until("all are acknowledged", || {
        running.counters.acks_sent.load(Relaxed) == 100
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_sends_more_than_our_window_is_held_back_longer_than_the_keep_alive_and_the_link_stays() {
    let Some(broker) = Mosquitto::new("max_inflight_messages 20").await else {
        return;
    };
    let config = BrokerConfig {
        keep_alive_s: 1,
        window: 5,
        ..broker.config()
    };
    let mut running = start(&config, FakeIntakes::held());
    running.subscribed().await;
    broker.publish(numbered(0..100)).await;
    until("our window is full", || running.intakes.count() == 5).await;
    let full_at = Instant::now();
    until("four keep-alives have passed", || {
        full_at.elapsed() > Duration::from_secs(4)
    })
    .await;
    assert_eq!(running.intakes.count(), 5);
    assert_eq!(running.counters.window_overflows.load(Relaxed), 1);
    running.intakes.set_instant();
    until("all are acknowledged", || {
        running.counters.acks_sent.load(Relaxed) == 100
    })
    .await;
    assert_eq!(running.texts(), numbered(0..100));
    assert_eq!(running.counters.disconnects.load(Relaxed), 0);
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_after_a_restart_of_ours() {
    let Some(broker) = Mosquitto::new("max_inflight_messages 50\nmax_queued_messages 1000").await else {
        return;
    };
    let mut first = start(&broker.config(), FakeIntakes::held());
    first.subscribed().await;
    broker.publish(numbered(0..30)).await;
    until("all are in", || first.intakes.count() == 30).await;
    first.stop().await;
    broker.publish(numbered(30..60)).await;

    let mut second = start(&broker.config(), FakeIntakes::instant());
    assert!(second.connected().await, "the session was kept");
    until("all are in", || second.intakes.count() >= 60).await;
    assert_eq!(second.texts(), numbered(0..60));
    assert!(second.intakes.got()[0].dup);
    assert_eq!(second.counters.possible_gaps.load(Relaxed), 0);
    second.stop().await;
}

#[tokio::test]
async fn a_broker_that_forgot_us_is_subscribed_to_again_and_a_gap_is_reported() {
    let Some(mut broker) = Mosquitto::new("persistence false").await else {
        return;
    };
    let mut running = start(&broker.config(), FakeIntakes::held());
    running.subscribed().await;
    assert_eq!(running.event().await, BrokerEvent::PossibleGap);
    broker.publish(numbered(0..5)).await;
    until("all are in", || running.intakes.count() == 5).await;
    broker.stop().await;
    assert!(matches!(running.event().await, BrokerEvent::Disconnected { .. }));
    assert!(running.handle.publish("x", Bytes::new(), false).await.is_err());
    broker.start().await;
    running.subscribed().await;
    assert_eq!(running.event().await, BrokerEvent::PossibleGap);
    // These belong to the link that is gone: their packet ids mean something else now.
    running.intakes.set_instant();
    until("late acknowledgements are thrown away", || {
        running.counters.stale_acks.load(Relaxed) == 5
    })
    .await;
    broker.publish(numbered(5..10)).await;
    until("the new ones are in", || running.intakes.count() == 10).await;
    assert_eq!(running.texts(), numbered(0..10));
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_persists_loses_nothing_over_its_restart() {
    let extra = "persistence true\nautosave_interval 1\nautosave_on_changes true\nmax_queued_messages 1000";
    let Some(mut broker) = Mosquitto::new(extra).await else {
        return;
    };
    let mut running = start(&broker.config(), FakeIntakes::held());
    running.subscribed().await;
    broker.publish(numbered(0..15)).await;
    until("all are in", || running.intakes.count() == 15).await;
    // SIGTERM, so that it saves.
    let id = broker.process.as_ref().and_then(Child::id).unwrap().to_string();
    assert!(Command::new("kill").arg(&id).status().await.unwrap().success());
    soon("mosquitto ends", broker.process.take().unwrap().wait())
        .await
        .unwrap();
    broker.start().await;
    until("connected again", || running.counters.connects.load(Relaxed) == 2).await;
    until("they come again", || running.intakes.count() == 30).await;
    running.intakes.set_instant();
    until("the new ones are acknowledged", || {
        running.counters.acks_sent.load(Relaxed) == 15
    })
    .await;
    assert_eq!(running.counters.possible_gaps.load(Relaxed), 1, "only the first time");
    running.stop().await;
}

#[tokio::test]
async fn a_broker_absent_at_start_is_waited_for() {
    let Some(mut broker) = Mosquitto::new("").await else {
        return;
    };
    broker.stop().await;
    let mut running = start(&broker.config(), FakeIntakes::instant());
    assert!(matches!(running.event().await, BrokerEvent::Disconnected { .. }));
    assert_eq!(
        running.handle.publish("x", Bytes::new(), false).await,
        Err(PublishError::NotConnected)
    );
    broker.start().await;
    running.connected().await;
    running.stop().await;
}

#[tokio::test]
async fn another_client_with_our_name_is_survived() {
    let Some(broker) = Mosquitto::new("").await else { return };
    let mut running = start(&broker.config(), FakeIntakes::instant());
    running.subscribed().await;
    let mut options = MqttOptions::new(&broker.config().client_id, "127.0.0.1", broker.port);
    options.set_clean_session(false);
    let (_client, mut events) = AsyncClient::new(options, 10);
    assert!(soon("its connect", events.poll()).await.is_ok());
    until("we lost the link", || running.counters.disconnects.load(Relaxed) >= 1).await;
    drop(events);
    until("we are back", || running.counters.connected.load(Relaxed) == 1).await;
    broker.publish(numbered(0..3)).await;
    until("all are in", || running.texts() == numbered(0..3)).await;
    running.stop().await;
}

#[tokio::test]
async fn a_silent_broker_is_given_up() {
    // Accepts and lets in, then says nothing more.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = silent.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &[0x20, 2, 0, 0])
                .await
                .unwrap();
            held.push(stream);
        }
    });
    let config = BrokerConfig {
        port,
        keep_alive_s: 1,
        ..BrokerConfig::default()
    };
    let mut running = start(&config, FakeIntakes::instant());
    running.connected().await;
    let publishing = running.handle.publisher();
    let waiting = tokio::spawn(async move { publishing.publish("x", Bytes::from("1"), false).await });
    until("it is given up", || running.counters.disconnects.load(Relaxed) >= 1).await;
    assert_eq!(soon("the publish", waiting).await.unwrap(), Err(PublishError::LinkLost));
    running.stop().await;
    serving.abort();
}

#[tokio::test]
async fn a_message_too_large_is_refused_once_and_the_rest_goes_on() {
    let Some(broker) = Mosquitto::new("").await else { return };
    let mut running = start(
        &BrokerConfig {
            max_packet_bytes: 2_000,
            ..broker.config()
        },
        FakeIntakes::instant(),
    );
    running.subscribed().await;
    broker
        .publish(["before".to_owned(), "x".repeat(5_000), "after".to_owned()])
        .await;
    until("both are in", || running.intakes.count() == 2).await;
    assert_eq!(running.texts(), ["before", "after"]);
    until("all are acknowledged", || running.counters.acks_sent.load(Relaxed) == 3).await;
    assert_eq!(running.counters.packet_too_large.load(Relaxed), 1);
    assert_eq!(running.counters.disconnects.load(Relaxed), 0);
    running.stop().await;
}

#[tokio::test]
async fn many_publishes_are_each_confirmed_and_our_own_do_not_come_back() {
    let Some(broker) = Mosquitto::new("max_inflight_messages 20").await else {
        return;
    };
    let mut running = start(&broker.config(), FakeIntakes::instant());
    running.subscribed().await;
    let publishes = (0..500).map(|number| {
        let publisher = running.handle.publisher();
        let topic = format!("forewarn/a/lift-{number}/alarm");
        async move { publisher.publish(&topic, Bytes::from("{}"), true).await }
    });
    let results = tokio::time::timeout(PATIENCE, futures::future::join_all(publishes))
        .await
        .unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(running.counters.published.load(Relaxed), 501);
    assert_eq!(running.intakes.count(), 0);
    running.stop().await;
}

#[tokio::test]
async fn our_client_and_our_listener_understand_each_other_over_tls() {
    let authority = crate::listener::tests::Authority::new();
    let (cert, key) = authority.sign("127.0.0.1");
    let tls = crate::listener::ListenerTls {
        bind: "127.0.0.1:0".parse().unwrap(),
        cert,
        key,
        client_ca: Some(authority.ca()),
        client_certificate: crate::listener::ClientCertificate::Required,
    };
    let listener_config = ListenerConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        tls: Some(tls),
        ..ListenerConfig::default()
    };
    let counters = Arc::new(ListenerCounters::default());
    let hub = Hub::new(vec![], HubLimits::default(), counters.clone());
    let inner = FakeIntakes::instant();
    let listener = Listener::bind(&listener_config, inner.clone(), hub.clone(), counters.clone())
        .await
        .unwrap();
    let port = listener.tls_addr().unwrap().port();
    let (_stop, shutdown) = watch::channel(false);
    tokio::spawn(listener.run(shutdown));

    let (cert, key) = authority.sign("a");
    let config = BrokerConfig {
        port,
        tls: true,
        ca: Some(authority.ca()),
        cert: Some(cert),
        key: Some(key),
        topics: vec!["forewarn/a/+/alarm".to_owned()],
        ..BrokerConfig::default()
    };
    let mut running = start(&config, FakeIntakes::instant());
    running.connected().await;
    running
        .handle
        .publish("forewarn/a/lift-1/telemetry", Bytes::from("up"), false)
        .await
        .unwrap();
    assert_eq!(inner.got()[0].payload, b"up");
    hub.publish("forewarn/a/lift-1/alarm", Bytes::from("down"), true);
    until("it came down", || running.texts() == ["down"]).await;
    assert_eq!(running.counters.subscriptions_refused.load(Relaxed), 0);
    running.stop().await;
}

/// rumqttc's MQTT 5 client, as devices may use it, against our listener.
#[tokio::test]
async fn a_device_with_rumqttc_and_mqtt_5_is_served() {
    use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
    let listener_config = ListenerConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        window: 50,
        ..ListenerConfig::default()
    };
    let counters = Arc::new(ListenerCounters::default());
    let hub = Hub::new(vec![], HubLimits::default(), counters.clone());
    let intakes = FakeIntakes::instant();
    let listener = Listener::bind(&listener_config, intakes.clone(), hub, counters.clone())
        .await
        .unwrap();
    let port = listener.local_addr().port();
    let (_stop, shutdown) = watch::channel(false);
    tokio::spawn(listener.run(shutdown));
    let (client, mut events) = AsyncClient::new(MqttOptions::new("device", "127.0.0.1", port), 2_000);
    for number in 0..1_000 {
        client
            .try_publish(TOPIC, QoS::AtLeastOnce, false, number.to_string())
            .unwrap();
    }
    let mut confirmed = 0;
    while confirmed < 1_000 {
        if let Event::Incoming(Incoming::PubAck(_)) = soon("a poll", events.poll()).await.unwrap() {
            confirmed += 1;
        }
    }
    assert_eq!(intakes.count(), 1_000);
    assert_eq!(counters.protocol_errors.load(Relaxed), 0);
}

#[test]
fn pauses_double_stay_in_bounds_and_are_the_same_for_the_same_seed() {
    let pauses = |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..40)
            .map(|attempt| pause(attempt, 100, 5_000, &mut rng).as_millis() as u64)
            .collect::<Vec<u64>>()
    };
    assert_eq!(pauses(1), pauses(1));
    assert_ne!(pauses(1), pauses(2));
    for (attempt, pause) in pauses(3).into_iter().enumerate() {
        let full = (100 << attempt.min(20)).min(5_000);
        assert!((full / 2..=full).contains(&pause), "attempt {attempt}: {pause}");
    }
}

#[test]
fn the_defaults_have_no_problem_and_problems_name_their_path() {
    assert_eq!(BrokerConfig::default().problems(), vec![]);
    let config: BrokerConfig = toml::from_str(
        r#"
        client_id = ""
        topics = ["forewarn/#/x"]
        ca = "ca.pem"
        key = "key.pem"
        reconnect_min_ms = 50000
        "#,
    )
    .unwrap();
    let paths: Vec<String> = config.problems().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["client_id", "topics[0]", "reconnect_min_ms", "cert", "tls"]);
    assert!(toml::from_str::<BrokerConfig>("hots = 'x'").is_err());
    assert!(
        !format!(
            "{:?}",
            BrokerConfig {
                password: Secret::new("hunter2"),
                ..config
            }
        )
        .contains("hunter2")
    );
}
