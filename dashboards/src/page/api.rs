//! The HTTP interface for people who write programs.

use super::{Frame, Listens, Place, layout};
use crate::words::Word as W;
use maud::{Markup, html};

/// One thing that the interface can do; made from the OpenAPI document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET` or `POST`.
    pub method: String,
    /// With `{names}` for what varies.
    pub path: String,
    /// One sentence.
    pub summary: String,
    /// What it belongs to.
    pub group: String,
}

/// The page about the interface.
pub fn api(frame: &Frame, endpoints: &[Endpoint]) -> Markup {
    let mut groups: Vec<&str> = Vec::new();
    for endpoint in endpoints {
        if !groups.contains(&endpoint.group.as_str()) {
            groups.push(&endpoint.group);
        }
    }
    let body = html! {
        h1 { (frame.t(W::Api)) }
        p { (frame.t(W::ApiIntro)) }
        p { (frame.t(W::ApiAuth)) }
        p { (frame.t(W::ApiRetry)) }
        p { a.button href="/api/v1/openapi.json" { (frame.t(W::ApiDocument)) } }
        @for group in groups {
            h2 { (group) }
            ul.panel.list.endpoints lang="en" {
                @for endpoint in endpoints.iter().filter(|e| e.group == group) {
                    li { code { b { (endpoint.method) } " " (endpoint.path) } span { (endpoint.summary) } }
                }
            }
        }
    };
    layout(frame, Place::Api, frame.t(W::Api), &Listens::Nothing, &body)
}
