//! A webhook receiver that a test tells what to answer, and that remembers what it got.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One POST as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// Header `idempotency-key`.
    pub idempotency_key: String,
    /// Header `authorization`.
    pub authorization: Option<String>,
    /// The body.
    pub event: Value,
    /// What was answered.
    pub answer: Answer,
}

impl Received {
    /// The id of the CloudEvent.
    pub fn id(&self) -> &str {
        self.event["id"].as_str().expect("a CloudEvent has an id")
    }
}

/// What a receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Just a status.
    Status(u16),
    /// 429 with `Retry-After` in seconds.
    TooMany(u64),
    /// Nothing, for so long; then the link is closed.
    Hang(Duration),
}

/// The id in the header is that in the event; what is sent again is the same to the letter; one change has one id.
pub fn check_events(received: &[Received]) {
    let (mut by_id, mut by_content): (BTreeMap<&str, &Value>, BTreeMap<String, &str>) = Default::default();
    for one in received {
        assert_eq!(one.idempotency_key, one.id());
        let first = *by_id.entry(one.id()).or_insert(&one.event);
        assert_eq!(first, &one.event, "{} came with two contents", one.id());
        let first = *by_content.entry(one.event["data"].to_string()).or_insert(one.id());
        assert_eq!(first, one.id(), "one change came under two ids");
    }
}

type Log = Arc<Mutex<Vec<Received>>>;

/// A receiver on a port of its own; gone when dropped.
pub struct Receiver {
    address: SocketAddr,
    received: Log,
    is_stopped: Arc<AtomicBool>,
    accepting: Option<std::thread::JoinHandle<()>>,
}

impl Receiver {
    /// Listens on 127.0.0.1; `answer` is asked for each POST, with those that came before it.
    pub fn start(port: u16, answer: impl Fn(&Value, &[Received]) -> Answer + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let address = listener.local_addr().expect("it has an address");
        let (received, is_stopped) = (Log::default(), Arc::new(AtomicBool::new(false)));
        let (log, stopped, answer) = (received.clone(), is_stopped.clone(), Arc::new(answer));
        let accepting = std::thread::spawn(move || {
            for link in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let (log, answer) = (log.clone(), answer.clone());
                std::thread::spawn(move || serve(link, &log, &*answer));
            }
        });
        Receiver {
            address,
            received,
            is_stopped,
            accepting: Some(accepting),
        }
    }

    /// Where to POST.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test thread panics with it").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

/// One request, one answer, and the link is closed. A request that ends early (its sender was killed) is none.
fn serve(mut link: TcpStream, log: &Log, answer: &(dyn Fn(&Value, &[Received]) -> Answer + Send + Sync)) -> Option<()> {
    let mut reader = BufReader::new(link.try_clone().ok()?);
    let (mut length, mut idempotency_key, mut authorization) = (0, String::new(), None);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        let Some((name, value)) = text.split_once(": ") else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => idempotency_key = value.to_owned(),
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let event: Value = serde_json::from_slice(&body).ok()?;
    let answer = {
        let mut log = log.lock().expect("no test thread panics with it");
        let answer = answer(&event, &log);
        log.push(Received {
            at: Instant::now(),
            idempotency_key,
            authorization,
            event,
            answer,
        });
        answer
    };
    let (status, header) = match answer {
        Answer::Status(status) => (status, String::new()),
        Answer::TooMany(seconds) => (429, format!("retry-after: {seconds}\r\n")),
        Answer::Hang(time) => {
            std::thread::sleep(time);
            return None;
        }
    };
    write!(
        link,
        "HTTP/1.1 {status} x\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n"
    )
    .ok()
}
