//! Who may connect, and which topics they may use. Pure: verifying a password is returned as work to do, because it takes tens of
//! milliseconds on purpose. Access fails closed: what is not granted is refused.

use super::config::{ListenerConfig, UserConfig};
use super::counters::RefusedReason;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What is wrong with the topic name of a publish (MQTT 3.1.1 section 4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicProblem {
    /// No character at all.
    #[error("topic is empty")]
    Empty,
    /// `+` or `#`, which only filters may have.
    #[error("topic holds a wildcard")]
    Wildcard,
    /// A NUL character.
    #[error("topic holds NUL")]
    Nul,
}

/// Checks a topic name to publish to. Comes before any access check, since a wildcard would fool that one.
pub fn check_topic(topic: &str) -> Result<(), TopicProblem> {
    if topic.is_empty() {
        return Err(TopicProblem::Empty);
    }
    match topic.bytes().find(|byte| matches!(byte, b'+' | b'#' | 0)) {
        None => Ok(()),
        Some(0) => Err(TopicProblem::Nul),
        Some(_) => Err(TopicProblem::Wildcard),
    }
}

/// True for a well-formed subscription filter: wildcards alone on their level, `#` only last.
pub fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    !filter.is_empty()
        && !filter.contains('\0')
        && std::iter::from_fn(|| levels.next().map(|level| (level, levels.peek().is_none()))).all(|(level, is_last)| {
            match level {
                "#" => is_last,
                "+" => true,
                literal => !literal.contains(['+', '#']),
            }
        })
}

/// True if `topic` is matched by `filter` (both well-formed). Wildcards on the first level do not match topics that start with `$`.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if wanted == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// A part of the topic tree that a client may use, written as a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    filter: String,
    /// For `literal/…/#`, by far the usual kind: the literal part with its last slash, so that the check is one comparison.
    prefix: Option<String>,
}

impl Scope {
    /// From any well-formed filter.
    pub fn new(filter: &str) -> Option<Scope> {
        let prefix = filter
            .strip_suffix('#')
            .filter(|rest| rest.ends_with('/') && !rest.contains('+'));
        is_filter(filter).then(|| Scope {
            filter: filter.to_owned(),
            prefix: prefix.map(str::to_owned),
        })
    }

    /// All topics of a site.
    pub fn of_site(site: &str) -> Option<Scope> {
        is_id(site).then(|| Scope::new(&format!("forewarn/{site}/#")))?
    }

    /// All topics of a device named `site/device`.
    pub fn of_device(name: &str) -> Option<Scope> {
        let (site, device) = name.split_once('/')?;
        (is_id(site) && is_id(device)).then(|| Scope::new(&format!("forewarn/{site}/{device}/#")))?
    }

    fn holds_topic(&self, topic: &str) -> bool {
        match &self.prefix {
            Some(prefix) => topic.starts_with(prefix) || topic.len() + 1 == prefix.len() && prefix.starts_with(topic),
            None => matches(&self.filter, topic),
        }
    }

    /// True if everything that `wanted` can match is inside this scope.
    fn holds_filter(&self, wanted: &str) -> bool {
        if wanted.starts_with('$') && self.filter.starts_with(['+', '#']) {
            return false;
        }
        let mut wanted = wanted.split('/');
        for level in self.filter.split('/') {
            if level == "#" {
                return true;
            }
            match wanted.next() {
                Some("#") | None => return false,
                Some(asked) if level == "+" || level == asked => {}
                Some(_) => return false,
            }
        }
        wanted.next().is_none()
    }
}

/// An id as in our topics: `[A-Za-z0-9._-]{1,64}`.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// A client that was let in, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who it is: sessions belong to this name, so that nobody can take over another's by its client id.
    pub principal: String,
    scopes: Vec<Scope>,
}

impl Grant {
    /// True if the client may publish to this (checked) topic.
    pub fn may_publish(&self, topic: &str) -> bool {
        self.scopes.iter().any(|scope| scope.holds_topic(topic))
    }

    /// True if the client may subscribe to this (well-formed) filter.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        self.scopes.iter().any(|scope| scope.holds_filter(filter))
    }
}

/// What a client shows when it connects.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// Its address.
    pub from: IpAddr,
    /// Common name of its verified certificate.
    pub certificate_name: Option<&'a str>,
    /// User name in CONNECT.
    pub user: Option<&'a str>,
}

/// The answer to credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let in.
    Granted(Grant),
    /// Let in if the password fits this hash. An unknown user gets here too (`grant` is None), so that the time taken does not tell.
    VerifyPassword {
        /// Argon2 hash to verify against.
        hash: String,
        /// What the user gets then.
        grant: Option<Grant>,
    },
    /// Not let in.
    Refused(RefusedReason),
}

/// The access rules of a configuration.
#[derive(Debug, Clone)]
pub struct AccessRules {
    anonymous_loopback: bool,
    users: BTreeMap<String, (String, Grant)>,
}

impl AccessRules {
    /// From a configuration without problems; what is wrong there grants nothing here.
    pub fn new(config: &ListenerConfig) -> AccessRules {
        let entry = |user: &UserConfig| {
            let grant = Grant {
                principal: format!("user:{}", user.name),
                scopes: scopes_of(user),
            };
            (user.name.clone(), (user.password_hash.expose().to_owned(), grant))
        };
        AccessRules {
            anonymous_loopback: config.anonymous_loopback,
            users: config.users.iter().map(entry).collect(),
        }
    }

    /// Decides on a client. A user name given counts before a certificate, a certificate before the address.
    pub fn decide(&self, credentials: Credentials<'_>) -> Decision {
        if let Some(name) = credentials.user {
            return match (self.users.get(name), self.users.values().next()) {
                (Some((hash, grant)), _) => Decision::VerifyPassword {
                    hash: hash.clone(),
                    grant: Some(grant.clone()),
                },
                (None, Some((hash, _))) => Decision::VerifyPassword {
                    hash: hash.clone(),
                    grant: None,
                },
                (None, None) => Decision::Refused(RefusedReason::BadCredentials),
            };
        }
        if let Some(name) = credentials.certificate_name {
            return match Scope::of_device(name).or_else(|| Scope::of_site(name)) {
                Some(scope) => Decision::Granted(Grant {
                    principal: format!("certificate:{name}"),
                    scopes: vec![scope],
                }),
                None => Decision::Refused(RefusedReason::NotAuthorized),
            };
        }
        if self.anonymous_loopback && credentials.from.to_canonical().is_loopback() {
            let scopes = Scope::new("forewarn/#").into_iter().collect();
            return Decision::Granted(Grant {
                principal: "anonymous".to_owned(),
                scopes,
            });
        }
        Decision::Refused(RefusedReason::AnonymousRefused)
    }
}

fn scopes_of(user: &UserConfig) -> Vec<Scope> {
    if !user.topics.is_empty() {
        return user.topics.iter().filter_map(|filter| Scope::new(filter)).collect();
    }
    match &user.site {
        Some(site) => Scope::of_site(site).into_iter().collect(),
        None => Scope::of_device(&user.name).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn user(name: &str, site: Option<&str>, topics: &[&str]) -> UserConfig {
        UserConfig {
            name: name.to_owned(),
            password_hash: Secret::new(format!("hash of {name}")),
            site: site.map(str::to_owned),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        }
    }

    fn rules() -> AccessRules {
        AccessRules::new(&ListenerConfig {
            users: vec![
                user("a/lift-1", None, &[]),
                user("site-user", Some("a"), &[]),
                user("board", None, &["forewarn/+/+/alarm", "forewarn/b/#"]),
            ],
            ..ListenerConfig::default()
        })
    }

    fn grant_of(name: &str) -> Grant {
        match rules().decide(Credentials {
            from: ELSEWHERE,
            certificate_name: None,
            user: Some(name),
        }) {
            Decision::VerifyPassword {
                hash,
                grant: Some(grant),
            } => {
                assert_eq!(hash, format!("hash of {name}"));
                grant
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn bad_topics_are_told_apart() {
        assert_eq!(check_topic("forewarn/a/b/telemetry"), Ok(()));
        assert_eq!(check_topic(""), Err(TopicProblem::Empty));
        assert_eq!(check_topic("a/+/b"), Err(TopicProblem::Wildcard));
        assert_eq!(check_topic("a/#"), Err(TopicProblem::Wildcard));
        assert_eq!(check_topic("a\0b"), Err(TopicProblem::Nul));
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        let yes = [
            ("#", "a/b"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("+/b", "a/b"),
            ("a/+", "a/"),
            ("+/+", "/x"),
            ("a", "a"),
        ];
        let no = [
            ("a/+", "a"),
            ("a", "a/b"),
            ("+", "a/b"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("a/b", "a"),
            ("a/+/c", "a/b/d"),
        ];
        for (filter, topic) in yes {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in no {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
        for bad in ["", "a#", "#/a", "a/b+", "a\0"] {
            assert!(!is_filter(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_device_uses_only_its_own_topics() {
        let grant = grant_of("a/lift-1");
        for topic in [
            "forewarn/a/lift-1/telemetry",
            "forewarn/a/lift-1/waveform/x",
            "forewarn/a/lift-1",
        ] {
            assert!(grant.may_publish(topic), "{topic}");
        }
        for topic in [
            "forewarn/a/lift-10/telemetry",
            "forewarn/a/lift-2/telemetry",
            "forewarn/b/lift-1/telemetry",
            "x",
            "forewarn/a/lift-",
        ] {
            assert!(!grant.may_publish(topic), "{topic}");
        }
        assert!(grant.may_subscribe("forewarn/a/lift-1/alarm"));
        assert!(grant.may_subscribe("forewarn/a/lift-1/#"));
        for filter in [
            "forewarn/a/+/alarm",
            "forewarn/#",
            "#",
            "+/a/lift-1/alarm",
            "forewarn/a/lift-1",
            "forewarn/a/#",
        ] {
            assert_eq!(grant.may_subscribe(filter), filter == "forewarn/a/lift-1", "{filter}");
        }
    }

    #[test]
    fn sites_and_topics_give_what_they_say() {
        assert!(grant_of("site-user").may_publish("forewarn/a/any/telemetry"));
        assert!(!grant_of("site-user").may_publish("forewarn/b/any/telemetry"));
        let board = grant_of("board");
        assert!(board.may_subscribe("forewarn/+/+/alarm"));
        assert!(board.may_subscribe("forewarn/a/x/alarm"));
        assert!(!board.may_subscribe("forewarn/+/+/#"));
        assert!(board.may_subscribe("forewarn/b/#"));
        assert!(!board.may_subscribe("forewarn/+/x/service"));
    }

    #[test]
    fn an_unknown_user_costs_a_verification_and_gets_nothing() {
        let decision = rules().decide(Credentials {
            from: HERE,
            certificate_name: None,
            user: Some("nobody"),
        });
        assert!(matches!(decision, Decision::VerifyPassword { grant: None, .. }));
    }

    #[test]
    fn anonymous_is_for_loopback_only() {
        let ask = |from, rules: &AccessRules| {
            rules.decide(Credentials {
                from,
                certificate_name: None,
                user: None,
            })
        };
        assert!(matches!(ask(HERE, &rules()), Decision::Granted(_)));
        assert!(matches!(
            ask("::ffff:127.0.0.1".parse().unwrap(), &rules()),
            Decision::Granted(_)
        ));
        assert_eq!(
            ask(ELSEWHERE, &rules()),
            Decision::Refused(RefusedReason::AnonymousRefused)
        );
        let closed = AccessRules {
            anonymous_loopback: false,
            ..rules()
        };
        assert_eq!(ask(HERE, &closed), Decision::Refused(RefusedReason::AnonymousRefused));
    }

    #[test]
    fn a_certificate_names_a_device() {
        let ask = |name| {
            rules().decide(Credentials {
                from: ELSEWHERE,
                certificate_name: Some(name),
                user: None,
            })
        };
        match ask("b/pump-7") {
            Decision::Granted(grant) => {
                assert!(grant.may_publish("forewarn/b/pump-7/telemetry"));
                assert!(!grant.may_publish("forewarn/a/lift-1/telemetry"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(ask("b/#"), Decision::Refused(RefusedReason::NotAuthorized));
    }
}
