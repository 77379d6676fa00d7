//! When what a model holds for normal has moved: the newest of each device.

use super::StoreError;
use super::commit::Commit;
use super::reader::Reader;
use domain::{DeviceKey, ModelDrift};
use rusqlite::params;
use rusqlite::types::Type;

/// Kept of each device; the oldest make room.
pub(super) const MOST_OF_A_DEVICE: u32 = 100;

impl Commit<'_> {
    /// What a device's model holds for normal has moved.
    pub fn drift(&self, device: &DeviceKey, drift: &ModelDrift) -> Result<(), StoreError> {
        let what = "record a drift";
        let record = serde_json::to_string(drift).map_err(|error| StoreError::Damaged {
            what: format!("drift of {device}"),
            problem: error.to_string(),
        })?;
        let (site, device) = (device.site.as_str(), device.device.as_str());
        let sql = "INSERT INTO model_drift (site, device, record) VALUES (?, ?, ?)";
        self.execute(sql, params![site, device, record], what)?;
        let sql = "DELETE FROM model_drift WHERE site = ?1 AND device = ?2 AND id <= (SELECT id FROM model_drift \
                   WHERE site = ?1 AND device = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)";
        self.execute(sql, params![site, device, MOST_OF_A_DEVICE], what)
            .map(drop)
    }
}

impl Reader {
    /// When what a device's model holds for normal has moved, the newest first.
    pub fn drifts(&self, device: &DeviceKey, limit: u32) -> Result<Vec<ModelDrift>, StoreError> {
        let sql = "SELECT record FROM model_drift WHERE site = ? AND device = ? ORDER BY id DESC LIMIT ?";
        let values = params![device.site.as_str(), device.device.as_str(), limit];
        let read = |row: &rusqlite::Row<'_>| {
            let text: String = row.get(0)?;
            serde_json::from_str(&text)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
        };
        self.list(sql, values, read, "read the drifts of a device")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use domain::{DriftCause, FailureModeId, MetricName, ModelVersion, RuleId, Timestamp};

    fn drift(at: i64) -> ModelDrift {
        ModelDrift {
            rule: RuleId::new("vibration_normal").expect("a name"),
            failure_modes: vec![FailureModeId::new("bearing_wear").expect("a name")],
            metric: MetricName::new("vibration_rms_mm_s").expect("a name"),
            cause: DriftCause::Moved,
            low: 1.0,
            high: 1.5,
            from: 1.2,
            to: 1.9,
            since: Timestamp(5),
            measured_at: Timestamp(at),
            model: ModelVersion::from_text("pump@3"),
        }
    }

    #[test]
    fn the_newest_of_each_device_are_kept_and_read_newest_first() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let [a, b] = ["a", "b"].map(|name| DeviceKey::new("plant", name).expect("names"));
        let commit = store.begin().expect("begins");
        commit.drift(&b, &drift(7)).expect("writes");
        let most = i64::from(MOST_OF_A_DEVICE);
        for at in 0..most + 30 {
            commit.drift(&a, &drift(at)).expect("writes");
        }
        commit.finish().expect("commits");
        let reader = store.reader().expect("reads");
        assert_eq!(
            reader.drifts(&a, 2).expect("reads"),
            [drift(most + 29), drift(most + 28)]
        );
        assert_eq!(
            reader.drifts(&a, 1_000).expect("reads").len(),
            MOST_OF_A_DEVICE as usize
        );
        assert_eq!(reader.drifts(&b, 10).expect("reads"), [drift(7)]);
    }
}
