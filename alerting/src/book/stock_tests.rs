//! Parts of tickets through their life: kept back when somebody is sent, booked once when used, let go when the work ends.

use super::tests::{MINUTE, condition, pump};
use super::*;
use crate::effect::{Outgoing, StockCommand};
use crate::record::{Asset, DeviceFacts};
use crate::stock::testing::{check_stock, parts};
use crate::stock::{Location, Movement, StockRefusal, causes};
use crate::ticket::{Actor, Finding, Outcome, TicketCommand, WorkCommand};
use domain::{ConditionState, ModelVersion, Severity};

const BEARING: &str = "bearing 6205-2RS";

/// A pump of the region east with a worn bearing, and its ticket T-000001.
struct Shop {
    book: Book,
    now: i64,
}

impl Shop {
    fn at(site: &str) -> Shop {
        let mut policy = Policy::default();
        policy.parts = parts();
        let mut shop = Shop {
            book: Book::new(Arc::new(policy)),
            now: 1_000_000 * MINUTE,
        };
        let device = DeviceFacts {
            key: DeviceKey::new(site, "pump-1").unwrap(),
            profile: pump(),
            model: ModelVersion::default(),
            asset: Asset {
                region: "east".into(),
                ..Asset::default()
            },
        };
        let severity = Severity::Warning;
        let input = condition(&device, "bearing_wear", ConditionState::Active { severity }, shop.now);
        shop.step(input).expect("never refused");
        shop
    }

    fn new() -> Shop {
        Shop::at("harbour")
    }

    fn step(&mut self, input: Input) -> Result<Vec<Effect>, Refusal> {
        self.now += MINUTE;
        let found = self.book.step(input, Timestamp(self.now));
        check_stock(&self.book);
        found
    }

    fn person(&mut self, command: Command) -> Result<Vec<Effect>, Refusal> {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command })
    }

    fn ticket(&mut self, command: TicketCommand) -> Vec<Effect> {
        let ticket = TicketId(1);
        self.person(Command::Ticket { ticket, command }).expect("followed")
    }

    fn give(&mut self, to: Option<&str>) -> Vec<Effect> {
        let (to, dispatched) = (to.map(str::to_owned), None);
        self.ticket(TicketCommand::Assign { to, dispatched })
    }

    fn close(&mut self, parts: &[&str]) -> Vec<Effect> {
        let finding = Finding {
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
            ..Finding::default()
        };
        let (outcome, note) = (Outcome::FaultConfirmed(finding), String::new());
        self.ticket(TicketCommand::Close { outcome, note })
    }

    fn stock(&mut self, command: StockCommand) -> Result<Vec<Effect>, Refusal> {
        self.person(Command::Stock { command })
    }

    /// On hand and reserved of the bearing on the van of `because`, in the east, in the centre.
    fn bearings(&self) -> [(u32, u32); 3] {
        let part = &self.book.policy().parts.find(BEARING).expect("kept").number;
        ["van/because", "region/east", "central"].map(|place| {
            let counts = self.book.stock().at(part, &place.parse().expect("a place"));
            (counts.on_hand, counts.reserved)
        })
    }
}

/// What the audit trail says of the stock.
fn audit(effects: &[Effect]) -> Vec<String> {
    let lines = effects.iter().filter_map(|effect| match effect {
        Effect::Audit(line) if line.action.starts_with("stock.") => Some(line),
        _ => None,
    });
    lines
        .map(|line| format!("{} {}: {}", line.action, line.subject, line.detail))
        .collect()
}

#[test]
fn what_a_ticket_needs_is_kept_back_within_reach_of_whoever_is_sent() {
    let mut shop = Shop::new();
    assert_eq!(shop.bearings(), [(1, 0), (1, 0), (2, 0)]);
    let given = shop.give(Some("because"));
    assert_eq!(shop.bearings(), [(1, 1), (1, 0), (2, 0)]);
    let told = "stock.reserved T-000001: 1 × bearing 6205-2RS from van/because; 1 × grease from van/because";
    assert_eq!(audit(&given), [told]);
    // who has none takes it from the region; nobody needs none
    shop.give(Some("li"));
    assert_eq!(shop.bearings(), [(1, 0), (1, 1), (2, 0)]);
    shop.give(None);
    assert_eq!(shop.bearings(), [(1, 0), (1, 0), (2, 0)]);
}

#[test]
fn what_is_nowhere_is_said_on_the_ticket() {
    let mut shop = Shop::new();
    for place in ["van/because", "region/east", "central"] {
        let movement = Movement::Count {
            part: BEARING.into(),
            location: place.parse().expect("a place"),
            on_hand: 0,
        };
        let reason = "stolen".to_owned();
        shop.stock(StockCommand::Book { movement, reason }).expect("booked");
    }
    let given = shop.give(Some("because"));
    let told = "stock.reserved T-000001: 1 × grease from van/because; 1 × bearing 6205-2RS is missing";
    assert_eq!(audit(&given), [told]);
    let own = shop.book.stock().ticket(TicketId(1)).expect("it needs some");
    assert_eq!(own.missing.values().sum::<u32>(), 1);
}

#[test]
fn a_repair_takes_no_more_parts_though_its_alarm_stands_for_a_while() {
    let mut shop = Shop::new();
    let foretold = |shop: &Shop| {
        let (book, parts) = (&shop.book, &shop.book.policy().parts);
        causes(parts, book.stock(), book.tickets(), book.alarms(), Timestamp(shop.now)).len()
    };
    assert_eq!(foretold(&shop), 1, "the open ticket");
    shop.give(Some("because"));
    shop.close(&[BEARING]);
    assert!(
        shop.book.alarms().all(|alarm| alarm.life.state.is_active()),
        "it stands on"
    );
    assert_eq!(foretold(&shop), 0);
}

#[test]
fn what_an_earlier_closing_used_stays_used_when_the_ticket_is_opened_again() {
    let mut shop = Shop::new();
    shop.give(Some("because"));
    shop.close(&[BEARING]);
    assert_eq!(shop.bearings(), [(0, 0), (1, 0), (2, 0)]);
    let reason = "leaks".to_owned();
    shop.ticket(TicketCommand::Reopen { reason });
    let work = WorkCommand::UsePart {
        part: "grease".into(),
        quantity: 1,
    };
    shop.ticket(TicketCommand::Work { work });
    assert_eq!(shop.bearings()[0].0, 0, "it is in the machine");
    shop.close(&["grease"]);
    assert_eq!(shop.bearings()[0].0, 0);
}

#[test]
fn what_a_person_kept_back_goes_along_when_somebody_is_sent() {
    let mut shop = Shop::new();
    let keep = StockCommand::Reserve {
        ticket: TicketId(1),
        part: BEARING.into(),
        location: None,
        quantity: 2,
    };
    shop.stock(keep).expect("kept back");
    shop.give(Some("because"));
    let held: u32 = shop.bearings().iter().map(|(_, reserved)| reserved).sum();
    assert_eq!(held, 2, "not only the one that the repair takes");
}

#[test]
fn closing_books_what_was_used_once_and_lets_the_rest_go() {
    let mut shop = Shop::new();
    shop.give(Some("because"));
    let used = WorkCommand::UsePart {
        part: BEARING.into(),
        quantity: 1,
    };
    let told = shop.ticket(TicketCommand::Work { work: used });
    assert_eq!(audit(&told), ["stock.used T-000001: bearing 6205-2RS: 0 to 1"]);
    assert_eq!(shop.bearings(), [(0, 0), (1, 0), (2, 0)]);
    let closed = shop.close(&["BEARING 6205-2RS", "rag"]);
    assert_eq!(audit(&closed), ["stock.released T-000001: 1 × grease at van/because"]);
    assert_eq!(shop.bearings(), [(0, 0), (1, 0), (2, 0)]);
    // opened again its parts are sought again, and closing again books nothing twice
    let reason = "it hums again".to_owned();
    let reopened = shop.ticket(TicketCommand::Reopen { reason });
    assert_eq!(
        audit(&reopened),
        ["stock.reserved T-000001: 1 × grease from van/because"]
    );
    shop.close(&[BEARING]);
    assert_eq!(shop.bearings(), [(0, 0), (1, 0), (2, 0)]);
    // an entry that was wrong brings its part back; the closing still names one
    let entry = 1;
    shop.ticket(TicketCommand::Work {
        work: WorkCommand::Remove { entry },
    });
    assert_eq!(shop.bearings(), [(0, 0), (1, 0), (2, 0)]);
}

#[test]
fn a_part_that_was_not_used_after_all_goes_back_to_where_it_was_taken_from() {
    let mut shop = Shop::new();
    shop.give(Some("because"));
    let (part, quantity) = (BEARING.to_owned(), 3);
    shop.ticket(TicketCommand::Work {
        work: WorkCommand::UsePart { part, quantity },
    });
    assert_eq!(shop.bearings(), [(0, 0), (0, 0), (1, 0)]);
    shop.ticket(TicketCommand::Work {
        work: WorkCommand::Remove { entry: 1 },
    });
    assert_eq!(shop.bearings(), [(1, 0), (1, 0), (2, 0)]);
}

#[test]
fn a_cancelled_ticket_lets_its_parts_go_and_takes_no_more() {
    let mut shop = Shop::new();
    shop.give(Some("because"));
    let cancelled = shop.ticket(TicketCommand::Cancel {
        reason: "sold".to_owned(),
    });
    assert_eq!(audit(&cancelled).len(), 1, "released once");
    assert_eq!(shop.bearings(), [(1, 0), (1, 0), (2, 0)]);
    let reserve = StockCommand::Reserve {
        ticket: TicketId(1),
        part: BEARING.to_owned(),
        location: None,
        quantity: 1,
    };
    let why = StockRefusal::TicketNotOpen { ticket: TicketId(1) };
    assert_eq!(shop.stock(reserve), Err(Refusal::Stock { why }));
}

#[test]
fn by_hand_the_nearest_place_with_enough_is_taken() {
    let mut shop = Shop::new();
    let reserve = |quantity, location| StockCommand::Reserve {
        ticket: TicketId(1),
        part: BEARING.to_owned(),
        location,
        quantity,
    };
    shop.stock(reserve(1, None)).expect("in the region");
    assert_eq!(shop.bearings(), [(1, 0), (1, 1), (2, 0)]);
    shop.stock(reserve(2, None)).expect("in the centre");
    assert_eq!(shop.bearings(), [(1, 0), (1, 1), (2, 2)]);
    let refused = shop
        .stock(reserve(1, Some(Location::Central)))
        .expect_err("none is free");
    assert_eq!(refused.to_string(), "only 0 of bearing 6205-2RS are free at central");
}

#[test]
fn a_drill_takes_nothing_real() {
    let mut shop = Shop::at("drill-harbour");
    assert!(shop.book.ticket(TicketId(1)).expect("opened").device.site.is_drill());
    shop.give(Some("because"));
    shop.close(&[BEARING]);
    assert_eq!(shop.bearings(), [(1, 0), (1, 0), (2, 0)]);
}

/// What the daily look tells: the parts that have become low.
fn told(effects: &[Effect]) -> Vec<String> {
    let notices = effects.iter().filter_map(|effect| match effect {
        Effect::Publish(message) => Some(message),
        _ => None,
    });
    let parts = notices.flat_map(|message| match &message.content {
        Outgoing::Parts(low) => low.parts.iter().map(|p| p.part.to_string()).collect(),
        _ => Vec::new(),
    });
    parts.collect()
}

#[test]
fn a_part_that_becomes_low_is_told_once_until_it_has_recovered_and_not_again_after_a_restart() {
    let mut shop = Shop::new();
    let day = 24 * 60 * MINUTE;
    let look = |shop: &mut Shop| {
        shop.now += day;
        let told = told(&shop.step(Input::Tick).expect("never refused"));
        let policy = Arc::new(shop.book.policy().clone());
        shop.book = Book::restore(policy, shop.book.snapshot());
        told
    };
    assert_eq!(
        look(&mut shop),
        [""; 0],
        "eight bearings, one is needed, three shall stay"
    );
    let count = |shop: &mut Shop, on_hand| {
        let (part, location) = (BEARING.to_owned(), "region/west".parse().expect("a place"));
        let movement = Movement::Count {
            part,
            location,
            on_hand,
        };
        let reason = "inventory".to_owned();
        shop.stock(StockCommand::Book { movement, reason }).expect("booked");
    };
    count(&mut shop, 0);
    assert_eq!(look(&mut shop), [""; 0], "four are left, one is needed");
    let movement = Movement::Issue {
        part: BEARING.to_owned(),
        location: Location::Central,
        quantity: 1,
    };
    let reason = "rust".to_owned();
    shop.stock(StockCommand::Book { movement, reason }).expect("booked");
    assert_eq!(look(&mut shop), [BEARING]);
    assert_eq!(look(&mut shop), [""; 0], "once");
    // within the same day nothing is looked at
    count(&mut shop, 9);
    shop.now += MINUTE;
    assert_eq!(told(&shop.step(Input::Tick).expect("never refused")), [""; 0]);
    assert_eq!(look(&mut shop), [""; 0], "recovered");
    count(&mut shop, 0);
    assert_eq!(look(&mut shop), [BEARING], "low again");
}
