//! The page of maintenance windows, and what its forms send.

use super::App;
use super::api::alarms::LONGEST_REASON;
use super::api::windows::window_id;
use super::auth::Who;
use super::backend::{Backend, Order, WindowPlan};
use super::extract::{Form, InPath, State, needed};
use super::forms::local;
use super::pages::{Page, Visit};
use super::problem::Problem;
use axum::http::StatusCode;
use axum::response::Redirect;
use dashboards::page;
use dashboards::view::{At, Weekday, WindowCovers, WindowPurpose, WindowSchedule};
use domain::Timestamp;
use serde::Deserialize;

pub(super) async fn list<B: Backend>(State(app): State<App<B>>, visit: Visit) -> Result<Page, Problem> {
    let windows = app.backend.windows().await?;
    Ok(visit.show(page::windows(&visit.frame, &windows)))
}

#[derive(Debug, Deserialize)]
pub(super) struct PlanForm {
    #[serde(default)]
    back: String,
    reason: String,
    purpose: WindowPurpose,
    #[serde(default)]
    sites: String,
    #[serde(default)]
    devices: String,
    #[serde(default)]
    profiles: String,
    #[serde(default)]
    customers: String,
    schedule: Kind,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    minutes: String,
    #[serde(default)]
    time_zone: String,
    monday: Option<String>,
    tuesday: Option<String>,
    wednesday: Option<String>,
    thursday: Option<String>,
    friday: Option<String>,
    saturday: Option<String>,
    sunday: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    UntilEnded,
    Once,
    Weekly,
}

fn wrong(pointer: &str, detail: &str) -> Problem {
    Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, detail)
}

fn names(text: &str) -> Vec<String> {
    let names = text
        .split([',', '，', '、'])
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

pub(super) fn instant(pointer: &str, text: &str) -> Result<At, Problem> {
    let at = Timestamp::parse_rfc3339(text.trim());
    at.map(Into::into)
        .ok_or_else(|| wrong(pointer, "is no time such as 2026-12-05T09:00:00Z"))
}

impl PlanForm {
    fn schedule(&self) -> Result<WindowSchedule, Problem> {
        let days = [
            (Weekday::Monday, &self.monday),
            (Weekday::Tuesday, &self.tuesday),
            (Weekday::Wednesday, &self.wednesday),
            (Weekday::Thursday, &self.thursday),
            (Weekday::Friday, &self.friday),
            (Weekday::Saturday, &self.saturday),
            (Weekday::Sunday, &self.sunday),
        ];
        Ok(match self.schedule {
            Kind::UntilEnded => WindowSchedule::UntilEnded,
            Kind::Once => WindowSchedule::Once {
                from: instant("/from", &self.from)?,
                until: instant("/until", &self.until)?,
            },
            Kind::Weekly => WindowSchedule::Weekly {
                days: days
                    .iter()
                    .filter(|(_, is_chosen)| is_chosen.is_some())
                    .map(|(day, _)| *day)
                    .collect(),
                from: self.from.trim().to_owned(),
                minutes: self
                    .minutes
                    .trim()
                    .parse()
                    .map_err(|_| wrong("/minutes", "is no number of minutes"))?,
                time_zone: match self.time_zone.trim() {
                    "" => "UTC".to_owned(),
                    zone => zone.to_owned(),
                },
            },
        })
    }
}

pub(super) async fn plan<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<PlanForm>,
) -> Result<Redirect, Problem> {
    let plan = WindowPlan {
        purpose: form.purpose,
        covers: WindowCovers {
            sites: names(&form.sites),
            devices: names(&form.devices),
            profiles: names(&form.profiles),
            customers: names(&form.customers),
        },
        schedule: form.schedule()?,
        reason: needed("/reason", &form.reason, LONGEST_REASON)?,
    };
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    app.backend.plan_window(order, plan).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub(super) struct EndForm {
    #[serde(default)]
    back: String,
    reason: String,
}

pub(super) async fn end<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<EndForm>,
) -> Result<Redirect, Problem> {
    let reason = needed("/reason", &form.reason, LONGEST_REASON)?;
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    app.backend.end_window(order, window_id(&id)?, reason).await?;
    Ok(Redirect::to(&local(&form.back)))
}
