//! The pages in a real browser over a real gateway: what an operator sees and clicks, at a desk and on a phone.

use tests::api::Api;
use tests::browser::{Driver, Screen};
use tests::gateway::GatewaySetup;
use tests::outside::is_installed;
use tests::publisher::{publish_all, telemetry};

const CONFIG: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\n";
const START: i64 = 1_760_000_000_000;
const PAGES: [&str; 10] = [
    "/",
    "/alarms",
    "/alarms/north/pump-1/bearing_wear/1",
    "/tickets",
    "/tickets/T-000001",
    "/devices/north/pump-1?range=all",
    "/knowledge",
    "/review",
    "/quarantine",
    "/system",
];

#[tokio::test]
async fn an_operator_finds_the_worn_pump_acknowledges_and_moves_its_ticket_on() {
    if !is_installed("chromedriver") || !is_installed("chromium") {
        return;
    }
    let setup = GatewaySetup::new(CONFIG);
    let registry = "[[assign]]\ndevice = \"pump-*\"\nprofile = \"pump\"\n";
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    let gateway = setup.start();
    let velocity = |i: i64| if i < 300 { 1.2 } else { 1.2 + (i - 300) as f64 * 0.02 };
    let message = |i: i64| {
        telemetry(
            "north",
            "pump-1",
            START + i * 2_000,
            i as u64,
            "vibration_rms_mm_s",
            velocity(i),
        )
    };
    let messages: Vec<_> = (0..600).map(message).collect();
    let port = gateway.mqtt_port();
    publish_all("pump-1", &messages, 50, || Some(port), |_| {}).await;

    let address = gateway.http.expect("it has pages");
    let (site, api) = (format!("http://{address}"), Api::new(address));
    let driver = Driver::start();

    let desk = driver.open(Screen::Desk).await;
    desk.go(&site).await;
    desk.see("//table//a[normalize-space()='pump-1']").await;
    desk.see("//table//*[normalize-space()='very high']").await;
    desk.click("//nav//a[contains(., 'Alarms')]").await;
    desk.click("//button[normalize-space()='Acknowledge']").await;
    desk.see("//td[normalize-space()='acknowledged']").await;
    assert_eq!(
        api.get("alarms/north/pump-1/bearing_wear/1").await.ok()["state"],
        "acknowledged"
    );
    desk.go(&format!("{site}/tickets")).await;
    desk.see("//a[normalize-space()='T-000001']").await;
    desk.go(&format!("{site}/devices/north/pump-1?range=all")).await;
    desk.scroll_to("//*[@data-metric='vibration_rms_mm_s']").await;
    desk.see("//*[@data-metric='vibration_rms_mm_s']//canvas").await;
    for page in PAGES {
        desk.go(&format!("{site}{page}")).await;
        assert!(desk.fits().await, "{page} is wider than a desk");
    }
    desk.close().await;

    let phone = driver.open(Screen::Phone).await;
    for page in PAGES {
        phone.go(&format!("{site}{page}")).await;
        assert_eq!(phone.value("innerWidth").await, 390, "{page} is wider than a phone");
        assert!(phone.fits().await, "{page} is wider than a phone");
    }
    phone.go(&format!("{site}/tickets")).await;
    phone.click("//a[normalize-space()='T-000001']").await;
    phone.click("//button[normalize-space()='Move to Diagnosed']").await;
    phone
        .see("//*[contains(@class, 'stage')][normalize-space()='Diagnosed']")
        .await;
    assert_eq!(api.get("tickets/T-000001").await.ok()["state"], "diagnosed");
    phone.close().await;
    gateway.stop();
}
