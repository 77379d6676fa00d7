//! What is asked of Jira, and what its answers mean.

use super::super::samples::{config, opened, ticket};
use super::*;
use alerting::ticket::{Actor, Outcome, ReopenReason, TicketChange};

fn jira() -> Jira {
    let config = config(
        "name = 'desk'\nkind = 'jira'\nurl = 'https://jira.example/'\nuser = 'bot'\ntoken = 't0ken'\nproject = 'PUMPS'",
    );
    Jira::new(&config, "https://jira.example/", "t0ken")
}

fn ok(body: Value) -> Answer {
    Answer {
        status: 200,
        retry_after: None,
        body: body.to_string(),
    }
}

fn closed() -> Note {
    let change = TicketChange::Closed {
        outcome: Outcome::NoFaultFound,
        note: String::new(),
    };
    ticket(5, change, Actor::Person { name: "li".into() })
}

fn issue(category: &str, comment: &str) -> Value {
    json!({"issues": [{"key": "PUMPS-3", "fields": {
        "status": {"statusCategory": {"key": category}}, "comment": {"comments": [{"body": comment}]}}}]})
}

fn asked(verdict: Verdict) -> (Stage, Request) {
    match verdict {
        Verdict::Next(stage, request) => (stage, request),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_looked_for_before_it_is_made() {
    let (jira, note) = (jira(), opened());
    let (stage, request) = jira.first(&note);
    assert_eq!(
        request.url,
        "https://jira.example/rest/api/2/search?jql=project%20%3D%20%22PUMPS%22%20AND%20labels%20%3D%20%22forewarn%3Aharbour\
         %2Fpump-1%2Fbearing_wear%2F1%22%20ORDER%20BY%20created%20ASC&maxResults=1&fields=status,comment"
    );
    assert_eq!(request.headers, [("authorization", "Basic Ym90OnQwa2Vu".to_owned())]);
    let (stage, request) = asked(jira.next(&note, &stage, &ok(json!({"issues": []}))));
    assert_eq!(request.url, "https://jira.example/rest/api/2/issue");
    assert_eq!(
        request.body,
        Some(json!({"fields": {
            "project": {"key": "PUMPS"},
            "issuetype": {"name": "Task"},
            "summary": "[Critical] Bearing wear — harbour/pump-1",
            "description": words::plain(&note),
            "labels": ["forewarn", "forewarn:harbour/pump-1/bearing_wear/1"],
            "priority": {"name": "High"},
        }}))
    );
    let made = ok(json!({"id": "10000", "key": "PUMPS-3", "self": "https://jira.example/rest/api/2/issue/10000"}));
    assert_eq!(jira.next(&note, &stage, &made), Verdict::done("PUMPS-3"));
}

#[test]
fn what_an_earlier_try_made_is_not_made_again() {
    assert_eq!(
        jira().next(&opened(), &Stage::Find, &ok(issue("new", ""))),
        Verdict::done("PUMPS-3")
    );
}

#[test]
fn closing_says_so_and_leaves_by_a_way_to_done() {
    let (jira, note) = (jira(), closed());
    let (stage, request) = asked(jira.next(&note, &Stage::Find, &ok(issue("indeterminate", ""))));
    assert_eq!(request.url, "https://jira.example/rest/api/2/issue/PUMPS-3/comment");
    let body = request.body.expect("a body")["body"].as_str().expect("text").to_owned();
    assert!(
        body.starts_with("[Closed] Bearing wear") && body.ends_with("[forewarn ticket/T-000007/5]"),
        "{body}"
    );
    let (stage, request) = asked(jira.next(&note, &stage, &ok(json!({}))));
    assert_eq!(request.url, "https://jira.example/rest/api/2/issue/PUMPS-3/transitions");
    let ways = json!({"transitions": [
        {"id": "11", "name": "Start", "to": {"statusCategory": {"key": "indeterminate"}}},
        {"id": "31", "name": "Done", "to": {"statusCategory": {"key": "done"}}}]});
    let (stage, request) = asked(jira.next(&note, &stage, &ok(ways)));
    assert_eq!(request.body, Some(json!({"transition": {"id": "31"}})));
    assert!(matches!(jira.next(&note, &stage, &ok(json!({}))), Verdict::Done { .. }));
}

#[test]
fn a_second_try_neither_says_it_twice_nor_closes_twice() {
    let (jira, note) = (jira(), closed());
    let said = "x\n[forewarn ticket/T-000007/5]";
    assert_eq!(
        jira.next(&note, &Stage::Find, &ok(issue("done", said))),
        Verdict::done("PUMPS-3")
    );
    let (stage, _) = asked(jira.next(&note, &Stage::Find, &ok(issue("new", said))));
    assert!(matches!(stage, Stage::WaysOut { to_done: true, .. }));
}

#[test]
fn what_is_opened_again_here_is_opened_again_there() {
    let change = TicketChange::Reopened {
        reason: ReopenReason::RaisedAgain,
    };
    let note = ticket(6, change, Actor::System);
    let (stage, _) = asked(jira().next(&note, &Stage::Find, &ok(issue("done", ""))));
    let expected = Stage::Remark {
        id: "PUMPS-3".into(),
        moves: Some(false),
    };
    assert_eq!(stage, expected);
}
