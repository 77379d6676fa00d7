//! What somebody may want of users and tokens, what that comes to, and why it is refused.

use super::accounts::{AccessToken, Account, SetUpLink};
use super::{Limits, Right, Role};
use domain::Timestamp;
use std::collections::BTreeSet;

/// What of an account may be changed by an administrator; none: stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// What they may do.
    pub role: Option<Role>,
    /// Which devices they may see.
    pub limits: Option<Limits>,
    /// Whether they may come in no longer.
    pub is_disabled: Option<bool>,
    /// Language of the pages.
    pub locale: Option<String>,
    /// Hash of a new password.
    pub password: Option<String>,
}

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which devices they may see.
    pub limits: Limits,
    /// Hash of the password; empty: none.
    pub password: String,
    /// Language of the pages.
    pub locale: String,
}

/// What somebody wants of the accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessOrder {
    /// A new user.
    Create(NewAccount),
    /// A user is changed.
    Change {
        /// Which.
        name: String,
        /// How.
        change: AccountChange,
        /// Only if the revision still is this; none: in any case.
        if_revision: Option<u64>,
    },
    /// A token for a user.
    AddToken {
        /// Whose.
        account: String,
        /// What it is for.
        label: String,
        /// SHA-256 of its secret.
        hash: String,
        /// Only these rights; empty: all of the account's.
        scopes: BTreeSet<Right>,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A token is worth nothing from now on.
    RevokeToken {
        /// Whose.
        account: String,
        /// Which.
        id: u64,
    },
    /// A link for the first administrator, in place of any other.
    OfferSetUp {
        /// SHA-256 of its secret.
        hash: String,
    },
    /// The first administrator comes in by the link, which is used up.
    SetUp {
        /// SHA-256 of the secret that was shown.
        hash: String,
        /// Who.
        first: NewAccount,
    },
}

/// What has to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessEffect {
    /// An account as it is now.
    Account(Box<Account>),
    /// A token as it is now.
    Token(Box<AccessToken>),
    /// A token ended long ago.
    ForgetToken(u64),
    /// The link as it is now; none: there is no longer one.
    SetUpLink(Option<SetUpLink>),
    /// A line of the audit trail.
    Audit {
        /// Such as `user.created`.
        action: &'static str,
        /// Such as `user/ann`.
        subject: String,
        /// In words.
        detail: String,
    },
}

/// Why an order was not followed; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefusal {
    /// Nobody is called that.
    #[error("there is no user {name}")]
    Unknown {
        /// Whom it was about.
        name: String,
    },
    /// No such token.
    #[error("there is no such token of {name}")]
    NoToken {
        /// Whose.
        name: String,
    },
    /// The name is taken, by a user or a token of the configuration.
    #[error("{name} is taken already; a name is never given twice, so that the audit trail stays true")]
    Taken {
        /// Which.
        name: String,
    },
    /// Changed since the asker looked.
    #[error("it was changed meanwhile: its revision is {revision}")]
    Changed {
        /// Its revision now.
        revision: u64,
    },
    /// Nobody would be left who manages users.
    #[error(
        "then nobody would be left who may manage users; first make somebody else an administrator with a password"
    )]
    LastAdmin,
    /// The first user must be able to manage the others.
    #[error("the first user must be an administrator without limits and with a password")]
    FirstIsNoAdmin,
    /// A token that allows more than its account.
    #[error("the role {} does not have the right {}", role.as_str(), right.as_str())]
    BeyondRole {
        /// The account's role.
        role: Role,
        /// Which right.
        right: Right,
    },
    /// Too many.
    #[error("there are {most} {what} already")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many may be.
        most: usize,
    },
    /// The link is wrong, used up or too old, or set-up is over.
    #[error("this set-up link is not valid; restart the gateway for a new one")]
    NoLink,
}
