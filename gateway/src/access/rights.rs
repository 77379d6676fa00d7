//! The table of rights: what each role may do. Here and nowhere else.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Watches alarms.
    Operator,
    /// Repairs machines: changes only their own tickets and those that nobody has.
    Technician,
    /// Hands tickets to people.
    Dispatcher,
    /// Tunes and releases models.
    Engineer,
    /// Everything but what only an auditor needs apart.
    Admin,
    /// Looks, and reads the audit trail.
    Auditor,
    /// A program, with what its token is scoped to.
    Integration,
}

/// One thing that somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See devices, alarms, tickets, models, reviews.
    View,
    /// See health, metrics, receivers and the quarantine of the whole gateway.
    ReadSystem,
    /// Acknowledge, shelve and reset alarms.
    OperateAlarms,
    /// Take machines out of service, plan maintenance windows and who is on call.
    PlanWork,
    /// Write into tickets.
    CommentTickets,
    /// Give tickets to people.
    AssignTickets,
    /// Move tickets on, hold, close, cancel and reopen them.
    WorkTickets,
    /// Book spare parts: count, receive, move, issue.
    BookStock,
    /// Send again what could not be delivered.
    ResendMessages,
    /// Send test messages to receivers.
    TestReceivers,
    /// Read quarantined packets again, or discard them.
    HandleQuarantine,
    /// Add models, run them in shadow, discard them.
    TuneModels,
    /// Let a model judge, or the one before it.
    ReleaseModels,
    /// Write drafts of the knowledge base, and say whether an entry helped.
    WriteKnowledge,
    /// Release and retire entries of the knowledge base, and change released ones.
    ReleaseKnowledge,
    /// Read and export the audit trail.
    ReadAudit,
    /// Create and change users, give them tokens.
    ManageUsers,
}

use Right::{
    AssignTickets, BookStock, CommentTickets, HandleQuarantine, ManageUsers, OperateAlarms, PlanWork, ReadAudit,
    ReadSystem, ReleaseKnowledge, ReleaseModels, ResendMessages, TestReceivers, TuneModels, View, WorkTickets,
    WriteKnowledge,
};

/// Each role with its rights.
pub const TABLE: [(Role, &[Right]); 8] = [
    (Role::Viewer, &[View, ReadSystem]),
    (
        Role::Operator,
        &[
            View,
            ReadSystem,
            OperateAlarms,
            CommentTickets,
            AssignTickets,
            ResendMessages,
        ],
    ),
    (
        Role::Technician,
        &[
            View,
            ReadSystem,
            OperateAlarms,
            PlanWork,
            CommentTickets,
            AssignTickets,
            WorkTickets,
            ResendMessages,
            WriteKnowledge,
        ],
    ),
    (
        Role::Dispatcher,
        &[
            View,
            ReadSystem,
            OperateAlarms,
            PlanWork,
            CommentTickets,
            AssignTickets,
            WorkTickets,
            BookStock,
            ResendMessages,
        ],
    ),
    (
        Role::Engineer,
        &[
            View,
            ReadSystem,
            OperateAlarms,
            PlanWork,
            CommentTickets,
            AssignTickets,
            WorkTickets,
            ResendMessages,
            TestReceivers,
            HandleQuarantine,
            TuneModels,
            ReleaseModels,
            WriteKnowledge,
            ReleaseKnowledge,
        ],
    ),
    (Role::Admin, &Right::ALL),
    (Role::Auditor, &[View, ReadSystem, ReadAudit]),
    (
        Role::Integration,
        &[
            View,
            ReadSystem,
            OperateAlarms,
            CommentTickets,
            AssignTickets,
            WorkTickets,
        ],
    ),
];

impl Role {
    /// Its rights.
    pub fn rights(self) -> &'static [Right] {
        let row = TABLE.iter().find(|(role, _)| *role == self);
        row.map_or(&[], |(_, rights)| rights)
    }

    /// Whether it has a right.
    pub fn may(self, right: Right) -> bool {
        self.rights().contains(&right)
    }

    /// Its word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Technician => "technician",
            Role::Dispatcher => "dispatcher",
            Role::Engineer => "engineer",
            Role::Admin => "admin",
            Role::Auditor => "auditor",
            Role::Integration => "integration",
        }
    }
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 17] = [
        View,
        ReadSystem,
        OperateAlarms,
        PlanWork,
        CommentTickets,
        AssignTickets,
        WorkTickets,
        BookStock,
        ResendMessages,
        TestReceivers,
        HandleQuarantine,
        TuneModels,
        ReleaseModels,
        WriteKnowledge,
        ReleaseKnowledge,
        ReadAudit,
        ManageUsers,
    ];

    /// Its word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            View => "view",
            ReadSystem => "read_system",
            OperateAlarms => "operate_alarms",
            PlanWork => "plan_work",
            CommentTickets => "comment_tickets",
            AssignTickets => "assign_tickets",
            WorkTickets => "work_tickets",
            BookStock => "book_stock",
            ResendMessages => "resend_messages",
            TestReceivers => "test_receivers",
            HandleQuarantine => "handle_quarantine",
            TuneModels => "tune_models",
            ReleaseModels => "release_models",
            WriteKnowledge => "write_knowledge",
            ReleaseKnowledge => "release_knowledge",
            ReadAudit => "read_audit",
            ManageUsers => "manage_users",
        }
    }

    /// What it allows, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            View => "see devices, alarms, tickets, models and reviews",
            ReadSystem => "see health, metrics, receivers and the quarantine",
            OperateAlarms => "acknowledge, shelve and reset alarms",
            PlanWork => "take machines out of service, plan maintenance windows and who is on call",
            CommentTickets => "write into tickets",
            AssignTickets => "give tickets to people",
            WorkTickets => "move tickets on, hold, close, cancel and reopen them",
            BookStock => "book spare parts: count, receive, move, issue",
            ResendMessages => "send again what could not be delivered",
            TestReceivers => "send test messages to receivers",
            HandleQuarantine => "read quarantined packets again, or discard them",
            TuneModels => "add models, run them in shadow, discard them",
            ReleaseModels => "let a model judge, or the one before it",
            WriteKnowledge => "write drafts of the knowledge base, say whether an entry helped",
            ReleaseKnowledge => "release, change and retire entries of the knowledge base",
            ReadAudit => "read and export the audit trail",
            ManageUsers => "create and change users, give them tokens",
        }
    }

    /// Whether it is about the gateway as a whole, so that somebody who is limited to sites or customers does not have it.
    pub fn is_gateway_wide(self) -> bool {
        match self {
            ReadSystem | BookStock | ResendMessages | TestReceivers | HandleQuarantine | TuneModels | ReleaseModels
            | ReleaseKnowledge | ReadAudit | ManageUsers => true,
            View | OperateAlarms | PlanWork | CommentTickets | AssignTickets | WorkTickets | WriteKnowledge => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_role_stands_in_the_table_once_each_right_once_and_everybody_may_look() {
        let roles: BTreeSet<Role> = TABLE.iter().map(|(role, _)| *role).collect();
        assert_eq!(roles.len(), TABLE.len());
        for (role, rights) in TABLE {
            let once: BTreeSet<&Right> = rights.iter().collect();
            assert_eq!(once.len(), rights.len(), "{role:?}");
            assert!(role.may(View), "{role:?}");
        }
        assert_eq!(Right::ALL.iter().collect::<BTreeSet<_>>().len(), Right::ALL.len());
    }

    #[test]
    fn only_an_administrator_manages_users_and_only_two_roles_read_the_audit_trail() {
        let who = |right| {
            TABLE
                .iter()
                .filter(|(r, _)| r.may(right))
                .map(|(r, _)| *r)
                .collect::<Vec<_>>()
        };
        assert_eq!(who(ManageUsers), [Role::Admin]);
        assert_eq!(who(ReadAudit), [Role::Admin, Role::Auditor]);
        assert_eq!(who(ReleaseModels), [Role::Engineer, Role::Admin]);
        assert_eq!(who(ReleaseKnowledge), [Role::Engineer, Role::Admin]);
    }

    #[test]
    fn words_are_those_of_the_wire() {
        for (role, _) in TABLE {
            assert_eq!(serde_json::to_value(role).expect("a word"), role.as_str());
        }
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).expect("a word"), right.as_str());
        }
    }

    #[test]
    fn the_page_on_access_shows_this_table() {
        let page = include_str!("../../../docs/access.md");
        let head: Vec<&str> = TABLE.iter().map(|(role, _)| role.as_str()).collect();
        let mut rows = vec![format!("| right | {} | what it allows |", head.join(" | "))];
        for right in Right::ALL {
            let marks: Vec<&str> = TABLE.iter().map(|(r, _)| if r.may(right) { "x" } else { "" }).collect();
            let wide = if right.is_gateway_wide() { " *" } else { "" };
            rows.push(format!(
                "| `{}`{wide} | {} | {} |",
                right.as_str(),
                marks.join(" | "),
                right.meaning()
            ));
        }
        for row in rows {
            assert!(
                page.lines().any(|line| line == row),
                "docs/access.md lacks the line\n{row}"
            );
        }
    }
}
