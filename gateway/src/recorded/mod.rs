//! Recordings driven through the same path as live telemetry: admission, engine, delays; only the sockets and the disk are
//! left out. `score` and `backtest` are built on it, so that what they say is what the gateway would have said.

mod files;
mod player;

pub use files::{InputFile, Inputs, InputsError, output_for, write_whole};
pub use player::{DriftCounts, Played, Player, PlayerError};
