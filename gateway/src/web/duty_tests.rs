//! What people have to do and what is known of it: who is on call, bad ratings, drills, the audit trail.

use super::*;

#[path = "audit_tests.rs"]
mod audit_tests;
#[path = "follow_up_tests.rs"]
mod follow_up_tests;
#[path = "on_call_tests.rs"]
mod on_call_tests;
