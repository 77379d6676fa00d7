//! When what a machine's model holds for normal has itself moved: a table below its metrics, with nothing to press.

use super::Frame;
use super::parts::when;
use crate::phrase;
use crate::view::{Device, Drift};
use crate::words::Word as W;
use domain::DriftCause;
use maud::{Markup, html};

fn cause_word(cause: DriftCause) -> W {
    match cause {
        DriftCause::Adopted => W::DriftAdopted,
        DriftCause::Moved => W::DriftMoved,
        DriftCause::Outside => W::DriftOutside,
    }
}

/// Nothing where nothing has moved.
pub(super) fn drifts(frame: &Frame, device: &Device) -> Markup {
    let unit_of = |drift: &Drift| {
        let metric = device.metrics.iter().find(|m| m.name == drift.metric);
        metric.map_or("", |m| m.unit.as_str())
    };
    html! {
        @if !device.drifts.is_empty() {
            h2 { (frame.t(W::ModelDrift)) }
            p.mute.small { (frame.t(W::ModelDriftMeaning)) }
            div.panel { table.cards.three {
                thead { tr { @for head in [W::Metric, W::DriftNormal, W::DriftLevel, W::DriftHow] { th scope="col" { (frame.t(head)) } } } }
                tbody {
                    @for drift in &device.drifts {
                        tr {
                            th.lead scope="row" { (drift.metric) " " span.mute.small.block { (when(frame, drift.at)) } }
                            td data-label=(frame.t(W::DriftNormal)) {
                                (phrase::number(drift.normal.low)) "–" (phrase::quantity(drift.normal.high, unit_of(drift)))
                                span.mute.small.block { (when(frame, drift.since)) }
                            }
                            td data-label=(frame.t(W::DriftLevel)) {
                                (phrase::number(drift.from)) " → " b { (phrase::quantity(drift.to, unit_of(drift))) }
                            }
                            td data-label=(frame.t(W::DriftHow)) {
                                (frame.t(cause_word(drift.cause)))
                                span.mute.small.block { (drift.rule) " · " (drift.model) }
                            }
                        }
                    }
                }
            } }
        }
    }
}
