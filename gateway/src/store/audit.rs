//! The audit trail as a chain: each line carries SHA-256 over the hash of the line before and its own content, so that a line
//! that was changed, taken out or put in shows. Lines beyond the limit make room; where the chain then begins is remembered.

use super::commit::Commit;
use super::reader::Reader;
use super::rows::AuditRow;
use super::{Attempt, StoreError};
use domain::Timestamp;
use ring::digest::{Context, SHA256};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Lines kept; the oldest make room.
pub const MOST_LINES: u64 = 2_000_000;
/// Room is made once for so many lines, so that most commits have nothing to do for it.
const TRIM_EVERY: u64 = 256;
/// What a chain begins with.
const BEGINNING: Hash = [0; 32];
/// Lines read at a time.
const AT_ONCE: u32 = 5_000;

/// SHA-256.
pub type Hash = [u8; 32];

/// A place in the chain: a line and its hash. Line 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The line's number.
    pub line: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Which lines; none means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Written then or later.
    pub from: Option<Timestamp>,
    /// Written before.
    pub to: Option<Timestamp>,
    /// What this actor did.
    pub actor: Option<String>,
    /// What was done to this.
    pub subject: Option<String>,
}

impl AuditFilter {
    /// Whether a line is meant.
    pub fn fits(&self, row: &AuditRow) -> bool {
        self.from.is_none_or(|from| row.at >= from)
            && self.to.is_none_or(|to| row.at < to)
            && self.actor.as_ref().is_none_or(|actor| row.actor == *actor)
            && self.subject.as_ref().is_none_or(|subject| row.subject == *subject)
    }
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainState {
    /// Every line is as it was written.
    Whole {
        /// How many lines were checked.
        lines: u64,
        /// The last one removed to make room; line 0: none was.
        begins_after: Link,
        /// The last line; whoever keeps its hash elsewhere can tell later that nothing before it was written anew.
        head: Link,
    },
    /// A line is not what was written.
    Broken {
        /// The first such line.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// The hash of a line after another.
///
/// Over the hash before, the number and time as 64 bits and each text with its length, so that no two lines have the same bytes.
fn hash_of(before: &Hash, row: &AuditRow) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(b"forewarn audit 1");
    context.update(before);
    context.update(&row.id.to_be_bytes());
    context.update(&row.at.0.to_be_bytes());
    for text in [&row.actor, &row.action, &row.subject, &row.detail] {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let (line, hash): (i64, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
    let hash = hash.and_then(|h| h.try_into().ok()).unwrap_or(BEGINNING);
    Ok(Link {
        line: line as u64,
        hash,
    })
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        id: row.get::<_, i64>(0)? as u64,
        at: Timestamp(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
    })
}

const CHECKPOINT: &str = "SELECT line, hash FROM audit_checkpoint";

/// Lines of a store that was written before the audit trail was a chain become its beginning.
pub(super) fn chain_older_lines(connection: &Connection) -> Result<(), StoreError> {
    let what = "chain the audit trail";
    let first: Option<i64> = connection
        .query_row(
            "SELECT id FROM audit WHERE hash IS NULL ORDER BY id LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
        .attempt(what)?;
    let Some(first) = first else { return Ok(()) };
    // either all older lines are chained or none is
    let transaction = connection.unchecked_transaction().attempt(what)?;
    let mut before = transaction
        .query_row(
            "SELECT id, hash FROM audit WHERE id < ? ORDER BY id DESC LIMIT 1",
            [first],
            link,
        )
        .optional()
        .attempt(what)?
        .map_or(BEGINNING, |l| l.hash);
    let mut after = first - 1;
    loop {
        let rows: Vec<AuditRow> = {
            let sql = "SELECT id, at, actor, action, subject, detail FROM audit WHERE id > ? ORDER BY id LIMIT ?";
            let mut statement = transaction.prepare_cached(sql).attempt(what)?;
            let rows = statement.query_map(params![after, AT_ONCE], audit_row).attempt(what)?;
            rows.collect::<Result<_, _>>().attempt(what)?
        };
        let Some(last) = rows.last() else { break };
        after = last.id as i64;
        let mut update = transaction
            .prepare_cached("UPDATE audit SET hash = ? WHERE id = ?")
            .attempt(what)?;
        for row in &rows {
            before = hash_of(&before, row);
            update.execute(params![before, row.id as i64]).attempt(what)?;
        }
    }
    transaction.commit().attempt(what)
}

impl Commit<'_> {
    /// A line of the audit trail, chained to the one before.
    pub fn audit(&self, row: &AuditRow) -> Result<(), StoreError> {
        self.audit_keeping(row, MOST_LINES)
    }

    pub(super) fn audit_keeping(&self, row: &AuditRow, most: u64) -> Result<(), StoreError> {
        let last = match self.audit_head.get() {
            Some(last) => last,
            None => self.last_audit()?,
        };
        let chained = AuditRow {
            id: last.line + 1,
            ..row.clone()
        };
        let hash = hash_of(&last.hash, &chained);
        let sql = "INSERT INTO audit (id, at, actor, action, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            chained.id as i64,
            chained.at.0,
            chained.actor,
            chained.action,
            chained.subject,
            chained.detail,
            hash
        ];
        self.execute(sql, values, "write the audit trail")?;
        self.audit_head.set(Some(Link { line: chained.id, hash }));
        if chained.id.is_multiple_of(TRIM_EVERY) && chained.id > most {
            self.trim_audit(chained.id - most)?;
        }
        Ok(())
    }

    fn last_audit(&self) -> Result<Link, StoreError> {
        let what = "find the end of the audit trail";
        let ask = |sql| self.query_one(sql, what, link);
        let last = ask("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")?;
        let last = match last {
            Some(last) => Some(last),
            None => ask(CHECKPOINT)?,
        };
        Ok(last.unwrap_or(Link {
            line: 0,
            hash: BEGINNING,
        }))
    }

    /// Lines up to this one make room; the chain begins after it.
    fn trim_audit(&self, up_to: u64) -> Result<(), StoreError> {
        let what = "make room in the audit trail";
        let keep = "INSERT INTO audit_checkpoint SELECT 1, id, hash FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1 \
                    ON CONFLICT (id) DO UPDATE SET line = excluded.line, hash = excluded.hash";
        self.execute(keep, params![up_to as i64], what)?;
        self.execute("DELETE FROM audit WHERE id <= ?", params![up_to as i64], what)
            .map(drop)
    }
}

impl Reader {
    /// Lines of the audit trail, newest first, before a cursor.
    pub fn audit(&self, filter: &AuditFilter, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT id, at, actor, action, subject, detail FROM audit \
                   WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR at >= ?3) \
                   AND (?4 IS NULL OR at < ?4) AND (?5 IS NULL OR id < ?5) ORDER BY id DESC LIMIT ?6";
        let at = |at: Option<Timestamp>| at.map(|at| at.0);
        let values = params![
            filter.subject,
            filter.actor,
            at(filter.from),
            at(filter.to),
            before.map(|b| b as i64),
            limit
        ];
        self.list(sql, values, audit_row, "read the audit trail")
    }

    /// Lines after a number, the oldest first, each with its hash.
    pub fn audit_after(&self, line: u64, limit: u32) -> Result<Vec<(AuditRow, Option<Hash>)>, StoreError> {
        let sql = "SELECT id, at, actor, action, subject, detail, hash FROM audit WHERE id > ? ORDER BY id LIMIT ?";
        let read = |row: &Row<'_>| {
            let hash: Option<Vec<u8>> = row.get(6)?;
            Ok((audit_row(row)?, hash.and_then(|h| h.try_into().ok())))
        };
        self.list(sql, params![line as i64, limit], read, "read the audit trail")
    }

    /// Goes along the chain. `each` is told every line that fits, in order.
    pub fn verify_audit(&self, mut each: impl FnMut(&AuditRow, &Hash)) -> Result<ChainState, StoreError> {
        let checkpoint = self
            .list(CHECKPOINT, [], link, "find the beginning of the audit trail")?
            .pop();
        let begins_after = checkpoint.unwrap_or(Link {
            line: 0,
            hash: BEGINNING,
        });
        let (mut head, mut lines) = (begins_after, 0);
        loop {
            let rows = self.audit_after(head.line, AT_ONCE)?;
            if rows.is_empty() {
                return Ok(ChainState::Whole {
                    lines,
                    begins_after,
                    head,
                });
            }
            for (row, hash) in &rows {
                let line = row.id;
                let broken = |why| Ok(ChainState::Broken { line, why });
                if line != head.line + 1 {
                    return broken("the line before it is missing");
                }
                let Some(hash) = hash else {
                    return broken("it has no hash");
                };
                if hash_of(&head.hash, row) != *hash {
                    return broken("its content is not what its hash was made of");
                }
                head = Link { line, hash: *hash };
                lines += 1;
                each(row, hash);
            }
        }
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
