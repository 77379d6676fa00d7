use super::*;
use crate::classes::{ClassSettings, Column, Labelled};
use crate::learned_life::{LifeSettings, Unit};
use crate::matrix::Matrix;
use crate::workers::InTurn;
use proptest::prelude::*;
use std::sync::LazyLock;

fn description(columns: &[&str]) -> Description {
    let column = |name: &&str| BundleColumn {
        name: (*name).to_owned(),
        unit: None,
    };
    Description {
        name: "pumps".to_owned(),
        columns: columns.iter().map(column).collect(),
        profile: Some("pump".to_owned()),
        span: None,
        rows: 400,
        units: 8,
        data_fingerprint: fingerprint([b"abc"]),
        figures: vec![("rmse".to_owned(), 1.5)],
        made_at: Timestamp(1_700_000_000_000),
    }
}

/// Bundles of two small models, with their bytes.
static LIFE: LazyLock<(Bundle, Vec<u8>)> = LazyLock::new(|| {
    let unit = |number: usize| {
        let mut rows = Matrix::new(2);
        let life = 40 + number * 3;
        (0..life).for_each(|i| rows.push(&[(i as f32 - life as f32).exp2(), (i * 7 % 5) as f32]));
        Unit {
            name: number.to_string(),
            times: (0..life).map(|i| i as f64).collect(),
            rows,
        }
    };
    let units: Vec<Unit> = (0..8).map(unit).collect();
    let settings = LifeSettings {
        rounds: 5,
        bags: 1,
        ..LifeSettings::default()
    };
    let (model, _) = crate::learned_life::train(&units, 2, &settings, &InTurn).unwrap();
    let bundle = Bundle::of_life(&model, description(&["a", "b"])).unwrap();
    let bytes = bundle.encode().unwrap();
    (bundle, bytes)
});

static CLASSES: LazyLock<Bundle> = LazyLock::new(|| {
    let mut rows = Matrix::new(1);
    (0..40).for_each(|i| rows.push(&[i as f32]));
    let table = Labelled {
        columns: vec![Column {
            name: "a".to_owned(),
            words: Vec::new(),
        }],
        rows,
        classes: vec!["good".to_owned(), "worn".to_owned()],
        labels: (0..40).map(|i| usize::from(i > 20)).collect(),
        groups: None,
        voters: None,
    };
    let settings = ClassSettings {
        rounds: 5,
        ..ClassSettings::default()
    };
    let (model, _) = crate::classes::train(&table, &settings, &InTurn).unwrap();
    Bundle::of_classes(&model, description(&["a"])).unwrap()
});

#[test]
fn what_was_written_is_read() {
    let (bundle, bytes) = &*LIFE;
    let read = Bundle::decode(bytes).unwrap();
    assert_eq!(&read, bundle);
    assert_eq!(read.life().unwrap(), bundle.life().unwrap());
    assert!(read.version_id().starts_with("pumps-"));
    let classes = Bundle::decode(&CLASSES.encode().unwrap()).unwrap();
    assert_eq!(classes.classes().unwrap().classes(), ["good", "worn"]);
}

#[test]
fn the_version_tells_models_apart_but_not_when_they_were_made() {
    let mut later = LIFE.0.clone();
    later.description.made_at = Timestamp(0);
    assert_eq!(later.version_id(), LIFE.0.version_id());
    assert_ne!(CLASSES.version_id(), LIFE.0.version_id());
    // the published check value of FNV-1a 64 of "a"
    assert_eq!(fingerprint([b"a"]), 0xaf63_dc4c_8601_ec8c);
}

#[test]
fn errors_say_what_is_wrong() {
    let bytes = &LIFE.1;
    let found = bytes.len() as u64;
    assert_eq!(Bundle::decode(b"unit,rul\n").unwrap_err(), BundleError::NotABundle);
    assert_eq!(
        Bundle::decode(&bytes[..bytes.len() - 1]).unwrap_err(),
        BundleError::Length {
            expected: found,
            found: found - 1
        }
    );
    let mut later = bytes.clone();
    later[8] = 9;
    assert_eq!(Bundle::decode(&later).unwrap_err(), BundleError::Version { found: 9 });
    let wrong_kind = BundleError::Kind {
        found: BundleKind::Classes,
        wanted: BundleKind::Life,
    };
    assert_eq!(CLASSES.life().unwrap_err(), wrong_kind);
    assert!(wrong_kind.to_string().contains("`classes`"));
    let mut schema = LIFE.0.clone();
    schema.description.columns.pop();
    assert_eq!(schema.life().unwrap_err(), BundleError::Unsound { part: "schema" });
}

#[test]
fn a_length_beyond_all_bounds_is_refused_before_anything_is_made_for_it() {
    let mut bytes = LIFE.1.clone();
    bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(Bundle::decode(&bytes), Err(BundleError::Length { .. })));
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Bundle::decode(&bytes), Err(BundleError::Length { .. })));
    // a list in the model that claims to be endless
    let endless = Bundle {
        payload: vec![0xFF; 9].into_iter().chain([0x01]).collect(),
        ..LIFE.0.clone()
    };
    assert_eq!(endless.life().unwrap_err(), BundleError::Unsound { part: "model" });
}

proptest! {
    #[test]
    fn any_truncation_is_an_error(share in 0.0..1.0f64) {
        let bytes = &LIFE.1;
        let length = (bytes.len() as f64 * share) as usize;
        prop_assert!(Bundle::decode(&bytes[..length]).is_err());
    }

    #[test]
    fn any_flipped_bit_is_an_error(share in 0.0..1.0f64, bit in 0u8..8) {
        let mut bytes = LIFE.1.clone();
        let at = (bytes.len() as f64 * share) as usize;
        bytes[at] ^= 1 << bit;
        prop_assert!(Bundle::decode(&bytes).is_err());
    }

    #[test]
    fn a_forged_model_with_a_right_checksum_is_refused_or_can_be_used(changes in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..6)) {
        let mut forged = LIFE.0.clone();
        for (share, value) in changes {
            let at = (forged.payload.len() as f64 * share) as usize;
            forged.payload[at] = value;
        }
        let read = Bundle::decode(&forged.encode().unwrap()).unwrap();
        if let Ok(model) = read.life() {
            let mut state = model.fresh();
            model.take(&mut state, 0.0, &[1.0, 2.0]);
            model.take(&mut state, 1.0, &[1.5, f32::NAN]);
            model.predict(&state, &mut Default::default());
        }
    }

    #[test]
    fn any_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), is_marked in any::<bool>()) {
        let marked: Vec<u8> = MAGIC.iter().copied().chain([1, 0, 1, 0]).chain(bytes.iter().copied()).collect();
        let bytes = if is_marked { marked } else { bytes };
        prop_assert!(Bundle::decode(&bytes).is_err());
    }
}
