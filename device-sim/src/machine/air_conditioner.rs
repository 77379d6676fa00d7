//! A packaged air conditioner with R410A and a compressor of variable speed, holding a room at 24 °C. Pure.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Values;
use crate::catalogue::Fault;
use crate::fault::Condition;
use crate::noise::{Drift, Lag, daily_wave, gauss};

/// State of one air conditioner.
#[derive(Debug, Clone)]
pub struct AirConditioner {
    vibration_mm_s: f64,
    supply_offset_c: f64,
    pressure_factor: f64,
    current_factor: f64,
    outdoor: Drift,
    room: Drift,
    supply: Lag,
    returned: Lag,
    suction: Lag,
    discharge: Lag,
    runtime_hours: f64,
}

impl AirConditioner {
    /// A healthy unit in its second or third season.
    pub fn new(rng: &mut ChaCha8Rng) -> AirConditioner {
        AirConditioner {
            vibration_mm_s: rng.random_range(0.85..1.1),
            supply_offset_c: rng.random_range(-0.4..0.4),
            pressure_factor: rng.random_range(0.985..1.015),
            current_factor: rng.random_range(0.97..1.03),
            outdoor: Drift::new(rng, 0.8, 7_200.0),
            room: Drift::new(rng, 0.2, 2_400.0),
            supply: Lag::new(60.0),
            returned: Lag::new(900.0),
            suction: Lag::new(45.0),
            discharge: Lag::new(45.0),
            runtime_hours: rng.random_range(1_000.0..9_000.0),
        }
    }

    /// See [`super::Machine::step`].
    pub fn step(&mut self, now_ms: i64, dt_s: f64, condition: &Condition, rng: &mut ChaCha8Rng) -> Values {
        let outdoor_c = 25.0 + 5.0 * daily_wave(now_ms, 15.0) + self.outdoor.step(rng, dt_s);
        let room_c = 24.0 + self.room.step(rng, dt_s);
        if condition.failed().is_some() {
            let return_c = self.returned.step(28.5, dt_s);
            let supply_c = self.supply.step(return_c, dt_s);
            // With the compressor off both sides meet at the saturation pressure.
            let suction_bar = self.suction.step(14.5, dt_s);
            let discharge_bar = self.discharge.step(14.5, dt_s);
            let standstill_mm_s = 0.03 + gauss(rng, 0.004).abs();
            return [
                supply_c + gauss(rng, 0.08),
                return_c + gauss(rng, 0.06),
                suction_bar + gauss(rng, 0.02),
                discharge_bar + gauss(rng, 0.02),
                0.0,
                standstill_mm_s,
                self.runtime_hours,
            ];
        }
        let leak = condition.damage(Fault::RefrigerantLeak);
        let filter = condition.damage(Fault::FilterClogged);
        let wear = condition.damage(Fault::CompressorWear);
        let load = ((outdoor_c - 14.0) / 20.0).clamp(0.25, 1.0);
        self.runtime_hours += dt_s / 3600.0;

        let supply_c = 13.2 - 0.8 * (load - 0.5) + self.supply_offset_c + 8.0 * leak - 6.0 * filter + 2.0 * wear;
        let return_c = room_c + 4.0 * leak + 3.0 * filter + wear;
        let suction_bar = (8.9 - 0.6 * load) * self.pressure_factor * (1.0 - 0.45 * leak) * (1.0 - 0.2 * filter);
        let discharge_bar =
            (12.0 + 0.5 * outdoor_c + 3.0 * load) * self.pressure_factor * (1.0 - 0.2 * leak) * (1.0 - 0.12 * wear);
        let current_a =
            (6.0 + 7.0 * load) * self.current_factor * (1.0 - 0.2 * leak) * (1.0 + 0.3 * wear) * (1.0 + 0.04 * filter);
        // 1 + (e^2 - 1)·damage: exponential growth to x7.4 under the fault's law.
        let vibration_mm_s = self.vibration_mm_s * (0.85 + 0.25 * load) * (1.0 + 2.0f64.exp_m1() * wear);
        [
            self.supply.step(supply_c, dt_s) + gauss(rng, 0.08),
            self.returned.step(return_c, dt_s) + gauss(rng, 0.06),
            self.suction.step(suction_bar, dt_s) + gauss(rng, 0.03),
            self.discharge.step(discharge_bar, dt_s) + gauss(rng, 0.1),
            current_a + gauss(rng, 0.08),
            (vibration_mm_s + gauss(rng, 0.025)).max(0.0),
            self.runtime_hours,
        ]
    }
}
