//! The way in, and what is said when something did not go.

use super::{Frame, Listens, Place, layout};
use crate::words::Word as W;
use maud::{Markup, html};

/// Asks for a token.
pub fn login(frame: &Frame, back: &str, was_wrong: bool) -> Markup {
    let body = html! {
        form.panel.stack.narrow method="post" action="/login" {
            h1 { (frame.t(W::LogIn)) }
            @if was_wrong { p.note role="alert" { (frame.t(W::TokenWrong)) } }
            input type="hidden" name="back" value=(back);
            label { span { (frame.t(W::UserName)) } input name="name" autocomplete="username" maxlength="64" autofocus; }
            label { span { (frame.t(W::Password)) } input type="password" name="password" autocomplete="current-password" maxlength="256"; }
            p.mute.small { (frame.t(W::OrToken)) }
            label { span { (frame.t(W::Token)) } input type="password" name="token" autocomplete="off" maxlength="512"; }
            p.mute.small { (frame.t(W::TokenHelp)) }
            button.primary type="submit" { (frame.t(W::LogIn)) }
        }
    };
    layout(frame, Place::Nowhere, frame.t(W::LogIn), &Listens::Nothing, &body)
}

/// Something did not go: an HTTP status, what was wrong this time, and a way back.
pub fn problem(frame: &Frame, status: u16, detail: &str, back: &str) -> Markup {
    let title = frame.t(match status {
        401 | 403 => W::ProblemNotAllowed,
        404 => W::ProblemNotFound,
        409 => W::ProblemConflict,
        412 => W::ProblemChanged,
        400 | 413 | 415 | 422 => W::ProblemInput,
        503 => W::ProblemUnavailable,
        _ => W::NotDone,
    });
    let body = html! {
        div.panel.stack.narrow role="alert" {
            h1 { (title) }
            p lang="en" { (detail) }
            p { a.button href=(back) { (frame.t(W::Back)) } }
        }
    };
    layout(frame, Place::Nowhere, title, &Listens::Nothing, &body)
}
