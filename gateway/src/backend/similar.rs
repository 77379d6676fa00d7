//! Earlier episodes like an alarm, for people: what became of them is looked up when somebody looks.

use super::tickets;
use crate::access::Sight;
use crate::store::{Reader, StoreError};
use alerting::episode::{SimilarEpisode, Verdict};
use dashboards::view;

fn verdict_view(verdict: Verdict) -> view::Verdict {
    match verdict {
        Verdict::NoTicket => view::Verdict::NoTicket,
        Verdict::Open => view::Verdict::Open,
        Verdict::FaultConfirmed => view::Verdict::FaultConfirmed,
        Verdict::DifferentFault => view::Verdict::DifferentFault,
        Verdict::Prevented => view::Verdict::Prevented,
        Verdict::NoFaultFound => view::Verdict::NoFaultFound,
        Verdict::Other => view::Verdict::Other,
        Verdict::Cancelled => view::Verdict::Cancelled,
    }
}

/// As they were known when the alarm was written; of machines that are seen.
pub(super) fn similar_views(episodes: &[SimilarEpisode], sight: &Sight) -> Vec<view::SimilarEpisode> {
    let view = |e: &SimilarEpisode| view::SimilarEpisode {
        alarm: e.alarm.clone(),
        site: e.device.site.clone(),
        device: e.device.device.clone(),
        likeness: e.likeness,
        raised_at: e.raised_at.into(),
        cleared_at: e.cleared_at.into(),
        ticket: e.ticket.map(|t| t.to_string()),
        verdict: verdict_view(e.verdict),
        found: e.found.clone(),
    };
    episodes.iter().filter(|e| sight.sees(&e.device)).map(view).collect()
}

/// As they are known now: a ticket that was open then may be closed.
pub(super) fn similar_now(
    reader: &Reader,
    episodes: &[SimilarEpisode],
    sight: &Sight,
) -> Result<Vec<view::SimilarEpisode>, StoreError> {
    let mut episodes = episodes.to_vec();
    for episode in &mut episodes {
        if let Some(ticket) = episode.ticket
            && let Some(row) = reader.ticket(ticket.0)?
        {
            let mut record = tickets::record_of(&row)?;
            // the ticket into which it was merged tells
            if let Some(row) = record
                .merged_into()
                .map(|id| reader.ticket(id.0))
                .transpose()?
                .flatten()
            {
                record = tickets::record_of(&row)?;
            }
            episode.verdict = Verdict::of(&record.state);
            episode.found = record.different_fault().cloned();
        }
    }
    Ok(similar_views(&episodes, sight))
}
