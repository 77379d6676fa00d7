//! The web door: REST under `/api/v1`, the live stream, `/metrics`, and the pages.
//!
//! What is answered comes from a [`Backend`]; here is only HTTP: who asks, whether they may, what was asked, how it is
//! written down. Nothing here knows the store or the pipeline.

mod access_pages;
mod api;
mod assets;
mod auth;
pub mod backend;
mod config;
mod extract;
#[cfg(test)]
mod fake;
mod forms;
mod guard;
mod idempotency;
mod knowledge_pages;
mod on_call_pages;
mod openapi;
mod pages;
mod permit;
mod problem;
pub mod review_csv;
mod stock_pages;
mod stream;
#[cfg(test)]
mod tests;
mod topology_pages;
mod window_pages;

pub(crate) use auth::is_same;
pub use backend::Backend;
pub use config::{TokenConfig, WebConfig};
pub use openapi::document as openapi_document;
pub use stream::StreamEvent;

use crate::access::{Limits, Sight};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use std::sync::Arc;

/// Largest request body that is read, in bytes (DOMAIN 13).
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;
/// Largest file in a body, in bytes: a trained model.
pub const FILE_LIMIT: usize = 8 * 1024 * 1024;

/// What every handler has: of the backend only what whoever asks may see.
#[derive(Debug, Clone)]
pub(crate) struct App<B> {
    backend: B,
    sight: Sight,
    auth: Arc<auth::Auth>,
    idempotency: Arc<idempotency::Answers>,
    streams: Arc<tokio::sync::Semaphore>,
}

/// What the router has. Handlers do not get it but an [`App`], made for who asks ([`extract::State`]); so a new handler sees no
/// more than they may.
#[derive(Debug, Clone)]
pub(crate) struct Whole<B>(App<B>);

impl<B: Backend> Whole<B> {
    /// For somebody with these limits; none: for somebody who is not known, who sees nothing.
    fn seen_by(&self, limits: Option<&Limits>) -> App<B> {
        let sight = limits.map_or_else(Sight::default, |limits| self.0.backend.sight_of(limits));
        App {
            backend: self.0.backend.seen_by(sight.clone()),
            sight,
            ..self.0.clone()
        }
    }

    /// The backend that sees everything, for what happens before anybody's question is answered.
    fn backend(&self) -> &B {
        &self.0.backend
    }

    fn auth(&self) -> &auth::Auth {
        &self.0.auth
    }

    fn idempotency(&self) -> &Arc<idempotency::Answers> {
        &self.0.idempotency
    }
}

/// Everything that is served over HTTP.
///
/// Serve it with `axum::serve`. On shutdown send [`StreamEvent::Closing`], else open streams keep the server alive.
pub fn router<B: Backend>(backend: B, config: WebConfig) -> Router {
    let app = Whole(App {
        backend,
        sight: Sight::all(),
        auth: Arc::new(auth::Auth::new(&config)),
        idempotency: Arc::default(),
        streams: Arc::new(tokio::sync::Semaphore::new(stream::MOST_STREAMS)),
    });
    let hosts = Arc::new(guard::Hosts::new(&config));
    // Layers: the last one added meets the request first.
    Router::new()
        .merge(api::routes::<B>().router)
        .merge(pages::routes::<B>())
        .route("/assets/{hash}/{name}", get(assets::serve))
        .fallback(guard::no_such_page)
        .method_not_allowed_fallback(guard::no_such_method)
        .layer(from_fn_with_state(app.clone(), idempotency::honour::<B>))
        .layer(from_fn(guard::refuse_cross_site))
        .layer(from_fn_with_state(app.clone(), permit::hold::<B>))
        .layer(from_fn_with_state(app.clone(), auth::identify::<B>))
        .layer(from_fn_with_state(hosts, guard::refuse_foreign_hosts))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(app.clone(), problem::write_down::<B>))
        .layer(from_fn(guard::harden))
        .with_state(app)
}
