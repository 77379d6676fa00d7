//! Simulated machines that wear out, publish over MQTT, and write down what broke and when.
//!
//! The core is pure: [`fleet::Fleet`] is made from a [`spec::FleetSpec`] (a TOML file, or [`spec::FleetSpec::demo`]),
//! time is an argument, everything random comes from the seed, and the same spec gives the same bytes:
//!
//! ```
//! use device_sim::{fleet::Fleet, spec::FleetSpec};
//!
//! let mut fleet = Fleet::new(&FleetSpec::demo(7, 1_767_600_000_000))?;
//! let mut out = Vec::new();
//! fleet.step_until(fleet.start_ms() + 60_000, &mut out);
//! assert!(out.iter().any(|message| &*message.topic == "forewarn/north-plant/pump-002/telemetry"));
//! # Ok::<(), device_sim::spec::SpecError>(())
//! ```
//!
//! [`drive::run`] publishes a fleet over real MQTT with an outbox per connection: a message leaves it only when its
//! PubAck has arrived. [`truth::compare`] says how tickets compare with what was broken. [`table`] and [`replay`] play
//! a recorded CSV as a device.
//!
//! | command | what it does |
//! | --- | --- |
//! | `device-sim list` | machines and faults, a line each |
//! | `device-sim describe pump` | metrics with unit and healthy range, faults, a sample payload |
//! | `device-sim run --machines pump=3,elevator=2 --mqtt 127.0.0.1:1883 --site plant --speed 60 --truth truth.json` | a fleet |
//! | `device-sim run --spec fleet.toml --mqtt 127.0.0.1:1883` | the fleet of a file |
//! | `device-sim replay --csv FILE[.gz] --site plant --device m1 --mqtt 127.0.0.1:1883` | a recording |
//!
//! A fleet file:
//!
//! ```toml
//! seed = 7
//! speed = 60                      # machine seconds per second
//! start = "2026-01-05T08:00:00Z"  # missing: now
//! interval_s = { pump = 5 }
//!
//! [[site]]
//! name = "plant"
//! pump = 3
//! elevator = 2
//!
//! [[fault]]
//! site = "plant"
//! device = "pump-002"
//! mode = "bearing_wear"
//! onset_min = 10                  # machine minutes after the start
//! pf_min = 90                     # from the first sign to failure
//!
//! [random_faults]                 # further ones, dealt by the seed
//! count = 1
//! onset_min = [20, 60]
//! pf_min = [60, 240]
//!
//! [two_speed]                     # pumps that turn slower for a part of the time
//! low = 0.7                       # share of the full speed
//! every_min = 90                  # machine minutes after which it may change
//!
//! [link]                          # chances per message, before it is published
//! repeat = 0.01
//! reorder = 0.01
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod catalogue;
pub mod clock;
pub mod describe;
pub mod drive;
pub mod fault;
pub mod fleet;
pub mod link;
pub mod machine;
pub mod noise;
pub mod outbox;
pub mod replay;
pub mod spec;
pub mod table;
pub mod truth;
pub mod waveform;
pub mod wire;
