//! The copy in InfluxDB, against a real server that takes its write API: an outage costs nothing, and the token stays secret.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::gateway::GatewaySetup;
use tests::http;
use tests::outside::{self, free_port};
use tests::publisher::{publish_all, telemetry};
use tests::wait::wait_for;

const SOON: Duration = Duration::from_secs(30);
const TOKEN: &str = "s3cr3t-influx-token-nobody-may-see";

/// VictoriaMetrics, which takes InfluxDB's v2 write API; killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path, port: u16) -> Server {
        let log = std::fs::File::create(folder.join("server.log")).expect("log file");
        let child = Command::new("victoria-metrics")
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", folder.join("storage").display()))
            .args(["-retentionPeriod=100y", "-search.latencyOffset=0s"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("victoria-metrics starts");
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        wait_for("the server to listen", SOON, || {
            std::net::TcpStream::connect(address).is_ok().then_some(())
        });
        Server { child, port }
    }

    /// Politely, so that what it took is on its disk: what a database loses by a power cut is its own affair.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill exists");
        self.child.wait().expect("it ends");
    }

    /// All points of a device, as (metric, time, value), each once.
    fn points(&self, device: &str) -> BTreeSet<(String, i64, String)> {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
        http::get(address, "/internal/force_flush");
        let text = http::get(
            address,
            &format!("/api/v1/export?match[]=%7Bdevice%3D%22{device}%22%7D"),
        );
        let mut points = BTreeSet::new();
        for line in text.lines() {
            let series: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let name = series["metric"]["__name__"].as_str().expect("a name").to_owned();
            assert_eq!(series["metric"]["site"], "plant");
            let (times, values) = (series["timestamps"].as_array(), series["values"].as_array());
            for (time, value) in times.expect("times").iter().zip(values.expect("values")) {
                points.insert((name.clone(), time.as_i64().expect("ms"), value.to_string()));
            }
        }
        points
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_server_costs_no_point_and_shows_no_token() {
    if !outside::is_installed("victoria-metrics") {
        return;
    }
    const START_MS: i64 = 1_760_000_000_000;
    let folder = tempfile::tempdir().expect("temporary folder");
    let port = free_port();
    let mut setup = GatewaySetup::new(&format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[influxdb]\nurl = \"http://127.0.0.1:{port}\"\norg = \"plant\"\nbucket = \"b\"\nbatch_age_ms = 100\n"
    ));
    setup.set("FOREWARN__INFLUXDB__TOKEN", TOKEN);
    setup.set("FOREWARN_LOG", "debug");
    let readings = |range: std::ops::Range<i64>| -> Vec<_> {
        range
            .map(|i| {
                telemetry(
                    "plant",
                    "m1",
                    START_MS + i * 1_000,
                    i as u64,
                    "vibration",
                    i as f64 + 0.5,
                )
            })
            .collect()
    };
    let expected = |count: i64| -> BTreeSet<_> {
        (0..count)
            .map(|i| ("telemetry_vibration".to_owned(), START_MS + i * 1_000, format!("{i}.5")))
            .collect()
    };
    let wait_for_points = |server: &Server, count: i64| {
        wait_for(&format!("{count} points at the server"), SOON, || {
            (server.points("m1").len() >= count as usize).then_some(())
        });
        assert!(server.points("m1") == expected(count), "the same points, each once");
    };

    let server = Server::start(folder.path(), port);
    let gateway = setup.start();
    let mqtt = gateway.mqtt_port();
    let publish = async |range| publish_all("m1", &readings(range), 50, || Some(mqtt), |_| {}).await;
    publish(0..1_000).await;
    wait_for_points(&server, 1_000);

    // gone for a while; readings go on and are acknowledged
    server.stop();
    publish(1_000..3_000).await;
    let metrics = || http::get(gateway.http.expect("it has pages"), "/metrics");
    wait_for("the outage to be seen", SOON, || {
        metrics().contains("forewarn_influx_up 0").then_some(())
    });
    let server = Server::start(folder.path(), port);
    wait_for_points(&server, 3_000);
    wait_for("the recovery to be seen", SOON, || {
        metrics().contains("forewarn_influx_up 1").then_some(())
    });

    // away together with the gateway: the journal remembers over a restart
    server.stop();
    publish(3_000..3_500).await;
    let page = metrics();
    gateway.kill();
    let gateway = setup.start();
    let server = Server::start(folder.path(), port);
    wait_for_points(&server, 3_500);
    assert_eq!(setup.output(&["history", "count", "--total"]).trim(), "3500");

    let config_page = http::get(gateway.http.expect("it has pages"), "/api/v1/health");
    for (what, text) in [
        ("the log", setup.log()),
        ("/metrics", page),
        ("/api/v1/health", config_page),
    ] {
        assert!(!text.contains(TOKEN), "the token stands in {what}");
    }
    let check = setup.output(&["check", "--config", "forewarn.toml"]);
    assert!(!check.contains(TOKEN), "{check}");
    gateway.stop();
}

#[test]
fn a_server_that_knows_neither_us_nor_the_bucket_stops_nothing_else() {
    // somebody who answers 401 to everything
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 65_536];
            let has_asked = stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0);
            assert!(has_asked, "a request comes before its answer");
            stream
                .write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                .ok();
        }
    });
    let mut setup = GatewaySetup::new(&format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[influxdb]\nurl = \"http://127.0.0.1:{port}\"\norg = \"plant\"\nbucket = \"b\"\nbatch_age_ms = 50\n"
    ));
    setup.set("FOREWARN__INFLUXDB__TOKEN", TOKEN);
    let gateway = setup.start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mqtt = gateway.mqtt_port();
    let readings: Vec<_> = (0..100)
        .map(|i| telemetry("plant", "m1", 1_760_000_000_000 + i * 1_000, i as u64, "vibration", 1.0))
        .collect();
    runtime.block_on(publish_all("m1", &readings, 10, || Some(mqtt), |_| {}));
    wait_for("the advice to be logged", SOON, || {
        setup.log().contains("set a valid token").then_some(())
    });
    assert!(!setup.log().contains(TOKEN));
    gateway.stop();
    assert_eq!(setup.output(&["history", "count", "--total"]).trim(), "100");
}
