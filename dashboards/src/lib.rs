//! Web pages and their assets, compiled into the gateway; Grafana dashboards as JSON.
//!
//! Pure: a page is a function from a [`view`] to markup. No clock, no I/O, no knowledge of the gateway; what a page shows
//! is handed to it, and the same views are what the HTTP API answers with.

pub mod assets;
pub mod figures;
pub mod metric_names;
pub mod page;
pub mod phrase;
pub mod view;
pub mod words;
