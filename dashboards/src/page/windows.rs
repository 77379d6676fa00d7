//! Maintenance windows: what is planned, a form for more, and a button that ends one.

use super::parts::{form_fields, when};
use super::{Frame, Listens, Place, layout};
use crate::view::{Weekday, Window, WindowCovers, WindowPurpose, WindowSchedule, WindowState};
use crate::words::Word as W;
use maud::{Markup, html};

/// The page of maintenance windows.
pub fn windows(frame: &Frame, windows: &[Window]) -> Markup {
    let body = html! {
        h1 { (frame.t(W::Windows)) }
        p.mute { (frame.t(W::WindowsIntro)) }
        section #live data-live="alarm" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            @if windows.is_empty() { p.empty { (frame.t(W::WindowsNone)) } }
            @for window in windows { (one(frame, window)) }
        }
        @if frame.rights.may_work { (plan_form(frame)) }
    };
    layout(frame, Place::Windows, frame.t(W::Windows), &Listens::Changes, &body)
}

fn one(frame: &Frame, window: &Window) -> Markup {
    html! {
        article.panel.pad {
            div.bar {
                div {
                    h2 { (window.id) " " (window.reason) }
                    p.line {
                        @match window.state {
                            WindowState::Waiting { opens_at } => { span.tag { (frame.t(W::WindowOpens)) } " " (when(frame, opens_at)) }
                            WindowState::Open { since, until } => {
                                span.tag.stage { (frame.t(W::WindowOpen)) } " " (when(frame, since))
                                @if let Some(until) = until { " – " (when(frame, until)) }
                            }
                            WindowState::Over { at } => { span.tag { (frame.t(W::WindowOver)) } " " (when(frame, at)) }
                        }
                        span.tag { (frame.t(purpose_word(window.purpose))) }
                    }
                    dl.facts {
                        div { dt { (frame.t(W::WindowCovers)) } dd { (covers(frame, &window.covers)) } }
                        div { dt { (frame.t(W::WindowWhen)) } dd { (schedule(frame, &window.schedule)) } }
                        div { dt { (frame.t(W::AnsweredFor)) } dd { (window.by) } }
                    }
                }
                @if frame.rights.may_work && !matches!(window.state, WindowState::Over { .. }) {
                    form.stack method="post" action=(format!("/windows/{}/end", window.id)) data-action {
                        (form_fields(frame, None))
                        label { span { (frame.t(W::Reason)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
                        button.danger type="submit" { (frame.t(W::WindowEnd)) }
                    }
                }
            }
        }
    }
}

fn purpose_word(purpose: WindowPurpose) -> W {
    match purpose {
        WindowPurpose::Maintenance => W::WindowMaintenance,
        WindowPurpose::Commissioning => W::WindowCommissioning,
    }
}

fn covers(frame: &Frame, covers: &WindowCovers) -> String {
    let parts = [
        (W::Site, &covers.sites),
        (W::Device, &covers.devices),
        (W::Profile, &covers.profiles),
        (W::Customer, &covers.customers),
    ];
    let said = parts.iter().filter(|(_, names)| !names.is_empty());
    let said: Vec<String> = said
        .map(|(word, names)| format!("{} {}", frame.t(*word), names.join(", ")))
        .collect();
    said.join(" · ")
}

fn schedule(frame: &Frame, schedule: &WindowSchedule) -> Markup {
    match schedule {
        WindowSchedule::UntilEnded => html! { (frame.t(W::WindowUntilEnded)) },
        WindowSchedule::Once { from, until } => html! { (when(frame, *from)) " – " (when(frame, *until)) },
        WindowSchedule::Weekly {
            days,
            from,
            minutes,
            time_zone,
        } => {
            let days: Vec<&str> = days.iter().map(|day| frame.t(day_word(*day))).collect();
            html! { (days.join(", ")) " " (from) " (" (time_zone) ") · " (minutes) " min" }
        }
    }
}

const WEEK: [(Weekday, &str); 7] = [
    (Weekday::Monday, "monday"),
    (Weekday::Tuesday, "tuesday"),
    (Weekday::Wednesday, "wednesday"),
    (Weekday::Thursday, "thursday"),
    (Weekday::Friday, "friday"),
    (Weekday::Saturday, "saturday"),
    (Weekday::Sunday, "sunday"),
];

fn day_word(day: Weekday) -> W {
    match day {
        Weekday::Monday => W::Monday,
        Weekday::Tuesday => W::Tuesday,
        Weekday::Wednesday => W::Wednesday,
        Weekday::Thursday => W::Thursday,
        Weekday::Friday => W::Friday,
        Weekday::Saturday => W::Saturday,
        Weekday::Sunday => W::Sunday,
    }
}

fn field(frame: &Frame, word: W, name: &str, hint: &str) -> Markup {
    html! { label { span { (frame.t(word)) } input type="text" name=(name) placeholder=(hint) maxlength="512" autocomplete="off"; } }
}

fn plan_form(frame: &Frame) -> Markup {
    html! {
        form.panel.stack #plan method="post" action="/windows" data-action {
            h2 { (frame.t(W::WindowPlan)) }
            (form_fields(frame, None))
            label { span { (frame.t(W::Reason)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
            label { span { (frame.t(W::WindowPurpose)) }
                select name="purpose" {
                    option value="maintenance" { (frame.t(W::WindowMaintenance)) }
                    option value="commissioning" { (frame.t(W::WindowCommissioning)) }
                }
            }
            p.mute.small { (frame.t(W::WindowCoversHelp)) }
            (field(frame, W::Site, "sites", "harbour*"))
            (field(frame, W::Device, "devices", "pump-1, pump-2"))
            (field(frame, W::Profile, "profiles", "elevator"))
            (field(frame, W::Customer, "customers", "Waterworks*"))
            label { span { (frame.t(W::WindowWhen)) }
                select name="schedule" {
                    option value="until_ended" { (frame.t(W::WindowUntilEnded)) }
                    option value="once" { (frame.t(W::WindowOnce)) }
                    option value="weekly" { (frame.t(W::WindowWeekly)) }
                }
            }
            (field(frame, W::WindowFrom, "from", "2026-12-05T08:00:00Z / 22:00"))
            (field(frame, W::WindowUntil, "until", "2026-12-05T12:00:00Z"))
            label { span { (frame.t(W::WindowMinutes)) } input type="number" name="minutes" min="1" max="10080"; }
            (field(frame, W::TimeZone, "time_zone", "Europe/Berlin"))
            fieldset { legend { (frame.t(W::WindowWeekly)) }
                @for (day, name) in WEEK { label.inline { input type="checkbox" name=(name) value="yes"; " " (frame.t(day_word(day))) } " " }
            }
            button.primary type="submit" { (frame.t(W::WindowPlan)) }
        }
    }
}
