//! The section `web` of the configuration.

use super::backend::Role;
use crate::secret::Secret;
use domain::checked::Problem;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The fewest characters of a token: with fewer it could be guessed.
pub const SHORTEST_TOKEN: usize = 20;
const MOST_TOKENS: usize = 1000;

/// Where pages and API are served, and to whom.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Address and port; default `127.0.0.1:8080`. Elsewhere than on loopback nobody comes in before a token is set or a user is there.
    pub bind: String,
    /// Who may come in beside the users. Neither: whoever is on this machine, with all rights.
    pub tokens: Vec<TokenConfig>,
    /// Host names by which the pages are reached, beside loopback ones. Must be given where a reverse proxy serves
    /// another name and the bind address is loopback.
    pub allowed_hosts: Vec<String>,
    /// Whether the login cookie is sent over TLS only; set it where a proxy speaks TLS.
    pub has_secure_cookie: bool,
}

/// One way in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Whose; stands in the audit trail.
    pub name: String,
    /// The secret, at least [`SHORTEST_TOKEN`] characters.
    pub token: Secret,
    /// What they may do.
    pub role: Role,
}

impl Default for WebConfig {
    fn default() -> Self {
        WebConfig {
            bind: "127.0.0.1:8080".into(),
            tokens: Vec::new(),
            allowed_hosts: Vec::new(),
            has_secure_cookie: false,
        }
    }
}

impl WebConfig {
    /// The address to bind, if it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        let port_only = self
            .bind
            .strip_prefix("localhost:")
            .map(|port| format!("127.0.0.1:{port}"));
        port_only.as_deref().unwrap_or(&self.bind).parse().ok()
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.address().is_some_and(|address| is_loopback(address.ip()))
    }

    /// What is wrong, each with its path below the section.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.address().is_none() {
            let detail = format!("{:?} is not an address with a port, such as 127.0.0.1:8080", self.bind);
            problems.push(Problem::at("bind", detail));
        }
        if self.tokens.len() > MOST_TOKENS {
            problems.push(Problem::at("tokens", format!("at most {MOST_TOKENS} tokens")));
        }
        let (mut names, mut secrets) = (BTreeSet::new(), BTreeSet::new());
        for (i, token) in self.tokens.iter().enumerate() {
            if token.name.trim().is_empty() || token.name.chars().count() > 64 {
                problems.push(Problem::at(
                    format!("tokens[{i}].name"),
                    "a name has 1 to 64 characters",
                ));
            }
            if !names.insert(&token.name) {
                problems.push(Problem::at(format!("tokens[{i}].name"), "this name stands twice"));
            }
            if token.token.expose().chars().count() < SHORTEST_TOKEN {
                problems.push(Problem::at(
                    format!("tokens[{i}].token"),
                    format!("a token has at least {SHORTEST_TOKEN} characters; make one with `openssl rand -hex 24`"),
                ));
            }
            if !token.token.expose().chars().all(|c| c.is_ascii_graphic()) {
                problems.push(Problem::at(
                    format!("tokens[{i}].token"),
                    "a token has visible ASCII characters without spaces only",
                ));
            }
            if !secrets.insert(token.token.expose()) {
                problems.push(Problem::at(format!("tokens[{i}].token"), "this token stands twice"));
            }
        }
        for (i, host) in self.allowed_hosts.iter().enumerate() {
            if host.is_empty() || host.contains(['/', ' ', '*']) {
                problems.push(Problem::at(
                    format!("allowed_hosts[{i}]"),
                    "a host name without scheme or path, such as forewarn.example.org",
                ));
            }
        }
        problems
    }
}

/// 127.0.0.0/8, ::1, and the former written as IPv6.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(config: &WebConfig) -> Vec<String> {
        config.problems().into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn the_default_serves_this_machine_only() {
        let config = WebConfig::default();
        assert!(config.is_loopback());
        assert!(config.problems().is_empty());
    }

    #[test]
    fn every_mistake_is_named() {
        let token = |name: &str, token: &str| TokenConfig {
            name: name.into(),
            token: Secret::new(token),
            role: Role::Admin,
        };
        let config = WebConfig {
            bind: "nowhere".into(),
            tokens: vec![
                token("", "0123456789abcdef0123456789"),
                token("b", "short"),
                token("b", "0123456789abcdef 123456789"),
            ],
            allowed_hosts: vec!["http://x".into()],
            has_secure_cookie: false,
        };
        let expected = [
            "bind",
            "tokens[0].name",
            "tokens[1].token",
            "tokens[2].name",
            "tokens[2].token",
            "allowed_hosts[0]",
        ];
        assert_eq!(paths(&config), expected);
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
