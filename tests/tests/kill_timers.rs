//! Kills the gateway again and again while tickets wait for an answer, so that timers come due in every moment: before, after
//! and while it is dark. Each level of each ticket is told, once; each clock that runs out is told, once; each delivery
//! arrives, under one id. The review of each month is made, once.
//!
//! `FOREWARN_TEST_SEED` repeats a run, `FOREWARN_KILLS` sets how often it is killed (default 25).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::hall::Hall;
use tests::outcome::tickets;
use tests::receiver::check_events;
use tests::seed::{number, seed};
use tests::wait::wait_for;

const PRESSES: usize = 8;
/// A minute of the gateway's clock passes in so many seconds of ours: the test's length.
const MINUTE: f64 = 1.0;
/// From the first ticket until the last level is told and the last clock has run out, minutes.
const MINUTES: f64 = 20.0;

/// Five levels, a few minutes apart, and clocks that run out between them.
fn config() -> String {
    let levels: Vec<String> = (1..=5)
        .map(|level| {
            format!(
                "{{ tell = [\"person:p{level}\"], answer_within_min = {} }}",
                2 + level % 2
            )
        })
        .collect();
    format!(
        "[alerting.storms]\nnotices = 0\nflood_above = 1000\ncommon_cause_machines = 1000\n\
         [alerting.clocks]\nordinary = {{ first_response_min = 5, resolution_min = 9, diagnosis_min = 7 }}\n\
         key = {{ first_response_min = 4, on_site_min = 8, diagnosis_min = 11 }}\n\
         [[alerting.escalation]]\nname = \"service\"\nlevels = [{}]\n",
        levels.join(", ")
    )
}

#[tokio::test]
async fn every_level_and_every_clock_is_told_once_however_often_the_gateway_is_killed() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let now = gateway::clock::Clock::System.now();
    let mut hall = Hall::open_at(&config(), Some(&format!("{now}*{}", 60.0 / MINUTE)));
    let began = Instant::now();
    for press in 0..PRESSES {
        hall.press_says(&format!("press-{press}"), &[(now.0, 12.0)]).await;
    }
    let (kills, span) = (number("FOREWARN_KILLS", 25), MINUTES * MINUTE);
    for kill in 0..kills {
        let until = span * (kill + 1) as f64 / kills as f64 + rng.random_range(-0.2..0.2);
        let left = Duration::from_secs_f64(until.max(0.0)).saturating_sub(began.elapsed());
        tokio::time::sleep(left).await;
        hall.power_cut();
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..300))).await;
        hall.power_back();
    }
    wait_for("every level to be told", Duration::from_secs(30), || {
        let tickets = tickets(&hall.setup);
        let has_all = |ticket: &Value| changes(ticket, "told").any(|(_, change)| level(change) == 5);
        (tickets.len() == PRESSES && tickets.iter().all(has_all)).then_some(())
    });
    // long enough for a second telling, if there were one
    tokio::time::sleep(Duration::from_secs_f64(3.0 * MINUTE)).await;

    let told = hall.told("ticket");
    check_events(&hall.told.received());
    let all = tickets(&hall.setup);
    assert_eq!(all.len(), PRESSES);
    for ticket in &all {
        let clocks: Vec<String> = changes(ticket, "clock_breached")
            .map(|(_, change)| change["clock"].to_string())
            .collect();
        let once: BTreeSet<&String> = clocks.iter().collect();
        assert_eq!(once.len(), clocks.len(), "a clock was told twice: {clocks:?}");
        assert!(clocks.len() >= 2, "clocks have run out: {clocks:?}");
        // left unanswered, a ticket goes up level by level; a clock that runs out makes it go up at once
        let levels: Vec<u64> = changes(ticket, "told").map(|(_, change)| level(change)).collect();
        let is_unanswered = |change: &Value| change["because"]["because"] == "unanswered";
        let unanswered: Vec<u64> = changes(ticket, "told")
            .filter(|(_, change)| is_unanswered(change))
            .map(|(_, change)| level(change))
            .collect();
        let once: BTreeSet<&u64> = unanswered.iter().collect();
        assert_eq!(once.len(), unanswered.len(), "a level was told twice: {levels:?}");
        assert!(
            (2..=5).all(|level| levels.contains(&level)),
            "a level was left out: {levels:?}"
        );
        assert!(levels.is_sorted(), "{levels:?}");
        let key = ticket["key"].as_str().expect("a key");
        let arrived: BTreeSet<u64> = told
            .iter()
            .filter(|event| event["ticket_key"] == key)
            .map(|event| event["revision"].as_u64().expect("a number"))
            .collect();
        for (revision, change) in changes(ticket, "told") {
            assert!(arrived.contains(&revision), "{key}: nobody heard of {change}");
        }
    }
    hall.close();
}

/// Months pass in seconds.
#[tokio::test]
async fn the_review_of_each_month_is_made_once_however_often_the_gateway_is_killed() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed() ^ 0x6d6f_6e74);
    let now = gateway::clock::Clock::System.now();
    let month_ms = 1_500;
    let speed = 30 * 86_400_000_i64 / month_ms;
    let mut hall = Hall::open_at("", Some(&format!("{now}*{speed}")));
    hall.press_says("press-1", &[(now.0, 12.0)]).await;
    for _ in 0..number("FOREWARN_KILLS", 12) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(300..2_000))).await;
        hall.power_cut();
        hall.power_back();
    }
    let api = hall.api();
    let reports = api.get("reports").await.ok();
    let months: Vec<&str> = reports
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|r| r["month"].as_str())
        .collect();
    assert!(months.len() >= 5, "{months:?}");
    let number = |month: &str| {
        let (year, month) = month.split_once('-').expect("a month");
        year.parse::<u32>().expect("a year") * 12 + month.parse::<u32>().expect("a month")
    };
    assert!(
        months.windows(2).all(|pair| number(pair[0]) == number(pair[1]) + 1),
        "{months:?}"
    );
    let audit = api.get("audit?limit=1000").await.ok();
    let made = audit["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|line| line["action"] == "report.made");
    let mut made: Vec<&str> = made.filter_map(|line| line["subject"].as_str()).collect();
    made.sort_unstable();
    let mut expected: Vec<String> = months.iter().map(|month| format!("report/{month}")).collect();
    expected.sort_unstable();
    // more may have been made since the list was read
    assert_eq!(made[..expected.len()], expected, "each once in the audit trail");
    let first = months.last().expect("the first");
    let csv = api.get(&format!("reports/{first}.csv")).await;
    assert_eq!((csv.status, csv.kind.as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(
        api.get(&format!("reports/{first}.html")).await.kind,
        "text/html; charset=utf-8"
    );
    assert_eq!(api.get("reports/2020-01.html").await.status, 404);
    hall.close();
}

/// The changes of this kind in a ticket's history, each with the revision it made.
fn changes<'t>(ticket: &'t Value, kind: &'t str) -> impl Iterator<Item = (u64, &'t Value)> {
    let history = ticket["history"].as_array().expect("it has a history");
    let all = (1..).zip(history.iter().map(|entry| &entry["what"]));
    all.filter(move |(_, what)| what["kind"] == kind)
}

fn level(change: &Value) -> u64 {
    change["level"].as_u64().expect("a level")
}
