//! Users and tokens: nobody locks everybody out, and what ended opens nothing.

use super::super::{hex, sha256};
use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn hash_of(secret: &str) -> String {
    hex(&sha256(secret.as_bytes()))
}

fn user(name: &str, role: Role) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        role,
        limits: Limits::default(),
        password: "hash".to_owned(),
        locale: String::new(),
    }
}

fn with_admin() -> Accounts {
    let mut accounts = Accounts::default();
    accounts
        .step(AccessOrder::Create(user("root", Role::Admin)), NOW)
        .expect("the first");
    accounts
}

fn change(name: &str, change: AccountChange) -> AccessOrder {
    AccessOrder::Change {
        name: name.to_owned(),
        change,
        if_revision: None,
    }
}

fn token(account: &str, secret: &str, expires_at: Timestamp) -> AccessOrder {
    AccessOrder::AddToken {
        account: account.to_owned(),
        label: "robot".to_owned(),
        hash: hash_of(secret),
        scopes: BTreeSet::new(),
        expires_at,
    }
}

#[test]
fn the_set_up_link_is_good_once_and_for_a_day() {
    let mut accounts = Accounts::default();
    let first = || user("ann", Role::Admin);
    let use_it = |secret: &str| AccessOrder::SetUp {
        hash: hash_of(secret),
        first: first(),
    };
    assert_eq!(accounts.step(use_it("key"), NOW), Err(AccessRefusal::NoLink));
    let offer = AccessOrder::OfferSetUp { hash: hash_of("key") };
    accounts.step(offer.clone(), NOW).expect("offered");
    assert!(accounts.is_link("key", NOW) && !accounts.is_link("other", NOW));
    assert_eq!(accounts.step(use_it("other"), NOW), Err(AccessRefusal::NoLink));
    assert_eq!(
        accounts.step(use_it("key"), NOW + SET_UP_WITHIN),
        Err(AccessRefusal::NoLink)
    );
    accounts.step(offer.clone(), NOW).expect("offered again");
    accounts.step(use_it("key"), NOW).expect("set up");
    assert_eq!(accounts.step(use_it("key"), NOW), Err(AccessRefusal::NoLink));
    assert_eq!(
        accounts.step(offer, NOW),
        Err(AccessRefusal::NoLink),
        "no second way in"
    );
}

#[test]
fn the_first_user_is_an_administrator_unless_the_configuration_has_one() {
    let mut accounts = Accounts::default();
    let refused = accounts.step(AccessOrder::Create(user("vera", Role::Viewer)), NOW);
    assert_eq!(refused, Err(AccessRefusal::FirstIsNoAdmin));
    let mut accounts = Accounts::restore(Vec::new(), Vec::new(), None, [("boss".to_owned(), Role::Admin)]);
    accounts
        .step(AccessOrder::Create(user("vera", Role::Viewer)), NOW)
        .expect("fine");
    let taken = accounts.step(AccessOrder::Create(user("Boss", Role::Viewer)), NOW);
    assert!(matches!(taken, Err(AccessRefusal::Taken { .. })));
}

#[test]
fn a_token_ends_with_its_time_its_revocation_and_its_user() {
    let mut accounts = with_admin();
    let later = NOW + Millis::hours(1);
    accounts.step(token("root", "secret", later), NOW).expect("made");
    let opens = |accounts: &Accounts, now| accounts.by_secret("secret", now).is_some();
    assert!(opens(&accounts, NOW) && !opens(&accounts, later));
    assert!(accounts.by_secret("Secret", NOW).is_none());
    accounts
        .step(AccessOrder::Create(user("bob", Role::Admin)), NOW)
        .expect("made");
    let disable = AccountChange {
        is_disabled: Some(true),
        ..AccountChange::default()
    };
    accounts.step(change("root", disable), NOW).expect("another is left");
    assert!(!opens(&accounts, NOW));
    let revoke = |account: &str| AccessOrder::RevokeToken {
        account: account.to_owned(),
        id: 1,
    };
    assert!(matches!(
        accounts.step(revoke("bob"), NOW),
        Err(AccessRefusal::NoToken { .. })
    ));
    accounts.step(revoke("root"), NOW).expect("revoked");
    let enable = AccountChange {
        is_disabled: Some(false),
        ..AccountChange::default()
    };
    accounts.step(change("root", enable), NOW).expect("back");
    assert!(!opens(&accounts, NOW));
}

#[test]
fn a_token_is_scoped_to_rights_of_its_role() {
    let mut accounts = with_admin();
    accounts
        .step(AccessOrder::Create(user("vera", Role::Viewer)), NOW)
        .expect("made");
    let order = AccessOrder::AddToken {
        account: "vera".to_owned(),
        label: String::new(),
        hash: hash_of("s"),
        scopes: BTreeSet::from([Right::View, Right::WorkTickets]),
        expires_at: NOW + Millis::days(1),
    };
    assert!(matches!(
        accounts.step(order, NOW),
        Err(AccessRefusal::BeyondRole {
            right: Right::WorkTickets,
            ..
        })
    ));
}

#[test]
fn a_change_of_what_was_looked_at_long_ago_is_refused() {
    let mut accounts = with_admin();
    let order = AccessOrder::Change {
        name: "root".to_owned(),
        change: AccountChange {
            locale: Some("zh".to_owned()),
            ..AccountChange::default()
        },
        if_revision: Some(7),
    };
    assert_eq!(accounts.step(order, NOW), Err(AccessRefusal::Changed { revision: 1 }));
}

fn any_role() -> impl Strategy<Value = Role> {
    prop::sample::select(super::super::rights::TABLE.map(|(role, _)| role).to_vec())
}

fn any_order() -> impl Strategy<Value = AccessOrder> {
    let name = || prop::sample::select(vec!["ann", "bob", "cho"]);
    let site = || SiteName::new("north").expect("a name");
    prop_oneof![
        (name(), any_role()).prop_map(|(name, role)| AccessOrder::Create(user(name, role))),
        (
            name(),
            prop::option::of(any_role()),
            prop::option::of(any::<bool>()),
            any::<bool>()
        )
            .prop_map(move |(name, role, is_disabled, is_limited)| {
                let sites = if is_limited {
                    BTreeSet::from([site()])
                } else {
                    BTreeSet::new()
                };
                let limits = Limits {
                    sites,
                    customers: BTreeSet::new(),
                };
                change(
                    name,
                    AccountChange {
                        role,
                        limits: Some(limits),
                        is_disabled,
                        ..AccountChange::default()
                    },
                )
            }),
        (name(), any::<u64>()).prop_map(|(name, n)| token(name, &n.to_string(), NOW + Millis((n % 400).cast_signed()))),
        (name(), 1..30u64).prop_map(|(account, id)| AccessOrder::RevokeToken {
            account: account.to_owned(),
            id,
        }),
    ]
}

proptest! {
    /// Whatever is ordered: once there are users somebody can manage them, what is refused changes nothing, and the copy
    /// that is made of what was written is the same.
    #[test]
    fn somebody_can_always_manage_users_and_what_was_written_restores_the_same(orders in prop::collection::vec(any_order(), 0..60)) {
        let mut accounts = Accounts::default();
        let mut written: (BTreeMap<String, Account>, BTreeMap<u64, AccessToken>) = Default::default();
        for (step, order) in orders.into_iter().enumerate() {
            let now = NOW + Millis(step as i64);
            let before = format!("{accounts:?}");
            match accounts.step(order, now) {
                Err(_) => prop_assert_eq!(before, format!("{accounts:?}")),
                Ok(effects) => for effect in effects {
                    match effect {
                        AccessEffect::Account(account) => { written.0.insert(account.name.clone(), *account); }
                        AccessEffect::Token(token) => { written.1.insert(token.id, *token); }
                        AccessEffect::ForgetToken(id) => { written.1.remove(&id); }
                        AccessEffect::SetUpLink(_) | AccessEffect::Audit { .. } => {}
                    }
                }
            }
            prop_assert!(accounts.accounts.is_empty() || accounts.accounts.values().any(manages));
            for name in ["ann", "bob", "cho"] {
                prop_assert!(accounts.tokens_of(name).filter(|t| t.is_in_force(now)).count() <= MOST_TOKENS);
                prop_assert!(accounts.tokens_of(name).count() <= 2 * MOST_TOKENS + 1);
            }
        }
        let (people, tokens) = written;
        let again = Accounts::restore(people.into_values().collect(), tokens.into_values().collect(), None, []);
        prop_assert_eq!(&again.accounts, &accounts.accounts);
        prop_assert_eq!(&again.tokens, &accounts.tokens);
        prop_assert_eq!(&again.by_hash, &accounts.by_hash);
    }
}
