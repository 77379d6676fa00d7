//! Passwords: the rule, and the hash that is kept.

use argon2::password_hash::{PasswordHasher, SaltString, rand_core::OsRng};

/// The fewest characters.
pub const SHORTEST: usize = 12;
/// The most: hashing takes time by length.
pub const LONGEST: usize = 256;

/// What is wrong with a password for this name; none: nothing.
pub fn weakness(name: &str, password: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Some("a password has at least 12 characters");
    }
    if length > LONGEST {
        return Some("a password has at most 256 characters");
    }
    if password.to_lowercase().contains(&name.to_lowercase()) {
        return Some("the name must not be part of the password");
    }
    let mut letters: Vec<char> = password.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    (letters.len() < 4).then_some("a password has at least 4 different characters")
}

/// Argon2id with a salt of its own. Takes tens of milliseconds and some 19 MiB.
///
/// # Errors
/// What the hash function says.
pub fn hash(password: &str) -> Result<String, String> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = argon2::Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string())
        .map_err(|error| format!("cannot hash the password: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_name() {
        assert!(weakness("ann", "elevenchars").is_some());
        assert!(weakness("Ann", "my-name-is-ANN-1").is_some());
        assert!(weakness("ann", "aaaaaaaaaaaaaa").is_some());
        assert!(weakness("ann", &"ab c".repeat(100)).is_some());
        assert_eq!(weakness("ann", "correct horse battery"), None);
        assert_eq!(weakness("ann", "机器会坏但是我们知道得更早"), None);
    }
}
