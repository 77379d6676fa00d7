//! Receivers of the fake.

use crate::web::backend::{Answer, BackendError};
use dashboards::view::{DeadLetter, Receiver, ReceiverState, Tried};
use domain::{Millis, Timestamp};

/// The secret that its Jira shows.
pub const SECRET: &str = "a-secret-of-twenty-and-more";

pub fn receivers() -> Vec<Receiver> {
    let receiver = |name: &str, kind: &str, state, last_error: &str| Receiver {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state,
        waiting: 1,
        dead: 2,
        last_error: last_error.to_owned(),
        delivered_at: None,
    };
    vec![
        receiver("chat", "slack", ReceiverState::Ok, ""),
        receiver("jira", "jira", ReceiverState::Failing, "the receiver answered 503"),
        receiver("old", "dingtalk", ReceiverState::Disabled, "the robot answered 300001"),
    ]
}

pub fn tried(name: &str) -> Answer<Tried> {
    let found = receivers().into_iter().find(|r| r.name == name);
    let receiver = found.ok_or_else(|| BackendError::NotFound {
        what: format!("receiver {name}"),
    })?;
    Ok(Tried {
        arrived: receiver.state == ReceiverState::Ok,
        said: if receiver.last_error.is_empty() {
            "ok".to_owned()
        } else {
            receiver.last_error
        },
    })
}

pub fn dead(now: Timestamp) -> Vec<DeadLetter> {
    let letter = |id| DeadLetter {
        id,
        target: "receiver:jira".to_owned(),
        key: format!("ticket/T-000007/{id}"),
        kind: "io.forewarn.ticket.changed.v1".to_owned(),
        subject: "T-000007".to_owned(),
        created_at: (now - Millis::hours(1)).into(),
        attempts: 1,
        error: "the receiver answered 400".to_owned(),
    };
    vec![letter(12), letter(11)]
}
