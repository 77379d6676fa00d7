//! Verifies passwords against Argon2 hashes without letting that stop everything else: few at a time, on the blocking pool, and once a
//! password was found right, the same one is recognised by a keyed checksum, so that a fleet that reconnects all at once gets back in.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Verifications at the same time; each takes a core and some 19 MiB for tens of milliseconds.
const AT_ONCE: usize = 2;

/// Verifies passwords of the configured users.
#[derive(Debug)]
pub struct Passwords {
    permits: Semaphore,
    /// SipHash under two random keys of this process: 128 bits that nobody outside can compute or guess.
    keys: [RandomState; 2],
    /// User name to the checksum of the password last found right. At most one entry per configured user.
    known: Mutex<HashMap<String, [u64; 2]>>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            permits: Semaphore::new(AT_ONCE),
            keys: [RandomState::new(), RandomState::new()],
            known: Mutex::default(),
        }
    }
}

impl Passwords {
    /// True if `password` is the one of `hash`. `is_known_user` says whether success may be remembered.
    pub async fn verify(&self, user: &str, password: &[u8], hash: String, is_known_user: bool) -> bool {
        let checksum = [0, 1].map(|index| self.keys[index].hash_one((user, password, &hash)));
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if is_known_user && known().get(user) == Some(&checksum) {
            return true;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return false;
        };
        let password = password.to_vec();
        let work = move || {
            PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok())
        };
        let is_right = tokio::task::spawn_blocking(work).await.unwrap_or(false);
        if is_right && is_known_user {
            known().insert(user.to_owned(), checksum);
        }
        is_right
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher, SaltString};

    /// A hash that is quick to verify, for tests.
    pub fn quick_hash(password: &str) -> String {
        let salt = SaltString::from_b64("c2FsdHNhbHRzYWx0").unwrap();
        let cheap = Argon2::new(
            argon2::Algorithm::Argon2id,
            argon2::Version::V0x13,
            argon2::Params::new(64, 1, 1, None).unwrap(),
        );
        cheap.hash_password(password.as_bytes(), &salt).unwrap().to_string()
    }

    #[tokio::test]
    async fn only_the_right_password_passes_also_the_second_time() {
        let passwords = Passwords::default();
        let hash = quick_hash("right");
        for _ in 0..2 {
            assert!(passwords.verify("u", b"right", hash.clone(), true).await);
            assert!(!passwords.verify("u", b"wrong", hash.clone(), true).await);
            assert!(!passwords.verify("u", b"right", quick_hash("changed"), true).await);
        }
        assert!(!passwords.verify("u", b"right", "no hash".to_owned(), true).await);
    }
}
