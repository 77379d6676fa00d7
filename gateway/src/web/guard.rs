//! What every request and answer passes: whose host name was asked for, whether another site sent it, safe headers.

use super::auth::{INBOUND, Via};
use super::config::WebConfig;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The header by which a program says that no browser page made it send this.
pub const OWN_HEADER: &str = "x-forewarn";

/// The host names that are ours.
#[derive(Debug)]
pub struct Hosts {
    names: Vec<String>,
    is_any_allowed: bool,
}

impl Hosts {
    /// On loopback the loopback names and the configured ones; elsewhere the configured ones, or any if none are.
    pub fn new(config: &WebConfig) -> Hosts {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
        names.extend(config.allowed_hosts.iter().map(|h| h.to_ascii_lowercase()));
        Hosts {
            names,
            is_any_allowed: !config.is_loopback() && config.allowed_hosts.is_empty(),
        }
    }

    fn allows(&self, host: &str) -> bool {
        self.is_any_allowed
            || self
                .names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(without_port(host)))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        Some(_) | None => host,
    }
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    uri.authority()
        .map(|authority| authority.as_str())
        .or_else(|| headers.get(header::HOST).and_then(|h| h.to_str().ok()))
}

/// Against DNS rebinding: a page of another site that makes its own name point to us still sends its own name.
pub async fn refuse_foreign_hosts(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match host(request.headers(), request.uri()) {
        Some(host) if hosts.allows(host) => Ok(next.run(request).await),
        Some(_) => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this host name is not served here; add it to web.allowed_hosts if it should be",
        )),
        None => Err(Problem::new(StatusCode::BAD_REQUEST, "the Host header is missing")),
    }
}

/// Against cross-site requests: what changes something is taken from our own pages, or from programs that say so.
/// A bearer token is never sent by a browser on its own, so it needs no more.
pub async fn refuse_cross_site(request: Request, next: Next) -> Result<Response, Problem> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let by_bearer = request.extensions().get::<Via>() == Some(&Via::Bearer);
    // proves itself by a secret in the request, which no page of another site knows
    let is_inbound = request.uri().path().starts_with(INBOUND);
    if is_safe || by_bearer || is_inbound || is_own(request.headers(), request.uri()) {
        return Ok(next.run(request).await);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "this request does not come from our own pages; a program must send the header X-Forewarn: 1",
    ))
}

fn is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    let get = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("unreadable"));
    if let Some(site) = get("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    if get(OWN_HEADER) == Some("1") {
        return true;
    }
    // Browsers leave Sec-Fetch-Site out where plain HTTP is spoken to another machine, but send Origin with every POST.
    match (get("origin"), host(headers, uri)) {
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, from)| from.eq_ignore_ascii_case(host)),
        (Some(_), None) | (None, Some(_)) | (None, None) => false,
    }
}

/// Headers that every answer has.
pub async fn harden(request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with(dashboards::assets::PREFIX);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !is_asset && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// 404 as a problem.
pub async fn no_such_page(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// 405 as a problem.
pub async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not take {method}", uri.path()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_part_of_the_name() {
        for (host, name) in [
            ("localhost:8080", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("a.example:x", "a.example:x"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
