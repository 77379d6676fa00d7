//! What the operator may set for the device listener, with defaults that are safe on a developer's machine (loopback only). Semantic
//! checks report every problem with its path; nothing here opens a file or a socket.

use super::access::Scope;
use crate::secret::Secret;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Section `[listener]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerConfig {
    /// Address for plain MQTT (3.1.1 and 5). Port 0 takes a free one.
    pub bind: SocketAddr,
    /// A second port with TLS.
    pub tls: Option<ListenerTls>,
    /// Whether clients of this machine may connect without a name. Others never may.
    pub anonymous_loopback: bool,
    /// Who may connect with a password.
    pub users: Vec<UserConfig>,
    /// Links at the same time; further ones are refused as "server busy".
    pub max_connections: usize,
    /// Seconds a client has to send CONNECT (and finish the TLS handshake) and to be let in.
    pub connect_timeout_s: u64,
    /// Largest packet accepted, in bytes. A bigger one closes the link.
    pub max_packet_bytes: u32,
    /// Publishes of one link that may wait for their PUBACK; MQTT 5 clients are told as receive maximum.
    pub window: u16,
    /// Payload bytes of one link that may wait for the disk before reading pauses.
    pub window_bytes: usize,
    /// Longest keep-alive in seconds. MQTT 5 clients asking for more (or none) are told this; a 3.1.1 client is cut when silent for 1.5 times it.
    pub max_keep_alive_s: u16,
    /// Seconds after which a client that does not take what we send loses its link.
    pub write_timeout_s: u64,
    /// Our publishes to one subscriber that may wait for its PUBACK.
    pub outgoing_window: u16,
    /// Longest time in seconds a session is kept for a subscriber that is away.
    pub max_session_expiry_s: u32,
    /// Seconds a graceful stop waits for pending acknowledgements.
    pub shutdown_grace_s: u64,
}

/// Section `[listener.tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// Address for MQTT over TLS, usually port 8883. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Our certificate chain, PEM.
    pub cert: PathBuf,
    /// Our private key, PEM.
    pub key: PathBuf,
    /// CA that signs device certificates, PEM. Without it no certificate is asked for.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether every client must show a certificate. The subject's common name is then who it is, for example `site-a/lift-1`.
    #[serde(default)]
    pub client_certificate: ClientCertificate,
}

/// Whether a client certificate must be shown, where a client CA is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificate {
    /// Accepted, but a user name and password do as well.
    Optional,
    /// Without one there is no link.
    #[default]
    Required,
}

/// One of `[[listener.users]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// User name. `site/device` names a device, which may use only what is below its own topic.
    pub name: String,
    /// Argon2 hash in PHC form (`$argon2id$v=19$…`).
    pub password_hash: Secret,
    /// Site whose topics this user may use.
    #[serde(default)]
    pub site: Option<String>,
    /// Topic filters this user may use, instead of what follows from name or site.
    #[serde(default)]
    pub topics: Vec<String>,
}

impl Default for ListenerConfig {
    fn default() -> ListenerConfig {
        ListenerConfig {
            bind: SocketAddr::from(([127, 0, 0, 1], 1883)),
            tls: None,
            anonymous_loopback: true,
            users: Vec::new(),
            max_connections: 10_000,
            connect_timeout_s: 10,
            max_packet_bytes: 256 * 1024,
            window: 1_000,
            window_bytes: 4 * 1024 * 1024,
            max_keep_alive_s: 3_600,
            write_timeout_s: 30,
            outgoing_window: 64,
            max_session_expiry_s: 7 * 24 * 3600,
            shutdown_grace_s: 5,
        }
    }
}

impl ListenerConfig {
    /// Everything wrong with the values, each with its path below `listener` and what would be right.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut problem = |path: &str, text: String| problems.push((path.to_owned(), text));
        let mut at_least = |path: &str, value: u64, least: u64| {
            if value < least {
                problem(path, format!("is {value}, must be at least {least}"));
            }
        };
        at_least("max_connections", self.max_connections as u64, 1);
        at_least("connect_timeout_s", self.connect_timeout_s, 1);
        at_least("max_packet_bytes", u64::from(self.max_packet_bytes), 1_024);
        at_least("window", u64::from(self.window), 1);
        at_least("window_bytes", self.window_bytes as u64, 1_024);
        at_least("max_keep_alive_s", u64::from(self.max_keep_alive_s), 1);
        at_least("write_timeout_s", self.write_timeout_s, 1);
        at_least("outgoing_window", u64::from(self.outgoing_window), 1);
        if let Some(tls) = &self.tls
            && tls.client_ca.is_none()
            && tls.client_certificate == ClientCertificate::Optional
        {
            problem(
                "tls.client_ca",
                "is missing, but client_certificate is set: give the CA that signs device certificates".to_owned(),
            );
        }
        let mut names = std::collections::BTreeSet::new();
        for (index, user) in self.users.iter().enumerate() {
            let path = |field: &str| format!("users[{index}].{field}");
            if user.name.is_empty() {
                problem(&path("name"), "is empty".to_owned());
            }
            if !names.insert(&user.name) {
                problem(&path("name"), format!("\"{}\" is given twice", user.name));
            }
            if argon2::PasswordHash::new(user.password_hash.expose()).is_err() {
                problem(
                    &path("password_hash"),
                    "is not an argon2 hash of the form $argon2id$v=19$m=…,t=…,p=…$salt$hash".to_owned(),
                );
            }
            if let Some(site) = &user.site
                && Scope::of_site(site).is_none()
            {
                problem(
                    &path("site"),
                    format!("\"{site}\" is not a site name ([A-Za-z0-9._-], 1 to 64 characters)"),
                );
            }
            for (topic_index, filter) in user.topics.iter().enumerate() {
                if Scope::new(filter).is_none() {
                    problem(
                        &path(&format!("topics[{topic_index}]")),
                        format!("\"{filter}\" is not a topic filter"),
                    );
                }
            }
            if user.site.is_none() && user.topics.is_empty() && Scope::of_device(&user.name).is_none() {
                problem(
                    &path("topics"),
                    format!(
                        "user \"{}\" may use no topic: name it site/device, or give site or topics",
                        user.name
                    ),
                );
            }
        }
        problems
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_s)
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout_s)
    }

    pub(super) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_problem_and_an_empty_section_equals_them() {
        assert_eq!(ListenerConfig::default().problems(), vec![]);
        assert_eq!(toml::from_str::<ListenerConfig>("").unwrap(), ListenerConfig::default());
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<ListenerConfig>("bindd = '127.0.0.1:0'").is_err());
    }

    #[test]
    fn every_problem_is_reported_with_its_path() {
        let config: ListenerConfig = toml::from_str(
            r#"
            window = 0
            [[users]]
            name = "dash"
            password_hash = "hunter2"
            [[users]]
            name = "dash"
            password_hash = "hunter2"
            site = "a/b"
            topics = ["forewarn/#/x"]
            "#,
        )
        .unwrap();
        let paths: Vec<String> = config.problems().into_iter().map(|(path, _)| path).collect();
        let expected = [
            "window",
            "users[0].password_hash",
            "users[0].topics",
            "users[1].name",
            "users[1].password_hash",
            "users[1].site",
            "users[1].topics[0]",
        ];
        assert_eq!(paths, expected);
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
