//! Every effect of Forewarn: MQTT, database, HTTP, clock. The crates below decide, this one acts.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod app;
pub mod attachments;
pub mod backend;
pub mod backtest;
pub mod broker;
pub mod clock;
pub mod commands;
pub mod config;
pub mod drill;
pub mod failpoint;
pub mod history;
pub mod ingest;
pub mod intake;
pub mod learning;
pub mod ledger;
pub mod listener;
pub mod outbound;
pub mod pipeline;
pub mod recorded;
pub mod review;
pub mod secret;
pub mod store;
pub mod tls;
pub mod web;
