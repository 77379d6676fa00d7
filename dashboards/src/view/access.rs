//! Users, their tokens, roles and rights.

use super::At;
use serde::Serialize;
use utoipa::ToSchema;

/// A person or a program that may come in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct User {
    /// Stands in the audit trail.
    pub name: String,
    /// Such as `technician`.
    pub role: String,
    /// Only devices of these sites; empty: no limit.
    pub sites: Vec<String>,
    /// Only devices of these customers; empty: no limit.
    pub customers: Vec<String>,
    /// Whether they may come in no longer.
    pub disabled: bool,
    /// Whether they can log in with a password; if not, only with a token.
    pub has_password: bool,
    /// Language of the pages, `en` or `zh`; empty: as the browser asks for.
    pub locale: String,
    /// When the user was created.
    pub created_at: At,
    /// Grows with every change.
    pub revision: u64,
    /// Tokens, the newest first; what ended is shown for a while.
    pub tokens: Vec<Token>,
}

/// A token of a user, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Token {
    /// Its number.
    pub id: u64,
    /// What it is for.
    pub label: String,
    /// Only these of the user's rights; empty: all of them.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: At,
    /// From when on it is worth nothing.
    pub expires_at: At,
    /// When it was revoked.
    pub revoked_at: Option<At>,
    /// Whether it opens the door.
    pub in_force: bool,
}

/// A token just made: the only time that its secret is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NewToken {
    /// Its number.
    pub id: u64,
    /// The secret, to be sent as `Authorization: Bearer …`.
    pub token: String,
    /// From when on it is worth nothing.
    pub expires_at: At,
}

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Own {
    /// Stands in the audit trail.
    pub name: String,
    /// Such as `technician`.
    pub role: String,
    /// What they may do now.
    pub rights: Vec<String>,
    /// The user; none for a token of the configuration and the local operator.
    pub user: Option<User>,
}

/// A role and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoleRights {
    /// Such as `technician`.
    pub role: String,
    /// What it may do.
    pub rights: Vec<RightMeaning>,
}

/// One thing that somebody may do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RightMeaning {
    /// Such as `work_tickets`.
    pub right: String,
    /// What it allows.
    pub meaning: String,
    /// Whether it is about the gateway as a whole: users who are limited to sites or customers do not have it.
    pub gateway_wide: bool,
}
