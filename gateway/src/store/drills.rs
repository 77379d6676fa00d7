//! Drills that were held, and whom the notices of drills would have told.

use super::StoreError;
use super::commit::Commit;
use super::reader::Reader;
use domain::Timestamp;
use rusqlite::{Row, params};

/// Drills kept; the oldest make room.
pub const MOST_DRILLS: u32 = 500;
/// Notices of drills kept; the oldest make room.
const MOST_NOTICES: u32 = 1_000;

/// A drill that was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillRow {
    /// When it began, our time.
    pub at: Timestamp,
    /// Which kind of event.
    pub kind: String,
    /// Which scenario.
    pub scenario: String,
    /// Whether all went as it should.
    pub is_good: bool,
    /// Who held it.
    pub by: String,
    /// What was slow or missed, in a sentence.
    pub conclusion: String,
}

/// A notice of a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeOfDrill {
    /// When it was decided, our time.
    pub at: Timestamp,
    /// Of which site.
    pub site: String,
    /// About what: an alarm id, or the number of a ticket or incident.
    pub subject: String,
    /// Who would have been told: targets, separated by commas.
    pub receivers: String,
}

impl Commit<'_> {
    /// A drill was held.
    pub fn drill(&self, row: &DrillRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO drill (at, kind, scenario, is_good, by, conclusion) VALUES (?, ?, ?, ?, ?, ?)";
        let values = params![row.at.0, row.kind, row.scenario, row.is_good, row.by, row.conclusion];
        self.execute(sql, values, "write down a drill")?;
        let sql = "DELETE FROM drill WHERE id <= ?";
        let over = self.last_row() - i64::from(MOST_DRILLS);
        self.execute(sql, [over], "make room for drills").map(drop)
    }

    /// A notice of a drill was decided.
    pub fn notice_of_drill(&self, row: &NoticeOfDrill) -> Result<(), StoreError> {
        let sql = "INSERT INTO rehearsed_notice (at, site, subject, receivers) VALUES (?, ?, ?, ?)";
        let values = params![row.at.0, row.site, row.subject, row.receivers];
        self.execute(sql, values, "write down a notice of a drill")?;
        let sql = "DELETE FROM rehearsed_notice WHERE id <= ?";
        let over = self.last_row() - i64::from(MOST_NOTICES);
        self.execute(sql, [over], "make room for notices of drills").map(drop)
    }
}

impl Reader {
    /// Drills that were held, the newest first.
    pub fn drills(&self) -> Result<Vec<DrillRow>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(DrillRow {
                at: Timestamp(row.get(0)?),
                kind: row.get(1)?,
                scenario: row.get(2)?,
                is_good: row.get(3)?,
                by: row.get(4)?,
                conclusion: row.get(5)?,
            })
        };
        let sql = "SELECT at, kind, scenario, is_good, by, conclusion FROM drill ORDER BY at DESC, id DESC";
        self.list(sql, [], read, "list the drills")
    }

    /// Notices of drills, of one site or all, the newest first.
    pub fn notices_of_drills(&self, site: Option<&str>) -> Result<Vec<NoticeOfDrill>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(NoticeOfDrill {
                at: Timestamp(row.get(0)?),
                site: row.get(1)?,
                subject: row.get(2)?,
                receivers: row.get(3)?,
            })
        };
        let sql =
            "SELECT at, site, subject, receivers FROM rehearsed_notice WHERE ?1 IS NULL OR site = ?1 ORDER BY id DESC";
        self.list(sql, [site], read, "list the notices of drills")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn the_newest_drills_and_their_notices_are_kept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let drill = |at: u32| DrillRow {
            at: Timestamp(i64::from(at)),
            kind: "device fault".into(),
            scenario: "device_fault".into(),
            is_good: at.is_multiple_of(2),
            by: "boss".into(),
            conclusion: "All went as it should.".into(),
        };
        let notice = |at: u32| NoticeOfDrill {
            at: Timestamp(i64::from(at)),
            site: format!("drill-{}", at % 2),
            subject: "T-000001".into(),
            receivers: "webhook:desk".into(),
        };
        let commit = store.begin().expect("begins");
        (0..MOST_DRILLS + 5).for_each(|at| commit.drill(&drill(at)).expect("writes"));
        (0..MOST_NOTICES + 10).for_each(|at| commit.notice_of_drill(&notice(at)).expect("writes"));
        commit.finish().expect("commits");
        let reader = store.reader().expect("reads");
        let drills = reader.drills().expect("reads");
        assert_eq!(drills.len(), MOST_DRILLS as usize);
        assert_eq!(drills.first(), Some(&drill(MOST_DRILLS + 4)));
        let notices = reader.notices_of_drills(Some("drill-1")).expect("reads");
        assert_eq!(notices.len(), MOST_NOTICES as usize / 2);
        assert_eq!(
            reader.notices_of_drills(None).expect("reads").len(),
            MOST_NOTICES as usize
        );
        assert_eq!(notices.first(), Some(&notice(MOST_NOTICES + 9)));
    }
}
