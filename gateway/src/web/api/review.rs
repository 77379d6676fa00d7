//! The periodic review, for programs and spreadsheets.

use crate::access::Limits;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Actor, Backend, Right};
use crate::web::extract::{Asked, InPath, State};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboards::view::{At, Definition, LedgerLine, MonthlyReport, Review, RuleReview};
use domain::{Millis, SiteName, Timestamp};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::IntoParams;

/// The longest span: ten years.
const LONGEST: Millis = Millis::days(3_660);
/// The span where only its end is given.
const MONTH: Millis = Millis::days(30);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReviewQuery {
    /// Beginning, RFC 3339; default: 30 days before the end.
    #[param(value_type = Option<String>)]
    from: Option<At>,
    /// End, which does not belong to it, RFC 3339; default: now.
    #[param(value_type = Option<String>)]
    until: Option<At>,
    /// Only this site: the figures of whoever operates it.
    #[param(value_type = Option<String>)]
    site: Option<SiteName>,
}

/// The backend as seen by somebody who looks at one site of theirs.
pub fn at_site<B: Backend>(backend: &B, actor: &Actor, site: Option<&SiteName>) -> Result<B, Problem> {
    let Some(site) = site else {
        return Ok(backend.clone());
    };
    let own = &actor.limits;
    if !own.sites.is_empty() && !own.sites.contains(site) {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no site {site}")));
    }
    let limits = Limits {
        sites: BTreeSet::from([site.clone()]),
        customers: own.customers.clone(),
    };
    Ok(backend.seen_by(backend.sight_of(&limits)))
}

impl ReviewQuery {
    fn span(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
        let until = self.until.map_or(now, |at| at.0);
        let from = self.from.map_or(until - MONTH, |at| at.0);
        if from >= until || until - from > LONGEST {
            let detail = "`from` must be before `until`, and not more than ten years";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        Ok((from, until))
    }
}

/// What a span came to: warnings, service, alarms, each figure with its meaning
#[utoipa::path(get, path = "/api/v1/review", tag = "Review", params(ReviewQuery),
    responses((status = 200, description = "The review", body = Review), Problems))]
pub async fn review<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Asked(query): Asked<ReviewQuery>,
) -> Result<axum::Json<Review>, Problem> {
    let (from, until) = query.span(app.backend.now())?;
    Ok(axum::Json(
        at_site(&app.backend, &who.0, query.site.as_ref())?
            .review(from, until)
            .await?,
    ))
}

/// The same as CSV: one row a figure, then the tables
#[utoipa::path(get, path = "/api/v1/review.csv", tag = "Review", params(ReviewQuery),
    responses((status = 200, description = "The review", body = String, content_type = "text/csv"), Problems))]
pub async fn csv<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Asked(query): Asked<ReviewQuery>,
) -> Result<Response, Problem> {
    let (from, until) = query.span(app.backend.now())?;
    let review = at_site(&app.backend, &who.0, query.site.as_ref())?
        .review(from, until)
        .await?;
    let name = "attachment; filename=\"forewarn-review.csv\"";
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, crate::web::review_csv::rows(&review)).into_response())
}

/// Rules and models in one table: precision with its interval, recall, lead time, false alarms, each with its meaning
#[utoipa::path(get, path = "/api/v1/review/rules", tag = "Review", params(ReviewQuery),
    responses((status = 200, description = "By profile, rule and version of the model", body = RuleReview), Problems))]
pub async fn rules<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Asked(query): Asked<ReviewQuery>,
) -> Result<axum::Json<RuleReview>, Problem> {
    let (from, until) = query.span(app.backend.now())?;
    let review = at_site(&app.backend, &who.0, query.site.as_ref())?
        .review(from, until)
        .await?;
    Ok(axum::Json(RuleReview {
        from: review.from,
        until: review.until,
        definitions: Definition::of_rules(),
        rules: review.rules,
        is_cut: review.is_cut,
    }))
}

/// The ledger of clocks that were too late, the newest first
#[utoipa::path(get, path = "/api/v1/breaches", tag = "Review", params(ReviewQuery),
    responses((status = 200, description = "Those whose time was over in the span; at most 1000", body = [LedgerLine]), Problems))]
pub async fn breaches<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Asked(query): Asked<ReviewQuery>,
) -> Result<axum::Json<Vec<LedgerLine>>, Problem> {
    let actor = who.needs(Right::View)?;
    let (from, until) = query.span(app.backend.now())?;
    Ok(axum::Json(
        at_site(&app.backend, &actor, query.site.as_ref())?
            .breaches(from, until)
            .await?,
    ))
}

/// Reviews of past months, the newest first
///
/// Each is made when its month is over by the clocks of the site.
#[utoipa::path(get, path = "/api/v1/reports", tag = "Review",
    responses((status = 200, description = "Which there are", body = [MonthlyReport]), Problems))]
pub async fn reports<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
) -> Result<axum::Json<Vec<MonthlyReport>>, Problem> {
    who.needs(Right::View)?;
    Ok(axum::Json(app.backend.reports().await?))
}

/// The review of a past month as a file: `2026-11.html` to read and print, `2026-11.csv` for spreadsheets
#[utoipa::path(get, path = "/api/v1/reports/{file}", tag = "Review",
    params(("file" = String, Path, description = "Month and kind, such as `2026-11.html`")),
    responses((status = 200, description = "The file", body = String, content_type = "text/html"), Problems))]
pub async fn report<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(file): InPath<String>,
) -> Result<Response, Problem> {
    who.needs(Right::View)?;
    let not_there = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no report {file}; GET /api/v1/reports lists them"),
        )
    };
    let (month, kind) = file.split_once('.').ok_or_else(not_there)?;
    let row = app.backend.report(month.to_owned()).await?.ok_or_else(not_there)?;
    let (content_type, disposition, body) = match kind {
        "html" => ("text/html; charset=utf-8", "inline", row.html),
        "csv" => ("text/csv; charset=utf-8", "attachment", row.csv),
        _ => return Err(not_there()),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("{disposition}; filename=\"forewarn-review-{month}.{kind}\""),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'".to_owned(),
        ),
    ];
    Ok((headers, body).into_response())
}
