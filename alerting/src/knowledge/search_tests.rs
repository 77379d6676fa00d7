//! What is found for which question, and in which order.

use super::*;
use crate::book::test_pump;
use domain::profile::FaultCode;
use domain::text::Text;
use domain::{Profile, Severity};
use proptest::prelude::*;
use std::sync::Arc;

fn entry(id: u64, title: &str, cause: &str, mode: &str, codes: &[&str]) -> EntryRecord {
    let content = Content {
        title: title.into(),
        profiles: BTreeSet::from(["pump".to_owned()]),
        fault_codes: codes.iter().map(|c| (*c).to_owned()).collect(),
        failure_mode: FailureModeId::new(mode).ok(),
        cause: cause.into(),
        solution: "replace".into(),
        ..Content::default()
    };
    EntryRecord::draft(EntryId(id), content, "li".into(), Timestamp(1)).unwrap()
}

fn of_text(text: &str) -> Query {
    Query {
        text: text.into(),
        profile: None,
        failure_mode: None,
        fault_codes: BTreeSet::new(),
        wanted: Wanted::All,
    }
}

fn ids(entries: &[EntryRecord], query: &Query) -> Vec<u64> {
    let (hits, _) = search(entries.iter().map(Candidate::Entry), query, MOST_HITS);
    let number = |hit: &Hit<'_>| match hit.candidate {
        Candidate::Entry(entry) => entry.id.0,
        Candidate::Maker(_) => 0,
    };
    hits.iter().map(number).collect()
}

fn some() -> Vec<EntryRecord> {
    vec![
        entry(1, "bearing worn", "no grease", "bearing_wear", &["E31"]),
        entry(
            2,
            "cavitation",
            "suction strainer blocked, bearing suffers",
            "cavitation",
            &["E40"],
        ),
        entry(3, "轴承磨损", "润滑脂干涸", "bearing_wear", &[]),
    ]
}

#[test]
fn words_of_both_languages_and_codes_find_their_entries() {
    let entries = some();
    for (text, found) in [
        ("Bearings", vec![1, 3, 2]),
        ("E31", vec![1]),
        ("e40 ", vec![2]),
        ("轴承", vec![3]),
        ("润滑脂", vec![3]),
        ("干磨", vec![]),
        ("strainer", vec![2]),
        ("gearbox", vec![]),
        ("", vec![1, 2, 3]),
    ] {
        assert_eq!(ids(&entries, &of_text(text)), found, "{text}");
    }
}

#[test]
fn everything_that_is_asked_for_must_fit_unless_it_is_asked_for_a_ticket() {
    let entries = some();
    let mut query = Query {
        failure_mode: FailureModeId::new("bearing_wear").ok(),
        fault_codes: BTreeSet::from(["e40".to_owned()]),
        profile: Some("pump".into()),
        ..of_text("")
    };
    assert_eq!(ids(&entries, &query), Vec::<u64>::new());
    query.wanted = Wanted::Either;
    assert_eq!(ids(&entries, &query), [2, 1, 3], "the code is the surest sign");
    query.profile = Some("fan".into());
    assert_eq!(
        ids(&entries, &query),
        [2, 1, 3],
        "what another class of machine knows is better than nothing"
    );
    query.wanted = Wanted::All;
    query.fault_codes.clear();
    assert_eq!(ids(&entries, &query), Vec::<u64>::new());
}

#[test]
fn of_equals_the_one_that_ended_more_faults_more_surely_stands_first() {
    let mut entries: Vec<EntryRecord> = (1..=4).map(|n| entry(n, "worn", "age", "wear", &[])).collect();
    let rate = |entry: &mut EntryRecord, helped: u64, not: u64| {
        for ticket in 0..helped + not {
            entry
                .rate(TicketId(ticket), ticket < helped, "li".into(), Timestamp(2))
                .unwrap();
        }
    };
    rate(&mut entries[0], 1, 0); // one of one is no habit
    rate(&mut entries[1], 8, 2);
    rate(&mut entries[2], 2, 8);
    assert_eq!(ids(&entries, &of_text("worn")), [2, 1, 3, 4]);
    entries[3].release("wang".into(), Timestamp(3)).unwrap();
    assert_eq!(
        ids(&entries, &of_text("worn")),
        [4, 2, 1, 3],
        "what an engineer stands for comes first"
    );
    entries[1].retire("wrong".into(), "wang".into(), Timestamp(3)).unwrap();
    assert_eq!(ids(&entries, &of_text("worn")), [4, 1, 3, 2]);
}

fn with_code() -> Arc<Profile> {
    let mut profile = (*test_pump()).clone();
    let code = FaultCode {
        mode: profile.mode_index("bearing_wear").unwrap(),
        severity: Severity::Critical,
        text: Text {
            en: "Motor protection tripped".into(),
            zh: "电机保护跳闸".into(),
        },
        service: None,
        cause: Text {
            en: "Seized bearing".into(),
            zh: "轴承卡死".into(),
        },
    };
    profile.fault_codes.insert("E31".into(), code);
    Arc::new(profile)
}

#[test]
fn makers_say_something_of_every_fault_code_and_failure_mode_and_are_found_in_both_languages() {
    let makers = makers_entries(&with_code());
    let keys: BTreeSet<String> = makers.iter().map(MakersEntry::key).collect();
    assert_eq!(keys.len(), makers.len());
    assert!(keys.contains("maker/pump/code/E31") && keys.contains("maker/pump/mode/bearing_wear"));
    for text in ["E31", "seized", "卡死", "跳闸"] {
        let (hits, _) = search(makers.iter().map(Candidate::Maker), &of_text(text), 1);
        let Some(Candidate::Maker(maker)) = hits.first().map(|hit| hit.candidate) else {
            panic!("nothing for {text}")
        };
        assert_eq!(maker.fault_code.as_deref(), Some("E31"), "{text}");
        assert!(!maker.parts.is_empty() && !maker.solution.en.is_empty());
    }
    let entries = some();
    let all = makers
        .iter()
        .map(Candidate::Maker)
        .chain(entries.iter().map(Candidate::Entry));
    let (hits, found) = search(all, &of_text("E31"), MOST_HITS);
    assert_eq!(found, hits.len());
    assert_eq!(
        hits[0].candidate,
        Candidate::Entry(&entries[0]),
        "people before makers where both fit alike"
    );
}

proptest! {
    #[test]
    fn the_order_does_not_depend_on_the_order_of_the_entries(
        seed in prop::collection::vec((0usize..4, 0u64..4, 0u64..4, any::<bool>()), 1..40), turn in 0usize..40, text in "(worn|bearing|E31|轴承| )",
    ) {
        let titles = ["bearing worn", "worn E31", "轴承磨损", "seal"];
        let mut entries: Vec<EntryRecord> = Vec::new();
        for (number, (title, helped, not, is_released)) in seed.iter().enumerate() {
            let mut entry = entry(number as u64 + 1, titles[*title], "age", "wear", &[]);
            for ticket in 0..helped + not {
                entry.rate(TicketId(ticket), ticket < *helped, "li".into(), Timestamp(2)).unwrap();
            }
            if *is_released {
                entry.release("wang".into(), Timestamp(3)).unwrap();
            }
            entries.push(entry);
        }
        let before = ids(&entries, &of_text(&text));
        let middle = turn % entries.len();
        entries.rotate_left(middle);
        prop_assert_eq!(before, ids(&entries, &of_text(&text)));
    }

    #[test]
    fn a_wilson_interval_holds_its_share_and_narrows_with_more(part in 0u64..50, more in 0u64..50) {
        let of = part + more;
        prop_assume!(of > 0);
        let (low, high) = crate::review::Share { part, of }.wilson().unwrap();
        let share = part as f64 / of as f64;
        prop_assert!(0.0 <= low && low <= share + 1e-12 && share <= high + 1e-12 && high <= 1.0);
        let (low_of_more, high_of_more) = crate::review::Share { part: part * 10, of: of * 10 }.wilson().unwrap();
        prop_assert!(high_of_more - low_of_more < high - low);
    }
}

#[test]
fn wilsons_interval_is_that_of_the_textbook() {
    // 8 of 10: 0.490 to 0.943, as tables of the Wilson score interval have it
    let (low, high) = crate::review::Share { part: 8, of: 10 }.wilson().unwrap();
    assert!(
        (low - 0.490).abs() < 5e-4 && (high - 0.943).abs() < 5e-4,
        "{low} {high}"
    );
    assert_eq!(crate::review::Share::default().wilson(), None);
}

#[test]
fn no_more_than_the_limit_is_answered_and_the_rest_is_counted() {
    let entries: Vec<EntryRecord> = (1..=80).map(|n| entry(n, "worn", "age", "wear", &[])).collect();
    let (hits, found) = search(entries.iter().map(Candidate::Entry), &of_text("worn"), usize::MAX);
    assert_eq!((hits.len(), found), (MOST_HITS, 80));
}
