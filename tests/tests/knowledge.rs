//! The closed loop of a repair over the HTTP API and over kills: what a technician found becomes an entry, an engineer releases
//! it, and the next machine that fails in the same way shows it.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{publish_all, telemetry};

const CONFIG: &str =
    "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nauto_register = false\n";
const START: i64 = 1_760_000_000_000;
/// What the profile of the pump says of a worn bearing.
const MAKERS: [&str; 2] = ["maker/pump/code/E31", "maker/pump/mode/bearing_wear"];

fn setup() -> GatewaySetup {
    let setup = GatewaySetup::new(CONFIG);
    let devices = ["pump-1", "pump-2", "pump-3"];
    let device = |name: &&str| format!("[[device]]\nsite = \"north\"\ndevice = \"{name}\"\nprofile = \"pump\"\n");
    let registry: String = devices.iter().map(device).collect();
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    setup
}

struct Door {
    gateway: RunningGateway,
    api: Api,
    address: SocketAddr,
}

impl Door {
    fn open(setup: &GatewaySetup) -> Door {
        let gateway = setup.start();
        let address = gateway.http.expect("it has pages");
        Door {
            gateway,
            api: Api::new(address),
            address,
        }
    }

    /// As if the power failed, and started again.
    fn killed(self, setup: &GatewaySetup) -> Door {
        self.gateway.kill();
        Door::open(setup)
    }

    /// A bearing that wears out; the ticket that it opens.
    async fn wear(&self, device: &'static str, ticket: &str) {
        let velocity = |i: i64| if i < 100 { 1.2 } else { 6.0 };
        let message = |i: i64| {
            let at = START + i * 2_000;
            telemetry("north", device, at, i as u64, "vibration_rms_mm_s", velocity(i))
        };
        let messages: Vec<_> = (0..300).map(message).collect();
        publish_all(device, &messages, 50, || Some(self.gateway.mqtt_port()), |_| {}).await;
        let is_there = |list: &Value| {
            list["items"]
                .as_array()
                .is_some_and(|all| all.iter().any(|t| t["id"] == ticket))
        };
        self.api.wait_for("tickets", is_there).await;
    }

    async fn close(&self, ticket: &str, cause: &str) {
        let closing = json!({"outcome": "fault_confirmed", "part": "drive-end bearing", "damage": "outer race spalled",
            "cause": cause, "remedy": "更换轴承，每半年加注润滑脂", "parts": ["6205-2RS"]});
        self.api.post(&format!("tickets/{ticket}/close"), closing).await.ok();
    }

    async fn put(&self, path: &str, revision: Option<&Value>, body: &Value) -> (u16, Value) {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let mut request = Client::new()
            .request(Method::PUT, url)
            .header("X-Forewarn", "1")
            .json(body);
        if let Some(revision) = revision {
            request = request.header("If-Match", format!("\"{revision}\""));
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn page(&self, path: &str) -> String {
        let answer = reqwest::get(format!("http://{}{path}", self.address))
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        answer.text().await.expect("text")
    }
}

/// The numbers of what was found, the best first.
fn ids(entries: &Value) -> Vec<&str> {
    let all = entries.as_array().expect("a list");
    all.iter().map(|entry| entry["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn what_ended_a_fault_is_found_when_the_next_machine_fails_in_the_same_way() {
    let setup = setup();
    let door = Door::open(&setup);
    door.wear("pump-1", "T-000001").await;
    let before = door.api.post("tickets/T-000001/knowledge", json!({})).await;
    assert_eq!(before.status, 409, "there is work yet: {before:?}");
    let saw = json!({"write": "malfunction", "symptom": "grinding noise", "fault_code": "E31"});
    door.api.post("tickets/T-000001/work", saw).await.ok();
    door.close("T-000001", "润滑脂干涸").await;
    let born = door.api.post("tickets/T-000001/knowledge", json!({})).await.ok();
    assert_eq!(
        (&born["id"], &born["state"], &born["tickets"], &born["failure_mode"]),
        (
            &json!("K-000001"),
            &json!("draft"),
            &json!(["T-000001"]),
            &json!("bearing_wear")
        )
    );
    let again = door.api.post("tickets/T-000001/knowledge", json!({})).await.ok();
    assert_eq!(again, born, "once is once");
    let door = door.killed(&setup);
    assert_eq!(door.api.get("knowledge/1").await.ok(), born);

    // found by fault code, by English and by Chinese words, and by what it is about
    for query in [
        "fault_code=e31",
        "q=E31",
        "q=spalled",
        "q=%E6%B6%A6%E6%BB%91",
        "failure_mode=bearing_wear&profile=pump&q=6205",
    ] {
        let found = door.api.get(&format!("knowledge?{query}")).await.ok();
        let is_found = ids(&found["entries"]).contains(&"K-000001");
        assert_eq!(is_found, !query.contains("6205"), "{query}: {found}");
    }
    assert_eq!(door.api.get("knowledge?q=gearbox&state=draft").await.ok()["found"], 0);
    assert_eq!(door.api.get("knowledge?colour=red").await.status, 400);

    // a draft is not shown with tickets; the maker's word is
    door.wear("pump-2", "T-000002").await;
    let shown = door.api.get("tickets/T-000002/knowledge").await.ok();
    assert_eq!(ids(&shown), MAKERS);
    let released = door.api.post("knowledge/1/release", json!({})).await.ok();
    assert_eq!(released["released"]["by"], "local operator");
    assert_eq!(door.api.post("knowledge/1/release", json!({})).await.status, 409);
    let shown = door.api.get("tickets/T-000002/knowledge").await.ok();
    assert_eq!(ids(&shown), ["K-000001", MAKERS[0], MAKERS[1]]);
    assert_eq!(shown[0]["solution"]["en"], "更换轴承，每半年加注润滑脂");
    let of_alarm = door.api.get("alarms/north/pump-2/bearing_wear/1/knowledge").await.ok();
    assert_eq!(ids(&of_alarm), ids(&shown));
    let sheet = door.api.get("tickets/T-000002/report").await.ok();
    assert_eq!(ids(&sheet["knowledge"]), ids(&shown));
    for page in [
        "/tickets/T-000002",
        "/tickets/T-000002/report",
        "/alarms/north/pump-2/bearing_wear/1",
        "/knowledge?q=E31",
    ] {
        assert!(door.page(page).await.contains("K-000001"), "{page}");
    }
    assert!(door.page("/knowledge/K-000001?lang=zh").await.contains("已发布"));

    // somebody says that it helped, twice, and takes it back: one ticket, one word, the last
    for (helped, counts) in [
        (true, (1, 1, 0)),
        (true, (1, 1, 0)),
        (false, (1, 0, 1)),
        (true, (1, 1, 0)),
    ] {
        let said = json!({"ticket": "T-000002", "helped": helped});
        let rated = door.api.post("knowledge/K-000001/feedback", said).await.ok();
        let (used, right, wrong) = counts;
        let counted = (&rated["used"], &rated["helped"], &rated["did_not_help"]);
        assert_eq!(counted, (&json!(used), &json!(right), &json!(wrong)));
    }
    let nowhere = json!({"ticket": "T-000099", "helped": true});
    assert_eq!(door.api.post("knowledge/1/feedback", nowhere).await.status, 422);

    // the same fault in other letters proves the entry and makes no second one
    door.close("T-000002", " 润滑脂干涸。").await;
    let door = door.killed(&setup);
    let proved = door.api.post("tickets/T-000002/knowledge", json!({})).await.ok();
    assert_eq!(
        (&proved["id"], &proved["tickets"], &proved["solved"], &proved["used"]),
        (
            &json!("K-000001"),
            &json!(["T-000001", "T-000002"]),
            &json!(2),
            &json!(1)
        )
    );

    // an edit names what it saw
    let better = json!({"title": "轴承缺油", "profiles": ["pump"], "fault_codes": ["E31", "E32"], "failure_mode": "bearing_wear",
        "part": "drive-end bearing", "cause": "润滑脂干涸", "solution": "更换轴承，每三个月加注润滑脂"});
    assert_eq!(door.put("knowledge/1", None, &better).await.0, 428);
    assert_eq!(door.put("knowledge/1", Some(&json!(1)), &better).await.0, 412);
    let (status, edited) = door.put("knowledge/1", Some(&proved["revision"]), &better).await;
    assert_eq!((status, &edited["version"]), (200, &json!(2)), "{edited}");
    let empty = json!({"title": "x", "cause": "y", "solution": " "});
    let (status, wrong) = door.put("knowledge/1", Some(&edited["revision"]), &empty).await;
    assert_eq!((status, &wrong["errors"][0]["pointer"]), (422, &json!("/solution")));

    // what no longer holds is shown to nobody who does not ask for it
    let retired = door
        .api
        .post("knowledge/1/retire", json!({"reason": "new grease"}))
        .await
        .ok();
    assert_eq!(retired["state"], "retired");
    door.wear("pump-3", "T-000003").await;
    let shown = door.api.get("tickets/T-000003/knowledge").await.ok();
    assert_eq!(ids(&shown), MAKERS);
    let kept = door.api.get("knowledge?state=retired").await.ok();
    assert_eq!(ids(&kept["entries"]), ["K-000001"]);
    let door = door.killed(&setup);
    assert_eq!(door.api.get("knowledge/1").await.ok(), retired);
    let trail = door.api.get("audit?limit=1000").await.ok();
    let of = |action: &str| {
        let all = trail["items"].as_array().expect("a list");
        all.iter().filter(|line| line["action"] == action).count()
    };
    let counted =
        ["born", "proved", "edited", "released", "retired", "rated"].map(|word| of(&format!("knowledge.{word}")));
    assert_eq!(counted, [1, 1, 1, 1, 1, 3]);
    door.gateway.stop();
}
