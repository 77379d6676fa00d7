//! A device written with the most used MQTT library talks to our listener, in both protocol versions.

use std::process::Command;
use tests::gateway::GatewaySetup;

/// Debian's interpreter: the package python3-paho-mqtt belongs to it.
const PYTHON: &str = "/usr/bin/python3";
const CONFIG: &str =
    "[listener]\nbind = \"127.0.0.1:0\"\n[web]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\n";
const MESSAGES: usize = 400;

#[test]
fn a_paho_device_is_acknowledged_and_reads_its_alarm() {
    let has_paho = Command::new(PYTHON)
        .args(["-c", "import paho.mqtt.client"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !has_paho {
        assert!(
            std::env::var_os("FOREWARN_TESTS_REQUIRE_ALL").is_none(),
            "python3-paho-mqtt is not installed"
        );
        eprintln!("SKIPPED: python3-paho-mqtt is not installed");
        return;
    }
    let setup = GatewaySetup::new(CONFIG);
    std::fs::write(setup.folder().join("registry.toml"), "[[assign]]\nprofile = \"pump\"\n").expect("written");
    let gateway = setup.start();
    for protocol in ["4", "5"] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/paho_device.py");
        let port = gateway.mqtt_port().to_string();
        let output = Command::new(PYTHON)
            .args([script, &port, protocol, &MESSAGES.to_string(), "yes"])
            .output()
            .expect("python");
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            said.trim(),
            format!("acknowledged {MESSAGES}\nalarm unacknowledged"),
            "protocol {protocol}: {error}"
        );
    }
    gateway.stop();
    assert_eq!(
        setup.output(&["history", "count", "--total"]).trim(),
        (2 * MESSAGES).to_string()
    );
}
