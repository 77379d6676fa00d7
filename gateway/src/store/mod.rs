//! The state store. SQLite is named only in this folder and in the history store.
pub mod codec;
