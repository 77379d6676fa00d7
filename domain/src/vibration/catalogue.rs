//! Bearings known by name, each with the source of its geometry. Makers change complements without changing the name, so an
//! entry that is only usual for its size says so, and a verdict that rests on it must repeat that.

use super::bearing::BearingGeometry;

/// One bearing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CatalogueEntry {
    /// Its designation.
    pub name: &'static str,
    /// Its geometry; diameters in the unit of the source.
    pub geometry: BearingGeometry,
    /// Who published it.
    pub source: &'static str,
    /// Whether the source speaks of this very bearing. If not, compare the found line with the maker's data.
    pub is_certain: bool,
}

const fn bearing(
    name: &'static str,
    elements: u32,
    element_diameter: f64,
    pitch_diameter: f64,
    contact_angle_deg: f64,
    source: &'static str,
) -> CatalogueEntry {
    CatalogueEntry {
        name,
        geometry: BearingGeometry {
            elements,
            element_diameter,
            pitch_diameter,
            contact_angle_deg,
        },
        source,
        is_certain: true,
    }
}

const fn usual(name: &'static str, elements: u32, element_diameter: f64, pitch_diameter: f64) -> CatalogueEntry {
    CatalogueEntry {
        is_certain: false,
        ..bearing(
            name,
            elements,
            element_diameter,
            pitch_diameter,
            0.0,
            "usual complement of this size, not verified; pitch diameter is the mean of bore and outside diameter (ISO 15); makers differ",
        )
    }
}

/// The catalogue.
pub const CATALOGUE: [CatalogueEntry; 16] = [
    bearing(
        "6205",
        9,
        0.3126,
        1.537,
        0.0,
        "Case Western Reserve University Bearing Data Center, 6205-2RS JEM SKF, drive end, inches",
    ),
    bearing(
        "6203",
        8,
        0.2656,
        1.122,
        0.0,
        "Case Western Reserve University Bearing Data Center, 6203-2RS JEM SKF, fan end, inches",
    ),
    bearing(
        "6203-KAT",
        8,
        6.75,
        28.55,
        0.0,
        "Lessmeier et al., Paderborn University KAt-DataCenter, PHM Europe 2016, 6203, mm",
    ),
    bearing(
        "ZA-2115",
        16,
        0.331,
        2.815,
        15.17,
        "Qiu et al., J. Sound Vib. 289 (2006) 1066-1090, Rexnord ZA-2115 double row, inches",
    ),
    CatalogueEntry {
        is_certain: false,
        ..bearing(
            "6804RS",
            13,
            3.5,
            25.6,
            0.0,
            "as quoted from Nectoux et al., PRONOSTIA, IEEE PHM 2012, NSK 6804RS, mm; the paper itself was not consulted",
        )
    },
    bearing(
        "UER204",
        8,
        7.92,
        34.55,
        0.0,
        "Wang et al., XJTU-SY, IEEE Trans. Reliab. 69 (2020) 401-412, LDK UER204, mm",
    ),
    bearing(
        "ER-16K",
        9,
        7.9375,
        38.5,
        0.0,
        "Forbes, Curtin University 2012, read-me of the MB ER-16K measurements, mm",
    ),
    bearing(
        "NICE",
        8,
        0.235,
        1.245,
        0.0,
        "Bechhoefer, MFPT Condition Based Maintenance Fault Database, NICE bearing, inches",
    ),
    usual("6204", 8, 7.938, 33.5),
    usual("6206", 9, 9.525, 46.0),
    usual("6207", 9, 11.112, 53.5),
    usual("6208", 9, 11.906, 60.0),
    usual("6304", 7, 9.525, 36.0),
    usual("6306", 8, 11.906, 51.0),
    usual("6308", 8, 15.081, 65.0),
    usual("6309", 8, 17.462, 72.5),
];

/// Names as people write them: without maker, seals, clearance, spaces and dashes.
fn normal(name: &str) -> String {
    let mut plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.make_ascii_uppercase();
    for maker in ["SKF", "FAG", "NSK", "NTN", "LDK", "REXNORD", "MB", "JEM"] {
        plain = plain.replace(maker, "");
    }
    for suffix in ["C3", "C4", "2RS1", "2RSH", "2RS", "2Z", "ZZ", "DDU", "RS"] {
        if let Some(short) = plain.strip_suffix(suffix).filter(|short| short.len() >= 3) {
            plain = short.to_owned();
        }
    }
    plain
}

/// The bearing of this name, however it is written: `6205`, `SKF 6205-2RS` and `6205 2rs c3` are one.
pub fn find(name: &str) -> Option<&'static CatalogueEntry> {
    let wanted = normal(name);
    CATALOGUE.iter().find(|entry| normal(entry.name) == wanted)
}

/// Names near one that is not in the catalogue, nearest first.
pub fn near(name: &str) -> Vec<&'static str> {
    let wanted = normal(name);
    let mut all: Vec<(usize, &'static str)> = CATALOGUE
        .iter()
        .map(|entry| (distance(&wanted, &normal(entry.name)), entry.name))
        .collect();
    all.sort_by_key(|(distance, _)| *distance);
    all.truncate(5);
    all.into_iter().map(|(_, name)| name).collect()
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_a_bearing_that_can_be_built_and_found() {
        for entry in &CATALOGUE {
            assert_eq!(entry.geometry.check(), Ok(entry.geometry), "{}", entry.name);
            assert_eq!(find(entry.name).map(|e| e.name), Some(entry.name));
        }
    }

    #[test]
    fn a_bearing_is_found_however_its_name_is_written() {
        for (written, name) in [
            ("6205", "6205"),
            ("SKF 6205-2RS", "6205"),
            ("6205-2rs jem skf", "6205"),
            ("6205 C3", "6205"),
            ("rexnord za2115", "ZA-2115"),
            ("NSK 6804RS", "6804RS"),
            ("6804", "6804RS"),
            ("LDK UER204", "UER204"),
        ] {
            assert_eq!(find(written).map(|e| e.name), Some(name), "{written}");
        }
        assert_eq!(find("6999"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn an_unknown_name_lists_near_ones() {
        assert_eq!(near("6215")[0], "6205");
        assert!(near("ZA-2116").contains(&"ZA-2115"));
        assert_eq!(near("").len(), 5);
    }
}
