//! Episodes that are over: as many as the book remembers.

use super::StoreError;
use super::commit::Commit;
use super::reader::Reader;
use super::rows::EpisodeRow;
use alerting::book::MOST_EPISODES;
use domain::FailureModeId;
use rusqlite::params;

impl Commit<'_> {
    /// An episode as it is known now; the oldest of its kind makes room, as in the book.
    pub fn episode(&self, row: &EpisodeRow) -> Result<(), StoreError> {
        let what = "remember an episode";
        let sql = "INSERT INTO past_episode (alarm, profile, failure_mode, closed_at, record) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT (alarm) DO UPDATE SET closed_at = excluded.closed_at, record = excluded.record";
        let mode = row.failure_mode.as_str();
        let values = params![row.alarm, row.profile, mode, row.closed_at.0, row.record];
        self.execute(sql, values, what)?;
        let sql = "DELETE FROM past_episode WHERE alarm IN (SELECT alarm FROM past_episode WHERE profile = ? AND failure_mode = ? \
                   ORDER BY closed_at DESC, alarm DESC LIMIT -1 OFFSET ?)";
        let most = MOST_EPISODES as i64;
        self.execute(sql, params![row.profile, mode, most], what).map(drop)
    }
}

impl Reader {
    /// Every episode that is remembered.
    pub fn episodes(&self) -> Result<Vec<EpisodeRow>, StoreError> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(EpisodeRow {
                alarm: row.get(0)?,
                profile: row.get(1)?,
                failure_mode: super::reader::name(row, 2, FailureModeId::new)?,
                closed_at: domain::Timestamp(row.get(3)?),
                record: row.get(4)?,
            })
        };
        let sql = "SELECT alarm, profile, failure_mode, closed_at, record FROM past_episode ORDER BY closed_at, alarm";
        self.list(sql, [], read, "read the episodes")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use domain::Timestamp;

    fn row(number: usize, profile: &str) -> EpisodeRow {
        EpisodeRow {
            alarm: format!("plant/{profile}/wear/{number:04}"),
            profile: profile.to_owned(),
            failure_mode: FailureModeId::new("wear").expect("a name"),
            closed_at: Timestamp(number as i64),
            record: "{}".to_owned(),
        }
    }

    #[test]
    fn the_newest_of_each_kind_are_kept_and_a_verdict_does_not_make_an_old_one_new() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let commit = store.begin().expect("begins");
        commit.episode(&row(0, "fan")).expect("writes");
        (0..MOST_EPISODES).for_each(|number| commit.episode(&row(number, "pump")).expect("writes"));
        let judged = EpisodeRow {
            record: "{\"verdict\":1}".to_owned(),
            ..row(0, "pump")
        };
        commit.episode(&judged).expect("writes");
        commit.finish().expect("commits");
        let rows = store.reader().expect("reads").episodes().expect("reads");
        assert_eq!(rows.len(), MOST_EPISODES + 1);
        assert!(rows.contains(&judged));
        let commit = store.begin().expect("begins");
        commit.episode(&row(MOST_EPISODES, "pump")).expect("writes");
        commit.finish().expect("commits");
        let rows = store.reader().expect("reads").episodes().expect("reads");
        assert!(rows.len() == MOST_EPISODES + 1 && !rows.contains(&judged));
    }
}
