//! The broker client against real brokers.
