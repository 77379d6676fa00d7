//! End to end over a real Mosquitto: everything published arrives, in order per device, also when the broker is
//! restarted without its memory in between. Skipped, with the reason printed, where there is no `mosquitto`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use device_sim::drive::{Pace, RunOptions, run};
use device_sim::fleet::Fleet;
use device_sim::link::MqttTarget;
use device_sim::replay::{ReplayOptions, replay};
use device_sim::spec::{FleetSpec, SiteSpec};
use device_sim::table::{Table, TableOptions};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};

const START_MS: i64 = 1_767_600_000_000;

struct Broker {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Broker {
    fn start() -> Option<Broker> {
        let found = ["mosquitto", "/usr/sbin/mosquitto"].into_iter().find(|name| {
            Command::new(name)
                .arg("-h")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        });
        let Some(program) = found else {
            eprintln!("skipped: no mosquitto on this machine");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let config =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n");
        std::fs::write(folder.path().join("conf"), config).unwrap();
        Some(Broker {
            child: spawn(program, folder.path(), port),
            port,
            folder,
        })
    }

    /// Kills it and starts it anew: all sessions are forgotten.
    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let program = if Path::new("/usr/sbin/mosquitto").exists() {
            "/usr/sbin/mosquitto"
        } else {
            "mosquitto"
        };
        self.child = spawn(program, self.folder.path(), self.port);
    }

    fn target(&self) -> MqttTarget {
        MqttTarget {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            ..MqttTarget::default()
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(program: &str, folder: &Path, port: u16) -> Child {
    let child = Command::new(program)
        .arg("-c")
        .arg(folder.join("conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "mosquitto does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Subscribes to everything, again after each reconnect; returns when the first subscription stands.
async fn listen(port: u16) -> Heard {
    let mut options = MqttOptions::new("listener", "127.0.0.1", port);
    options
        .set_max_packet_size(1024 * 1024, 1024 * 1024)
        .set_clean_session(true);
    let (client, mut events) = AsyncClient::new(options, 100);
    let heard: Heard = Arc::default();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    tokio::spawn({
        let heard = heard.clone();
        async move {
            let mut ready = Some(ready);
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        client.try_subscribe("forewarn/#", QoS::AtLeastOnce).unwrap()
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => drop(ready.take().map(|ready| ready.send(()))),
                    Ok(Event::Incoming(Incoming::Publish(message))) => {
                        heard.lock().unwrap().push((message.topic, message.payload.to_vec()));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        }
    });
    is_ready.await.unwrap();
    heard
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn spec() -> FleetSpec {
    let mut spec = FleetSpec::of_site(
        3,
        START_MS,
        SiteSpec {
            name: "plant".to_owned(),
            pump: 2,
            elevator: 1,
            air_conditioner: 1,
        },
    );
    spec.waveform.every_min = 2.0;
    spec
}

/// Telemetry `seq` per topic, in order of arrival.
fn seqs(heard: &Heard) -> BTreeMap<String, Vec<u64>> {
    let mut seqs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (topic, payload) in heard
        .lock()
        .unwrap()
        .iter()
        .filter(|(topic, _)| topic.ends_with("/telemetry"))
    {
        let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
        seqs.entry(topic.clone())
            .or_default()
            .push(value["seq"].as_u64().unwrap());
    }
    seqs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_arrives_whole_and_in_order_and_says_goodbye() {
    let Some(broker) = Broker::start() else { return };
    let heard = listen(broker.port).await;
    for connections in [None, Some(2)] {
        heard.lock().unwrap().clear();
        let options = RunOptions {
            duration_ms: Some(600_000),
            connections,
            ..RunOptions::default()
        };
        let fleet = Fleet::new(&spec()).unwrap();
        let report = run(fleet, Pace::Max, &broker.target(), options, std::future::pending())
            .await
            .unwrap();
        assert_eq!((report.published, report.unconfirmed), (report.confirmed, 0));
        wait_until("all is heard", || {
            heard.lock().unwrap().len() as u64 >= report.published
        })
        .await;
        for (topic, seqs) in seqs(&heard) {
            assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "{topic}");
            assert_eq!(seqs.len(), if topic.contains("ac-") { 120 } else { 300 }, "{topic}");
        }
        let heard = heard.lock().unwrap();
        let offline = heard
            .iter()
            .filter(|(topic, payload)| topic.ends_with("/status") && payload.starts_with(b"{\"state\":\"offline\""))
            .count();
        assert_eq!(offline, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgets_everything_costs_no_message() {
    let Some(mut broker) = Broker::start() else { return };
    let options = RunOptions {
        duration_ms: Some(3_600_000),
        drain: Duration::from_secs(20),
        ..RunOptions::default()
    };
    let counters = options.counters.clone();
    let target = broker.target();
    let publishing = tokio::spawn(async move {
        run(
            Fleet::new(&spec()).unwrap(),
            Pace::Max,
            &target,
            options,
            std::future::pending(),
        )
        .await
    });
    for confirmed in [200, 1500, 3000] {
        wait_until("some are confirmed", || {
            counters.confirmed.load(Ordering::Relaxed) >= confirmed
        })
        .await;
        broker.restart();
    }
    let report = publishing.await.unwrap().unwrap();
    assert_eq!((report.published, report.unconfirmed), (report.confirmed, 0));
    assert!(report.reconnects >= 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_arrives_row_by_row() {
    let Some(broker) = Broker::start() else { return };
    let heard = listen(broker.port).await;
    let rows = 5_000;
    let text = (0..rows).fold("timestamp,value\n".to_owned(), |text, row| {
        format!("{text}{},{row}\n", 1_700_000_000 + row)
    });
    let table = Table::open(std::io::Cursor::new(text), TableOptions::default()).unwrap();
    let options = ReplayOptions {
        site: "plant".to_owned(),
        device: "m1".to_owned(),
        speed: None,
        boot: "b".to_owned(),
        window: 500,
        patience: Duration::from_secs(10),
        drain: Duration::from_secs(10),
        counters: Arc::default(),
    };
    let report = replay(table, &broker.target(), options, std::future::pending())
        .await
        .unwrap();
    assert_eq!(
        (report.rows, report.published, report.confirmed, report.skipped),
        (rows, rows, rows, 0)
    );
    wait_until("all is heard", || heard.lock().unwrap().len() as u64 >= rows).await;
    assert_eq!(
        seqs(&heard)["forewarn/plant/m1/telemetry"],
        (0..rows).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_the_error_says_where_it_looked() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = MqttTarget {
        host: "127.0.0.1".to_owned(),
        port,
        ..MqttTarget::default()
    };
    let options = RunOptions {
        patience: Duration::from_millis(300),
        ..RunOptions::default()
    };
    let fleet = Fleet::new(&spec()).unwrap();
    let error = run(fleet, Pace::Max, &target, options, std::future::pending())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
}
