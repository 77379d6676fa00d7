//! Receivers over real sockets: what each is sent, once, whatever becomes of the answers; trying one; deliveries that were
//! given up; and a ticket that is closed where it was handed over.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::outcome::deliveries;
use tests::publisher::{Outgoing, publish_all, telemetry};
use tests::served::{Asked, MailSink, Reply, Served};

const COMMON: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\n\
                      [outbound]\nlink_base = \"https://fw.example\"\n";
const REGISTRY: &str = "[[device]]\nsite = \"north\"\ndevice = \"pump-1\"\nprofile = \"pump\"\nlocation = \"hall 2\"\n";
const START: i64 = 1_760_000_000_000;
const SECRET: &str = "a-secret-of-twenty-and-more";
const KEY: &str = "north/pump-1/bearing_wear/1";

fn setup(receivers: &[String]) -> GatewaySetup {
    let setup = GatewaySetup::new(&format!("{COMMON}{}", receivers.concat()));
    std::fs::write(setup.folder().join("registry.toml"), REGISTRY).expect("written");
    setup
}

fn receiver(name: &str, kind: &str, more: &str) -> String {
    format!("[[outbound.receiver]]\nname = \"{name}\"\nkind = \"{kind}\"\n{more}\n")
}

fn api(gateway: &RunningGateway) -> Api {
    Api::new(gateway.http.expect("it has pages"))
}

/// A bearing wears out: an alarm, and a ticket.
async fn wear(gateway: &RunningGateway) {
    let velocity = |i: i64| if i < 300 { 1.2 } else { 1.2 + (i - 300) as f64 * 0.02 };
    let at = |i: i64| START + i * 2_000;
    let message = |i: i64| telemetry("north", "pump-1", at(i), i as u64, "vibration_rms_mm_s", velocity(i));
    let messages: Vec<Outgoing> = (0..600).map(message).collect();
    let port = gateway.mqtt_port();
    publish_all("pump-1", &messages, 50, || Some(port), |_| {}).await;
}

async fn until(what: &str, fits: impl Fn() -> bool) {
    let began = Instant::now();
    while !fits() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A Jira that remembers. Its first answer to a new issue is lost.
#[derive(Default)]
struct Desk {
    issues: Vec<Value>,
    comments: Vec<Value>,
    is_done: bool,
    is_slow: bool,
}

fn jira(desk: &Mutex<Desk>, asked: &Asked) -> Reply {
    let mut desk = desk.lock().expect("not poisoned");
    let status = json!({"statusCategory": {"key": if desk.is_done { "done" } else { "new" }}});
    let path = asked.path.split('?').next().unwrap_or_default();
    match (asked.method.as_str(), path) {
        ("GET", "/rest/api/2/search") => {
            let comments = json!({"comments": desk.comments});
            let found = (0..desk.issues.len())
                .map(|i| json!({"key": format!("PUMPS-{}", i + 1), "fields": {"status": status, "comment": comments}}));
            Reply::Json(200, json!({"issues": found.collect::<Vec<_>>()}))
        }
        ("POST", "/rest/api/2/issue") => {
            desk.issues.push(asked.body.clone());
            match desk.issues.len() {
                1 if desk.is_slow => Reply::Hang(Duration::from_secs(5)),
                1 => Reply::Lost,
                n => Reply::Json(201, json!({"key": format!("PUMPS-{n}")})),
            }
        }
        ("POST", "/rest/api/2/issue/PUMPS-1/comment") => {
            desk.comments.push(asked.body.clone());
            Reply::Json(201, json!({"id": "1"}))
        }
        ("GET", "/rest/api/2/issue/PUMPS-1/transitions") => Reply::Json(
            200,
            json!({"transitions": [{"id": "31", "name": "Done", "to": {"statusCategory": {"key": "done"}}}]}),
        ),
        ("POST", "/rest/api/2/issue/PUMPS-1/transitions") => {
            desk.is_done = true;
            Reply::Text(204, "")
        }
        (_, _) => Reply::Text(404, "no such thing"),
    }
}

fn desk() -> (Arc<Mutex<Desk>>, Served, String) {
    let desk: Arc<Mutex<Desk>> = Arc::default();
    let behind = desk.clone();
    let served = Served::start(move |asked, _| jira(&behind, asked));
    let more = format!(
        "url = \"{}\"\ntoken = \"t0ken\"\nproject = \"PUMPS\"\ninbound_secret = \"{SECRET}\"",
        served.url()
    );
    (desk, served, receiver("jira", "jira", &more))
}

#[tokio::test]
async fn each_receiver_is_told_in_its_own_format_and_once_whatever_becomes_of_the_answers() {
    let pager = Served::start(|_, _| Reply::Json(202, json!({"status": "success", "dedup_key": KEY})));
    let busy = Served::start(|_, before| match before.len() {
        0 => Reply::Later(3),
        _ => Reply::Text(200, "ok"),
    });
    let robot = Served::start(|_, _| Reply::Json(200, json!({"errcode": 0, "errmsg": "ok"})));
    let feishu = Served::start(|_, _| Reply::Json(200, json!({"code": 0, "msg": "success"})));
    let alerts = Served::start(|_, _| Reply::Text(200, ""));
    let (desk, jira, jira_config) = desk();
    let mails = MailSink::start();
    let setup = setup(&[
        receiver(
            "pager",
            "pagerduty",
            &format!("routing_key = \"k\"\nurl = \"{}/v2/enqueue\"", pager.url()),
        ),
        receiver(
            "chat",
            "slack",
            &format!("url = \"{}/x\"\nevents = [\"alarm\"]", busy.url()),
        ),
        receiver(
            "wecom",
            "wecom",
            &format!(
                "url = \"{}/send?key=1\"\nlanguage = \"zh\"\nevents = [\"alarm\"]",
                robot.url()
            ),
        ),
        receiver(
            "feishu",
            "feishu",
            &format!(
                "url = \"{}/hook\"\nsign_secret = \"s\"\nevents = [\"alarm\"]",
                feishu.url()
            ),
        ),
        receiver("alerts", "alertmanager", &format!("url = \"{}\"", alerts.url())),
        jira_config,
        receiver(
            "mail",
            "email",
            &format!(
                "host = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"fw@plant.example\"\nto = [\"li@plant.example\"]\nevents = [\"ticket\"]",
                mails.port()
            ),
        ),
    ]);
    let gateway = setup.start();
    let api = api(&gateway);
    wear(&gateway).await;
    api.wait_for("tickets", |page| page["items"].as_array().is_some_and(|t| t.len() == 1))
        .await;
    until("everything to be delivered", || {
        deliveries(&setup, "waiting").is_empty()
    })
    .await;
    assert_eq!(deliveries(&setup, "dead"), []);

    let event = &pager.asked()[0].body;
    assert_eq!(
        (&event["event_action"], &event["dedup_key"]),
        (&json!("trigger"), &json!(KEY))
    );
    assert_eq!(event["payload"]["source"], "north/pump-1");
    let link = format!("https://fw.example/alarms/{KEY}");
    assert_eq!(event["links"][0]["href"], *link);
    let tries = busy.asked();
    assert!(
        tries[1].at - tries[0].at > Duration::from_millis(2_500),
        "429 is obeyed"
    );
    assert_eq!(tries[0].body, tries[1].body);
    let text = tries[0].body["text"].as_str().expect("text");
    assert!(text.contains(" is above 2.8 ") && text.contains(&link), "{text}");
    let content = robot.asked()[0].body["markdown"]["content"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(
        content.contains("**原因**：") && content.contains("2.8") && content.contains(&link),
        "{content}"
    );
    assert!(feishu.asked()[0].body["sign"].is_string());
    assert_eq!(alerts.asked()[0].path, "/api/v2/alerts");

    // the answer to the new issue was lost: it was found again, not made again
    let made = desk.lock().expect("not poisoned").issues.clone();
    assert_eq!(made.len(), 1, "{made:#?}");
    assert_eq!(
        made[0]["fields"]["labels"],
        json!(["forewarn", format!("forewarn:{KEY}")])
    );
    assert!(jira.asked().iter().all(|a| a.authorization == "Bearer t0ken"));

    // a mail whose answer was lost comes again under the same Message-ID
    let mails = mails.mails();
    let line = |mail: &str, name: &str| mail.lines().find(|l| l.starts_with(name)).map(str::to_owned);
    assert_eq!(line(&mails[0], "Message-ID:"), line(&mails[1], "Message-ID:"));
    assert!(
        mails
            .iter()
            .all(|m| line(m, "References:") == line(&mails[0], "References:"))
    );
    gateway.stop();
}

#[tokio::test]
async fn a_power_cut_between_making_an_issue_and_hearing_of_it_makes_no_second_one() {
    let (desk, _jira, config) = desk();
    desk.lock().expect("not poisoned").is_slow = true;
    let setup = setup(&[config]);
    let gateway = setup.start();
    wear(&gateway).await;
    until("the issue", || desk.lock().expect("not poisoned").issues.len() == 1).await;
    gateway.kill();
    assert!(!deliveries(&setup, "waiting").is_empty(), "its delivery is not done");
    let gateway = setup.start();
    until("everything to be delivered", || {
        deliveries(&setup, "waiting").is_empty()
    })
    .await;
    assert_eq!(desk.lock().expect("not poisoned").issues.len(), 1);
    gateway.stop();
}

#[tokio::test]
async fn what_is_gone_is_disabled_and_what_was_given_up_is_sent_again() {
    let is_open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let door = is_open.clone();
    let moved = Served::start(move |_, _| match door.load(std::sync::atomic::Ordering::Acquire) {
        true => Reply::Text(200, "ok"),
        false => Reply::Text(410, "channel_is_archived"),
    });
    let setup = setup(&[receiver("chat", "slack", &format!("url = \"{}/x\"", moved.url()))]);
    let gateway = setup.start();
    let api = api(&gateway);
    wear(&gateway).await;
    until("something to be given up", || !deliveries(&setup, "dead").is_empty()).await;
    until("nothing to wait", || deliveries(&setup, "waiting").is_empty()).await;
    let page = api.get("outbound/dead").await.ok();
    assert_eq!(moved.asked().len(), 1, "after 410 nothing else is sent");
    let receivers = api.get("outbound/receivers").await.ok();
    assert_eq!(
        (&receivers[0]["name"], &receivers[0]["state"]),
        (&json!("chat"), &json!("disabled"))
    );
    let tried = api.post("outbound/receivers/chat/test", json!({})).await.ok();
    assert_eq!(tried["arrived"], false);
    assert!(
        tried["said"]
            .as_str()
            .is_some_and(|s| s.contains("channel_is_archived")),
        "{tried}"
    );

    is_open.store(true, std::sync::atomic::Ordering::Release);
    let tried = api.post("outbound/receivers/chat/test", json!({})).await.ok();
    assert_eq!(tried, json!({"arrived": true, "said": "ok"}));
    let test = moved.asked().pop().expect("the test").body;
    assert!(test["text"].as_str().is_some_and(|t| t.contains("[Test]")), "{test}");
    for letter in page["items"].as_array().expect("letters") {
        api.post(&format!("outbound/dead/{}/resend", letter["id"]), json!({}))
            .await
            .ok();
    }
    api.wait_for("outbound/dead", |page| page["items"] == json!([])).await;
    until("everything to be delivered", || {
        deliveries(&setup, "waiting").is_empty()
    })
    .await;
    let receivers = api.get("outbound/receivers").await.ok();
    assert_eq!(
        (&receivers[0]["state"], &receivers[0]["dead"]),
        (&json!("ok"), &json!(0))
    );
    let audit = api.get("audit").await.ok().to_string();
    assert!(audit.contains("receiver.tried") && audit.contains("delivery.resent"));
    assert_eq!(api.post("outbound/dead/999999/resend", json!({})).await.status, 404);
    assert_eq!(api.post("outbound/receivers/nobody/test", json!({})).await.status, 404);
    gateway.stop();
}

#[tokio::test]
async fn what_is_closed_in_jira_is_closed_here_and_does_not_go_back() {
    let (desk, served, config) = desk();
    let setup = setup(&[config]);
    let gateway = setup.start();
    let api = api(&gateway);
    wear(&gateway).await;
    until("the issue", || desk.lock().expect("not poisoned").issues.len() == 1).await;
    until("everything to be delivered", || {
        deliveries(&setup, "waiting").is_empty()
    })
    .await;
    let page = api.get("tickets").await.ok();
    let ticket = format!("tickets/{}", page["items"][0]["id"].as_str().expect("an id"));

    let issue = |category: &str| {
        json!({"key": "PUMPS-1", "fields": {"labels": ["forewarn", format!("forewarn:{KEY}")],
               "status": {"statusCategory": {"key": category}}}})
    };
    let comment = json!({"webhookEvent": "comment_created", "issue": issue("new"),
                         "comment": {"body": "part ordered", "author": {"displayName": "Li Wei"}}});
    let path = format!("outbound/inbound/jira?secret={SECRET}");
    assert_eq!(
        api.post("outbound/inbound/jira?secret=wrong", comment.clone())
            .await
            .status,
        404
    );
    assert_eq!(api.post(&path, comment).await.ok(), json!({"done": "commented"}));
    let closed = json!({"webhookEvent": "jira:issue_updated", "user": {"displayName": "Li Wei"}, "issue": issue("done"),
                        "changelog": {"items": [{"field": "status"}]}});
    assert_eq!(api.post(&path, closed.clone()).await.ok(), json!({"done": "closed"}));
    assert_eq!(
        api.post(&path, closed).await.ok(),
        json!({"done": "nothing"}),
        "told twice"
    );

    let seen = api.get(&ticket).await.ok();
    assert_eq!(seen["state"], "closed", "{seen}");
    let text = seen.to_string();
    assert!(
        text.contains("closed in Jira PUMPS-1 by Li Wei") && text.contains("part ordered"),
        "{text}"
    );
    until("everything to be delivered", || {
        deliveries(&setup, "waiting").is_empty()
    })
    .await;
    let echoes = served
        .asked()
        .iter()
        .filter(|a| a.body.to_string().contains("part ordered"))
        .count();
    assert_eq!(echoes, 0, "what came from Jira does not go back");
    gateway.stop();
}
