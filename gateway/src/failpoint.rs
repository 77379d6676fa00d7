//! Named places where a test can have the process killed, as by a power cut: `FOREWARN_FAILPOINT=before_commit:3` kills it
//! at the third time it comes by. Costs one comparison when unset.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a process can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// A commit is written but not committed.
    BeforeCommit,
    /// A commit is on disk, nothing acknowledged yet.
    AfterCommitBeforeAck,
    /// A ticket's row is inserted, its commit not done.
    AfterTicketInsert,
    /// A webhook's receiver has answered, the outbox does not know yet.
    AfterWebhookSend,
}

impl Failpoint {
    /// All of them.
    pub const ALL: [Failpoint; 4] = [
        Failpoint::BeforeCommit,
        Failpoint::AfterCommitBeforeAck,
        Failpoint::AfterTicketInsert,
        Failpoint::AfterWebhookSend,
    ];

    /// Its name in the environment variable.
    pub fn name(self) -> &'static str {
        match self {
            Failpoint::BeforeCommit => "before_commit",
            Failpoint::AfterCommitBeforeAck => "after_commit_before_ack",
            Failpoint::AfterTicketInsert => "after_ticket_insert",
            Failpoint::AfterWebhookSend => "after_webhook_send",
        }
    }
}

struct Armed {
    point: Failpoint,
    countdown: AtomicU64,
}

fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let read = || {
        let setting = std::env::var("FOREWARN_FAILPOINT").ok()?;
        let (name, count) = setting.split_once(':').unwrap_or((&setting, "1"));
        let point = Failpoint::ALL.into_iter().find(|p| p.name() == name);
        let count = count.parse().ok().filter(|n| *n > 0);
        match (point, count) {
            (Some(point), Some(count)) => Some(Armed {
                point,
                countdown: AtomicU64::new(count),
            }),
            (Some(_) | None, Some(_) | None) => {
                tracing::error!(setting, "FOREWARN_FAILPOINT is not name:count and is ignored");
                None
            }
        }
    };
    ARMED.get_or_init(read).as_ref()
}

/// Kills the process if this place is armed and its count has come.
pub fn hit(point: Failpoint) {
    if let Some(armed) = armed()
        && armed.point == point
        && armed.countdown.fetch_sub(1, Ordering::Relaxed) == 1
    {
        // SIGKILL, not abort: no handler, no flush, no unwinding, as when the power fails.
        std::process::Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status()
            .ok();
        loop {
            std::thread::park();
        }
    }
}
