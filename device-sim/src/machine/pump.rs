//! A centrifugal pump, 15 kW, 4 poles at 50 Hz, on rigid feet. Pure.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Values;
use crate::catalogue::Fault;
use crate::fault::Condition;
use crate::noise::{Drift, Lag, daily_wave, gauss};
use crate::spec::TwoSpeed;

/// State of one pump.
#[derive(Debug, Clone)]
pub struct Pump {
    vibration_mm_s: f64,
    head_factor: f64,
    current_factor: f64,
    demand: Drift,
    surge: Drift,
    room: Drift,
    bearing: Lag,
    runtime_hours: f64,
    two_speed: Option<TwoSpeed>,
}

impl Pump {
    /// A healthy pump that has run for some months.
    pub fn new(rng: &mut ChaCha8Rng) -> Pump {
        Pump {
            vibration_mm_s: rng.random_range(0.8..1.0),
            head_factor: rng.random_range(0.985..1.015),
            current_factor: rng.random_range(0.97..1.03),
            demand: Drift::new(rng, 0.02, 1_800.0),
            surge: Drift::new(rng, 1.0, 4.0),
            room: Drift::new(rng, 0.7, 7_200.0),
            // A bearing housing of a few kilograms of cast iron.
            bearing: Lag::new(900.0),
            runtime_hours: rng.random_range(500.0..8_000.0),
            two_speed: None,
        }
    }

    /// The same with a lower speed for a part of the time.
    pub fn at_two_speeds(self, two_speed: Option<TwoSpeed>) -> Pump {
        Pump { two_speed, ..self }
    }

    /// The present share of the full speed.
    fn speed(&self, now_ms: i64) -> f64 {
        self.two_speed.map_or(1.0, |two_speed| {
            let slot = now_ms.div_euclid(((two_speed.every_min * 60_000.0) as i64).max(1));
            // the golden ratio spreads the slots evenly and never repeats (Weyl)
            let is_low = (slot.rem_euclid(1 << 20) as f64 * 0.618_033_988_749_895).fract() < 0.5;
            if is_low { two_speed.low } else { 1.0 }
        })
    }

    /// See [`super::Machine::step`].
    pub fn step(&mut self, now_ms: i64, dt_s: f64, condition: &Condition, rng: &mut ChaCha8Rng) -> Values {
        let room_c = 20.0 + 3.0 * daily_wave(now_ms, 15.0) + self.room.step(rng, dt_s);
        let load = (0.77 + 0.14 * daily_wave(now_ms, 13.0) + self.demand.step(rng, dt_s)).clamp(0.5, 1.05);
        let surge = self.surge.step(rng, dt_s);
        if condition.failed().is_some() {
            let bearing_c = self.bearing.step(room_c, dt_s) + gauss(rng, 0.12);
            let standstill_mm_s = 0.03 + gauss(rng, 0.004).abs();
            let static_bar = 0.4 + gauss(rng, 0.01);
            return [
                standstill_mm_s,
                bearing_c,
                0.0,
                static_bar,
                0.0,
                0.0,
                self.runtime_hours,
            ];
        }
        // laws of similarity: flow by the speed, head and shaking by its square, power by its cube
        let speed = self.speed(now_ms);
        let wear = condition.damage(Fault::BearingWear);
        let cavitation = condition.damage(Fault::Cavitation);
        let leak = condition.damage(Fault::SealLeak);
        self.runtime_hours += dt_s / 3600.0;

        // 1 + (e^2.2 - 1)·damage: the growth law of the fault makes this grow exponentially to x9.
        let vibration_mm_s = self.vibration_mm_s * (0.85 + 0.2 * load) * (1.0 + 2.2f64.exp_m1() * wear)
            + cavitation * (4.0 + 0.3 * surge)
            + gauss(rng, 0.025);
        let vibration_mm_s = vibration_mm_s * speed.powi(2);
        let heat_c = 14.0 + 14.0 * load * speed.powi(2) + 25.0 * wear + 4.0 * cavitation + 3.0 * leak;
        let bearing_c = self.bearing.step(room_c + heat_c, dt_s) + gauss(rng, 0.12);
        let motor_current_a = (13.0 + 15.0 * load * speed.powi(3))
            * self.current_factor
            * (1.0 + 0.05 * wear + 0.06 * leak + 0.02 * cavitation * surge)
            + gauss(rng, 0.12);
        // Bubbles form and collapse: the curve is lower and does not hold still.
        let unsteady = 0.06 * cavitation * surge;
        let pressure_bar = speed.powi(2)
            * (4.4 - 0.55 * load * load)
            * self.head_factor
            * (1.0 - 0.45 * cavitation + unsteady)
            * (1.0 - 0.35 * leak)
            + gauss(rng, 0.015);
        let flow_m3_h =
            speed * 65.0 * load * (1.0 - 0.2 * cavitation + unsteady) * (1.0 - 0.3 * leak) + gauss(rng, 0.3);
        let rpm = speed * (1494.0 - 14.0 * load - 3.0 * wear) + gauss(rng, 0.4);
        [
            vibration_mm_s.max(0.0),
            bearing_c,
            motor_current_a,
            pressure_bar.max(0.0),
            flow_m3_h.max(0.0),
            rpm,
            self.runtime_hours,
        ]
    }
}
