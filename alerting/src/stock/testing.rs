//! What tests of the stock and of the book share: a file of parts, commands at random, and what must hold of every stock.

use super::*;
use crate::book::Book;
use crate::dispatch::Roster;
use crate::effect::StockCommand;
use domain::TicketId;
use proptest::prelude::*;
use std::collections::BTreeMap;

const ROSTER: &str = r#"
[[engineer]]
name = "because"
region = "east"
van = { "Bearing 6205-2RS" = 1, grease = 1 }
[[engineer]]
name = "li"
"#;

pub(super) const PARTS: &str = r#"
regions = ["west"]
[[part]]
number = "bearing 6205-2RS"
name = { en = "Ball bearing", zh = "球轴承" }
reorder_point = 3
lead_time_days = 20
central = 2
regions = { east = 1, west = 4 }
[[part]]
number = "grease"
lead_time_days = 5
central = 3
"#;

pub(crate) fn roster() -> Roster {
    Roster::parse(ROSTER).expect("sound")
}

pub(crate) fn parts() -> Parts {
    Parts::parse(PARTS, &roster()).expect("sound")
}

/// Places that are there, and one that is not.
fn place() -> impl Strategy<Value = Location> {
    const KNOWN: [&str; 6] = [
        "central",
        "region/east",
        "region/west",
        "van/because",
        "van/li",
        "van/nobody",
    ];
    prop::sample::select(&KNOWN[..]).prop_map(|place| place.parse().expect("a place"))
}

pub(super) fn movement() -> impl Strategy<Value = Movement> {
    let part = prop::sample::select(&["bearing 6205-2RS", "GREASE", "gasket"][..]).prop_map(str::to_owned);
    (part, place(), place(), 0..4u32, 0..4u8).prop_map(|(part, location, to, quantity, what)| match what {
        0 => Movement::Count {
            part,
            location,
            on_hand: quantity,
        },
        1 => Movement::Receive {
            part,
            location,
            quantity,
        },
        2 => Movement::Move {
            part,
            from: location,
            to,
            quantity,
        },
        _ => Movement::Issue {
            part,
            location,
            quantity,
        },
    })
}

pub(crate) fn command() -> impl Strategy<Value = StockCommand> {
    let reason = "inventory".to_owned();
    let booked = movement().prop_map(move |movement| StockCommand::Book {
        movement,
        reason: reason.clone(),
    });
    let held = (1..8u64, prop::option::of(place()), 1..3u32, any::<bool>());
    let held = held.prop_map(|(ticket, location, quantity, is_let_go)| {
        let (ticket, part) = (TicketId(ticket), "grease".to_owned());
        match (location, is_let_go) {
            (Some(location), true) => StockCommand::Release {
                ticket,
                part,
                location,
                quantity,
            },
            (location, _) => StockCommand::Reserve {
                ticket,
                part,
                location,
                quantity,
            },
        }
    });
    prop_oneof![booked, held]
}

/// At every place `0 ≤ reserved ≤ on hand`, and what is reserved there is what tickets keep back there.
pub(super) fn check_counts(stock: &Stock) {
    let mut held: BTreeMap<(PartNumber, Location), u32> = BTreeMap::new();
    for (part, location, count) in stock.tickets().flat_map(|own| own.reserved.iter()) {
        *held.entry((part.clone(), location.clone())).or_default() += count;
    }
    for level in stock.levels() {
        let place = (level.part, level.location);
        assert!(level.counts.reserved <= level.counts.on_hand, "{place:?}");
        assert_eq!(held.remove(&place).unwrap_or(0), level.counts.reserved, "{place:?}");
    }
    assert!(held.is_empty(), "kept back where nothing is: {held:?}");
}

/// The same, and only open tickets keep parts back.
pub(crate) fn check_stock(book: &Book) {
    check_counts(book.stock());
    for own in book.stock().tickets() {
        let ticket = book
            .ticket(own.ticket)
            .expect("parts of archived tickets are forgotten");
        assert!(
            ticket.state.is_open() || own.reserved.is_empty(),
            "{} keeps parts back",
            ticket.id
        );
    }
}
