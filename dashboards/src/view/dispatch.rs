//! Whom to send for a ticket.

use super::schema;
use domain::text::Text;
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody who could go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Proposal {
    /// From 1, the best.
    pub rank: u32,
    /// Who.
    pub engineer: String,
    /// Has all the skills and room for another ticket.
    pub is_fit: bool,
    /// 0 to 100.
    pub score: u32,
    /// What speaks for and against it.
    #[schema(value_type = Vec<schema::Text>)]
    pub reasons: Vec<Text>,
}
