//! The shortest way through everything: readings in, alarm and ticket out, still there after a power cut.

use tests::gateway::GatewaySetup;
use tests::publisher::{publish_all, telemetry};

const CONFIG: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\n";

#[tokio::test]
async fn readings_are_stored_and_a_worn_bearing_gets_one_ticket_across_a_power_cut() {
    let setup = GatewaySetup::new(CONFIG);
    std::fs::write(
        setup.folder().join("registry.toml"),
        "[[assign]]\ndevice = \"pump-*\"\nprofile = \"pump\"\n",
    )
    .expect("written");
    let start = 1_760_000_000_000;
    let wear = |i: i64| if i < 300 { 1.2 } else { 1.2 + (i - 300) as f64 * 0.02 };
    let messages: Vec<_> = (0..600)
        .map(|i| {
            telemetry(
                "north",
                "pump-1",
                start + i * 2_000,
                i as u64,
                "vibration_rms_mm_s",
                wear(i),
            )
        })
        .collect();

    let gateway = setup.start();
    let port = gateway.mqtt_port();
    publish_all("pump-1", &messages, 50, || Some(port), |_| {}).await;
    gateway.kill();
    assert_eq!(setup.output(&["history", "count", "--total"]).trim(), "600");

    let gateway = setup.start();
    let port = gateway.mqtt_port();
    // everything once more: nothing new may come of it
    publish_all("pump-1", &messages, 50, || Some(port), |_| {}).await;
    gateway.stop();
    assert_eq!(setup.output(&["history", "count", "--total"]).trim(), "600");

    let database = rusqlite::Connection::open(setup.data().join("forewarn.db")).expect("opens");
    let tickets: Vec<(String, i64)> = database
        .prepare("SELECT failure_mode, episode FROM ticket ORDER BY id")
        .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("reads");
    assert_eq!(tickets, [("bearing_wear".to_owned(), 1)]);
}
