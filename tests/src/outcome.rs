//! What a gateway made of its input, read from its data folder after it stopped or was killed, in a form that two runs with the
//! same input must have in common: device time only, tickets by their key and not by their number.

use crate::gateway::GatewaySetup;
use domain::Timestamp;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One value in history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// `site,device,metric`.
    pub series: String,
    /// Device time.
    pub ts_ms: i64,
    /// The value, to the last bit.
    pub bits: u64,
}

/// All that two runs with the same input must have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What `forewarn history export` says, in order.
    pub readings: Vec<Reading>,
    /// Every alarm by id, without our times.
    pub alarms: BTreeMap<String, Value>,
    /// Every ticket by key with its whole history, without our times and numbers.
    pub tickets: BTreeMap<String, Value>,
    /// The lines of the audit trail about each alarm and ticket, in order.
    pub audit: BTreeMap<String, Vec<String>>,
    /// Numbers of the tickets by key.
    pub ticket_numbers: BTreeMap<String, i64>,
}

/// Keys in records that tell our time, which differs from run to run.
const OUR_TIMES: [&str; 12] = [
    "opened_at",
    "changed_at",
    "due_at",
    "clocks",
    "at",
    "scheduled_for",
    "visit",
    "active_since",
    "announced_at",
    "acknowledged_at",
    "next_at",
    "answered",
];

impl Outcome {
    /// Reads it; the gateway may still run.
    pub fn read(setup: &GatewaySetup) -> Outcome {
        let export = setup.output(&["history", "export"]);
        let mut readings: Vec<Reading> = export.lines().skip(1).map(reading).collect();
        readings.sort();
        let database = Connection::open(setup.data().join("forewarn.db")).expect("the database opens");
        let ticket_rows: Vec<(i64, String)> = rows(&database, "SELECT id, record FROM ticket ORDER BY id");
        let parse = |record: &str| serde_json::from_str::<Value>(record).expect("records are JSON");
        let mut keys = BTreeMap::new();
        for (number, record) in &ticket_rows {
            let key = parse(record)["key"].as_str().expect("tickets have a key").to_owned();
            keys.insert(*number, key);
        }
        let mut tickets = BTreeMap::new();
        for (number, record) in &ticket_rows {
            let mut record = parse(record);
            record["id"] = Value::Null;
            normalise(&mut record, &keys);
            let before = tickets.insert(keys[number].clone(), record);
            assert_eq!(before, None, "two tickets for {}", keys[number]);
        }
        let mut alarms = BTreeMap::new();
        for (id, record) in rows::<String>(&database, "SELECT id, record FROM alarm ORDER BY id") {
            let mut record = parse(&record);
            normalise(&mut record, &keys);
            alarms.insert(id, record);
        }
        let by_text: BTreeMap<String, &String> = keys.iter().map(|(n, key)| (format!("T-{n:06}"), key)).collect();
        let in_keys = |text: String| {
            by_text
                .iter()
                .fold(text, |text, (number, key)| text.replace(number, key))
        };
        let mut audit: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (subject, line) in rows(
            &database,
            "SELECT subject, action || ': ' || detail FROM audit ORDER BY id",
        ) {
            audit.entry(in_keys(subject)).or_default().push(in_keys(line));
        }
        let ticket_numbers = keys.into_iter().map(|(number, key)| (key, number)).collect();
        Outcome {
            readings,
            alarms,
            tickets,
            audit,
            ticket_numbers,
        }
    }

    /// The ids of all events that alarms and tickets must have given to a receiver that wants everything, services left aside.
    pub fn event_ids(&self) -> BTreeSet<String> {
        let up_to = |prefix: String, count: &Value| {
            let count = count.as_u64().expect("records count their changes");
            (1..=count).map(move |n| format!("{prefix}/{n}"))
        };
        let alarms = self
            .alarms
            .iter()
            .flat_map(|(id, record)| up_to(id.clone(), &record["transitions"]));
        let tickets = self.tickets.iter().flat_map(|(key, record)| {
            let number = self.ticket_numbers[key];
            up_to(format!("ticket/T-{number:06}"), &record["revision"])
        });
        alarms.chain(tickets).collect()
    }

    /// Fails with the first differences if a run did not keep every reading sent exactly once with its exact value, or came to
    /// other alarms or tickets than the unbroken run.
    pub fn check_against(&self, sent: &[Reading], unbroken: &Outcome) {
        let mut series: Vec<&str> = sent.iter().map(|r| r.series.as_str()).collect();
        series.dedup();
        let kept: Vec<&Reading> = self
            .readings
            .iter()
            .filter(|r| series.binary_search(&r.series.as_str()).is_ok())
            .collect();
        compare("readings sent", &kept, &sent.iter().collect::<Vec<_>>());
        compare("readings and derived values", &self.readings, &unbroken.readings);
        compare(
            "alarms",
            &Vec::from_iter(&self.alarms),
            &Vec::from_iter(&unbroken.alarms),
        );
        compare(
            "tickets",
            &Vec::from_iter(&self.tickets),
            &Vec::from_iter(&unbroken.tickets),
        );
        compare(
            "audit trail",
            &Vec::from_iter(&self.audit),
            &Vec::from_iter(&unbroken.audit),
        );
    }
}

/// Target and key of the deliveries in a state, `waiting` or `dead`; the gateway may run.
pub fn deliveries(setup: &GatewaySetup, state: &str) -> Vec<(String, String)> {
    let database = Connection::open(setup.data().join("forewarn.db")).expect("the database opens");
    rows(
        &database,
        &format!("SELECT target, key FROM outbox WHERE state = '{state}' ORDER BY id"),
    )
}

/// The rows of all tickets, by number; the gateway may run.
pub fn tickets(setup: &GatewaySetup) -> Vec<Value> {
    let database = Connection::open(setup.data().join("forewarn.db")).expect("the database opens");
    let rows: Vec<(i64, String)> = rows(&database, "SELECT id, record FROM ticket ORDER BY id");
    let parse = |(_, record): &(i64, String)| serde_json::from_str(record).expect("records are JSON");
    rows.iter().map(parse).collect()
}

fn compare<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) {
    let differs = found.iter().zip(expected).position(|(f, e)| f != e);
    let at = match differs {
        Some(at) => at,
        None if found.len() == expected.len() => return,
        None => found.len().min(expected.len()),
    };
    panic!(
        "{what}: {} found, {} expected; first difference at {at}:\nfound    {:#?}\nexpected {:#?}",
        found.len(),
        expected.len(),
        found.get(at..(at + 3).min(found.len())),
        expected.get(at..(at + 3).min(expected.len())),
    );
}

fn reading(line: &str) -> Reading {
    let (rest, value) = line.rsplit_once(',').expect("five columns");
    let (series, at) = rest.rsplit_once(',').expect("five columns");
    let at = Timestamp::parse_rfc3339(at).expect("a time");
    let value: f64 = value.parse().expect("a number");
    Reading {
        series: series.to_owned(),
        ts_ms: at.0,
        bits: value.to_bits(),
    }
}

fn rows<K: rusqlite::types::FromSql>(database: &Connection, sql: &str) -> Vec<(K, String)> {
    let read = |mut s: rusqlite::Statement<'_>| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect();
    database.prepare(sql).and_then(read).expect("the table is there")
}

/// Forerunners on other machines are those that had come by then, and machines overtake each other from run to run.
fn own_forerunners(record: &mut serde_json::Map<String, Value>) {
    let device = record.get("device").cloned();
    if let Some(Value::Array(similar)) = record.get_mut("similar") {
        similar.retain(|episode| episode.get("device") == device.as_ref());
        if similar.is_empty() {
            record.remove("similar");
        }
    }
}

fn normalise(value: &mut Value, keys: &BTreeMap<i64, String>) {
    let key_of = |number: &Value| {
        number
            .as_i64()
            .and_then(|n| keys.get(&n))
            .map(|key| Value::String(key.clone()))
    };
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !OUR_TIMES.contains(&name.as_str()));
            own_forerunners(map);
            for (name, inner) in map.iter_mut() {
                match (name.as_str(), &mut *inner) {
                    ("ticket", number) if number.is_i64() || number.is_u64() => {
                        *number = key_of(number).expect("the ticket is there");
                    }
                    ("linked", Value::Array(numbers)) => {
                        numbers
                            .iter_mut()
                            .for_each(|n| *n = key_of(n).expect("the ticket is there"));
                        numbers.sort_by_key(ToString::to_string);
                    }
                    (_, inner) => normalise(inner, keys),
                }
            }
        }
        Value::Array(inner) => inner.iter_mut().for_each(|v| normalise(v, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
