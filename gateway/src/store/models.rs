//! Model versions and what was said while one ran in shadow.

use super::commit::Commit;
use super::reader::{Reader, device_key, name};
use super::rows::{ComparedAlarm, ComparedRow, ModelRow, ModelState, Promotion};
use super::{Attempt, StoreError};
use crate::pipeline::batch::Side;
use domain::{ConditionState, FailureModeId, ModelVersion, Severity, Timestamp};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

/// Compared alarms that are kept, of all versions together; the oldest make room.
pub(super) const MOST_COMPARED: i64 = 20_000;

const COLUMNS: &str = "version, profile, state, toml, learned, added_at, added_by, shadow_since, promoted_at, promoted_by, approved_by, \
                       replaces, ended_at, shadow_by";

impl Commit<'_> {
    /// A model version as it is now.
    pub fn model(&self, row: &ModelRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO model (version, profile, state, toml, learned, added_at, added_by, shadow_since, promoted_at, \
                   promoted_by, approved_by, replaces, ended_at, shadow_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                   ON CONFLICT (version) DO UPDATE SET state = excluded.state, shadow_since = excluded.shadow_since, \
                   promoted_at = excluded.promoted_at, promoted_by = excluded.promoted_by, \
                   approved_by = excluded.approved_by, replaces = excluded.replaces, ended_at = excluded.ended_at, \
                   shadow_by = excluded.shadow_by";
        let promoted = row.promoted.as_ref();
        let values = params![
            row.version.as_str(),
            row.profile,
            row.state.as_str(),
            &*row.toml,
            row.learned.as_deref(),
            row.added_at.0,
            row.added_by,
            row.shadow_since.map(|at| at.0),
            promoted.map(|p| p.at.0),
            promoted.map(|p| p.by.as_str()),
            promoted.map(|p| p.approved_by.as_str()),
            row.replaces.as_ref().map(ModelVersion::as_str),
            row.ended_at.map(|at| at.0),
            row.shadow_by
        ];
        self.execute(sql, values, "store a model").map(drop)
    }

    /// A model version makes room.
    pub fn forget_model(&self, version: &ModelVersion) -> Result<(), StoreError> {
        self.forget_comparison(version)?;
        let sql = "DELETE FROM model WHERE version = ?";
        self.execute(sql, params![version.as_str()], "remove a model").map(drop)
    }

    /// What was compared of a version is forgotten: a new comparison begins.
    pub fn forget_comparison(&self, version: &ModelVersion) -> Result<(), StoreError> {
        let values = params![version.as_str()];
        self.execute(
            "DELETE FROM shadow_alarm WHERE version = ?",
            values,
            "forget a comparison",
        )?;
        let sql = "UPDATE model SET compared = 0 WHERE version = ?";
        self.execute(sql, values, "forget a comparison").map(drop)
    }

    /// One of two compared models has something to say. What stands already is not begun a second time.
    pub fn compared(&self, row: &ComparedRow) -> Result<(), StoreError> {
        let what = "compare two models";
        let (version, side) = (row.shadow.as_str(), row.side.as_str());
        let (site, device) = (row.device.site.as_str(), row.device.device.as_str());
        let mode = row.failure_mode.as_str();
        let severity = match row.state {
            ConditionState::Clear => {
                let sql = "UPDATE shadow_alarm SET cleared_at = ?6 WHERE version = ?1 AND side = ?2 AND site = ?3 \
                           AND device = ?4 AND failure_mode = ?5 AND cleared_at IS NULL";
                let values = params![version, side, site, device, mode, row.measured_at.0];
                return self.execute(sql, values, what).map(drop);
            }
            ConditionState::Active { severity } => severity.as_str(),
        };
        let sql = "UPDATE shadow_alarm SET severity = ?6, would_open_ticket = max(would_open_ticket, ?7), reason = ?8 \
                   WHERE version = ?1 AND side = ?2 AND site = ?3 AND device = ?4 AND failure_mode = ?5 AND cleared_at IS NULL";
        let ticket = row.would_open_ticket;
        let values = params![version, side, site, device, mode, severity, ticket, row.reason];
        if self.execute(sql, values, what)? > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO shadow_alarm (version, side, site, device, failure_mode, raised_at, severity, would_open_ticket, reason) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let raised_at = row.measured_at.0;
        let values = params![
            version, side, site, device, mode, raised_at, severity, ticket, row.reason
        ];
        self.execute(sql, values, what)?;
        let newest = self.last_row();
        self.execute(
            "DELETE FROM shadow_alarm WHERE id <= ?",
            params![newest - MOST_COMPARED],
            what,
        )?;
        let sql = "UPDATE model SET compared = compared + 1 WHERE version = ?";
        self.execute(sql, params![version], what).map(drop)
    }
}

impl Reader {
    /// Every model version that was added, the newest last.
    pub fn models(&self) -> Result<Vec<ModelRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM model ORDER BY added_at, version");
        self.list(&sql, [], model_row, "read the models")
    }

    /// What two models said while one ran in shadow, and whether older alarms had to make room.
    pub fn comparison(&self, version: &ModelVersion) -> Result<(Vec<ComparedAlarm>, bool), StoreError> {
        let what = "read a comparison";
        let sql = "SELECT side, site, device, failure_mode, raised_at, cleared_at, severity, would_open_ticket, reason \
                   FROM shadow_alarm WHERE version = ? ORDER BY id";
        let alarms = self.list(sql, params![version.as_str()], compared_alarm, what)?;
        let mut statement = self.prepare("SELECT compared FROM model WHERE version = ?", what)?;
        let counted = statement.query_row(params![version.as_str()], |row| row.get::<_, i64>(0));
        let counted = counted.optional().attempt(what)?.unwrap_or(0);
        let is_cut = counted > alarms.len() as i64;
        Ok((alarms, is_cut))
    }
}

fn unreadable(column: usize, what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

fn model_row(row: &Row<'_>) -> rusqlite::Result<ModelRow> {
    let version = |column| {
        Ok::<_, rusqlite::Error>(
            row.get::<_, Option<String>>(column)?
                .map(|v| ModelVersion::from_text(&v)),
        )
    };
    let instant = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    let word: String = row.get(2)?;
    let state = ModelState::ALL.into_iter().find(|s| s.as_str() == word);
    let promoted = match instant(8)? {
        Some(at) => Some(Promotion {
            at,
            by: row.get(9)?,
            approved_by: row.get(10)?,
        }),
        None => None,
    };
    Ok(ModelRow {
        version: version(0)?.unwrap_or_default(),
        profile: row.get(1)?,
        state: state.ok_or_else(|| unreadable(2, format!("{word:?} is no state of a model")))?,
        toml: row.get::<_, String>(3)?.into(),
        learned: row.get::<_, Option<Vec<u8>>>(4)?.map(Into::into),
        added_at: Timestamp(row.get(5)?),
        added_by: row.get(6)?,
        shadow_since: instant(7)?,
        promoted,
        replaces: version(11)?,
        ended_at: instant(12)?,
        shadow_by: row.get(13)?,
    })
}

fn compared_alarm(row: &Row<'_>) -> rusqlite::Result<ComparedAlarm> {
    let (side, severity): (String, String) = (row.get(0)?, row.get(6)?);
    let side = [Side::Live, Side::Shadow].into_iter().find(|s| s.as_str() == side);
    let levels = [Severity::Advisory, Severity::Warning, Severity::Critical];
    let severity = levels.into_iter().find(|s| s.as_str() == severity);
    Ok(ComparedAlarm {
        side: side.ok_or_else(|| unreadable(0, "neither live nor shadow".to_owned()))?,
        device: device_key(row, 1, 2)?,
        failure_mode: name(row, 3, FailureModeId::new)?,
        raised_at: Timestamp(row.get(4)?),
        cleared_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        severity: severity.ok_or_else(|| unreadable(6, "no severity".to_owned()))?,
        would_open_ticket: row.get(7)?,
        reason: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use domain::DeviceKey;

    fn row(state: ModelState) -> ModelRow {
        ModelRow {
            version: ModelVersion::from_text("pump@2-00000001"),
            profile: "pump".into(),
            state,
            toml: "profile = \"pump\"".into(),
            learned: Some([1u8, 2].as_slice().into()),
            added_at: Timestamp(5),
            added_by: "ann".into(),
            shadow_since: Some(Timestamp(6)),
            promoted: (state == ModelState::InForce).then(|| Promotion {
                at: Timestamp(7),
                by: "bob".into(),
                approved_by: "cho".into(),
            }),
            replaces: None,
            ended_at: None,
            shadow_by: "dan".into(),
        }
    }

    fn said(side: Side, state: ConditionState, at: i64) -> ComparedRow {
        ComparedRow {
            shadow: row(ModelState::Shadow).version,
            side,
            device: DeviceKey::new("north", "pump-1").expect("names"),
            failure_mode: FailureModeId::new("bearing_wear").expect("a name"),
            state,
            measured_at: Timestamp(at),
            would_open_ticket: side == Side::Shadow,
            reason: "high".into(),
        }
    }

    #[test]
    fn a_model_is_read_as_it_was_written_and_a_second_one_in_force_cannot_be_written() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let commit = store.begin().expect("begins");
        commit.model(&row(ModelState::Candidate)).expect("stores");
        commit.model(&row(ModelState::InForce)).expect("stores");
        let other = ModelRow {
            version: ModelVersion::from_text("pump@2-00000002"),
            ..row(ModelState::InForce)
        };
        assert!(commit.model(&other).is_err());
        let position = commit.finish().expect("commits");
        store.committed(position);
        let models = store.reader().expect("reads").models().expect("reads");
        assert_eq!(models, [row(ModelState::InForce)]);
    }

    #[test]
    fn what_stands_is_not_begun_twice_and_ends_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let commit = store.begin().expect("begins");
        commit.model(&row(ModelState::Shadow)).expect("stores");
        let raised = |severity| ConditionState::Active { severity };
        for (side, state, at) in [
            (Side::Shadow, raised(Severity::Warning), 10),
            (Side::Shadow, raised(Severity::Critical), 20),
            (Side::Live, raised(Severity::Warning), 25),
            (Side::Shadow, ConditionState::Clear, 30),
            (Side::Shadow, ConditionState::Clear, 40),
            (Side::Shadow, raised(Severity::Warning), 50),
        ] {
            commit.compared(&said(side, state, at)).expect("writes");
        }
        let position = commit.finish().expect("commits");
        store.committed(position);
        let version = row(ModelState::Shadow).version;
        let (alarms, is_cut) = store.reader().expect("reads").comparison(&version).expect("reads");
        let short = |a: &ComparedAlarm| (a.side, a.raised_at.0, a.cleared_at.map(|at| at.0), a.severity);
        let found: Vec<_> = alarms.iter().map(short).collect();
        let expected = [
            (Side::Shadow, 10, Some(30), Severity::Critical),
            (Side::Live, 25, None, Severity::Warning),
            (Side::Shadow, 50, None, Severity::Warning),
        ];
        assert_eq!(found, expected);
        assert!(!is_cut);
        let commit = store.begin().expect("begins");
        commit.forget_comparison(&version).expect("forgets");
        commit.finish().expect("commits");
        assert_eq!(
            store.reader().expect("reads").comparison(&version).expect("reads"),
            (vec![], false)
        );
    }
}
