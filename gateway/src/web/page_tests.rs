//! Pages and the live stream, through the router, against the made-up backend.

use super::*;

// ---- Pages ----

#[path = "stock_tests.rs"]
mod stock_tests;

const PAGES: [&str; 27] = [
    "/",
    "/?site=hotel-lotus&q=ac",
    "/?q=nothing-like-it",
    "/devices/hangzhou-plant/pump-101",
    "/devices/hotel-lotus/freezer-kitchen?range=7d",
    "/alarms?show=all&severity=critical",
    "/alarms",
    "/alarms?incident=I-000003&show=all",
    "/alarms/riverside-mall/elevator-a/brake_wear/1",
    "/tickets",
    "/tickets/T-000042",
    "/tickets/T-000038",
    "/tickets/T-000042/report",
    "/topology",
    "/topology/hotel-lotus",
    "/parts",
    "/parts?low=yes",
    "/windows",
    "/on-call",
    "/knowledge?q=grease",
    "/knowledge/K-000001",
    "/knowledge?state=suggested&profile=pump",
    "/quarantine",
    "/system",
    "/users",
    "/audit",
    "/api",
];

async fn pages(door: &Door) -> Vec<(String, Got)> {
    let mut pages = Vec::new();
    for path in PAGES.into_iter().chain(["/nowhere", "/tickets/T-9"]) {
        for lang in ["en", "zh"] {
            let headers = [("accept", "text/html"), ("accept-language", lang)];
            pages.push((
                format!("{path} {lang}"),
                door.send(Method::GET, path, &headers, "").await,
            ));
        }
    }
    pages
}

#[tokio::test]
async fn somebody_takes_charge_of_an_incident_on_the_page_and_says_what_was_done() {
    let door = Door::open();
    let page = door.get("/alarms").await.body;
    assert!(page.contains("/incidents/I-000003/respond"), "{page}");
    let taken = door
        .form("/incidents/I-000003/respond", &[], "back=/alarms&note=")
        .await;
    assert_eq!(taken.status, 303);
    let page = door.get("/alarms").await.body;
    assert!(page.contains("/incidents/I-000003/handle") && !page.contains("/incidents/I-000003/respond"));
    let silent = door.form("/incidents/I-000003/handle", &[], "back=/alarms&note=").await;
    assert_eq!(silent.status, 422);
    door.form("/incidents/I-000003/handle", &[], "back=/alarms&note=feeder+on")
        .await;
    assert!(door.get("/alarms").await.body.contains("feeder on"));
}

#[tokio::test]
async fn every_page_comes_in_both_languages_and_with_safe_headers() {
    let door = Door::open();
    for (name, got) in pages(&door).await {
        let is_missing = name.starts_with("/nowhere") || name.starts_with("/tickets/T-9");
        assert_eq!(
            got.status,
            if is_missing {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::OK
            },
            "{name}"
        );
        assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
        let is_chinese = got.body.contains("<html lang=\"zh-CN\"");
        assert_eq!(is_chinese, name.ends_with("zh"), "{name}");
        assert_eq!(got.body.contains("本机操作员"), is_chinese, "{name}");
        assert_eq!(got.body.contains("local operator"), !is_chinese, "{name}");
        let policy = got.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("x-frame-options"), "DENY");
        assert_eq!(got.header("cache-control"), "no-store");
    }
    let chosen = door.get("/alarms?lang=zh").await;
    assert!(chosen.header("set-cookie").starts_with("lang=zh;"));
}

#[tokio::test]
async fn incidents_stand_above_the_alarms_and_lead_to_their_members() {
    let door = Door::open();
    let all = door.get("/alarms").await.body;
    let (above, below) = all.split_once("table class=\"cards alarms\"").expect("the alarms");
    assert!(above.contains("No data on many machines of hotel-lotus") && above.contains("5 of 6"));
    assert!(above.contains("href=\"/alarms?incident=I-000003&amp;show=all\""));
    assert!(!all.contains("I-000002"), "one that is over is not in the way");
    assert!(below.contains("I-000003"), "the member names its incident");
    let members = door.get("/alarms?incident=I-000003&show=all").await.body;
    assert!(members.contains("ac-roof-2") && !members.contains("brake_wear"));
    let over = door.get("/alarms?incident=2&show=all").await.body;
    assert!(over.contains("I-000002") && over.contains(">over<"), "{over}");
    let elsewhere = door.get("/alarms?site=hangzhou-plant").await.body;
    assert!(!elsewhere.contains("I-000003"));
    let member = door.get("/alarms/hotel-lotus/ac-roof-2/no_data/1").await.body;
    assert!(member.contains("incident=I-000003"));
}

#[tokio::test]
async fn no_page_has_anything_inline() {
    let door = Door::open();
    for (name, got) in pages(&door).await {
        for script in got.body.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(
                tag.contains(" src=\"/assets/") && rest.starts_with("</script>"),
                "{name}: {tag}"
            );
        }
        for tag in got
            .body
            .split('<')
            .skip(1)
            .filter_map(|t| t.split_once('>'))
            .map(|(tag, _)| tag.to_lowercase())
        {
            assert!(!tag.starts_with("style") && !tag.contains(" style="), "{name}: {tag}");
            assert!(
                !tag.contains(" on")
                    || !tag
                        .split(" on")
                        .skip(1)
                        .any(|a| a.split('=').next().is_some_and(|n| n.len() > 1
                            && n.chars().all(|c| c.is_ascii_alphabetic())
                            && tag.contains(&format!(" on{n}=\"")))),
                "{name}: {tag}"
            );
            assert!(!tag.contains("javascript:") && !tag.contains("hx-on"), "{name}: {tag}");
        }
    }
}

#[tokio::test]
async fn a_machine_whose_normal_has_moved_says_so_and_another_says_nothing() {
    let door = Door::open();
    let moved = door.get("/devices/hangzhou-plant/pump-101").await.body;
    assert!(
        moved.contains("Normal has moved") && moved.contains("1.3 → "),
        "{moved}"
    );
    let steady = door.get("/devices/hangzhou-plant/pump-102").await.body;
    assert!(!steady.contains("Normal has moved"));
    let answer = door.get("/api/v1/devices/hangzhou-plant/pump-101").await.body;
    assert!(answer.contains("\"cause\":\"moved\""), "{answer}");
}

#[tokio::test]
async fn an_alarm_and_its_ticket_show_their_forerunner_with_what_became_of_it() {
    let door = Door::open();
    let (alarm, ticket) = door.fake.with(|s| {
        let of_brake = |a: &&dashboards::view::Alarm| !a.similar.is_empty();
        let alarm = s.alarms.iter().find(of_brake).expect("a brake").id.to_string();
        let ticket = s.tickets.iter().find(|t| !t.similar.is_empty()).expect("its ticket");
        (alarm, ticket.summary.id.clone())
    });
    for page in [format!("/alarms/{alarm}"), format!("/tickets/{ticket}")] {
        let body = door.get(&page).await.body;
        for said in [
            "Earlier episodes like it",
            "elevator-b",
            "Fault confirmed",
            "T-000017",
            "87 %",
        ] {
            assert!(body.contains(said), "{page}: {said}");
        }
        let chinese = door.get(&format!("{page}?lang=zh")).await.body;
        assert!(chinese.contains("相似的历史事件"));
    }
    let answer = door.get(&format!("/api/v1/alarms/{alarm}")).await.body;
    assert!(answer.contains("\"verdict\":\"fault_confirmed\""), "{answer}");
}

#[tokio::test]
async fn what_devices_say_is_shown_and_never_run() {
    const EVIL: &str = "<script>alert(1)</script>\" onload=\"x";
    let door = Door::open();
    door.fake.with(|s| {
        let evil = Text {
            en: EVIL.into(),
            zh: EVIL.into(),
        };
        s.devices.iter_mut().for_each(|d| {
            d.summary.title = evil.clone();
            d.location = EVIL.into();
            d.metrics
                .iter_mut()
                .for_each(|m| (m.unit, m.title) = (EVIL.into(), evil.clone()));
        });
        s.alarms.iter_mut().for_each(|a| {
            a.title = evil.clone();
            a.evidence.iter_mut().for_each(|e| e.sentence = evil.clone());
        });
        s.tickets.iter_mut().for_each(|t| {
            (t.summary.title, t.part) = (evil.clone(), EVIL.into());
            t.history
                .iter_mut()
                .for_each(|h| (h.note, h.act.by) = (EVIL.into(), EVIL.into()));
        });
        s.packets.iter_mut().for_each(|p| {
            (p.topic, p.detail) = (EVIL.into(), EVIL.into());
            p.preview = Preview::of(EVIL.as_bytes(), 500);
        });
        s.audit.iter_mut().for_each(|a| a.detail = EVIL.into());
    });
    let mut shown = 0;
    for (name, got) in pages(&door).await {
        assert!(
            !got.body.contains("<script>") && !got.body.contains("\" onload"),
            "{name}"
        );
        shown += got.body.matches("&lt;script&gt;").count();
    }
    assert!(shown > 50, "{shown}");
}

#[tokio::test]
async fn forms_work_without_script() {
    let door = Door::with(
        WebConfig::default(),
        &[("host", "localhost"), ("sec-fetch-site", "same-origin")],
    );
    let alarm = ALARM.replace("/api/v1", "");
    let drum = "/alarms/hotel-lotus/laundry-1/imbalance/1";
    let ticket = "/tickets/T-000042";
    for (path, body) in [
        (format!("{alarm}/acknowledge"), "back=/x&revision=1"),
        (format!("{alarm}/shelve"), "back=/x&minutes=60&reason=test&revision=2"),
        (format!("{drum}/unshelve"), "back=/x"),
        ("/alarms/riverside-mall/elevator-c/door_fault/1/reset".into(), "back=/x"),
        (format!("{ticket}/step"), "back=/x&revision=3&note=&to=planned"),
        (format!("{ticket}/assign"), "back=/x&assignee=Zhou+Min"),
        (format!("{ticket}/comment"), "back=/x&text=%E5%A5%BD"),
        (format!("{ticket}/hold"), "back=/x&reason=waits"),
        (format!("{ticket}/resume"), "back=/x"),
        (
            format!("{ticket}/work"),
            "back=/x&write=labour&minutes=45&who=&rate_cents_per_hour=",
        ),
        (format!("{ticket}/work"), "back=/x&write=part&part=grease&quantity=2"),
        (format!("{ticket}/work"), "back=/x&write=tick&entry=4&is_done=true"),
        (
            format!("{ticket}/work"),
            "back=/x&write=malfunction&symptom=hums&is_breakdown=",
        ),
        (
            format!("{ticket}/work"),
            "back=/x&write=link&ticket=T-000041&kind=relates",
        ),
        (format!("{ticket}/schedule"), "back=/x&at=2026-12-05T09:00:00Z"),
        (format!("{ticket}/close"), "back=/x&outcome=no_fault_found&parts=a,+b"),
        (format!("{ticket}/reopen"), "back=/x&reason=again"),
        (format!("{ticket}/cancel"), "back=/x&reason=gone"),
        ("/quarantine/replay".into(), "back=/x"),
        ("/quarantine/1/replay".into(), "back=/x"),
        ("/quarantine/1/discard".into(), "back=/x"),
    ] {
        let got = door.form(&path, &[], body).await;
        assert_eq!(
            (got.status, got.header("location")),
            (StatusCode::SEE_OTHER, "/x"),
            "{path}: {}",
            got.body
        );
    }
    let parts = door.fake.with(|s| {
        s.tickets
            .iter()
            .find(|t| t.summary.id == "T-000042")
            .unwrap()
            .closing
            .clone()
            .unwrap()
            .parts
    });
    assert_eq!(parts, ["a", "b"]);
    let headers = [
        ("accept", "text/html"),
        ("referer", "http://localhost/tickets?x=1"),
        ("accept-language", "zh"),
    ];
    let wrong = door.form(&format!("{ticket}/close"), &headers, "back=/x").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("输入有误") && wrong.body.contains("href=\"/tickets?x=1\""));
    assert_eq!(
        door.form(&format!("{ticket}/dance"), &[], "").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_first_page_teaches_how_to_connect() {
    let fake = Fake::empty(|| NOW);
    let door = Door {
        router: router(fake.clone(), WebConfig::default()),
        fake,
        ..Door::open()
    };
    let page = door.get("/").await.body;
    assert!(page.contains("mosquitto_pub -h 127.0.0.1 -p 1883") && page.contains("forewarn/plant-1/pump-1/telemetry"));
    for path in ["/alarms", "/tickets", "/quarantine", "/system"] {
        assert_eq!(door.get(path).await.status, StatusCode::OK);
    }
}

// ---- The stream ----

struct Listening(axum::body::BodyDataStream);

impl Listening {
    async fn to(door: &Door, path: &str) -> Listening {
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .body(Body::empty())
            .unwrap();
        let response = door.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Listening(response.into_body().into_data_stream())
    }

    /// Name and data of the next event; none at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let chunk = tokio::time::timeout(std::time::Duration::from_secs(60), self.0.next())
                .await
                .unwrap()?;
            let text = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
            let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
            if let Some(event) = field("event: ") {
                return Some((event, serde_json::from_str(&field("data: ").unwrap()).unwrap()));
            }
            assert!(text.starts_with(':'), "heartbeat: {text}");
        }
    }
}

#[tokio::test]
async fn a_device_is_watched_as_long_as_somebody_listens() {
    let door = Door::open();
    let pump = DeviceKey::new("hangzhou-plant", "pump-101").unwrap();
    let other = DeviceKey::new("hangzhou-plant", "pump-102").unwrap();
    let mut stream = Listening::to(&door, "/api/v1/stream?device=hangzhou-plant/pump-101").await;
    assert_eq!(
        door.fake.with(|s| s.watched.lock().unwrap().clone()),
        std::slice::from_ref(&pump)
    );
    door.fake.read(&other, Timestamp(0), "m", 1.0);
    door.fake.read(&pump, Timestamp(0), "m", 2.0);
    let (name, reading) = stream.next().await.unwrap();
    assert_eq!(name, "reading");
    assert_eq!(
        reading,
        json!({"at": "1970-01-01T00:00:00.000Z", "values": [["m", 2.0]]})
    );
    door.fake.tell(StreamEvent::Closing);
    assert_eq!(stream.next().await, None);
    drop(stream);
    assert!(door.fake.with(|s| s.watched.lock().unwrap().is_empty()));
}

#[tokio::test]
async fn changes_reach_those_whom_they_concern() {
    let door = Door::open();
    let mut all = Listening::to(&door, "/api/v1/stream").await;
    let mut pump = Listening::to(&door, "/api/v1/stream?device=hangzhou-plant/pump-101").await;
    door.post(&format!("{ALARM}/acknowledge"), json!({})).await;
    door.post(&format!("{TICKET}/comment"), json!({"text": "a"})).await;
    assert_eq!(all.next().await.unwrap().0, "alarm");
    let (name, ticket) = all.next().await.unwrap();
    assert_eq!((name.as_str(), &ticket["id"]), ("ticket", &json!("T-000042")));
    let incident = door.fake.with(|s| s.incidents[2].clone());
    door.fake.tell(StreamEvent::Incident(std::sync::Arc::new(incident)));
    door.fake.tell(StreamEvent::Fleet(Default::default()));
    let (name, incident) = all.next().await.unwrap();
    assert_eq!((name.as_str(), &incident["id"]), ("incident", &json!("I-000003")));
    assert_eq!(pump.next().await.unwrap().0, "ticket");
    assert_eq!(
        pump.next().await.unwrap().0,
        "fleet",
        "one machine's page hears of it by its alarm"
    );
}

#[tokio::test]
async fn who_is_too_slow_is_told_to_look_anew() {
    let door = Door::open();
    let mut stream = Listening::to(&door, "/api/v1/stream").await;
    for _ in 0..1000 {
        door.fake.tell(StreamEvent::Fleet(Default::default()));
    }
    assert_eq!(stream.next().await.unwrap().0, "resync");
    assert_eq!(stream.next().await.unwrap().0, "fleet");
}

#[test]
fn the_views_write_words_not_variants() {
    let part = Component {
        name: "x".into(),
        state: ComponentState::Degraded,
        detail: Text::default(),
    };
    assert_eq!(serde_json::to_value(part).unwrap()["state"], "degraded");
}

#[tokio::test]
async fn a_window_is_planned_and_ended_on_its_page() {
    let door = Door::with(
        WebConfig::default(),
        &[("host", "localhost"), ("sec-fetch-site", "same-origin")],
    );
    let weekly = "back=/windows&reason=night+work&purpose=maintenance&sites=harbour*&devices=pump-1,+pump-2&schedule=weekly\
                  &from=22:00&minutes=90&time_zone=Europe/Berlin&monday=yes&friday=yes";
    let planned = door.form("/windows", &[], weekly).await;
    assert_eq!(planned.status, StatusCode::SEE_OTHER, "{planned:?}");
    let page = door.get("/windows").await.body;
    for said in [
        "night work",
        "harbour*",
        "pump-1, pump-2",
        "Monday, Friday 22:00 (Europe/Berlin)",
        "90 min",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for (wrong, field) in [
        (
            "reason=x&purpose=maintenance&sites=a&schedule=once&from=soon&until=2026-12-05T09:00:00Z",
            "/from",
        ),
        (
            "reason=x&purpose=maintenance&sites=a&schedule=weekly&from=22:00&minutes=long",
            "/minutes",
        ),
        ("reason=&purpose=maintenance&sites=a&schedule=until_ended", "/reason"),
    ] {
        let refused = door.form("/windows", &[], wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {refused:?}");
        assert!(refused.body.contains(field), "{wrong}: {refused:?}");
    }
    let windows = door.get("/api/v1/windows").await.json();
    let id = windows[windows.as_array().expect("a list").len() - 1]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let ended = door
        .form(&format!("/windows/{id}/end"), &[], "back=/windows&reason=done")
        .await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{ended:?}");
}
