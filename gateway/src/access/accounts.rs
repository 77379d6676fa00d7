//! Users and their tokens, and the one step that changes them. The commit thread owns them; everybody else has a copy.

use super::orders::{AccessEffect, AccessOrder, AccessRefusal, AccountChange, NewAccount};
use super::{Limits, Right, Role};
use domain::{Millis, SiteName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most users.
pub const MOST_ACCOUNTS: usize = 1_000;
/// Most tokens of a user that are in force.
pub const MOST_TOKENS: usize = 20;
/// Most sites, and customers, of a limit.
pub const MOST_LIMITS: usize = 1_000;
/// How long the set-up link may be used.
pub const SET_UP_WITHIN: Millis = Millis::hours(24);
/// A token that has ended is shown so long.
const ENDED_SHOWN: Millis = Millis::days(30);

/// A person or a program that may come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Stands in the audit trail; never changes and is never given again.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which devices they may see.
    #[serde(default)]
    pub limits: Limits,
    /// Argon2id hash of the password; empty: no password, only tokens.
    #[serde(default)]
    pub password: String,
    /// Whether they may come in no longer.
    #[serde(default)]
    pub is_disabled: bool,
    /// Language of the pages, `en` or `zh`; empty: as the browser asks for.
    #[serde(default)]
    pub locale: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed the last time.
    pub changed_at: Timestamp,
    /// Counts changes of the password: sessions of an earlier one are over.
    #[serde(default)]
    pub password_count: u32,
    /// Counts changes.
    pub revision: u64,
}

/// A token; the secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub account: String,
    /// What it is for.
    pub label: String,
    /// SHA-256 of the secret, in hexadecimal digits. The secret has 256 random bits, so nothing slower is needed.
    pub hash: String,
    /// Only these of the account's rights; empty: all of them.
    #[serde(default)]
    pub scopes: BTreeSet<Right>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

impl AccessToken {
    /// Whether it opens the door.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    fn ended_at(&self) -> Timestamp {
        self.revoked_at.map_or(self.expires_at, |at| at.min(self.expires_at))
    }
}

/// The link by which the first administrator comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUpLink {
    /// SHA-256 of its secret, in hexadecimal digits.
    pub hash: String,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// All users, their tokens, and the set-up link.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    accounts: BTreeMap<String, Account>,
    tokens: BTreeMap<u64, AccessToken>,
    by_hash: BTreeMap<String, u64>,
    last_token: u64,
    link: Option<SetUpLink>,
    /// Names and roles of the configuration's tokens.
    configured: BTreeMap<String, Role>,
}

impl Accounts {
    /// As the store has them, beside the tokens of the configuration.
    pub fn restore(
        accounts: Vec<Account>,
        tokens: Vec<AccessToken>,
        link: Option<SetUpLink>,
        configured: impl IntoIterator<Item = (String, Role)>,
    ) -> Accounts {
        Accounts {
            accounts: accounts.into_iter().map(|a| (a.name.clone(), a)).collect(),
            by_hash: tokens.iter().map(|t| (t.hash.clone(), t.id)).collect(),
            last_token: tokens.iter().map(|t| t.id).max().unwrap_or(0),
            tokens: tokens.into_iter().map(|t| (t.id, t)).collect(),
            link,
            configured: configured.into_iter().collect(),
        }
    }

    /// Whether nobody can be told from anybody: neither users nor tokens of the configuration.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.configured.is_empty()
    }

    /// All users, by name.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// A user's tokens, the newest first.
    pub fn tokens_of(&self, name: &str) -> impl Iterator<Item = &AccessToken> {
        self.tokens.values().rev().filter(move |t| t.account == name)
    }

    /// Whose token it is, if it opens the door.
    pub fn by_secret(&self, secret: &str, now: Timestamp) -> Option<(&Account, &AccessToken)> {
        // looked up by a digest: how long that takes tells nothing about the secret
        let hash = super::hex(&super::sha256(secret.as_bytes()));
        let token = self.tokens.get(self.by_hash.get(&hash)?)?;
        let account = self.accounts.get(&token.account)?;
        (token.is_in_force(now) && !account.is_disabled).then_some((account, token))
    }

    /// Whether the link with this secret can be used.
    pub fn is_link(&self, secret: &str, now: Timestamp) -> bool {
        let hash = super::hex(&super::sha256(secret.as_bytes()));
        self.is_empty() && self.link.as_ref().is_some_and(|l| l.hash == hash && now < l.expires_at)
    }

    /// How many there are who may let a model judge.
    pub fn releasers(&self) -> usize {
        let people = self.accounts.values().filter(|a| !a.is_disabled && a.limits.is_none());
        let roles = people.map(|a| a.role).chain(self.configured.values().copied());
        roles.filter(|role| role.may(Right::ReleaseModels)).count()
    }

    /// Follows an order, or says why not.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub fn step(&mut self, order: AccessOrder, now: Timestamp) -> Result<Vec<AccessEffect>, AccessRefusal> {
        match order {
            AccessOrder::Create(new) => self.create(new, now),
            AccessOrder::Change {
                name,
                change,
                if_revision,
            } => self.change(&name, change, if_revision, now),
            AccessOrder::AddToken {
                account,
                label,
                hash,
                scopes,
                expires_at,
            } => {
                let token = AccessToken {
                    id: 0,
                    account,
                    label,
                    hash,
                    scopes,
                    created_at: now,
                    expires_at,
                    revoked_at: None,
                };
                self.add_token(token, now)
            }
            AccessOrder::RevokeToken { account, id } => self.revoke(&account, id, now),
            AccessOrder::OfferSetUp { hash } => {
                if !self.is_empty() {
                    return Err(AccessRefusal::NoLink);
                }
                self.link = Some(SetUpLink {
                    hash,
                    expires_at: now + SET_UP_WITHIN,
                });
                let detail = format!("until {}", now + SET_UP_WITHIN);
                Ok(vec![
                    AccessEffect::SetUpLink(self.link.clone()),
                    audit("setup.offered", "setup".to_owned(), detail),
                ])
            }
            AccessOrder::SetUp { hash, first } => {
                let link = self.link.as_ref().filter(|l| l.hash == hash && now < l.expires_at);
                if link.is_none() || !self.is_empty() {
                    return Err(AccessRefusal::NoLink);
                }
                let mut effects = self.create(first, now)?;
                self.link = None;
                effects.push(AccessEffect::SetUpLink(None));
                Ok(effects)
            }
        }
    }

    fn create(&mut self, new: NewAccount, now: Timestamp) -> Result<Vec<AccessEffect>, AccessRefusal> {
        let is_taken = |name: &String| name.to_lowercase() == new.name.to_lowercase();
        if self.accounts.keys().chain(self.configured.keys()).any(is_taken) {
            return Err(AccessRefusal::Taken { name: new.name });
        }
        if self.accounts.len() >= MOST_ACCOUNTS {
            return Err(AccessRefusal::Full {
                what: "users",
                most: MOST_ACCOUNTS,
            });
        }
        let account = Account {
            name: new.name,
            role: new.role,
            limits: new.limits,
            password: new.password,
            is_disabled: false,
            locale: new.locale,
            created_at: now,
            changed_at: now,
            password_count: 0,
            revision: 1,
        };
        if self.accounts.is_empty() && !self.manages_without(&account.name) && !manages(&account) {
            return Err(AccessRefusal::FirstIsNoAdmin);
        }
        let detail = format!("role {}{}", account.role.as_str(), limits_words(&account.limits));
        self.accounts.insert(account.name.clone(), account.clone());
        Ok(vec![
            audit("user.created", format!("user/{}", account.name), detail),
            AccessEffect::Account(Box::new(account)),
        ])
    }

    fn change(
        &mut self,
        name: &str,
        change: AccountChange,
        if_revision: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<AccessEffect>, AccessRefusal> {
        let unknown = || AccessRefusal::Unknown { name: name.to_owned() };
        let before = self.accounts.get(name).ok_or_else(unknown)?;
        let revision = before.revision;
        if if_revision.is_some_and(|seen| seen != revision) {
            return Err(AccessRefusal::Changed { revision });
        }
        let mut after = before.clone();
        let mut words = Vec::new();
        if let Some(role) = change.role.filter(|role| *role != after.role) {
            words.push(format!("role {} to {}", after.role.as_str(), role.as_str()));
            after.role = role;
        }
        if let Some(limits) = change.limits.filter(|limits| *limits != after.limits) {
            words.push(match limits.is_none() {
                true => "no limits".to_owned(),
                false => limits_words(&limits).trim_start_matches("; ").to_owned(),
            });
            after.limits = limits;
        }
        if let Some(is_disabled) = change.is_disabled.filter(|d| *d != after.is_disabled) {
            words.push(if is_disabled { "disabled" } else { "enabled" }.to_owned());
            after.is_disabled = is_disabled;
        }
        if let Some(locale) = change.locale.filter(|l| *l != after.locale) {
            words.push("language".to_owned());
            after.locale = locale;
        }
        if let Some(password) = change.password {
            words.push("password".to_owned());
            after.password = password;
            after.password_count = after.password_count.wrapping_add(1);
        }
        if words.is_empty() {
            return Ok(Vec::new());
        }
        if manages(before) && !manages(&after) && !self.manages_without(name) {
            return Err(AccessRefusal::LastAdmin);
        }
        after.revision += 1;
        after.changed_at = now;
        self.accounts.insert(name.to_owned(), after.clone());
        Ok(vec![
            audit("user.changed", format!("user/{name}"), words.join(", ")),
            AccessEffect::Account(Box::new(after)),
        ])
    }

    /// Whether somebody other than that user manages users.
    fn manages_without(&self, name: &str) -> bool {
        let configured = self.configured.values().any(|role| role.may(Right::ManageUsers));
        configured || self.accounts.values().any(|a| a.name != name && manages(a))
    }

    fn add_token(&mut self, mut token: AccessToken, now: Timestamp) -> Result<Vec<AccessEffect>, AccessRefusal> {
        let name = token.account.clone();
        let unknown = || AccessRefusal::Unknown { name: name.clone() };
        let account = self.accounts.get(&name).ok_or_else(unknown)?;
        let role = account.role;
        if let Some(right) = token.scopes.iter().copied().find(|right| !role.may(*right)) {
            return Err(AccessRefusal::BeyondRole { role, right });
        }
        if self.tokens_of(&name).filter(|t| t.is_in_force(now)).count() >= MOST_TOKENS {
            return Err(AccessRefusal::Full {
                what: "tokens of this user in force",
                most: MOST_TOKENS,
            });
        }
        self.last_token += 1;
        token.id = self.last_token;
        // what ended long ago goes, and beyond twice the number in force what ended first
        let mut ended: Vec<(Timestamp, u64)> = self
            .tokens_of(&name)
            .filter(|t| !t.is_in_force(now))
            .map(|t| (t.ended_at(), t.id))
            .collect();
        ended.sort_unstable();
        let surplus = ended.len().saturating_sub(MOST_TOKENS);
        let old = ended.iter().enumerate();
        let gone = old.filter(|(place, (at, _))| *place < surplus || now - *at > ENDED_SHOWN);
        let gone: Vec<u64> = gone.map(|(_, (_, id))| *id).collect();
        let mut effects: Vec<AccessEffect> = gone.iter().map(|id| AccessEffect::ForgetToken(*id)).collect();
        for id in gone {
            if let Some(token) = self.tokens.remove(&id) {
                self.by_hash.remove(&token.hash);
            }
        }
        let scopes: Vec<&str> = token.scopes.iter().map(|r| r.as_str()).collect();
        let scopes = if scopes.is_empty() {
            "all rights of the user".to_owned()
        } else {
            scopes.join(", ")
        };
        let detail = format!("{}; until {}; {scopes}", token.label, token.expires_at);
        effects.push(audit(
            "token.created",
            format!("user/{name}/token/{}", token.id),
            detail,
        ));
        self.by_hash.insert(token.hash.clone(), token.id);
        self.tokens.insert(token.id, token.clone());
        effects.push(AccessEffect::Token(Box::new(token)));
        Ok(effects)
    }

    fn revoke(&mut self, name: &str, id: u64, now: Timestamp) -> Result<Vec<AccessEffect>, AccessRefusal> {
        let token = self.tokens.get_mut(&id).filter(|t| t.account == name);
        let token = token.ok_or_else(|| AccessRefusal::NoToken { name: name.to_owned() })?;
        if token.revoked_at.is_some() {
            return Ok(Vec::new());
        }
        token.revoked_at = Some(now);
        Ok(vec![
            audit("token.revoked", format!("user/{name}/token/{id}"), token.label.clone()),
            AccessEffect::Token(Box::new(token.clone())),
        ])
    }
}

/// Whether this account can manage users from now on.
fn manages(account: &Account) -> bool {
    account.role.may(Right::ManageUsers)
        && account.limits.is_none()
        && !account.is_disabled
        && !account.password.is_empty()
}

fn audit(action: &'static str, subject: String, detail: String) -> AccessEffect {
    AccessEffect::Audit {
        action,
        subject,
        detail,
    }
}

fn limits_words(limits: &Limits) -> String {
    let sites: Vec<&str> = limits.sites.iter().map(SiteName::as_str).collect();
    let customers: Vec<&str> = limits.customers.iter().map(String::as_str).collect();
    let part = |what: &str, names: Vec<&str>| match names.is_empty() {
        true => String::new(),
        false => format!("; only {what} {}", names.join(", ")),
    };
    format!("{}{}", part("sites", sites), part("customers", customers))
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
