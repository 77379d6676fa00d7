use super::*;
use proptest::prelude::*;

const ROSTER: &str = r#"
[[engineer]]
name = "li"
skills = ["bearings", "vibration"]
region = "east"
latitude = 31.23
longitude = 121.47
van = { "6205-2RS" = 2 }

[[engineer]]
name = "wang"
skills = ["refrigeration"]
latitude = 31.23
longitude = 121.47
hours = { from = "00:00", until = "24:00", days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] }

[[engineer]]
name = "zhao"
skills = ["Bearings"]
latitude = 39.90
longitude = 116.40
sites = ["plant"]
most_open_tickets = 2
"#;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an instant")
}

fn roster() -> Roster {
    Roster::parse(ROSTER).expect("sound")
}

fn job() -> Job {
    Job {
        site: SiteName::new("plant").expect("a name"),
        place: Place::new(31.30, 120.58),
        whereabouts: None,
        region: "east".into(),
        skills: vec!["bearings".into()],
        parts: vec!["6205-2RS".into()],
    }
}

fn names(proposals: &[Proposal]) -> Vec<&str> {
    proposals.iter().map(|p| p.engineer.as_str()).collect()
}

/// A Wednesday at noon.
const NOON: &str = "2026-12-02T12:00:00Z";

#[test]
fn who_has_the_skill_the_part_and_the_shortest_way_stands_first_and_it_is_said_why() {
    let proposals = propose(&roster(), &job(), &BTreeMap::new(), &BTreeSet::new(), at(NOON));
    assert_eq!(names(&proposals), ["li", "zhao", "wang"]);
    let said: Vec<String> = proposals[0].reasons.iter().map(|r| r.text().en).collect();
    let expected = [
        "has the skills: bearings",
        "85 km away",
        "at work now",
        "0 of at most 5 tickets open",
        "on the van: 6205-2RS",
    ];
    assert_eq!(said, expected);
    assert!(!proposals[2].is_fit, "wang lacks the skill");
    assert!(proposals[2].reasons.contains(&Reason::LacksSkills {
        skills: vec!["bearings".into()]
    }));
}

#[test]
fn who_has_no_room_stands_behind_who_has_and_who_goes_there_anyway_before() {
    let mut loads = BTreeMap::new();
    let open = 5;
    let at_site = BTreeSet::new();
    loads.insert("li".to_owned(), Load { open, at_site });
    let at_site = BTreeSet::from([TicketId(7)]);
    loads.insert("zhao".to_owned(), Load { open: 1, at_site });
    let proposals = propose(&roster(), &job(), &loads, &BTreeSet::new(), at(NOON));
    assert_eq!(names(&proposals), ["zhao", "li", "wang"]);
    assert!(proposals[1].reasons.contains(&Reason::Full { open: 5, most: 5 }));
    let said: Vec<String> = proposals[0].reasons.iter().map(|r| r.text().en).collect();
    assert!(
        said.contains(&"goes to the same site anyway: T-000007".to_owned()),
        "{said:?}"
    );
}

#[test]
fn at_night_it_is_said_when_work_begins_and_who_is_on_call_counts_as_at_work() {
    let night = at("2026-12-02T20:00:00Z");
    let proposals = propose(&roster(), &job(), &BTreeMap::new(), &BTreeSet::new(), night);
    let begins = at("2026-12-03T09:00:00Z");
    assert!(proposals[0].reasons.contains(&Reason::ShiftBegins { at: begins }));
    let on_call = BTreeSet::from(["li".to_owned()]);
    let called = propose(&roster(), &job(), &BTreeMap::new(), &on_call, night);
    assert!(called[0].reasons.contains(&Reason::OnCall));
    assert!(called[0].score > proposals[0].score);
}

#[test]
fn every_mistake_of_the_file_is_told_with_its_path() {
    let text = "[[engineer]]\nname = ''\nlatitude = 91.0\nlongitude = 0.0\nmost_open_tickets = 0\n[[engineer]]\nname = ''\nlongitude = 1.0\nhours = { from = 'soon' }\n";
    let problems = Roster::parse(text).expect_err("wrong");
    let mut paths: Vec<_> = problems.iter().map(|p| p.path.as_str()).collect();
    paths.sort_unstable();
    let expected = [
        "engineer[0].latitude",
        "engineer[0].most_open_tickets",
        "engineer[0].name",
        "engineer[1].hours.from",
        "engineer[1].latitude",
        "engineer[1].name",
        "engineer[1].name",
    ];
    assert_eq!(paths, expected);
}

proptest! {
    #[test]
    fn the_order_does_not_depend_on_the_file_and_scores_stay_within_a_hundred(
        open in prop::collection::vec(0u32..8, 3), ms in 1_700_000_000_000i64..1_900_000_000_000, turn in 0usize..3, is_on_call: bool,
    ) {
        let loads = ["li", "wang", "zhao"].iter().zip(open).map(|(name, open)| {
            let at_site = if open > 3 { BTreeSet::from([TicketId(u64::from(open))]) } else { BTreeSet::new() };
            ((*name).to_owned(), Load { open, at_site })
        });
        let loads: BTreeMap<_, _> = loads.collect();
        let on_call: BTreeSet<_> = is_on_call.then(|| "wang".to_owned()).into_iter().collect();
        let mut entries: Vec<&str> = ROSTER.split("[[engineer]]").skip(1).collect();
        entries.rotate_left(turn);
        let turned: String = entries.iter().map(|e| format!("[[engineer]]{e}")).collect();
        let turned = Roster::parse(&turned).expect("sound");
        let proposals = propose(&roster(), &job(), &loads, &on_call, Timestamp(ms));
        prop_assert_eq!(&propose(&turned, &job(), &loads, &on_call, Timestamp(ms)), &proposals);
        for (i, p) in proposals.iter().enumerate() {
            prop_assert!(p.score <= 100 && p.rank as usize == i + 1);
        }
        prop_assert!(proposals.windows(2).all(|w| (w[0].is_fit, w[0].score) >= (w[1].is_fit, w[1].score)));
    }
}

#[test]
fn who_has_the_part_on_the_van_stands_before_the_region_the_centre_and_who_must_wait() {
    let file = "regions = [\"east\"]\n[[part]]\nnumber = \"6205-2rs\"\nlead_time_days = 12\n[[part]]\nnumber = \"seal\"\nlead_time_days = 30\n";
    let place = |text: &str| text.parse().expect("a place");
    let parts = crate::stock::Parts::parse(file, &roster()).expect("sound");
    let mut stock = crate::stock::Stock::restore(&parts, Vec::new(), Vec::new());
    let said = |stock: &crate::stock::Stock, who: &str, named: &[&str]| {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let whereabouts = Whereabouts::of(&parts, stock, TicketId(1), &named, "east");
        let mut reasons = Vec::new();
        let points = whereabouts.judge(who, &named, 10, &mut reasons);
        let texts: Vec<String> = reasons.iter().map(|r| r.text().en).collect();
        (points, texts.join("; "))
    };
    let bearing = ["6205-2RS"];
    assert_eq!(said(&stock, "li", &bearing), (10, "on the van: 6205-2RS".into()));
    let nowhere = "nowhere in reach, 12 days to order: 6205-2RS";
    assert_eq!(said(&stock, "wang", &bearing), (0, nowhere.into()));
    // two are on the van, three are needed
    assert_eq!(said(&stock, "li", &["6205-2RS"; 3]).0, 0);
    let receive = |to: &str| crate::stock::Movement::Receive {
        part: "6205-2RS".into(),
        location: place(to),
        quantity: 1,
    };
    stock.book(&parts, &receive("central")).expect("a place");
    assert_eq!(
        said(&stock, "wang", &bearing),
        (3, "only in the central stock: 6205-2RS".into())
    );
    stock.book(&parts, &receive("region/east")).expect("a place");
    assert_eq!(
        said(&stock, "wang", &bearing),
        (6, "in the region's stock: 6205-2RS".into())
    );
    let both = said(&stock, "li", &["6205-2RS", "seal", "rag"]);
    let texts = "on the van: 6205-2RS; nowhere in reach, 30 days to order: seal; not kept in stock: rag";
    assert_eq!(both, (5, texts.into()));
    // what is kept back for others is not there; what is kept back for the ticket itself is
    let now = Timestamp(0);
    stock
        .reserve(&parts, TicketId(1), "6205-2RS", &place("van/li"), 2, now)
        .expect("two are free");
    assert_eq!(said(&stock, "li", &bearing).0, 10);
    stock.release_all(TicketId(1), now);
    stock
        .reserve(&parts, TicketId(2), "6205-2RS", &place("van/li"), 2, now)
        .expect("two are free");
    assert_eq!(said(&stock, "li", &bearing).0, 6);
}
