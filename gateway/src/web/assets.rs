//! The files that pages load.

use super::problem::Problem;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;

/// A file by its hashed URL: may be kept for ever.
pub async fn serve(uri: Uri) -> Result<impl IntoResponse, Problem> {
    let asset = dashboards::assets::by_url(uri.path())
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such file in this version"))?;
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.bytes))
}
