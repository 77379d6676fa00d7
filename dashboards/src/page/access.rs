//! Users, one's own account, the audit trail, and the set-up of the first administrator.

use super::parts::{next_page, when};
use super::{Frame, Listens, Place, layout};
use crate::view::{AuditEntry, NewToken, Own, Page, Token, User};
use crate::words::Word as W;
use domain::text::Language;
use maud::{Markup, html};

/// Words that forms offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessWords {
    /// Roles.
    pub roles: Vec<&'static str>,
    /// Rights and what each allows, in English.
    pub rights: Vec<(&'static str, &'static str)>,
}

/// Users; `made` is a token just made, with whose it is.
pub fn users(frame: &Frame, users: &[User], words: &AccessWords, made: Option<(&str, &NewToken)>) -> Markup {
    let body = html! {
        h1 { (frame.t(W::Users)) }
        @if let Some((name, token)) = made { (secret(frame, Some(name), token)) }
        @if users.is_empty() { p.empty { (frame.t(W::NoUsers)) } }
        @for user in users {
            details.panel.pad open[made.is_some_and(|(name, _)| name == user.name)] {
                summary { b { (user.name) } " " span.tag { (user.role) } " "
                    @if user.disabled { span.tag { (frame.t(W::UserDisabled)) } " " }
                    span.mute { (limits(user)) } }
                form.stack method="post" action=(format!("/users/{}", user.name)) {
                    input type="hidden" name="revision" value=(user.revision);
                    (fields(frame, words, Some(user)))
                    label.check { input type="checkbox" name="disabled" checked[user.disabled]; span { (frame.t(W::UserDisabled)) } }
                    button.primary type="submit" { (frame.t(W::Save)) }
                }
                h3 { (frame.t(W::Tokens)) }
                (tokens(frame, &user.tokens, &format!("/users/{}/tokens", user.name)))
                (token_form(frame, &format!("/users/{}/tokens", user.name), words))
            }
        }
        h2 { (frame.t(W::NewUser)) }
        form.panel.stack.narrow method="post" action="/users" {
            label { span { (frame.t(W::UserName)) } input name="name" required maxlength="64" autocomplete="off"; }
            (fields(frame, words, None))
            button.primary type="submit" { (frame.t(W::NewUser)) }
        }
    };
    layout(frame, Place::Users, frame.t(W::Users), &Listens::Nothing, &body)
}

fn limits(user: &User) -> String {
    [&user.sites[..], &user.customers[..]].concat().join(", ")
}

fn fields(frame: &Frame, words: &AccessWords, user: Option<&User>) -> Markup {
    let joined = |get: fn(&User) -> &Vec<String>| user.map(|u| get(u).join(", ")).unwrap_or_default();
    let locale = user.map_or("", |u| u.locale.as_str());
    html! {
        label { span { (frame.t(W::UserRole)) } select name="role" {
            @for role in &words.roles { option value=(role) selected[user.is_some_and(|u| u.role == *role)] { (role) } }
        } }
        label { span { (frame.t(W::Password)) } input type="password" name="password" autocomplete="new-password" minlength="12" maxlength="256"; }
        p.mute.small { (frame.t(if user.is_some() { W::PasswordStays } else { W::PasswordRule })) }
        label { span { (frame.t(W::OnlySites)) } input name="sites" value=(joined(|u| &u.sites)); }
        label { span { (frame.t(W::OnlyCustomers)) } input name="customers" value=(joined(|u| &u.customers)); }
        p.mute.small { (frame.t(W::LimitsHelp)) }
        label { span { (frame.t(W::UserLanguage)) } select name="locale" {
            @for (value, word) in [("", W::LanguageOfBrowser), ("en", W::English), ("zh", W::Chinese)] {
                option value=(value) selected[locale == value] { (frame.t(word)) }
            }
        } }
    }
}

fn tokens(frame: &Frame, tokens: &[Token], at: &str) -> Markup {
    html! {
        @if tokens.is_empty() { p.mute { (frame.t(W::NoTokens)) } }
        @else { ul.list {
            @for token in tokens { li {
                b { (token.label) } " "
                @if !token.in_force { span.tag { (frame.t(W::TokenEnded)) } " " }
                span.mute.small { (frame.t(W::Until)) " " (when(frame, token.expires_at)) " · "
                    @if token.scopes.is_empty() { (frame.t(W::AllRights)) } @else { (token.scopes.join(", ")) } }
                @if token.in_force {
                    form.inline method="post" action=(format!("{at}/{}/revoke", token.id)) {
                        button.danger type="submit" { (frame.t(W::Revoke)) }
                    }
                }
            } }
        } }
    }
}

fn token_form(frame: &Frame, at: &str, words: &AccessWords) -> Markup {
    html! {
        form.stack method="post" action=(at) {
            label { span { (frame.t(W::TokenLabel)) } input name="label" required maxlength="64"; }
            label { span { (frame.t(W::TokenDays)) } input type="number" name="days" min="1" max="3660" value="90" required; }
            label { span { (frame.t(W::TokenScopes)) } input name="scopes" autocomplete="off"; }
            @if !words.rights.is_empty() {
                details { summary.mute.small { (frame.t(W::KnownRights)) }
                    ul.mute.small { @for (right, meaning) in &words.rights { li { code { (right) } " "
                        @if frame.language == Language::En { (meaning) } } } } }
            }
            button type="submit" { (frame.t(W::NewToken)) }
        }
    }
}

fn secret(frame: &Frame, name: Option<&str>, token: &NewToken) -> Markup {
    html! {
        section.panel.pad role="status" {
            p { @if let Some(name) = name { b { (name) } " · " } (frame.t(W::TokenShownOnce)) }
            pre tabindex="0" { code { (token.token) } }
        }
    }
}

/// One's own account; only with a password shown can it be changed.
pub fn account(frame: &Frame, own: &Own, may_change: bool, made: Option<&NewToken>) -> Markup {
    let body = html! {
        h1 { (own.name) }
        p { span.tag { (own.role) } " " span.mute { (own.rights.join(", ")) } }
        @if let Some(token) = made { (secret(frame, None, token)) }
        @match (&own.user, may_change) {
            (Some(user), true) => {
                h2 { (frame.t(W::ChangePassword)) }
                form.panel.stack.narrow method="post" action="/account/password" {
                    label { span { (frame.t(W::PasswordNow)) } input type="password" name="current" required autocomplete="current-password" maxlength="256"; }
                    label { span { (frame.t(W::PasswordNew)) } input type="password" name="new" required autocomplete="new-password" minlength="12" maxlength="256"; }
                    label { span { (frame.t(W::PasswordAgain)) } input type="password" name="again" required autocomplete="new-password" minlength="12" maxlength="256"; }
                    p.mute.small { (frame.t(W::PasswordRule)) }
                    button.primary type="submit" { (frame.t(W::ChangePassword)) }
                }
                h2 { (frame.t(W::Tokens)) }
                div.panel.pad {
                    (tokens(frame, &user.tokens, "/account/tokens"))
                    (token_form(frame, "/account/tokens", &AccessWords::default()))
                }
            },
            (Some(_) | None, _) => p.mute { (frame.t(W::AccountFixed)) },
        }
    };
    layout(frame, Place::Nowhere, &own.name, &Listens::Nothing, &body)
}

/// The audit trail, newest first.
pub fn audit(frame: &Frame, lines: &Page<AuditEntry>, [from, to, actor, subject]: [&str; 4]) -> Markup {
    let field = |name: &str, word: W, value: &str, hint: &str| {
        html! { label { span { (frame.t(word)) } input type="text" name=(name) value=(value) placeholder=(hint) maxlength="256" autocomplete="off"; } }
    };
    let body = html! {
        h1 { (frame.t(W::AuditTrail)) }
        p.mute { (frame.t(W::AuditIntro)) }
        form.filter method="get" action="/audit" {
            (field("from", W::AuditFrom, from, "2026-12-01T00:00:00Z"))
            (field("to", W::AuditTo, to, "2026-12-02T00:00:00Z"))
            (field("actor", W::Who, actor, "system"))
            (field("subject", W::AuditSubject, subject, "T-000042"))
            button type="submit" { (frame.t(W::AuditFilter)) }
        }
        div.panel { table.cards {
            thead { tr { th scope="col" { "#" } @for head in [W::When, W::Who, W::What] { th scope="col" { (frame.t(head)) } } } }
            tbody { @for entry in &lines.items { tr {
                td data-label="#" { (entry.id) }
                td data-label=(frame.t(W::When)) { (when(frame, entry.act.at)) }
                td data-label=(frame.t(W::Who)) { (entry.act.by) }
                td data-label=(frame.t(W::What)) { span { (entry.action) " " (entry.subject)
                    @if !entry.detail.is_empty() { span.mute.small.block { (entry.detail) } } } }
            } } }
        } }
        (next_page(frame, lines.next.as_deref()))
    };
    layout(frame, Place::Audit, frame.t(W::AuditTrail), &Listens::Nothing, &body)
}

/// The first administrator sets name and password.
pub fn set_up(frame: &Frame, key: &str) -> Markup {
    let body = html! {
        form.panel.stack.narrow method="post" action="/setup" {
            h1 { (frame.t(W::SetUp)) }
            p { (frame.t(W::SetUpIntro)) }
            input type="hidden" name="key" value=(key);
            label { span { (frame.t(W::UserName)) } input name="name" required maxlength="64" autocomplete="username" autofocus; }
            label { span { (frame.t(W::Password)) } input type="password" name="password" required autocomplete="new-password" minlength="12" maxlength="256"; }
            label { span { (frame.t(W::PasswordAgain)) } input type="password" name="again" required autocomplete="new-password" minlength="12" maxlength="256"; }
            p.mute.small { (frame.t(W::PasswordRule)) }
            button.primary type="submit" { (frame.t(W::SetUp)) }
        }
    };
    layout(frame, Place::Nowhere, frame.t(W::SetUp), &Listens::Nothing, &body)
}
