//! Packets that could not be read.

use super::parts::{button_form, next_page, when};
use super::{Frame, Listens, Place, layout};
use crate::view::{Page, Preview, QuarantinedPacket};
use crate::words::Word as W;
use maud::{Markup, html};

/// The quarantine page.
pub fn quarantine(frame: &Frame, packets: &Page<QuarantinedPacket>) -> Markup {
    let body = html! {
        div.bar { h1 { (frame.t(W::Quarantine)) }
            @if frame.rights.may_tune && !packets.items.is_empty() {
                (button_form(frame, "/quarantine/replay", None, W::ReplayAll, "primary"))
            }
        }
        p.mute { (frame.t(W::QuarantineIntro)) }
        section #live data-live="fleet" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            @if packets.items.is_empty() { p.empty { (frame.t(W::QuarantineEmpty)) } }
            @for packet in &packets.items { (one(frame, packet)) }
            (next_page(frame, packets.next.as_deref()))
        }
    };
    layout(
        frame,
        Place::Quarantine,
        frame.t(W::Quarantine),
        &Listens::Changes,
        &body,
    )
}

fn one(frame: &Frame, packet: &QuarantinedPacket) -> Markup {
    let (text, is_cut) = match &packet.preview {
        Preview::Text { text, is_cut } => (text, *is_cut),
        Preview::Hex { hex, is_cut } => (hex, *is_cut),
    };
    html! {
        article.panel.pad.packet {
            div.bar {
                div {
                    h2 { code { (packet.topic) } }
                    p { span.tag { (packet.reason) } " " (packet.detail) }
                    p.mute.small { (when(frame, packet.received_at)) " · " (packet.size_bytes) " " (frame.t(W::Bytes)) " · #" (packet.id) }
                }
                @if frame.rights.may_tune {
                    div.line {
                        (button_form(frame, &format!("/quarantine/{}/replay", packet.id), None, W::Replay, ""))
                        (button_form(frame, &format!("/quarantine/{}/discard", packet.id), None, W::Discard, "danger"))
                    }
                }
            }
            @if text.is_empty() { p.mute { (frame.t(W::EmptyPayload)) } }
            @else { pre tabindex="0" { code { (text) } @if is_cut { span.mute { "\n… " (frame.t(W::Cut)) } } } }
        }
    }
}
