//! The web side as a program sees it: requests over a plain socket, and a scrape of `/metrics` that must always balance.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends a request and returns status and body. A body is sent as JSON.
///
/// # Panics
/// If there is no answer within half a minute.
pub fn request(address: SocketAddr, method: &str, path: &str, body: Option<&str>) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("somebody serves");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a socket option");
    // HTTP/1.0: the answer ends with the connection
    let mut text = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nX-Forewarn: 1\r\n");
    if let Some(body) = body {
        text.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    stream.write_all(text.as_bytes()).expect("the request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status line");
    (status, body.to_owned())
}

/// Asks for a page and expects 200.
pub fn get(address: SocketAddr, path: &str) -> String {
    let (status, body) = request(address, "GET", path, None);
    assert_eq!(status, 200, "GET {path}: {body}");
    body
}

/// Asks for JSON and expects 200.
pub fn get_json(address: SocketAddr, path: &str) -> serde_json::Value {
    serde_json::from_str(&get(address, path)).expect("JSON")
}

/// What `/metrics` says of messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    /// `forewarn_messages_received_total`.
    pub received: u64,
    /// `forewarn_messages_spooled`.
    pub spooled: u64,
    /// `forewarn_messages_total` by outcome and reason.
    pub settled: BTreeMap<(String, String), u64>,
}

impl Balance {
    /// Scrapes, and checks that every message is accounted for.
    ///
    /// # Panics
    /// If one is not.
    pub fn scrape(address: SocketAddr) -> Balance {
        let text = get(address, "/metrics");
        let mut balance = Balance::default();
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let count = value.parse::<f64>().expect("a number") as u64;
            match name.split_once('{').unwrap_or((name, "")) {
                ("forewarn_messages_received_total", _) => balance.received = count,
                ("forewarn_messages_spooled", _) => balance.spooled = count,
                ("forewarn_messages_total", labels) => {
                    let label = |key: &str| {
                        let rest = labels.split(&format!("{key}=\"")).nth(1).unwrap_or_default();
                        rest.split('"').next().unwrap_or_default().to_owned()
                    };
                    balance.settled.insert((label("outcome"), label("reason")), count);
                }
                _ => {}
            }
        }
        let sum: u64 = balance.settled.values().sum();
        assert_eq!(
            balance.received,
            sum + balance.spooled,
            "received = settled + spooled: {balance:?}"
        );
        balance
    }

    /// How many messages had this outcome, over all reasons.
    pub fn outcome(&self, outcome: &str) -> u64 {
        let of = self.settled.iter().filter(|((o, _), _)| o == outcome);
        of.map(|(_, count)| count).sum()
    }

    /// How many messages had this outcome, by reason, without those that nothing had.
    pub fn by_reason(&self, outcome: &str) -> BTreeMap<String, u64> {
        let of = self
            .settled
            .iter()
            .filter(|((o, _), count)| o == outcome && **count > 0);
        of.map(|((_, reason), count)| (reason.clone(), *count)).collect()
    }
}
