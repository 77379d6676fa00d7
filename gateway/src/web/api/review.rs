//! The periodic review, for programs and spreadsheets.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::Backend;
use crate::web::extract::Asked;
use crate::web::extract::State;
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboards::view::{At, Review, ShareOf};
use domain::{Millis, Timestamp};
use serde::Deserialize;
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
    _: Who,
    Asked(query): Asked<ReviewQuery>,
) -> Result<axum::Json<Review>, Problem> {
    let (from, until) = query.span(app.backend.now())?;
    Ok(axum::Json(app.backend.review(from, until).await?))
}

/// The same as CSV: one row a figure, then the tables
#[utoipa::path(get, path = "/api/v1/review.csv", tag = "Review", params(ReviewQuery),
    responses((status = 200, description = "The review", body = String, content_type = "text/csv"), Problems))]
pub async fn csv<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<ReviewQuery>,
) -> Result<Response, Problem> {
    let (from, until) = query.span(app.backend.now())?;
    let review = app.backend.review(from, until).await?;
    let name = "attachment; filename=\"forewarn-review.csv\"";
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, rows(&review)).into_response())
}

fn rows(review: &Review) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut row = |cells: [&str; 6]| writer.write_record(cells).expect("writing to memory");
    row(["table", "of", "value", "part", "total", "definition"]);
    let number = |value: Option<u64>| value.map_or_else(String::new, |n| n.to_string());
    for figure in &review.figures {
        let value = figure.value.map_or_else(String::new, |v| v.to_string());
        let (part, of) = (number(figure.part), number(figure.of));
        row(["figure", &figure.key, &value, &part, &of, &figure.definition.en]);
    }
    let mut shares = |table: &str, shares: &[ShareOf]| {
        for share in shares {
            let (part, of) = (share.part.to_string(), share.of.to_string());
            row([table, &share.of_what, "", &part, &of, ""]);
        }
    };
    shares("right_by_mode", &review.by_mode);
    shares("right_by_rule", &review.by_rule);
    shares("right_by_model", &review.by_model);
    shares("clocks_in_time", &review.clocks);
    shares("frequent_alarms", &review.frequent);
    for fault in &review.faults {
        let of = format!("{}/{}", fault.profile, fault.failure_mode);
        let (count, before) = (fault.count.to_string(), fault.before.to_string());
        row(["faults", &of, &count, "", &before, &fault.causes.join("; ")]);
    }
    for alarm in &review.without_warning {
        row(["failure_without_warning", alarm, "", "", "", ""]);
    }
    let bytes = writer.into_inner().expect("writing to memory");
    String::from_utf8(bytes).expect("all cells are text")
}
