//! A request to a receiver, its answer, and what follows from it. Pure values; `send.rs` carries them out.

use super::super::Delivery;
use domain::Millis;
use serde_json::Value;
use std::fmt;

/// How long a robot that was asked too often is left alone: their limits are counted by the minute.
pub const ROBOT_PAUSE: Millis = Millis::minutes(1);

/// The methods that receivers want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Method {
    Get,
    Post,
    Patch,
}

/// A request. Its address and headers may hold secrets, so `Debug` shows neither.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Name and value.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Option<Value>,
}

impl Request {
    /// A POST without further headers.
    pub fn post(url: impl Into<String>, body: Value) -> Request {
        Request {
            method: Method::Post,
            url: url.into(),
            headers: Vec::new(),
            body: Some(body),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?} ***, {:?})", self.method, self.body)
    }
}

/// An answer, its body cut at the limit of what is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What it asks for with `Retry-After`.
    pub retry_after: Option<Millis>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// What is wrong by the status alone: 2xx nothing; 408, 425, 429 and 5xx are worth another try; 410 means that nothing
    /// is wanted here any more; all else needs a person.
    ///
    /// # Errors
    /// What follows.
    pub fn check(&self) -> Result<(), Verdict> {
        let body = super::words::cut(self.body.trim(), 200);
        let error = match body.is_empty() {
            true => format!("the receiver answered {}", self.status),
            false => format!("the receiver answered {}: {body}", self.status),
        };
        match self.status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(Verdict::Retry {
                error,
                after: self.retry_after,
            }),
            410 => Err(Verdict::Gone { error }),
            _ => Err(Verdict::Refused { error }),
        }
    }
}

/// How far a delivery of several requests is. A delivery begins anew after a restart: the first request finds what is
/// there already, so nothing needs to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// One request is all.
    Only,
    /// Is it there?
    Find,
    /// A new one.
    Create,
    /// A remark on it; `moves` says whether it is to be closed (true) or opened (false) afterwards.
    Remark {
        /// Which.
        id: String,
        /// What comes then.
        moves: Option<bool>,
    },
    /// Which ways out of its status are there?
    WaysOut {
        /// Of which.
        id: String,
        /// To a status that means done, or to one that does not.
        to_done: bool,
    },
    /// The last request.
    Last,
}

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It arrived.
    Done {
        /// What the receiver said, for those who tried it.
        said: String,
    },
    /// Something more is to be asked.
    Next(Stage, Request),
    /// Worth another try.
    Retry {
        /// Why.
        error: String,
        /// Not before.
        after: Option<Millis>,
    },
    /// A person must look.
    Refused {
        /// Why.
        error: String,
    },
    /// This receiver is no more: nothing else is sent to it.
    Gone {
        /// Why.
        error: String,
    },
}

impl Verdict {
    /// It arrived.
    pub fn done(said: impl Into<String>) -> Verdict {
        Verdict::Done { said: said.into() }
    }

    /// It must be looked at.
    pub fn refused(error: impl Into<String>) -> Verdict {
        Verdict::Refused { error: error.into() }
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// For the outbox.
    pub delivery: Delivery,
    /// What the receiver said, in words.
    pub said: String,
    /// Whether the receiver is no more.
    pub is_gone: bool,
}

/// Percent-encodes all but the characters that mean nothing in a URL (RFC 3986, 2.3).
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_meaning() {
        let answer = |status| Answer {
            status,
            retry_after: Some(Millis::seconds(7)),
            body: "why".into(),
        };
        assert!(answer(202).check().is_ok());
        for status in [408, 429, 500, 503] {
            let expected = Verdict::Retry {
                error: format!("the receiver answered {status}: why"),
                after: Some(Millis::seconds(7)),
            };
            assert_eq!(answer(status).check(), Err(expected));
        }
        assert!(matches!(answer(410).check(), Err(Verdict::Gone { .. })));
        for status in [302, 400, 401, 403, 404, 413] {
            assert!(
                matches!(answer(status).check(), Err(Verdict::Refused { .. })),
                "{status}"
            );
        }
    }

    #[test]
    fn addresses_and_headers_are_not_shown() {
        let request = Request::post("https://hooks.example/secret", Value::Null);
        assert!(!format!("{request:?}").contains("secret"));
        assert_eq!(encoded("a b+/=ü"), "a%20b%2B%2F%3D%C3%BC");
    }
}
