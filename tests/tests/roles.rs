//! Who may come in, what they may do and what they see: every route of the API, walked by people with limits and by every role;
//! set-up, log-in, tokens, and an audit trail that shows when somebody has altered it.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{Outgoing, publish_all, telemetry};
use tests::wait::wait_for;

const BOSS: &str = "the-token-of-the-boss-0123456789";
const PASSWORD: &str = "a long way to the pump";
const START: i64 = 1_760_000_000_000;
/// Whatever names something of the other site or its customer.
const FOREIGN: [&str; 5] = ["southgate", "press-9", "river-corp", "SN-4711", "mill hall"];

fn setup() -> GatewaySetup {
    let config = format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\n\
         [[web.tokens]]\nname = \"boss\"\nrole = \"admin\"\ntoken = \"{BOSS}\"\n\
         [[alerting.on_call]]\nname = \"service\"\npeople = [\"li\"]\nbegins = \"2026-01-01\"\n"
    );
    let registry = "[[device]]\nsite = \"north\"\ndevice = \"pump-1\"\nprofile = \"pump\"\ncustomer = \"lotus\"\n\
                    [[device]]\nsite = \"southgate\"\ndevice = \"press-9\"\nprofile = \"pump\"\ncustomer = \"river-corp\"\n\
                    serial_number = \"SN-4711\"\nlocation = \"mill hall\"\n";
    let setup = GatewaySetup::new(&config);
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    setup
}

/// Somebody with a token, or with nothing.
#[derive(Clone)]
struct Person {
    base: String,
    token: Option<String>,
    client: Client,
}

struct Got {
    status: u16,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.json()
    }
}

impl Person {
    fn new(gateway: &RunningGateway, token: Option<&str>) -> Person {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none());
        Person {
            base: format!("http://127.0.0.1:{}", gateway.http.expect("it has pages").port()),
            token: token.map(str::to_owned),
            client: client.timeout(Duration::from_secs(30)).build().expect("a client"),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.header("X-Forewarn", "1").header("Accept", "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("an answer")
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Got {
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        Got {
            status,
            text: response.text().await.expect("a body"),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// A new user with a token, made by this person.
    async fn invite(&self, name: &str, role: &str, limits: Value) -> Person {
        let mut body = json!({"name": name, "role": role});
        for (key, value) in limits.as_object().expect("an object") {
            body[key] = value.clone();
        }
        self.post("/api/v1/users", body).await.ok();
        let path = format!("/api/v1/users/{name}/tokens");
        let made = self.post(&path, json!({"label": "test", "days": 1})).await.ok();
        Person {
            token: made["token"].as_str().map(str::to_owned),
            ..self.clone()
        }
    }
}

/// The vibration of a bearing that wears out.
fn wear(site: &'static str, device: &'static str) -> Vec<Outgoing> {
    let velocity = |i: i64| if i < 300 { 1.2 } else { 1.2 + (i - 300) as f64 * 0.02 };
    let message = |i: i64| {
        telemetry(
            site,
            device,
            START + i * 2_000,
            i as u64,
            "vibration_rms_mm_s",
            velocity(i),
        )
    };
    (0..600).map(message).collect()
}

async fn wear_both(gateway: &RunningGateway, boss: &Person) -> BTreeMap<String, String> {
    let port = gateway.mqtt_port();
    for (site, device) in [("north", "pump-1"), ("southgate", "press-9")] {
        publish_all(device, &wear(site, device), 50, || Some(port), |_| {}).await;
    }
    let mut tickets = BTreeMap::new();
    for _ in 0..300 {
        let list = boss.get("/api/v1/tickets?open=true").await.ok();
        for ticket in list["items"].as_array().expect("a list") {
            let text = |key: &str| ticket[key].as_str().expect("text").to_owned();
            tickets.insert(text("site"), text("id"));
        }
        if tickets.len() == 2 {
            return tickets;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no two tickets: {tickets:?}");
}

/// Every GET of the OpenAPI document, with names filled in.
async fn questions(asker: &Person, values: &[(&str, &str)]) -> Vec<(String, bool)> {
    let document = asker.get("/api/v1/openapi.json").await.ok();
    let paths = document["paths"].as_object().expect("paths").clone();
    let mut found = Vec::new();
    for (template, item) in paths
        .iter()
        .filter(|(path, item)| item["get"].is_object() && !path.ends_with("/stream"))
    {
        assert!(item["get"]["summary"].is_string(), "{template}");
        let mut path = template.clone();
        for (name, value) in values {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "this test knows no value for {template}");
        if template.ends_with("/history") {
            path.push_str("?metric=vibration_rms_mm_s");
        }
        found.push((path, template.contains('{')));
    }
    assert!(found.len() > 25, "{found:?}");
    found
}

fn check_nothing_foreign(what: &str, got: &Got) {
    // a refusal repeats what was asked for
    let text = match got.status {
        404 | 403 => return,
        _ => &got.text,
    };
    for word in FOREIGN {
        assert!(!text.contains(word), "{what} shows {word}: {text}");
    }
}

#[tokio::test]
async fn what_one_site_has_learned_is_shown_at_another_once_an_engineer_stands_for_it_and_names_no_foreign_ticket() {
    let setup = setup();
    let gateway = setup.start();
    let boss = Person::new(&gateway, Some(BOSS));
    let tickets = wear_both(&gateway, &boss).await;
    let (north, south) = (tickets["north"].as_str(), tickets["southgate"].as_str());
    let nora = boss.invite("nora", "technician", json!({"sites": ["north"]})).await;
    let found = json!({"outcome": "fault_confirmed", "part": "bearing", "cause": "no grease", "remedy": "new bearing"});
    boss.post(&format!("/api/v1/tickets/{south}/close"), found.clone())
        .await
        .ok();
    let foreign = format!("/api/v1/tickets/{south}/knowledge");
    assert_eq!(nora.post(&foreign, json!({})).await.status, 404);
    assert_eq!(nora.get(&foreign).await.status, 404);
    boss.post(&foreign, json!({})).await.ok();
    let entry = "/api/v1/knowledge/K-000001";
    assert_eq!(
        nora.get(entry).await.status,
        404,
        "a draft has the words of the other site"
    );
    assert_eq!(nora.get("/api/v1/knowledge?state=draft").await.ok()["found"], 0);
    let may_not = nora.post(&format!("{entry}/release"), json!({})).await;
    assert_eq!(may_not.status, 403);

    boss.post(&format!("{entry}/release"), json!({})).await.ok();
    let seen = nora.get(entry).await.ok();
    assert_eq!((&seen["tickets"], &seen["ticket_count"]), (&json!([]), &json!(1)));
    let shown = nora.get(&format!("/api/v1/tickets/{north}/knowledge")).await.ok();
    assert_eq!(shown[0]["id"], "K-000001");
    let blind = json!({"ticket": south, "helped": true});
    assert_eq!(nora.post(&format!("{entry}/feedback"), blind).await.status, 422);
    nora.post(&format!("/api/v1/tickets/{north}/close"), found).await.ok();
    let proved = nora
        .post(&format!("/api/v1/tickets/{north}/knowledge"), json!({}))
        .await
        .ok();
    assert_eq!(
        (&proved["tickets"], &proved["ticket_count"]),
        (&json!([north]), &json!(2))
    );
    let text = json!({"title": "x", "cause": "y", "solution": "z"});
    let url = format!("{}{entry}", nora.base);
    let edit = nora
        .client
        .put(url)
        .header("X-Forewarn", "1")
        .header("If-Match", "*")
        .json(&text);
    let edit = edit
        .bearer_auth(nora.token.as_deref().expect("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        edit.status().as_u16(),
        403,
        "what is released is an engineer's to change"
    );
}

#[tokio::test]
async fn who_is_limited_to_a_site_finds_nothing_of_another_on_any_route() {
    let setup = setup();
    let gateway = setup.start();
    let boss = Person::new(&gateway, Some(BOSS));
    let tickets = wear_both(&gateway, &boss).await;
    let window = json!({"purpose": "maintenance", "covers": {"sites": ["southgate"], "devices": ["idle-*"]},
        "schedule": {"is": "until_ended"}, "reason": "overhaul"});
    let window = boss.post("/api/v1/windows", window).await.ok()["id"].clone();
    let window = window.as_str().expect("an id").to_owned();
    let broken = Outgoing {
        topic: "forewarn/v1/southgate/press-9/telemetry".to_owned(),
        payload: b"{\"metrics\":".to_vec(),
    };
    let port = gateway.mqtt_port();
    publish_all("press-9", &[broken], 1, || Some(port), |_| {}).await;
    assert!(
        boss.get("/api/v1/quarantine").await.text.contains("southgate"),
        "there is something to hide"
    );
    let models = boss.get("/api/v1/models").await.ok();
    let model = models[0]["model"].as_str().expect("a model").to_owned();

    let (north, south) = (tickets["north"].clone(), tickets["southgate"].clone());
    let until = gateway::clock::Clock::System.now() + domain::Millis::days(3);
    let swap = json!({"person": "sun", "until": until.to_string(), "reason": "li is at river-corp in southgate"});
    boss.post("/api/v1/on-call/service/overrides", swap.clone()).await.ok();
    // somebody without limits has linked both
    let link = json!({"write": "link", "ticket": south, "kind": "relates"});
    boss.post(&format!("/api/v1/tickets/{north}/work"), link).await.ok();
    let common = [
        ("incident", "1"),
        ("packet", "1"),
        ("version", model.as_str()),
        ("name", "boss"),
        ("mode", "bearing_wear"),
        ("episode", "1"),
        ("entry", "1"),
        ("file", "2026-11.html"),
    ];
    let of = |site: &'static str, device: &'static str, ticket: &str| -> Vec<(&str, String)> {
        let mut values: Vec<_> = common.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        values.extend([
            ("site", site.to_owned()),
            ("device", device.to_owned()),
            ("ticket", ticket.to_owned()),
        ]);
        values
    };
    for role in ["viewer", "engineer", "admin", "auditor"] {
        let nora = boss
            .invite(&format!("nora-{role}"), role, json!({"sites": ["north"]}))
            .await;
        let own = of("north", "pump-1", &north);
        let own: Vec<(&str, &str)> = own.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for (path, _) in questions(&nora, &own).await {
            let got = nora.get(&path).await;
            assert!(
                matches!(got.status, 200 | 403 | 404),
                "{path}: {} {}",
                got.status,
                got.text
            );
            check_nothing_foreign(&path, &got);
        }
        for path in [
            "/api/v1/devices/north/pump-1",
            "/api/v1/tickets",
            "/api/v1/review.csv",
            "/api/v1/alarms/north/pump-1/bearing_wear/1",
        ] {
            assert_eq!(nora.get(path).await.status, 200, "{role} {path}");
        }
        for path in [
            format!("/api/v1/tickets/{north}"),
            format!("/api/v1/tickets/{north}/report"),
            format!("/tickets/{north}"),
        ] {
            let got = nora.get(&path).await;
            assert!(
                got.status == 200 && !got.text.contains(&south),
                "{role} {path}: {}",
                got.text
            );
        }
        let foreign = of("southgate", "press-9", &south);
        let foreign: Vec<(&str, &str)> = foreign.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for (path, has_names) in questions(&nora, &foreign).await {
            let got = nora.get(&path).await;
            let is_about_south = has_names && (path.contains("southgate") || path.contains("/tickets/"));
            assert!(
                !is_about_south || got.status == 404,
                "{path}: {} {}",
                got.status,
                got.text
            );
            check_nothing_foreign(&path, &got);
        }
        for path in [
            "/api/v1/review?site=southgate",
            "/api/v1/review/rules?site=southgate",
            "/review?site=southgate",
        ] {
            assert_eq!(nora.get(path).await.status, 404, "{role} {path}");
        }
        let all = boss.get("/api/v1/review?site=southgate").await.ok();
        let own = nora.get("/api/v1/review?site=north").await.ok();
        let opened = |review: &Value| {
            let figures = review["figures"].as_array().expect("figures").iter();
            let mut opened = figures.filter(|f| f["key"] == "tickets_opened");
            opened.next().map(|f| f["value"].clone())
        };
        assert_eq!(
            (opened(&all), opened(&own)),
            (Some(json!(1.0)), Some(json!(1.0))),
            "a site at a time"
        );
        let (by_site, by_search) = ("/api/v1/alarms?site=southgate", "/api/v1/devices?q=press");
        for path in [by_site, by_search] {
            assert_eq!(nora.get(path).await.ok()["items"], json!([]), "{path}");
        }
        for page in [
            "/",
            "/alarms",
            "/tickets",
            "/on-call",
            "/review",
            "/system",
            "/quarantine",
            "/users",
            "/audit",
            "/account",
            "/api",
            "/devices/north/pump-1",
        ] {
            check_nothing_foreign(page, &nora.get(page).await);
        }
        for page in ["/devices/southgate/press-9".to_owned(), format!("/tickets/{south}")] {
            assert_eq!(nora.get(&page).await.status, 404, "{page}");
        }
        let fleet = nora.get("/api/v1/fleet").await.ok();
        assert_eq!(
            (&fleet["devices"], &fleet["open_tickets"]),
            (&json!(1), &json!(1)),
            "{role}"
        );
        let all = boss.get("/api/v1/fleet").await.ok();
        assert_eq!(
            (&all["devices"], &all["open_tickets"]),
            (&json!(2), &json!(2)),
            "{role}"
        );
        assert_eq!(nora.get("/api/v1/windows").await.ok(), json!([]));
        assert_eq!(nora.get("/api/v1/stream?device=southgate/press-9").await.status, 404);
    }

    // what changes something finds it no more
    let eve = Person {
        token: None,
        ..boss.clone()
    };
    let eve = Person {
        token: boss.invite("eve", "engineer", json!({"sites": ["north"]})).await.token,
        ..eve
    };
    for (path, body) in [
        (
            "/api/v1/alarms/southgate/press-9/bearing_wear/1/acknowledge".to_owned(),
            json!({}),
        ),
        (
            "/api/v1/alarms/southgate/press-9/bearing_wear/1/shelve".to_owned(),
            json!({"reason": "x", "minutes": 5}),
        ),
        (format!("/api/v1/tickets/{south}/comment"), json!({"text": "x"})),
        (format!("/api/v1/tickets/{south}/assign"), json!({"assignee": "eve"})),
        (format!("/api/v1/windows/{window}/end"), json!({"reason": "x"})),
        // what would be written into a ticket of another site, by way of one's own
        (
            format!("/api/v1/tickets/{north}/work"),
            json!({"write": "link", "ticket": south, "kind": "relates"}),
        ),
        (format!("/api/v1/tickets/{north}/merge"), json!({"into": south})),
    ] {
        let got = eve.post(&path, body).await;
        assert_eq!(got.status, 404, "{path}: {}", got.text);
    }
    let everywhere = json!({"purpose": "maintenance", "covers": {"profiles": ["pump"]}, "schedule": {"is": "until_ended"}, "reason": "x"});
    assert_eq!(eve.post("/api/v1/windows", everywhere).await.status, 403);
    let own = json!({"purpose": "maintenance", "covers": {"sites": ["north"], "devices": ["idle-*"]}, "schedule": {"is": "until_ended"}, "reason": "x"});
    eve.post("/api/v1/windows", own).await.ok();
    // rotations serve every site
    assert_eq!(eve.post("/api/v1/on-call/service/overrides", swap).await.status, 403);
    let end = eve
        .ask(Method::DELETE, "/api/v1/on-call/overrides/O-000001", None)
        .await;
    assert_eq!(end.status, 403, "{}", end.text);
    assert_eq!(eve.get("/api/v1/on-call").await.ok()[0]["now"], "sun");

    // the live stream: both alarms change, one is told
    let mut stream = eve.send(Method::GET, "/api/v1/stream", None).await;
    for at in ["southgate/press-9", "north/pump-1"] {
        let path = format!("/api/v1/alarms/{at}/bearing_wear/1/acknowledge");
        boss.post(&path, json!({})).await.ok();
    }
    let mut heard = String::new();
    while !(heard.contains("event: alarm") && heard.contains("pump-1")) {
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk())
            .await
            .expect("in time");
        heard.push_str(&String::from_utf8_lossy(&chunk.expect("a line").expect("not the end")));
    }
    for word in FOREIGN {
        assert!(!heard.contains(word), "{heard}");
    }

    // limits to a customer are the same the other way round
    let rita = boss
        .invite("rita", "viewer", json!({"customers": ["river-corp"]}))
        .await;
    let devices = rita.get("/api/v1/devices").await.ok();
    assert_eq!(devices["items"].as_array().map(Vec::len), Some(1), "{devices}");
    assert_eq!(devices["items"][0]["device"], "press-9");
    assert_eq!(rita.get(&format!("/api/v1/tickets/{north}")).await.status, 404);
    assert_eq!(rita.get(&format!("/api/v1/tickets/{south}")).await.status, 200);
    assert_eq!(rita.get("/api/v1/devices/north/pump-1").await.status, 404);
    let theirs = of("southgate", "press-9", &south);
    let theirs: Vec<(&str, &str)> = theirs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    for (path, _) in questions(&rita, &theirs).await {
        let got = rita.get(&path).await;
        assert!(
            matches!(got.status, 200 | 403 | 404),
            "{path}: {} {}",
            got.status,
            got.text
        );
        for word in ["north", "pump-1\"", "lotus"] {
            assert!(!got.text.contains(word), "{path} shows {word}: {}", got.text);
        }
    }
    gateway.stop();
}

#[tokio::test]
async fn each_role_is_refused_what_its_table_lacks_before_anything_is_looked_at() {
    let setup = setup();
    let gateway = setup.start();
    let boss = Person::new(&gateway, Some(BOSS));
    let table = boss.get("/api/v1/roles").await.ok();
    let mut rights: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in table.as_array().expect("roles") {
        let names = role["rights"].as_array().expect("rights").iter();
        let names = names.map(|r| r["right"].as_str().expect("a word").to_owned());
        rights.insert(role["role"].as_str().expect("a word").to_owned(), names.collect());
    }
    assert_eq!(rights.len(), 8);
    let document = boss.get("/api/v1/openapi.json").await.ok();
    let paths = document["paths"].as_object().expect("paths");
    let posts = paths
        .iter()
        .filter(|(_, item)| item["post"].is_object())
        .map(|(path, _)| path.clone());
    // a viewer may change nothing, so the refusals tell what each route needs
    let viewer = boss.invite("vera", "viewer", json!({})).await;
    let edit = viewer.ask(Method::PUT, "/api/v1/knowledge/7", Some(json!({}))).await;
    assert_eq!(edit.status, 403, "{}", edit.text);
    let mut needed = Vec::new();
    for template in posts {
        let mut path = template.clone();
        for (name, value) in [
            ("site", "north"),
            ("device", "pump-1"),
            ("mode", "bearing_wear"),
            ("episode", "1"),
            ("ticket", "7"),
            ("window", "7"),
            ("rotation", "service"),
            ("entry", "7"),
            ("packet", "7"),
            ("version", "none@1"),
            ("name", "nobody"),
            ("id", "7"),
            ("receiver", "nobody"),
        ] {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let got = viewer.post(&path, json!({"no such field": 1})).await;
        let right = got.json()["detail"]
            .as_str()
            .and_then(|d| d.strip_prefix("this needs the right ").map(str::to_owned));
        match right.and_then(|r| r.split(':').next().map(str::to_owned)) {
            Some(right) => {
                assert_eq!(got.status, 403, "{path}");
                needed.push((path, right));
            }
            None => {
                let is_open = ["/account/", "/login", "/setup", "/inbound/"]
                    .iter()
                    .any(|part| path.contains(part));
                assert!(is_open, "a viewer may post to {path}: {} {}", got.status, got.text);
            }
        }
    }
    assert!(needed.len() > 30, "{needed:?}");
    for (role, has) in &rights {
        let person = boss.invite(&format!("some-{role}"), role, json!({})).await;
        for (path, right) in &needed {
            let got = person.post(path, json!({"no such field": 1})).await;
            assert_eq!(
                got.status == 403,
                !has.contains(right),
                "{role} {path} {right}: {} {}",
                got.status,
                got.text
            );
        }
        for (path, right) in [
            ("/api/v1/audit", "read_audit"),
            ("/api/v1/users", "manage_users"),
            ("/api/v1/health", "read_system"),
        ] {
            assert_eq!(
                person.get(path).await.status == 200,
                has.iter().any(|r| r == right),
                "{role} {path}"
            );
        }
    }
    // a token may be less than its user
    let body = json!({"label": "reads only", "days": 1, "scopes": ["view"]});
    let scoped = boss.post("/api/v1/users/some-admin/tokens", body).await.ok();
    let scoped = Person::new(&gateway, scoped["token"].as_str());
    assert_eq!(scoped.get("/api/v1/devices").await.status, 200);
    assert_eq!(scoped.get("/api/v1/users").await.status, 403);
    assert_eq!(
        scoped
            .post("/api/v1/account/tokens", json!({"label": "more", "days": 9}))
            .await
            .status,
        403
    );
    gateway.stop();
}

#[tokio::test]
async fn a_technician_keeps_to_own_tickets_and_nobody_releases_a_model_alone() {
    let setup = setup();
    let gateway = setup.start();
    let boss = Person::new(&gateway, Some(BOSS));
    let tickets = wear_both(&gateway, &boss).await;
    let tina = boss.invite("tina", "technician", json!({})).await;
    let (mine, theirs) = (&tickets["north"], &tickets["southgate"]);
    let step = |ticket: &str| format!("/api/v1/tickets/{ticket}/step");
    tina.post(&step(mine), json!({"to": "diagnosed"})).await.ok();
    for (ticket, to) in [(mine, "Tina"), (theirs, "tom")] {
        let path = format!("/api/v1/tickets/{ticket}/assign");
        boss.post(&path, json!({"assignee": to})).await.ok();
    }
    tina.post(&step(mine), json!({"to": "planned"})).await.ok();
    let refused = tina.post(&step(theirs), json!({"to": "diagnosed"})).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let dispatcher = boss.invite("dora", "dispatcher", json!({})).await;
    dispatcher.post(&step(theirs), json!({"to": "diagnosed"})).await.ok();

    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/profiles/pump.toml");
    let toml = std::fs::read_to_string(profile).expect("shipped") + "\n# other\n";
    let (eve, edd) = (
        boss.invite("eve", "engineer", json!({})).await,
        boss.invite("edd", "engineer", json!({})).await,
    );
    let add = |person: &Person| {
        let request = person.client.post(format!("{}/api/v1/models", person.base));
        let request = request.bearer_auth(person.token.clone().expect("a token"));
        request
            .header("Content-Type", "application/toml")
            .body(toml.clone())
            .send()
    };
    let added: Value = add(&eve).await.expect("an answer").json().await.expect("JSON");
    let model = added["model"].as_str().expect("a version").to_owned();
    let at = |verb: &str| format!("/api/v1/models/{model}/{verb}");
    edd.post(&at("shadow"), json!({})).await.ok();
    let promotion = || json!({"approved_by": "the chief"});
    // one added it, the other let it run
    for engineer in [&eve, &edd] {
        let refused = engineer.post(&at("promote"), promotion()).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    let third = boss.invite("emil", "engineer", json!({})).await;
    third.post(&at("promote"), promotion()).await.ok();
    gateway.stop();
}

fn audit(setup: &GatewaySetup, arguments: &[&str]) -> (bool, String) {
    let data = setup.data().display().to_string();
    let arguments = [&["audit"], arguments, &["--data", &data]].concat();
    let output = setup.command(&arguments).output().expect("forewarn starts");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[tokio::test]
async fn a_gateway_that_others_reach_is_set_up_by_one_link_and_remembers_it_after_a_kill() {
    let mut setup = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n[web]\nbind = \"0.0.0.0:0\"\n");
    setup.set("FOREWARN__WEB__BIND", "0.0.0.0:0");
    let key_of = |gateway: &RunningGateway| {
        let line = wait_for("the link", Duration::from_secs(10), || gateway.line());
        line.split_once("/setup?key=").expect("a link").1.trim().to_owned()
    };
    let first = setup.start();
    let old_key = key_of(&first);
    first.kill();
    let gateway = setup.start();
    let key = key_of(&gateway);
    let nobody = Person::new(&gateway, None);
    for path in [
        "/",
        "/api/v1/devices",
        "/api/v1/openapi.json",
        "/metrics",
        "/login",
        "/users",
    ] {
        let got = nobody.get(path).await;
        assert_eq!(got.status, 503, "{path}");
        assert!(got.text.contains("set-up link"), "{path}: {}", got.text);
    }
    assert_eq!(nobody.get("/healthz").await.status, 200);
    let body = |key: &str, password: &str| json!({"key": key, "name": "ada", "password": password});
    assert_eq!(
        nobody.post("/api/v1/setup", body(&old_key, PASSWORD)).await.status,
        403,
        "an earlier link is void"
    );
    assert_eq!(
        nobody.post("/api/v1/setup", body(&key, "ada")).await.status,
        422,
        "a weak password"
    );
    assert_eq!(nobody.get(&format!("/setup?key={key}")).await.status, 200);
    nobody.post("/api/v1/setup", body(&key, PASSWORD)).await.ok();
    // at once, as a power cut
    gateway.kill();
    let gateway = setup.start();
    let nobody = Person::new(&gateway, None);
    assert_eq!(nobody.get("/api/v1/devices").await.status, 401);
    assert_eq!(
        nobody.post("/api/v1/setup", body(&key, PASSWORD)).await.status,
        403,
        "it was used"
    );
    let login = |password: &str| {
        nobody.send(
            Method::POST,
            "/api/v1/login",
            Some(json!({"name": "ada", "password": password})),
        )
    };
    let entered = login(PASSWORD).await;
    assert_eq!(entered.status(), 200);
    let cookie = entered.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .split(';')
        .next()
        .expect("a value")
        .to_owned();
    let inside = |path: &str| {
        nobody
            .client
            .get(format!("{}{path}", nobody.base))
            .header("cookie", cookie.clone())
            .send()
    };
    let own: Value = inside("/api/v1/account")
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!((&own["name"], &own["role"]), (&json!("ada"), &json!("admin")));
    let page = inside("/users").await.expect("an answer").text().await.expect("text");
    assert!(page.contains("ada") && !page.contains("argon2"));
    // guessing is slowed down, whether there is such a name or not
    let unknown = nobody
        .post("/api/v1/login", json!({"name": "bob", "password": PASSWORD}))
        .await;
    assert_eq!(unknown.status, 401);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(login("wrong wrong wrong").await.status().as_u16());
    }
    assert_eq!(
        (statuses[0], *statuses.last().expect("some")),
        (401, 429),
        "{statuses:?}"
    );
    assert!(login(PASSWORD).await.headers().contains_key("retry-after"));
    gateway.stop();

    // the trail tells it, is whole, and shows when it is altered
    let (_, lines) = audit(&setup, &["export"]);
    for what in ["setup.offered", "user.created", "\"login\"", "login.refused"] {
        assert!(lines.contains(what), "{what}: {lines}");
    }
    assert!(!lines.contains(PASSWORD) && !lines.contains(&key));
    let (is_whole, said) = audit(&setup, &["verify"]);
    assert!(is_whole, "{said}");
    let head = said.lines().last().expect("the last line and its hash").to_owned();
    assert!(audit(&setup, &["verify", "--expect", &head]).0);
    let (_, of_system) = audit(&setup, &["export", "--actor", "system", "--subject", "nothing"]);
    assert_eq!(of_system, "");
    let (_, csv) = audit(&setup, &["export", "--csv", "--from", "2026-01-01T00:00:00Z"]);
    assert!(csv.starts_with("id,at,by,action,subject,detail,hash\n"));
    let store = rusqlite::Connection::open(setup.data().join("forewarn.db")).expect("opens");
    store
        .execute("UPDATE audit SET actor = 'eve' WHERE id = 2", [])
        .expect("altered");
    let (is_whole, said) = audit(&setup, &["verify"]);
    assert!(!is_whole && said.starts_with("line 2 "), "{said}");
}

#[tokio::test]
async fn reads_of_customer_data_stand_in_the_trail_once_a_minute() {
    let setup = setup();
    let gateway = setup.start();
    let boss = Person::new(&gateway, Some(BOSS));
    wear_both(&gateway, &boss).await;
    let vera = boss.invite("vera", "viewer", json!({})).await;
    for _ in 0..20 {
        vera.get("/api/v1/devices/north/pump-1").await.ok();
        vera.get("/api/v1/devices").await.ok();
    }
    assert_eq!(vera.get("/api/v1/users").await.status, 403);
    let mut found = Vec::new();
    for _ in 0..100 {
        let trail = boss.get("/api/v1/audit?limit=1000").await.ok();
        let lines = trail["items"].as_array().expect("lines");
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        found = lines
            .iter()
            .filter(|l| l["by"] == "vera")
            .map(|l| (text(l, "action"), text(l, "subject")))
            .collect();
        if found.iter().any(|(action, _)| action == "refused") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let reads = found
        .iter()
        .filter(|(action, subject)| action == "read" && subject == "devices/north/pump-1")
        .count();
    assert!((1..=2).contains(&reads), "{found:?}");
    assert!(found.contains(&("refused".to_owned(), "users".to_owned())), "{found:?}");
    gateway.stop();
}
