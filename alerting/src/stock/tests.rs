//! Counts against a plain sum, and what tickets keep back and use.

use super::testing::{PARTS, check_counts, movement, parts, roster};
use super::*;
use domain::{TicketId, Timestamp};
use proptest::prelude::*;

const T: TicketId = TicketId(7);
const NOW: Timestamp = Timestamp(1_000);
const BEARING: &str = "bearing 6205-2RS";

fn stock() -> Stock {
    Stock::restore(&parts(), Vec::new(), Vec::new())
}

fn number(name: &str) -> PartNumber {
    parts().find(name).expect("a part").number.clone()
}

fn place(text: &str) -> Location {
    text.parse().expect("a place")
}

fn reach() -> Vec<Location> {
    ["van/because", "region/east", "central"].map(place).to_vec()
}

fn need(part: &str, quantity: u32) -> Need {
    Need {
        part: number(part),
        quantity,
    }
}

/// On hand and reserved of the bearing, by place.
fn bearings(stock: &Stock) -> Vec<(String, u32, u32)> {
    let own = stock.levels().filter(|level| level.part.as_str() == BEARING);
    own.map(|l| (l.location.to_string(), l.counts.on_hand, l.counts.reserved))
        .collect()
}

#[test]
fn the_file_of_parts_tells_every_mistake_with_its_line() {
    let text = "regions = [\"east\", \"east\"]\n[[part]]\nnumber = \"x\"\nlead_time_days = 0\n[[part]]\nnumber = \"X\"\nlead_time_days = 3\nregions = { moon = 1 }\n";
    let problems = Parts::parse(text, &roster()).expect_err("five mistakes");
    let told: Vec<_> = problems.iter().map(|p| (p.line, p.path.as_str())).collect();
    let expected = [
        (Some(1), "regions[1]"),
        (Some(4), "part[0].lead_time_days"),
        (Some(8), "part[1].regions"),
        (Some(6), "part[1].number"),
    ];
    assert_eq!(told[..4], expected, "{problems:#?}");
    let on_van = problems
        .iter()
        .filter(|p| p.message.contains("on the van of because"))
        .count();
    assert_eq!(on_van, 2, "{problems:#?}");
    assert!(Parts::parse("parts = 3", &roster()).is_err());
}

#[test]
fn the_example_of_the_docs_is_sound() {
    let example = include_str!("../../../docs/examples/parts.toml");
    let parts = Parts::parse(example, &crate::dispatch::Roster::default()).expect("no mistakes");
    assert_eq!((parts.iter().count(), parts.locations().len()), (3, 3));
}

#[test]
fn opening_counts_come_from_both_files_and_end_with_the_first_booking() {
    let mut stock = stock();
    let expected = [
        ("central", 2, 0),
        ("region/east", 1, 0),
        ("region/west", 4, 0),
        ("van/because", 1, 0),
    ];
    assert_eq!(bearings(&stock), expected.map(|(p, a, b)| (p.to_owned(), a, b)));
    let all = Movement::Issue {
        part: BEARING.into(),
        location: Location::Central,
        quantity: 2,
    };
    stock.book(&parts(), &all).expect("two are there");
    let again = Stock::restore(&parts(), stock.booked().collect(), Vec::new());
    assert_eq!(again.at(&number(BEARING), &Location::Central), Counts::default());
    assert_eq!(again.whole(&number(BEARING)).on_hand, 6);
}

#[test]
fn a_ticket_takes_from_the_van_then_the_region_then_the_centre_and_the_rest_is_missing() {
    let mut stock = stock();
    stock.reserve_needs(T, &[need(BEARING, 5)], &reach(), NOW);
    let own = stock.ticket(T).expect("has parts");
    let held: Vec<_> = own.reserved.iter().map(|(_, l, n)| (l.to_string(), n)).collect();
    assert_eq!(
        held,
        [
            ("central".to_owned(), 2),
            ("region/east".into(), 1),
            ("van/because".into(), 1)
        ]
    );
    assert_eq!(own.missing.get(&number(BEARING)), Some(&1));
    // somebody else has another van
    stock.reserve_needs(T, &[need(BEARING, 1)], &[place("van/li"), Location::Central], NOW);
    let own = stock.ticket(T).expect("has parts");
    assert_eq!((own.reserved.len(), own.missing.len()), (1, 0));
    assert_eq!(stock.whole(&number(BEARING)).reserved, 1);
    check_counts(&stock);
}

#[test]
fn what_was_used_is_booked_once_however_often_it_is_told() {
    let mut stock = stock();
    let bearing = number(BEARING);
    stock.reserve_needs(T, &[need(BEARING, 1)], &reach(), NOW);
    for _ in 0..3 {
        stock.settle_use(T, &bearing, 1, &reach(), NOW);
    }
    assert_eq!(
        stock.whole(&bearing),
        Counts {
            on_hand: 7,
            reserved: 0
        }
    );
    assert_eq!(stock.at(&bearing, &place("van/because")).on_hand, 0);
    // a second one after all, and then both were a mistake
    stock.settle_use(T, &bearing, 2, &reach(), NOW);
    assert_eq!(stock.at(&bearing, &place("region/east")).on_hand, 0);
    stock.settle_use(T, &bearing, 0, &reach(), NOW);
    assert_eq!(stock.whole(&bearing).on_hand, 8);
    assert_eq!(stock.at(&bearing, &place("van/because")).on_hand, 1);
    // what the books do not have is not taken from where it is not
    stock.settle_use(T, &bearing, 6, &reach(), NOW);
    assert_eq!(stock.ticket(T).expect("known").unbooked.get(&bearing), Some(&2));
    assert_eq!(stock.whole(&bearing).on_hand, 4);
    stock.settle_use(T, &bearing, 4, &reach(), NOW);
    assert_eq!(stock.whole(&bearing).on_hand, 4);
    check_counts(&stock);
}

#[test]
fn what_is_kept_back_is_neither_moved_nor_counted_away() {
    let mut stock = stock();
    let central = Location::Central;
    stock
        .reserve(&parts(), T, BEARING, &central, 2, NOW)
        .expect("two are free");
    let counted = Movement::Count {
        part: BEARING.into(),
        location: central.clone(),
        on_hand: 1,
    };
    let refused = stock.book(&parts(), &counted).expect_err("two are kept back");
    assert!(
        matches!(refused, StockRefusal::IsReserved { reserved: 2, .. }),
        "{refused}"
    );
    let moved = Movement::Move {
        part: BEARING.into(),
        from: central.clone(),
        to: place("van/li"),
        quantity: 1,
    };
    let refused = stock.book(&parts(), &moved).expect_err("none is free");
    assert!(matches!(refused, StockRefusal::NotFree { free: 0, .. }), "{refused}");
    let another = stock.reserve(&parts(), TicketId(8), BEARING, &central, 1, NOW);
    assert!(matches!(another, Err(StockRefusal::NotFree { .. })));
    stock
        .release(&parts(), T, BEARING, &central, 2, NOW)
        .expect("it has them");
    let again = stock.release(&parts(), T, BEARING, &central, 2, NOW);
    assert!(matches!(again, Err(StockRefusal::NotReserved { .. })), "released once");
    stock.book(&parts(), &moved).expect("free again");
    check_counts(&stock);
}

#[test]
fn limits_are_refused_by_name() {
    let (text, roster) = (PARTS.replace("central = 2", "central = 2000000"), roster());
    assert!(Parts::parse(&text, &roster).is_err());
    let mut stock = stock();
    let most = Movement::Receive {
        part: "grease".into(),
        location: Location::Central,
        quantity: MAX_ON_HAND,
    };
    let refused = stock.book(&parts(), &most).expect_err("three are there");
    assert!(matches!(refused, StockRefusal::TooMany { .. }), "{refused}");
    let tickets = (0..MAX_TICKETS_WITH_PARTS as u64).map(|id| ticket::TicketParts::new(TicketId(id), NOW));
    let mut full = Stock::restore(&parts(), Vec::new(), tickets.collect());
    let id = TicketId(MAX_TICKETS_WITH_PARTS as u64);
    let refused = full.reserve(&parts(), id, "grease", &Location::Central, 1, NOW);
    assert!(matches!(refused, Err(StockRefusal::TooManyTickets { .. })));
    full.reserve_needs(id, &[need("grease", 1)], &reach(), NOW);
    full.settle_use(id, &number("grease"), 1, &reach(), NOW);
    assert_eq!(
        (full.tickets().count(), full.ticket(id)),
        (MAX_TICKETS_WITH_PARTS, None)
    );
    check_counts(&full);
}

/// What a movement does to the number of parts there are.
fn gain(movement: &Movement, before: Counts) -> i64 {
    match movement {
        Movement::Count { on_hand, .. } => i64::from(*on_hand) - i64::from(before.on_hand),
        Movement::Receive { quantity, .. } => i64::from(*quantity),
        Movement::Move { .. } => 0,
        Movement::Issue { quantity, .. } => -i64::from(*quantity),
    }
}

#[derive(Debug, Clone)]
enum Act {
    Book(Movement),
    Seek { ticket: u64, quantity: u32 },
    Use { ticket: u64, used: u32 },
    LetGo { ticket: u64 },
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => movement().prop_map(Act::Book),
        2 => (1..4u64, 1..5u32).prop_map(|(ticket, quantity)| Act::Seek { ticket, quantity }),
        2 => (1..4u64, 0..5u32).prop_map(|(ticket, used)| Act::Use { ticket, used }),
        1 => (1..4u64).prop_map(|ticket| Act::LetGo { ticket }),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #[test]
    fn nothing_comes_from_nowhere_nothing_is_lost_and_rows_rebuild_the_stock(acts in prop::collection::vec(act(), 1..60)) {
        let (parts, mut stock) = (parts(), stock());
        let total = |stock: &Stock| -> i64 { stock.levels().map(|l| i64::from(l.counts.on_hand)).sum() };
        let issued = |stock: &Stock| -> i64 {
            stock.tickets().flat_map(|t| t.issued.iter()).map(|(_, _, n)| i64::from(n)).sum()
        };
        let mut rows = std::collections::BTreeMap::new();
        let mut own_rows = std::collections::BTreeMap::new();
        let mut expected = total(&stock);
        for act in acts {
            match act {
                Act::Book(movement) => {
                    let before = stock.clone();
                    let (Movement::Count { location, .. } | Movement::Receive { location, .. } | Movement::Issue { location, .. }
                        | Movement::Move { from: location, .. }) = &movement;
                    match stock.book(&parts, &movement) {
                        Ok(part) => expected += gain(&movement, before.at(&part, location)),
                        Err(_) => prop_assert_eq!(&stock, &before, "a refusal changes nothing"),
                    }
                }
                Act::Seek { ticket, quantity } => {
                    stock.reserve_needs(TicketId(ticket), &[need(BEARING, quantity)], &reach(), NOW);
                    let own = stock.ticket(TicketId(ticket)).expect("it needs some");
                    let part = number(BEARING);
                    let missing = own.missing.get(&part).copied().unwrap_or(0);
                    let left = quantity.saturating_sub(own.used(&part));
                    prop_assert_eq!(own.reserved.of(&part) + missing, left);
                }
                Act::Use { ticket, used } => {
                    stock.settle_use(TicketId(ticket), &number(BEARING), used, &reach(), NOW);
                    let told = stock.ticket(TicketId(ticket)).map_or(0, |own| own.used(&number(BEARING)));
                    prop_assert_eq!(told, used);
                }
                Act::LetGo { ticket } => {
                    stock.release_all(TicketId(ticket), NOW);
                    prop_assert!(stock.release_all(TicketId(ticket), NOW).is_empty(), "once");
                }
                Act::Restart => {
                    let levels = rows.values().cloned().collect();
                    let tickets = own_rows.values().cloned().collect();
                    prop_assert_eq!(&Stock::restore(&parts, levels, tickets), &stock);
                }
            }
            prop_assert_eq!(total(&stock) + issued(&stock), expected);
            check_counts(&stock);
            for change in stock.take_changes() {
                match change {
                    StockChange::Level(level) => { rows.insert((level.part.clone(), level.location.clone()), level); }
                    StockChange::Ticket(own) => { own_rows.insert(own.ticket, *own); }
                    StockChange::Watch(_) => prop_assert!(false, "only the book looks"),
                }
            }
        }
    }
}
