//! The knowledge base: a search, one entry with its tickets, and what of it fits a ticket or an alarm.

use super::parts::{button_form, form_fields, when};
use super::ticket::ticket_link;
use super::{Frame, Listens, Place, layout};
use crate::view::{Entry, EntryList, EntryState};
use crate::words::Word as W;
use maud::{Markup, html};

/// What was asked for, for the search form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnowledgeFilter {
    /// Words, or a fault code.
    pub text: String,
    /// Only about this class of machine.
    pub profile: String,
    /// Only about this failure mode.
    pub failure_mode: String,
    /// Only with this fault code.
    pub fault_code: String,
    /// Only in this state.
    pub state: Option<EntryState>,
    /// Only drafts that should be released.
    pub only_suggested: bool,
}

/// The page of the search.
pub fn knowledge(frame: &Frame, filter: &KnowledgeFilter, list: &EntryList) -> Markup {
    let states = [
        (EntryState::Draft, "draft"),
        (EntryState::Released, "released"),
        (EntryState::Retired, "retired"),
        (EntryState::Maker, "maker"),
    ];
    let field = |word: W, name: &str, value: &str| {
        html! { label { span { (frame.t(word)) } input type="text" name=(name) value=(value) maxlength="128" autocomplete="off"; } }
    };
    let body = html! {
        h1 { (frame.t(W::Knowledge)) }
        p.mute { (frame.t(W::KnowledgeIntro)) }
        form.filter method="get" action="/knowledge" {
            label { span { (frame.t(W::KnowledgeSearch)) } input type="search" name="q" value=(filter.text) maxlength="256" autocomplete="off"; }
            (field(W::Profile, "profile", &filter.profile))
            (field(W::FailureMode, "failure_mode", &filter.failure_mode))
            (field(W::KnowledgeCodes, "fault_code", &filter.fault_code))
            label { span { (frame.t(W::State)) }
                select name="state" {
                    option value="" { (frame.t(W::KnowledgeAnyState)) }
                    @for (state, name) in states { option value=(name) selected[filter.state == Some(state)] { (frame.t(state_word(state))) } }
                    option value="suggested" selected[filter.only_suggested] { (frame.t(W::KnowledgeSuggested)) }
                }
            }
            button type="submit" { (frame.t(W::Apply)) }
        }
        p.mute.small { (frame.t(W::KnowledgeFound)) ": " (list.found) }
        @if list.entries.is_empty() { p.empty { (frame.t(W::KnowledgeNone)) } }
        @for entry in &list.entries { article.panel.pad { (head(frame, entry)) (content(frame, entry)) } }
        @if frame.rights.may_write_knowledge {
            details.panel.pad #new { summary { (frame.t(W::KnowledgeNew)) } (text_form(frame, "/knowledge", None)) }
        }
    };
    layout(frame, Place::Knowledge, frame.t(W::Knowledge), &Listens::Nothing, &body)
}

/// The page of one entry.
pub fn entry(frame: &Frame, entry: &Entry) -> Markup {
    let path = format!("/knowledge/{}", entry.id);
    let revision = Some(entry.revision);
    let may_edit = match entry.state {
        EntryState::Draft => frame.rights.may_write_knowledge,
        EntryState::Released | EntryState::Retired => frame.rights.may_release_knowledge,
        EntryState::Maker => false,
    };
    let body = html! {
        p.crumbs { a href="/knowledge" { (frame.t(W::Knowledge)) } }
        div.panel.pad { (head(frame, entry)) (content(frame, entry)) (life(frame, entry)) }
        @if !entry.tickets.is_empty() {
            h2 { (frame.t(W::KnowledgeTickets)) " " span.mute.small { (entry.ticket_count) } }
            p.panel.pad { @for ticket in &entry.tickets { (ticket_link(ticket)) " " } }
        }
        @if frame.rights.may_write_knowledge && entry.is_own() {
            div.panel.pad.forms {
                form.stack.field method="post" action=(format!("{path}/feedback")) data-action {
                    (form_fields(frame, None))
                    label { span { (frame.t(W::Ticket)) } input type="text" name="ticket" required maxlength="32" placeholder="T-000042" autocomplete="off"; }
                    div.line {
                        button type="submit" name="helped" value="true" { (frame.t(W::KnowledgeHelped)) }
                        button type="submit" name="helped" value="false" { (frame.t(W::KnowledgeNotHelped)) }
                    }
                }
                @if frame.rights.may_release_knowledge {
                    @if entry.state != EntryState::Released { (button_form(frame, &format!("{path}/release"), revision, W::KnowledgeRelease, "primary")) }
                    @if entry.state != EntryState::Retired {
                        form.stack.field method="post" action=(format!("{path}/retire")) data-action {
                            (form_fields(frame, revision))
                            label { span { (frame.t(W::Reason)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
                            button.danger type="submit" { (frame.t(W::KnowledgeRetire)) }
                        }
                    }
                }
            }
        }
        @if may_edit { details.panel.pad { summary { (frame.t(W::KnowledgeEdit)) } (text_form(frame, &format!("{path}/edit"), Some(entry))) } }
    };
    layout(frame, Place::Knowledge, &entry.id, &Listens::Nothing, &body)
}

/// The best entries, on the page of a ticket or an alarm. `rate_for`: the ticket for which somebody may say whether they helped.
pub(super) fn best(frame: &Frame, entries: &[Entry], rate_for: Option<&str>) -> Markup {
    html! {
        @if !entries.is_empty() {
            h2 { (frame.t(W::Knowledge)) }
            @for entry in entries {
                article.panel.pad {
                    (head(frame, entry)) (content(frame, entry))
                    @if let Some(ticket) = rate_for.filter(|_| frame.rights.may_write_knowledge && entry.is_own()) {
                        form.line method="post" action=(format!("/knowledge/{}/feedback", entry.id)) data-action {
                            (form_fields(frame, None))
                            input type="hidden" name="ticket" value=(ticket);
                            button type="submit" name="helped" value="true" { (frame.t(W::KnowledgeHelped)) }
                            button type="submit" name="helped" value="false" { (frame.t(W::KnowledgeNotHelped)) }
                        }
                    }
                }
            }
        }
    }
}

/// The button with which a closed ticket becomes an entry.
pub(super) fn from_ticket(frame: &Frame, ticket: &str) -> Markup {
    html! {
        @if frame.rights.may_write_knowledge {
            form.line method="post" action="/knowledge/from-ticket" {
                (form_fields(frame, None))
                input type="hidden" name="ticket" value=(ticket);
                button type="submit" { (frame.t(W::KnowledgeFromTicket)) }
            }
        }
    }
}

fn state_word(state: EntryState) -> W {
    match state {
        EntryState::Draft => W::KnowledgeDraft,
        EntryState::Released => W::KnowledgeReleased,
        EntryState::Retired => W::KnowledgeRetired,
        EntryState::Maker => W::KnowledgeMaker,
    }
}

fn head(frame: &Frame, entry: &Entry) -> Markup {
    let title = frame.say(&entry.title);
    html! {
        h3 {
            @if entry.is_own() { a href=(format!("/knowledge/{}", entry.id)) { (entry.id) } " " }
            (title)
        }
        p.line {
            span.tag.stage[entry.state == EntryState::Released] { (frame.t(state_word(entry.state))) }
            @if entry.is_suggested { span.tag.bad { (frame.t(W::KnowledgeSuggested)) } }
            @if entry.is_safety { span.tag.bad { (frame.t(W::Safety)) } }
            @if entry.solved > 0 { span.tag { (frame.t(W::KnowledgeSolved)) " " (entry.solved) } }
            @if entry.did_not_help > 0 { span.tag { (frame.t(W::KnowledgeNotHelped)) " " (entry.did_not_help) } }
        }
    }
}

fn content(frame: &Frame, entry: &Entry) -> Markup {
    let facts = [
        (W::Profile, entry.profiles.join(", ")),
        (W::FailureMode, entry.failure_mode.clone().unwrap_or_default()),
        (W::KnowledgeCodes, entry.fault_codes.join(", ")),
        (W::Symptom, entry.symptoms.clone()),
        (W::Part, entry.part.clone()),
        (W::LikelyCause, frame.say(&entry.cause).to_owned()),
        (W::KnowledgeSolution, frame.say(&entry.solution).to_owned()),
        (W::PartsToBring, entry.parts.join(", ")),
        (W::Safety, entry.safety_note.clone()),
    ];
    html! {
        dl.facts { @for (word, value) in facts.iter().filter(|(_, value)| !value.is_empty()) { div { dt { (frame.t(*word)) } dd { (value) } } } }
    }
}

fn life(frame: &Frame, entry: &Entry) -> Markup {
    html! {
        dl.facts {
            @if let (Some(author), Some(at)) = (&entry.author, entry.created_at) {
                div { dt { (frame.t(W::KnowledgeAuthor)) } dd { (author) " · " (when(frame, at)) } }
            }
            @if let Some(by) = &entry.edited_by { div { dt { (frame.t(W::KnowledgeVersion)) } dd { (entry.version) " · " (by) } } }
            @if let Some(act) = &entry.released { div { dt { (frame.t(W::KnowledgeReleased)) } dd { (act.by) " · " (when(frame, act.at)) } } }
            @if let Some(retired) = &entry.retired {
                div { dt { (frame.t(W::KnowledgeRetired)) } dd { (retired.act.by) " · " (when(frame, retired.act.at)) ": " (retired.reason) } }
            }
            @if entry.used > 0 { div { dt { (frame.t(W::KnowledgeHelped)) } dd { (entry.helped) " / " (entry.used) } } }
            @if let Some(share) = entry.solved_share_at_least {
                div { dt { (frame.t(W::KnowledgeSolvesAtLeast)) } dd { (format!("{:.0} %", share * 100.0)) } }
            }
        }
    }
}

/// The form of an entry's text; empty for a new one.
fn text_form(frame: &Frame, action: &str, entry: Option<&Entry>) -> Markup {
    let of = |get: fn(&Entry) -> String| entry.map(get).unwrap_or_default();
    let line = |word: W, name: &str, value: String, most: u32| {
        html! { label { span { (frame.t(word)) } input type="text" name=(name) value=(value) maxlength=(most) autocomplete="off"; } }
    };
    let lines = |word: W, name: &str, value: String, is_needed: bool| {
        html! { label { span { (frame.t(word)) } textarea name=(name) rows="3" maxlength="4000" required[is_needed] { (value) } } }
    };
    html! {
        // a new one leads to its page
        form.stack method="post" action=(action) data-action[entry.is_some()] data-leave[entry.is_some()] {
            (form_fields(frame, entry.map(|e| e.revision)))
            label { span { (frame.t(W::KnowledgeTitle)) } input type="text" name="title" value=(of(|e| e.title.en.clone())) required maxlength="256" autocomplete="off"; }
            (line(W::Profile, "profiles", of(|e| e.profiles.join(", ")), 4_096))
            (line(W::FailureMode, "failure_mode", of(|e| e.failure_mode.clone().unwrap_or_default()), 64))
            (line(W::KnowledgeCodes, "fault_codes", of(|e| e.fault_codes.join(", ")), 4_096))
            (lines(W::Symptom, "symptoms", of(|e| e.symptoms.clone()), false))
            (line(W::Part, "part", of(|e| e.part.clone()), 128))
            (lines(W::LikelyCause, "cause", of(|e| e.cause.en.clone()), true))
            (lines(W::KnowledgeSolution, "solution", of(|e| e.solution.en.clone()), true))
            (line(W::PartsToBring, "parts", of(|e| e.parts.join(", ")), 4_096))
            (lines(W::Safety, "safety_note", of(|e| e.safety_note.clone()), false))
            p.mute.small { (frame.t(W::KnowledgeListHelp)) }
            button.primary type="submit" { (frame.t(if entry.is_some() { W::KnowledgeEdit } else { W::KnowledgeNew })) }
        }
    }
}
