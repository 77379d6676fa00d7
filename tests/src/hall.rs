//! A hall of presses at one gateway, in the words of those who work there: machines say how high their load is, people look
//! at lists and at what they were told.

use crate::api::Api;
use crate::gateway::{GatewaySetup, RunningGateway};
use crate::outcome::deliveries;
use crate::publisher::{Outgoing, publish_all, telemetry};
use crate::receiver::{Answer, Receiver};
use crate::wait::wait_for;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Above 10 A a press is overloaded, above 14 A badly; silent for 3 s it is called dead. No delays.
const PRESS: &str = r#"
profile = "press"
title = { en = "Press", zh = "压力机" }
expected_interval_ms = 1000
impact = 3

[absence]
after_ms = 3000

[alarm]
raise_after = 1
clear_after = 1
on_delay_ms = 0
off_delay_ms = 0

[metrics.load_a]
unit = "A"

[[limit]]
id = "load_high"
metric = "load_a"
warning = 10.0
critical = 14.0
deadband = 0.5
source = "the maker's handbook"

[[failure_mode]]
id = "overload"
title = { en = "Overload", zh = "过载" }
any_of = ["load_high"]
ticket_from = "warning"
action = { en = "Look for a jam", zh = "检查卡滞" }
"#;

/// The gateway, its presses, and a receiver that is told everything people are told.
pub struct Hall {
    /// Its folder.
    pub setup: GatewaySetup,
    /// What was told.
    pub told: Receiver,
    gateway: Option<RunningGateway>,
}

impl Hall {
    /// A hall whose gateway runs; `more` is laid behind its configuration.
    pub fn open(more: &str) -> Hall {
        Hall::open_at(more, None)
    }

    /// The same with the clock of a rehearsal, such as `2026-11-30T20:00:00Z*60`.
    pub fn open_at(more: &str, rehearsal: Option<&str>) -> Hall {
        let told = Receiver::start(0, |_, _| Answer::Status(204));
        let mut setup = GatewaySetup::new(&format!(
            "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n{more}\n\
             [[outbound.webhook]]\nname = \"desk\"\nurl = \"{}\"\nevents = [\"alarm\", \"ticket\", \"incident\", \"summary\"]\n",
            told.url()
        ));
        if let Some(rehearsal) = rehearsal {
            setup.set("FOREWARN_REHEARSAL", rehearsal);
        }
        std::fs::create_dir(setup.folder().join("profiles")).expect("folder made");
        std::fs::write(setup.folder().join("profiles/press.toml"), PRESS).expect("profile written");
        let registry = "[[assign]]\nsite = \"hall\"\nprofile = \"press\"\n";
        std::fs::write(setup.folder().join("registry.toml"), registry).expect("registry written");
        let gateway = Some(setup.start());
        Hall { setup, told, gateway }
    }

    fn gateway(&self) -> &RunningGateway {
        self.gateway.as_ref().expect("it runs")
    }

    /// The API.
    pub fn api(&self) -> Api {
        Api::new(self.gateway().http.expect("it has pages"))
    }

    /// Where the pages are, `http://127.0.0.1:port`.
    pub fn pages(&self) -> String {
        format!("http://{}", self.gateway().http.expect("it has pages"))
    }

    /// Where machines connect, `127.0.0.1:port`.
    pub fn mqtt(&self) -> String {
        format!("127.0.0.1:{}", self.gateway().mqtt_port())
    }

    /// The gateway loses its power.
    pub fn power_cut(&mut self) {
        self.gateway.take().expect("it runs").kill();
    }

    /// It has power again.
    pub fn power_back(&mut self) {
        self.gateway = Some(self.setup.start());
    }

    /// A press says its load at these instants of its own clock; everything is acknowledged on return.
    pub async fn press_says(&self, press: &str, said: &[(i64, f64)]) {
        let message = |(at, load): &(i64, f64)| telemetry("hall", press, *at, *at as u64, "load_a", *load);
        let messages: Vec<Outgoing> = said.iter().map(message).collect();
        self.publish(&messages).await;
    }

    /// These messages, in order, until all are acknowledged.
    pub async fn publish(&self, messages: &[Outgoing]) {
        let port = self.gateway().mqtt_port();
        publish_all("feeder", messages, 50, || Some(port), |_| {}).await;
    }

    /// Items of a list of the API.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        self.api().get(path).await.ok()["items"]
            .as_array()
            .expect("a list")
            .clone()
    }

    /// Waits until nothing is on its way to receivers, and gives what they were told, each once, of this kind (`alarm`,
    /// `ticket`, …).
    pub fn told(&self, kind: &str) -> Vec<Value> {
        wait_for("everything to be delivered", Duration::from_secs(60), || {
            deliveries(&self.setup, "waiting").is_empty().then_some(())
        });
        let (mut seen, kind) = (BTreeSet::new(), format!("io.forewarn.{kind}.changed.v1"));
        let received = self.told.received().into_iter();
        let events = received.filter(|r| r.event["type"] == kind && seen.insert(r.id().to_owned()));
        events.map(|r| r.event["data"].clone()).collect()
    }

    /// How many times people were told that an alarm is new.
    pub fn rings(&self) -> usize {
        let is_new = |alarm: &&Value| alarm["state"] == "unacknowledged";
        self.told("alarm").iter().filter(is_new).count()
    }

    /// Ends in good order.
    pub fn close(mut self) {
        self.gateway.take().expect("it runs").stop();
    }
}
