//! A traction lift with counterweight, 1.6 m/s, 12 floors. Rides come as in an office building. Its controller
//! reports vibration, door time and current once per ride and repeats them until the next one. Pure.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;

use super::Values;
use crate::catalogue::Fault;
use crate::fault::Condition;
use crate::noise::{Drift, Lag, daily_wave, gauss, hour_of_day};

const RATED_SPEED_M_S: f64 = 1.6;
const ACCELERATION_M_S2: f64 = 0.8;
const STOREY_M: f64 = 3.3;
const FLOORS: u32 = 12;

/// What the car is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Motion {
    Standing { next_start_ms: i64 },
    Riding { start_ms: i64, end_ms: i64, speed_m_s: f64 },
    OutOfService,
}

/// State of one elevator.
#[derive(Debug, Clone)]
pub struct Elevator {
    base_vibration_mg: f64,
    base_door_s: f64,
    current_factor: f64,
    motion: Motion,
    room: Drift,
    duty: Lag,
    motor: Lag,
    last_vibration_mg: f64,
    last_door_s: f64,
    last_current_a: f64,
    trips_total: f64,
    runtime_hours: f64,
}

impl Elevator {
    /// A healthy elevator with some years of rides.
    pub fn new(now_ms: i64, rng: &mut ChaCha8Rng) -> Elevator {
        let trips_total = rng.random_range(20_000..400_000);
        let mut elevator = Elevator {
            base_vibration_mg: rng.random_range(9.0..10.5),
            base_door_s: rng.random_range(2.7..2.9),
            current_factor: rng.random_range(0.97..1.03),
            motion: Motion::Standing {
                next_start_ms: now_ms + rng.random_range(1_000..40_000),
            },
            room: Drift::new(rng, 0.7, 7_200.0),
            duty: Lag::new(600.0),
            motor: Lag::new(1_500.0),
            last_vibration_mg: 0.0,
            last_door_s: 0.0,
            last_current_a: 0.0,
            trips_total: f64::from(trips_total),
            runtime_hours: f64::from(trips_total) * 15.0 / 3600.0,
        };
        elevator.measure_ride(&Condition::default(), rng);
        elevator.duty.step(0.25, 0.0);
        elevator
    }

    /// See [`super::Machine::step`].
    pub fn step(&mut self, now_ms: i64, dt_s: f64, condition: &Condition, rng: &mut ChaCha8Rng) -> Values {
        let from_ms = now_ms - (dt_s * 1000.0) as i64;
        let moved_s = self.move_car(from_ms, now_ms, condition, rng);
        let duty = self.duty.step(moved_s / dt_s, dt_s);
        let drag = condition.damage(Fault::BrakeDrag);
        let brake_heat_c = if condition.failed().is_some() {
            0.0
        } else {
            45.0 * drag * (0.7 + duty)
        };
        let room_c = 22.0 + 2.0 * daily_wave(now_ms, 15.0) + self.room.step(rng, dt_s);
        let copper_loss = (self.last_current_a / 17.0).powi(2);
        let motor_c = self
            .motor
            .step(room_c + 4.0 + 45.0 * duty * copper_loss + brake_heat_c, dt_s);
        [
            self.last_vibration_mg,
            self.last_door_s,
            self.last_current_a,
            motor_c + gauss(rng, 0.12),
            self.speed_at(now_ms),
            self.trips_total,
            self.runtime_hours,
        ]
    }

    /// Plays the rides up to `now_ms`; returns the seconds the car moved since `from_ms`.
    fn move_car(&mut self, from_ms: i64, now_ms: i64, condition: &Condition, rng: &mut ChaCha8Rng) -> f64 {
        let mut moved_ms = 0;
        // Rides are at least 4 s and pauses at least 6 s long, so this ends.
        loop {
            match self.motion {
                Motion::OutOfService if condition.failed().is_some() => break,
                Motion::OutOfService => {
                    self.motion = Motion::Standing {
                        next_start_ms: now_ms + 10_000,
                    }
                }
                Motion::Standing { .. } | Motion::Riding { .. } if condition.failed().is_some() => {
                    self.motion = Motion::OutOfService;
                }
                Motion::Standing { next_start_ms } if next_start_ms > now_ms => break,
                Motion::Standing { next_start_ms } => self.start_ride(next_start_ms, condition, rng),
                Motion::Riding { start_ms, end_ms, .. } if end_ms > now_ms => {
                    moved_ms += now_ms - start_ms.max(from_ms);
                    break;
                }
                Motion::Riding { start_ms, end_ms, .. } => {
                    moved_ms += end_ms - start_ms.max(from_ms);
                    self.trips_total += 1.0;
                    self.runtime_hours += (end_ms - start_ms) as f64 / 3_600_000.0;
                    self.measure_ride(condition, rng);
                    let wait_s = (6.0 + mean_pause_s(end_ms) * rng.sample::<f64, _>(Exp1)).min(600.0);
                    self.motion = Motion::Standing {
                        next_start_ms: end_ms + (wait_s * 1000.0) as i64,
                    };
                }
            }
        }
        moved_ms as f64 / 1000.0
    }

    fn start_ride(&mut self, start_ms: i64, condition: &Condition, rng: &mut ChaCha8Rng) {
        let storeys = rng.random_range(1..FLOORS);
        let speed_m_s = RATED_SPEED_M_S * (1.0 - 0.05 * condition.damage(Fault::BrakeDrag));
        let ride_s = f64::from(storeys) * STOREY_M / speed_m_s + speed_m_s / ACCELERATION_M_S2;
        self.motion = Motion::Riding {
            start_ms,
            end_ms: start_ms + (ride_s * 1000.0) as i64,
            speed_m_s,
        };
    }

    /// What the controller writes down about a ride.
    fn measure_ride(&mut self, condition: &Condition, rng: &mut ChaCha8Rng) {
        let door = condition.damage(Fault::DoorWear);
        let rail = condition.damage(Fault::GuideRailWear);
        let drag = condition.damage(Fault::BrakeDrag);
        self.last_vibration_mg = self.base_vibration_mg * (1.0 + 3.5 * rail) * gauss(rng, 0.06).clamp(-0.2, 0.25).exp();
        let reopening_s = if rng.random::<f64>() < 0.1 * door { 1.5 } else { 0.0 };
        self.last_door_s = self.base_door_s * (1.0 + door) + gauss(rng, 0.035).clamp(-0.12, 0.12) + reopening_s;
        // The counterweight balances half the load, so an empty and a full car both cost the most.
        let imbalance: f64 = rng.random();
        self.last_current_a =
            (15.5 + 3.5 * imbalance) * self.current_factor * (1.0 + 0.55 * drag + 0.06 * rail) + gauss(rng, 0.15);
    }

    fn speed_at(&self, now_ms: i64) -> f64 {
        match self.motion {
            Motion::Standing { .. } | Motion::OutOfService => 0.0,
            Motion::Riding {
                start_ms,
                end_ms,
                speed_m_s,
            } => {
                let since_s = (now_ms - start_ms) as f64 / 1000.0;
                let left_s = (end_ms - now_ms) as f64 / 1000.0;
                (ACCELERATION_M_S2 * since_s.min(left_s)).clamp(0.0, speed_m_s)
            }
        }
    }
}

/// Mean pause between rides: short at the start and end of the working day, long at night.
fn mean_pause_s(now_ms: i64) -> f64 {
    match hour_of_day(now_ms) {
        hour if (8.0..10.0).contains(&hour) || (16.5..18.5).contains(&hour) => 25.0,
        hour if (7.0..20.0).contains(&hour) => 50.0,
        _ => 300.0,
    }
}
