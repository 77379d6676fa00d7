//! A place on the earth, and how far it is to another.

use crate::checked::Problem;

/// The mean radius of the earth (IUGG), kilometres.
const EARTH_KM: f64 = 6_371.0;

/// A place on the earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    latitude: f64,
    longitude: f64,
}

impl Place {
    /// From degrees; none if there is no such place. North and east are positive.
    pub fn new(latitude: f64, longitude: f64) -> Option<Place> {
        let is_sound = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        is_sound.then_some(Place { latitude, longitude })
    }

    /// From what a file says: both, or neither.
    pub fn check(
        latitude: Option<f64>,
        longitude: Option<f64>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Place> {
        let place = match (latitude, longitude) {
            (None, None) => return None,
            (Some(latitude), Some(longitude)) => Place::new(latitude, longitude),
            (Some(_), None) | (None, Some(_)) => None,
        };
        if place.is_none() {
            let message = "a latitude of -90 to 90 and a longitude of -180 to 180 are expected, or neither";
            problems.push(Problem::at(format!("{path}.latitude"), message));
        }
        place
    }

    /// As the crow flies (haversine), whole kilometres.
    pub fn km_to(self, other: Place) -> u64 {
        let half = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let chord =
            half(self.latitude, other.latitude) + here.cos() * there.cos() * half(self.longitude, other.longitude);
        (2.0 * EARTH_KM * chord.clamp(0.0, 1.0).sqrt().asin()).round() as u64
    }
}
