//! What receivers say of parts that have become low, and who gets it.

use super::note::Note;
use super::routes::Route;
use super::samples::{AT, config};
use super::slack;
use alerting::dispatch::Roster;
use alerting::effect::{Background, Message, Outgoing};
use alerting::stock::{Parts, Stock, StockWatch, forecast_all, stock_site};
use alerting::storm::NoticeWeight;
use domain::text::Language;

const SLACK: &str = "name = 'a'\nkind = 'slack'\nurl = 'https://hooks.example/x'\n";

/// Three seals, and four shall stay.
fn low() -> Message {
    let file = "[[part]]\nnumber = 'seal'\nreorder_point = 4\nlead_time_days = 9\ncentral = 3\n";
    let parts = Parts::parse(file, &Roster::default()).expect("sound");
    let stock = Stock::restore(&parts, Vec::new(), Vec::new());
    let found = forecast_all(&parts, &stock, &[], &[], AT, AT);
    let low = StockWatch::default().check(&parts, &found, AT).expect("one is low");
    Message {
        key: format!("parts/low/{}", AT.0),
        site: stock_site(),
        device: None,
        notice: Some(NoticeWeight::Summary),
        about: Background {
            title: low.title(),
            reason: low.reason(),
            ..Background::default()
        },
        content: Outgoing::Parts(low),
    }
}

#[test]
fn a_note_says_what_is_there_and_what_to_order_in_both_languages() {
    let say = |language| {
        let note = Note::of(&low(), language, Some("https://forewarn.example/"));
        slack::request("https://hooks.example/x", &note)
            .body
            .expect("a body")
            .to_string()
    };
    let (english, chinese) = (say(Language::En), say(Language::Zh));
    for said in [
        "Spare parts run low: 1",
        "seal: 3 on hand",
        "order 1",
        "https://forewarn.example/parts?low=yes",
    ] {
        assert!(english.contains(said), "{said}: {english}");
    }
    for said in ["1种备件库存不足", "现有3", "建议订货1"] {
        assert!(chinese.contains(said), "{said}: {chinese}");
    }
}

#[test]
fn it_goes_to_everybody_who_takes_it_and_to_the_keepers_of_parts() {
    for (more, is_sent) in [
        ("", true),
        ("events = ['parts']", true),
        ("events = ['alarm']", false),
        ("groups = ['parts_keepers']", true),
        ("groups = ['supervisors']", false),
        ("from_severity = 'advisory'", false),
        ("[covers]\nsites = ['har*']", false),
    ] {
        let route = Route::new(config(&format!("{SLACK}{more}")));
        assert_eq!(route.send_at(&low(), AT).is_some(), is_sent, "{more}");
    }
    let pager: super::config::ReceiverConfig =
        toml::from_str("name = 'p'\nkind = 'pagerduty'\nrouting_key = 'k'\nevents = ['parts']\n")
            .expect("has the shape");
    assert_eq!(pager.problems("r").len(), 1, "nothing ends what it would begin");
}
