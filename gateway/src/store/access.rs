//! Users, tokens and the set-up link.

use super::StoreError;
use super::commit::Commit;
use super::reader::Reader;
use crate::access::accounts::SetUpLink;
use crate::access::{AccessEffect, AccessToken, Account};
use domain::Timestamp;
use rusqlite::params;
use serde::de::DeserializeOwned;

impl Commit<'_> {
    /// What an order about users came to; lines of the audit trail are written with the others.
    pub fn access(&self, effect: &AccessEffect) -> Result<(), StoreError> {
        match effect {
            AccessEffect::Account(account) => {
                let sql = "INSERT INTO account VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record";
                self.execute(sql, params![account.name, json(account)], "store a user")
            }
            AccessEffect::Token(token) => {
                let sql =
                    "INSERT INTO access_token VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record";
                self.execute(
                    sql,
                    params![token.id as i64, token.account, json(token)],
                    "store a token",
                )
            }
            AccessEffect::ForgetToken(id) => self.execute(
                "DELETE FROM access_token WHERE id = ?",
                params![*id as i64],
                "remove a token",
            ),
            AccessEffect::SetUpLink(Some(link)) => {
                let sql = "INSERT INTO set_up_link VALUES (1, ?, ?) \
                           ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at";
                self.execute(sql, params![link.hash, link.expires_at.0], "store the set-up link")
            }
            AccessEffect::SetUpLink(None) => self.execute("DELETE FROM set_up_link", [], "remove the set-up link"),
            AccessEffect::Audit { .. } => return Ok(()),
        }
        .map(drop)
    }
}

fn json<T: serde::Serialize>(record: &T) -> String {
    serde_json::to_string(record).expect("records always serialise")
}

impl Reader {
    /// Every user.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.records("SELECT record FROM account ORDER BY name", "read the users")
    }

    /// Every token.
    pub fn access_tokens(&self) -> Result<Vec<AccessToken>, StoreError> {
        self.records("SELECT record FROM access_token ORDER BY id", "read the tokens")
    }

    /// The set-up link, if there is one.
    pub fn set_up_link(&self) -> Result<Option<SetUpLink>, StoreError> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(SetUpLink {
                hash: row.get(0)?,
                expires_at: Timestamp(row.get(1)?),
            })
        };
        let sql = "SELECT hash, expires_at FROM set_up_link";
        self.list(sql, [], read, "read the set-up link")
            .map(|mut found| found.pop())
    }

    fn records<T: DeserializeOwned>(&self, sql: &str, what: &'static str) -> Result<Vec<T>, StoreError> {
        let texts: Vec<String> = self.list(sql, [], |row| row.get(0), what)?;
        let read = |text: &String| {
            serde_json::from_str(text).map_err(|error| StoreError::Damaged {
                what: what.trim_start_matches("read the ").to_owned(),
                problem: error.to_string(),
            })
        };
        texts.iter().map(read).collect()
    }
}
