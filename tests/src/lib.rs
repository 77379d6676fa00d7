//! What system tests share: the real `forewarn` and `device-sim` programs as child processes, on free ports, in temporary
//! folders; other programs (brokers, browsers) if they are installed. Nothing here sleeps blindly: everything waits for a
//! condition with a deadline.

pub mod api;
pub mod browser;
pub mod gateway;
pub mod hall;
pub mod http;
pub mod inside;
pub mod load;
pub mod outcome;
pub mod outside;
pub mod publisher;
pub mod raw;
pub mod receiver;
pub mod seed;
pub mod served;
pub mod wait;
pub mod watcher;
