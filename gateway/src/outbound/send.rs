//! The driver of receivers: sends what `receivers/` says, by HTTP or SMTP, and remembers how each receiver does.

use super::receivers::HttpReceiver;
use super::receivers::config::{Kind, ReceiverConfig, Security, read_secret};
use super::receivers::exchange::{Answer, Ended, Method, Request, Verdict};
use super::receivers::note::Note;
use super::webhook::{chain, client};
use super::{Delivery, OutboundConfig, receivers};
use crate::secret::Secret;
use crate::store::rows::OutboxRow;
use alerting::effect::Message;
use domain::text::Language;
use domain::{Millis, Timestamp};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 256 * 1024;
/// Requests of one delivery: a search, a comment, the ways out, a transition, and one to spare.
const MOST_REQUESTS: usize = 5;

/// How a receiver does since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// When something arrived last.
    pub delivered_at: Option<Timestamp>,
    /// When and why something failed last.
    pub failed: Option<(Timestamp, String)>,
    /// Why nothing is sent any more.
    pub gone: Option<String>,
}

#[derive(Debug)]
enum Line {
    Http {
        client: reqwest::Client,
        receiver: HttpReceiver,
    },
    Mail(AsyncSmtpTransport<Tokio1Executor>),
    /// It could not be set up, and why.
    Broken(String),
}

/// One receiver, ready to send.
#[derive(Debug)]
pub struct Sender {
    config: ReceiverConfig,
    link_base: Option<String>,
    line: Line,
    standing: Mutex<Standing>,
}

/// All receivers by their targets in the outbox.
pub type Senders = Arc<BTreeMap<String, Arc<Sender>>>;

/// Sets all receivers up. One that cannot be says so in its state, and its deliveries wait.
pub fn senders(config: &OutboundConfig) -> Senders {
    let sender = |config: &ReceiverConfig, base: &Option<String>| Arc::new(Sender::new(config.clone(), base.clone()));
    let all = config.receiver.iter();
    Arc::new(all.map(|one| (one.target(), sender(one, &config.link_base))).collect())
}

impl Sender {
    fn new(config: ReceiverConfig, link_base: Option<String>) -> Sender {
        let line = match config.kind {
            Kind::Email => mail_line(&config).map(Line::Mail),
            Kind::Pagerduty
            | Kind::Alertmanager
            | Kind::Slack
            | Kind::Wecom
            | Kind::Dingtalk
            | Kind::Feishu
            | Kind::Jira
            | Kind::Servicenow => http_line(&config),
        };
        let line = line.unwrap_or_else(|error| {
            tracing::error!(
                receiver = config.name,
                error,
                "cannot set up a receiver; its deliveries wait"
            );
            Line::Broken(error)
        });
        Sender {
            config,
            link_base,
            line,
            standing: Mutex::default(),
        }
    }

    /// As configured.
    pub fn config(&self) -> &ReceiverConfig {
        &self.config
    }

    /// How it does.
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing
            .lock()
            .expect("nobody panics while holding a receiver's state")
    }

    /// One try of a delivery.
    pub async fn deliver(&self, order: &OutboxRow, now: Timestamp) -> Delivery {
        if let Some(why) = self.lock().gone.clone() {
            return Delivery::Refused {
                error: format!("this receiver is disabled since it said: {why}"),
            };
        }
        match serde_json::from_str::<Message>(&order.payload) {
            Ok(message) => {
                let note = Note::of(&message, self.config.language, self.link_base.as_deref());
                self.send(&note, now).await.delivery
            }
            Err(error) => Delivery::Refused {
                error: format!("cannot read the stored message: {error}"),
            },
        }
    }

    /// Sends a marked message now, whatever waits. A receiver that was disabled is enabled again if it answers well.
    pub async fn trial(&self, by: &str, now: Timestamp) -> Ended {
        let language: Language = self.config.language;
        self.send(&Note::trial(language, by, now), now).await
    }

    async fn send(&self, note: &Note, now: Timestamp) -> Ended {
        let ended = match &self.line {
            Line::Http { client, receiver } => by_http(client, receiver, note, now).await,
            Line::Mail(server) => self.by_mail(server, note).await,
            Line::Broken(error) => retry(error.clone()),
        };
        let mut standing = self.lock();
        match &ended.delivery {
            Delivery::Done => {
                standing.delivered_at = Some(now);
                standing.failed = None;
                standing.gone = None;
            }
            Delivery::Retry { error, .. } | Delivery::Refused { error } => {
                standing.failed = Some((now, error.clone()));
                if ended.is_gone {
                    tracing::error!(
                        receiver = self.config.name,
                        error,
                        "a receiver is no more; nothing else is sent to it"
                    );
                    standing.gone = Some(error.clone());
                }
            }
        }
        ended
    }

    async fn by_mail(&self, server: &AsyncSmtpTransport<Tokio1Executor>, note: &Note) -> Ended {
        let mail = match receivers::email::message(&self.config, note) {
            Ok(mail) => mail,
            Err(error) => return refused(error, false),
        };
        match server.send(mail).await {
            Ok(answer) => done(answer.message().collect::<Vec<_>>().join(" ")),
            // 5xx: the server has judged; all else may be better later
            Err(error) if error.is_permanent() => refused(chain(&error), false),
            Err(error) => retry(chain(&error)),
        }
    }
}

fn http_line(config: &ReceiverConfig) -> Result<Line, String> {
    Ok(Line::Http {
        client: client(config.timeout_ms).map_err(|error| chain(&error))?,
        receiver: HttpReceiver::new(config)?,
    })
}

fn mail_line(config: &ReceiverConfig) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let host = config.host.as_deref().unwrap_or_default();
    let security = config.security.unwrap_or_default();
    let builder = match security {
        Security::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host),
        Security::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host),
        Security::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)),
    };
    let mut builder = builder
        .map_err(|error| chain(&error))?
        .timeout(Some(Duration::from_millis(config.timeout_ms)));
    if let Some(port) = config.port {
        builder = builder.port(port);
    }
    let password = config.password.as_ref().map(read_secret).transpose()?;
    if let (Some(user), Some(password)) = (&config.user, &password) {
        builder = builder.credentials(Credentials::new(user.clone(), Secret::expose(password).to_owned()));
    }
    Ok(builder.build())
}

async fn by_http(client: &reqwest::Client, receiver: &HttpReceiver, note: &Note, now: Timestamp) -> Ended {
    let Some((mut stage, mut request)) = receiver.first(note, now) else {
        return done("nothing to tell");
    };
    for _ in 0..MOST_REQUESTS {
        let answer = match ask(client, &request).await {
            Ok(answer) => answer,
            Err(error) => return retry(error),
        };
        match receiver.next(note, &stage, &answer) {
            Verdict::Next(further, question) => (stage, request) = (further, question),
            Verdict::Done { said } => return done(said),
            Verdict::Retry { error, after } => {
                return Ended {
                    said: error.clone(),
                    delivery: Delivery::Retry { error, after },
                    is_gone: false,
                };
            }
            Verdict::Refused { error } => return refused(error, false),
            Verdict::Gone { error } => return refused(error, true),
        }
    }
    retry("the receiver wants too many requests".to_owned())
}

async fn ask(client: &reqwest::Client, request: &Request) -> Result<Answer, String> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Patch => reqwest::Method::PATCH,
    };
    let mut builder = client.request(method, &request.url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    if let Some(body) = &request.body {
        builder = builder.json(body);
    }
    let told = |error: reqwest::Error| chain(&error.without_url());
    let mut response = builder.send().await.map_err(told)?;
    let header = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
    let retry_after = header.and_then(|v| v.trim().parse().ok()).map(Millis::seconds);
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(told)? {
        let room = ANSWER_BYTES.saturating_sub(body.len());
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if room == 0 {
            break;
        }
    }
    Ok(Answer {
        status,
        retry_after,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn done(said: impl Into<String>) -> Ended {
    Ended {
        delivery: Delivery::Done,
        said: said.into(),
        is_gone: false,
    }
}

fn retry(error: String) -> Ended {
    Ended {
        said: error.clone(),
        delivery: Delivery::Retry { error, after: None },
        is_gone: false,
    }
}

fn refused(error: String, is_gone: bool) -> Ended {
    Ended {
        said: error.clone(),
        delivery: Delivery::Refused { error },
        is_gone,
    }
}
