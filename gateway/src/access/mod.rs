//! Who may come in, what they may do, and what of it they may see.
//!
//! Decisions only: no clock, no file, no socket. The commit thread owns the accounts and writes what they say; the web door asks
//! them who somebody is.

pub mod accounts;
pub mod notes;
pub mod orders;
pub mod passwords;
pub mod rights;
pub mod sight;
pub mod throttle;

pub use accounts::{AccessToken, Account, Accounts};
pub use orders::{AccessEffect, AccessOrder, AccessRefusal};
pub use rights::{Right, Role};
pub use sight::{Limits, Sight};

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A secret that nobody can guess: 256 random bits as 64 hexadecimal digits.
pub fn new_secret() -> String {
    hex(&rand::random::<[u8; 32]>())
}
