//! The HTTP API from outside.

use reqwest::{Client, Response};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A program that talks to a gateway.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: Client,
}

/// An answer: status, content type and body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub kind: String,
    /// The body; null if it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body, if the status says that all went well.
    ///
    /// # Panics
    /// If it does not.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }
}

impl Api {
    /// For the gateway whose pages are there.
    pub fn new(address: SocketAddr) -> Api {
        Api {
            base: format!("http://{address}"),
            client: Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .expect("a client"),
        }
    }

    /// GET below `/api/v1/`.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}/api/v1/{path}", self.base)).send().await).await
    }

    /// POST below `/api/v1/`.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_if(path, None, body).await
    }

    /// POST below `/api/v1/`, if what it is about still has this revision.
    pub async fn post_if(&self, path: &str, revision: Option<u64>, body: Value) -> Answer {
        let url = format!("{}/api/v1/{path}", self.base);
        let mut request = self.client.post(url).header("X-Forewarn", "1").json(&body);
        if let Some(revision) = revision {
            request = request.header("If-Match", format!("\"{revision}\""));
        }
        answer(request.send().await).await
    }

    /// DELETE below `/api/v1/`.
    pub async fn delete(&self, path: &str) -> Answer {
        let url = format!("{}/api/v1/{path}", self.base);
        answer(self.client.delete(url).header("X-Forewarn", "1").send().await).await
    }

    /// Asks again and again until the answer fits.
    ///
    /// # Panics
    /// If it does not within 30 s.
    pub async fn wait_for(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let body = self.get(path).await.ok();
            if fits(&body) {
                return body;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "waited for {path}: {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `/metrics`: value by series, such as `forewarn_messages_total{outcome="stored",reason=""}`.
    pub async fn metrics(&self) -> BTreeMap<String, f64> {
        let response = self
            .client
            .get(format!("{}/metrics", self.base))
            .send()
            .await
            .expect("metrics answer");
        let text = response.text().await.expect("text");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.parse().expect("a number"))
        };
        samples.map(sample).collect()
    }

    /// The live stream, with what stands behind `?`.
    pub async fn stream(&self, query: &str) -> Events {
        let url = format!("{}/api/v1/stream?{query}", self.base);
        // it has no end, so no limit either
        let response = Client::new().get(url).send().await.expect("the stream opens");
        assert_eq!(response.status().as_u16(), 200);
        Events {
            response,
            text: String::new(),
        }
    }
}

async fn answer(response: reqwest::Result<Response>) -> Answer {
    let response = response.expect("the gateway answers");
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok());
    let (status, kind) = (response.status().as_u16(), kind.unwrap_or_default().to_owned());
    let body = response.bytes().await.expect("a body");
    Answer {
        status,
        kind,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}

/// Server-sent events.
pub struct Events {
    response: Response,
    text: String,
}

impl Events {
    /// The next event of a kind; others are passed over. None when the stream has ended.
    ///
    /// # Panics
    /// If there is none within 30 s.
    pub async fn next(&mut self, kind: &str) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let found = (field("event:") == Some(kind))
                    .then(|| field("data:").map(str::to_owned))
                    .flatten();
                self.text = rest.to_owned();
                if let Some(data) = found {
                    return Some(serde_json::from_str(&data).expect("JSON"));
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("waited for an event {kind}"));
            match chunk {
                Ok(Some(bytes)) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// Whether every message of a scrape is accounted for.
pub fn is_balanced(metrics: &BTreeMap<String, f64>) -> bool {
    let outcomes = metrics
        .iter()
        .filter(|(series, _)| series.starts_with("forewarn_messages_total{"));
    let sum: f64 = outcomes.map(|(_, value)| value).sum();
    metrics["forewarn_messages_received_total"] == sum + metrics["forewarn_messages_spooled"]
}
