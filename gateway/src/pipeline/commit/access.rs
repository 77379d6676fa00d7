//! What the commit thread does about users and tokens: orders are followed, and once that is on disk the web door knows.

use super::{Committer, Group};
use crate::access::notes::Note;
use crate::access::{AccessEffect, AccessOrder, AccessRefusal};
use crate::store::rows::AuditRow;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What an order about users came to: the number of the token that it made, if it made one.
pub type AccessDone = Result<Option<u64>, AccessRefusal>;
/// An answer, and whom to give it after the commit.
pub(super) type AccessReply = (oneshot::Sender<AccessDone>, AccessDone);

/// A line for the audit trail.
pub(super) fn line(note: Note) -> AuditRow {
    AuditRow {
        id: 0,
        at: note.at,
        actor: note.actor,
        action: note.action,
        subject: note.subject,
        detail: note.detail,
    }
}

impl Committer {
    /// Follows an order about users; what it means is in the group.
    pub(super) fn change_access(&mut self, order: AccessOrder, actor: &str, group: &mut Group) -> AccessDone {
        let at = self.setup.clock.now();
        let mut token = None;
        for effect in self.setup.accounts.step(order, at)? {
            match effect {
                AccessEffect::Audit {
                    action,
                    subject,
                    detail,
                } => group.audits.push(AuditRow {
                    id: 0,
                    at,
                    actor: actor.to_owned(),
                    action: action.to_owned(),
                    subject,
                    detail,
                }),
                AccessEffect::Account(_)
                | AccessEffect::Token(_)
                | AccessEffect::ForgetToken(_)
                | AccessEffect::SetUpLink(_) => {
                    if let AccessEffect::Token(made) = &effect {
                        token = Some(made.id);
                    }
                    group.access.push(effect);
                }
            }
        }
        Ok(token)
    }

    /// On disk: from now on this is who may come in.
    pub(super) fn tell_access(&self, effects: &[AccessEffect]) {
        if !effects.is_empty() {
            self.setup.access.send_replace(Arc::new(self.setup.accounts.clone()));
        }
    }
}
