//! One POST to a webhook receiver, and what its answer means. No redirects; every address is checked when it is used.

use super::{Delivery, WebhookConfig};
use crate::store::rows::OutboxRow;
use domain::Millis;
use reqwest::StatusCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Whether a URL can be a receiver.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(url: &str) -> Result<(), String> {
    let url: reqwest::Url = url.parse().map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("must begin with http:// or https://, not {}://", url.scheme()));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) if is_blocked(address) => Err(format!("{address} is an address that no receiver can have")),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Link-local (cloud metadata services live there), multicast and unspecified addresses are never receivers.
fn is_blocked(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_blocked(IpAddr::V4(v4)),
            None => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
        },
    }
}

struct CheckedResolver;

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|a| !is_blocked(a.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{} has no address that a receiver can have", name.as_str()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A receiver with its connection pool.
#[derive(Debug, Clone)]
pub struct Webhook {
    config: WebhookConfig,
    client: reqwest::Client,
}

impl Webhook {
    /// A receiver.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(config: WebhookConfig) -> Result<Self, reqwest::Error> {
        let client = client(config.timeout_ms)?;
        Ok(Webhook { config, client })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// One try.
    pub async fn post(&self, order: &OutboxRow) -> Delivery {
        let mut request = self
            .client
            .post(&self.config.url)
            .header("content-type", "application/cloudevents+json; charset=utf-8")
            .header("idempotency-key", &order.key)
            .body(order.payload.clone());
        if let Some(token) = &self.config.token {
            request = request.bearer_auth(token.expose());
        }
        match request.send().await {
            Ok(response) => {
                let after = response
                    .headers()
                    .get("retry-after")
                    .and_then(|v| v.to_str().ok())
                    .and_then(|v| v.parse().ok());
                judge(response.status(), after.map(Millis::seconds))
            }
            Err(error) => Delivery::Retry {
                error: chain(&error.without_url()),
                after: None,
            },
        }
    }
}

/// A client for receivers: no redirects, checked addresses, a limit in time.
pub(super) fn client(timeout_ms: u64) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(Duration::from_millis(timeout_ms))
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(CheckedResolver))
        .user_agent(concat!("forewarn/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// An error with all its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What an answer means: 2xx done; 408, 429 and 5xx are worth another try; all else needs a person.
fn judge(status: StatusCode, after: Option<Millis>) -> Delivery {
    let error = format!("the receiver answered {status}");
    match status.as_u16() {
        200..=299 => Delivery::Done,
        408 | 425 | 429 | 500..=599 => Delivery::Retry { error, after },
        _ => Delivery::Refused { error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_can_be_set_up_without_a_default_for_tls() {
        let url = "https://desk.example/hook".to_owned();
        let config = WebhookConfig {
            name: "desk".into(),
            url,
            token: None,
            events: vec![],
            wants_everything: false,
            drills: false,
            timeout_ms: 1_000,
        };
        assert!(Webhook::new(config).is_ok());
    }

    #[test]
    fn answers_have_their_meaning() {
        let is_retry = |code| {
            matches!(
                judge(StatusCode::from_u16(code).expect("a status"), None),
                Delivery::Retry { .. }
            )
        };
        assert_eq!(judge(StatusCode::NO_CONTENT, None), Delivery::Done);
        assert!(is_retry(500) && is_retry(429) && is_retry(408) && is_retry(503));
        for code in [301, 400, 401, 404, 410, 422] {
            let verdict = judge(StatusCode::from_u16(code).expect("a status"), None);
            assert!(matches!(verdict, Delivery::Refused { .. }), "{code}");
        }
    }

    #[test]
    fn metadata_services_and_strange_schemes_are_no_receivers() {
        for url in [
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "ftp://x/",
            "not a url",
            "http://[::ffff:169.254.1.1]/",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        assert_eq!(check_url("http://127.0.0.1:9000/hook"), Ok(()));
    }
}
