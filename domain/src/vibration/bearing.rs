//! Fault frequencies of a rolling-element bearing from its geometry; outer ring fixed, inner ring turning, no slip.

use serde::{Deserialize, Serialize};

/// What the fault frequencies of a bearing depend on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BearingGeometry {
    /// Rolling elements in one row.
    pub elements: u32,
    /// Diameter of an element, in the unit of the pitch diameter.
    pub element_diameter: f64,
    /// Diameter of the circle through the centres of the elements.
    pub pitch_diameter: f64,
    /// Contact angle, degrees; 0 for a deep-groove bearing under radial load.
    pub contact_angle_deg: f64,
}

/// Fault frequencies as multiples of the shaft's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaultOrders {
    /// Elements passing a point of the outer race (BPFO): n/2·(1−r), r = (d/D)·cos φ.
    pub outer_race: f64,
    /// Elements passing a point of the inner race (BPFI): n/2·(1+r).
    pub inner_race: f64,
    /// The cage's revolution (FTF): ½·(1−r).
    pub cage: f64,
    /// An element's spin (BSF): D/(2d)·(1−r²). A defect strikes both races, so it is seen at twice this.
    pub element_spin: f64,
}

/// Why a geometry is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// Not `n,d,D,phi`.
    #[error("{given:?} is not n,d,D,phi: number of elements, their diameter, pitch diameter, contact angle in degrees")]
    NotFourNumbers {
        /// What was given.
        given: String,
    },
    /// Fewer than three elements, or more than any bearing has.
    #[error("{elements} rolling elements: a bearing has 3 to 200")]
    Elements {
        /// How many.
        elements: f64,
    },
    /// Elements as large as their circle, or not above 0.
    #[error("element diameter {element} must be above 0 and below the pitch diameter {pitch}")]
    Diameters {
        /// Of the element.
        element: f64,
        /// Of the pitch circle.
        pitch: f64,
    },
    /// Elements that do not fit side by side.
    #[error(
        "{elements} elements of diameter {element} do not fit on a pitch circle of {pitch}: are d and D swapped or in different units?"
    )]
    Crowded {
        /// How many.
        elements: u32,
        /// Diameter of one.
        element: f64,
        /// Of the pitch circle.
        pitch: f64,
    },
    /// Not an angle of a radial bearing.
    #[error("contact angle {degrees} must be 0 up to 60 degrees")]
    Angle {
        /// The angle.
        degrees: f64,
    },
}

impl BearingGeometry {
    /// Reads `n,d,D,phi`.
    pub fn parse(text: &str) -> Result<Self, GeometryError> {
        let numbers: Vec<f64> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        let &[elements, element_diameter, pitch_diameter, contact_angle_deg] = numbers.as_slice() else {
            return Err(GeometryError::NotFourNumbers { given: text.to_owned() });
        };
        if text.split(',').count() != 4 {
            return Err(GeometryError::NotFourNumbers { given: text.to_owned() });
        }
        if !(3.0..=200.0).contains(&elements) || elements.fract() != 0.0 {
            return Err(GeometryError::Elements { elements });
        }
        let geometry = Self {
            elements: elements as u32,
            element_diameter,
            pitch_diameter,
            contact_angle_deg,
        };
        geometry.check()
    }

    /// The geometry, if a bearing can be built so.
    pub fn check(self) -> Result<Self, GeometryError> {
        let (element, pitch) = (self.element_diameter, self.pitch_diameter);
        if !(element.is_finite() && pitch.is_finite() && element > 0.0 && element < pitch) {
            return Err(GeometryError::Diameters { element, pitch });
        }
        if !(0.0..=60.0).contains(&self.contact_angle_deg) {
            return Err(GeometryError::Angle {
                degrees: self.contact_angle_deg,
            });
        }
        let elements = self.elements;
        if !(3..=200).contains(&elements) {
            return Err(GeometryError::Elements {
                elements: f64::from(elements),
            });
        }
        // neighbours on the circle are D·sin(π/n) apart
        if element > pitch * (std::f64::consts::PI / f64::from(elements)).sin() {
            return Err(GeometryError::Crowded {
                elements,
                element,
                pitch,
            });
        }
        Ok(self)
    }

    /// The fault frequencies as multiples of the shaft frequency.
    pub fn orders(&self) -> FaultOrders {
        let n = f64::from(self.elements);
        let ratio = self.element_diameter / self.pitch_diameter;
        let r = ratio * self.contact_angle_deg.to_radians().cos();
        FaultOrders {
            outer_race: n / 2.0 * (1.0 - r),
            inner_race: n / 2.0 * (1.0 + r),
            cage: 0.5 * (1.0 - r),
            element_spin: (1.0 - r * r) / (2.0 * ratio),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_6205_has_its_published_orders_and_the_identities_hold() {
        let orders = BearingGeometry::parse("9, 7.938, 39.04, 0").expect("sound").orders();
        for (value, expected) in [
            (orders.outer_race, 3.5850),
            (orders.inner_race, 5.4150),
            (orders.cage, 0.39834),
            (orders.element_spin, 2.3574),
        ] {
            assert!((value - expected).abs() < 1e-4, "{value} {expected}");
        }
        assert!((orders.outer_race + orders.inner_race - 9.0).abs() < 1e-12);
        assert!((orders.outer_race - 9.0 * orders.cage).abs() < 1e-12);
    }

    #[test]
    fn the_rexnord_za_2115_has_its_published_frequencies_at_2000_rpm() {
        // 236.4, 296.9, 139.9 and 14.8 Hz: Qiu et al., J. Sound Vib. 289 (2006) 1066-1090
        let orders = BearingGeometry::parse("16,0.331,2.815,15.17").expect("sound").orders();
        for (value, hz) in [
            (orders.outer_race, 236.4),
            (orders.inner_race, 296.9),
            (orders.element_spin, 139.9),
            (orders.cage, 14.8),
        ] {
            assert!((value * 2000.0 / 60.0 - hz).abs() < 0.2, "{value} {hz}");
        }
    }

    #[test]
    fn geometries_that_no_bearing_has_are_refused() {
        for (text, part) in [
            ("6205", "is not n,d,D,phi"),
            ("9,7.9,39,0,0", "is not n,d,D,phi"),
            ("9,x,39,0", "is not n,d,D,phi"),
            ("2,7.9,39,0", "3 to 200"),
            ("9.5,7.9,39,0", "3 to 200"),
            ("9,39,7.9,0", "below the pitch diameter"),
            ("9,NaN,39,0", "below the pitch diameter"),
            ("9,25,39,0", "do not fit"),
            ("9,7.9,39,90", "0 up to 60"),
        ] {
            let error = BearingGeometry::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
