//! Every effect of Forewarn: MQTT, database, HTTP, clock; and the forewarn program.

pub mod secret;
pub mod web;
