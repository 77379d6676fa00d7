//! The other end of receivers, in the test's own process: an HTTP server that a test tells what to answer, and a mail
//! server that keeps what it is given.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When.
    pub at: Instant,
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header `authorization`.
    pub authorization: String,
    /// The body; null if it is no JSON.
    pub body: Value,
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status with JSON.
    Json(u16, Value),
    /// A status with text.
    Text(u16, &'static str),
    /// 429 with `Retry-After` in seconds.
    Later(u64),
    /// Nothing: the link is closed.
    Lost,
    /// Nothing, for so long.
    Hang(Duration),
}

type Log<T> = Arc<Mutex<Vec<T>>>;

/// Something that listens on a port of its own; gone when dropped.
struct Listening {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
    accepting: Option<std::thread::JoinHandle<()>>,
}

impl Listening {
    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Listening {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (stopped, serve) = (is_stopped.clone(), Arc::new(serve));
        let accepting = std::thread::spawn(move || {
            for link in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let serve = serve.clone();
                std::thread::spawn(move || serve(link));
            }
        });
        Listening {
            address,
            is_stopped,
            accepting: Some(accepting),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

/// An HTTP server.
pub struct Served {
    listening: Listening,
    asked: Log<Asked>,
}

impl Served {
    /// `answer` is asked for each request, with those that came before it.
    pub fn start(answer: impl Fn(&Asked, &[Asked]) -> Reply + Send + Sync + 'static) -> Served {
        let asked = Log::default();
        let log = asked.clone();
        let listening = Listening::start(move |link| {
            serve_http(link, &log, &answer);
        });
        Served { listening, asked }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address)
    }

    /// What came so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test thread panics with it").clone()
    }
}

/// One request, one answer, and the link is closed.
fn serve_http(mut link: TcpStream, log: &Log<Asked>, answer: &dyn Fn(&Asked, &[Asked]) -> Reply) -> Option<()> {
    let mut reader = BufReader::new(link.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut authorization) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked = Asked {
        at: Instant::now(),
        method,
        path,
        authorization,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let reply = {
        let mut log = log.lock().expect("no test thread panics with it");
        let reply = answer(&asked, &log);
        log.push(asked);
        reply
    };
    let (status, header, body) = match reply {
        Reply::Json(status, body) => (status, String::new(), body.to_string()),
        Reply::Text(status, body) => (status, String::new(), body.to_owned()),
        Reply::Later(seconds) => (429, format!("retry-after: {seconds}\r\n"), String::new()),
        Reply::Lost => return None,
        Reply::Hang(time) => {
            std::thread::sleep(time);
            return None;
        }
    };
    let length = body.len();
    write!(
        link,
        "HTTP/1.1 {status} x\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .ok()
}

/// A mail server that takes everything.
pub struct MailSink {
    listening: Listening,
    mails: Log<String>,
}

impl MailSink {
    /// The first mail is taken, but its sender is not told.
    pub fn start() -> MailSink {
        let mails = Log::default();
        let log = mails.clone();
        let listening = Listening::start(move |link| {
            serve_mail(link, &log);
        });
        MailSink { listening, mails }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.listening.address.port()
    }

    /// What came so far, as it came.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("no test thread panics with it").clone()
    }
}

fn serve_mail(mut link: TcpStream, log: &Log<String>) -> Option<()> {
    let mut reader = BufReader::new(link.try_clone().ok()?);
    write!(link, "220 sink ESMTP\r\n").ok()?;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "DATA" => {
                write!(link, "354 go on\r\n").ok()?;
                let mut mail = String::new();
                loop {
                    line.clear();
                    if reader.read_line(&mut line).ok()? == 0 {
                        return None;
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    mail.push_str(&line);
                }
                let is_first = {
                    let mut log = log.lock().expect("no test thread panics with it");
                    log.push(mail);
                    log.len() == 1
                };
                if is_first {
                    return None;
                }
                write!(link, "250 kept\r\n").ok()?;
            }
            "QUIT" => return write!(link, "221 bye\r\n").ok(),
            _ => write!(link, "250 fine\r\n").ok()?,
        }
    }
}
