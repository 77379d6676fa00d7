//! What the book remembers of episodes that are over, and which of them are like a new one.

use super::Book;
use crate::effect::Effect;
use crate::episode::{PastEpisode, SimilarEpisode, Verdict};
use crate::likeness::{Course, Sign, distance};
use crate::record::AlarmRecord;
use crate::ticket::TicketRecord;
use domain::{AlarmId, FailureModeId, Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Episodes remembered of each failure mode of each profile: the newest.
pub const MOST_EPISODES: usize = 64;
/// Forerunners told with an alarm.
pub const MOST_SIMILAR: usize = 3;

/// Episodes by failure mode and profile; within, by when they ended. The order of reading them in does not matter.
pub(super) type Episodes = BTreeMap<(FailureModeId, String), BTreeMap<(Timestamp, AlarmId), PastEpisode>>;

impl Book {
    /// Episodes that are over, the newest of each failure mode of each profile.
    pub fn episodes(&self) -> impl Iterator<Item = &PastEpisode> {
        self.episodes.values().flat_map(BTreeMap::values)
    }

    /// An alarm's condition has ended.
    pub(super) fn close_episode(&mut self, alarm: &AlarmRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let verdict = match alarm.ticket {
            None => Verdict::NoTicket,
            Some(id) => self.tickets.get(&id).map_or(Verdict::Open, |t| Verdict::of(&t.state)),
        };
        let ticket = alarm.ticket.and_then(|id| self.tickets.get(&id));
        let episode = PastEpisode {
            found: ticket.and_then(TicketRecord::different_fault).cloned(),
            ..PastEpisode::of(alarm, verdict, now)
        };
        if episode.device.site.is_drill() {
            return; // a rehearsal teaches nobody
        }
        self.keep_episode(episode.clone());
        out.push(Effect::EpisodeClosed {
            episode: Box::new(episode),
        });
    }

    /// Puts an episode in its place, in that of its earlier end if it has ended before; the oldest makes room.
    pub(super) fn keep_episode(&mut self, episode: PastEpisode) {
        let key = (episode.failure_mode.clone(), episode.profile.clone());
        let group = self.episodes.entry(key).or_default();
        group.retain(|_, known| known.alarm != episode.alarm);
        group.insert((episode.closed_at, episode.alarm.clone()), episode);
        while group.len() > MOST_EPISODES {
            group.pop_first();
        }
    }

    /// A ticket ended, or goes on: its episodes get another verdict.
    pub(super) fn judge_episodes(&mut self, ticket: &TicketRecord, out: &mut Vec<Effect>) {
        if ticket.merged_into().is_some() {
            return; // the other ticket tells
        }
        let (verdict, found) = (Verdict::of(&ticket.state), ticket.different_fault().cloned());
        let mut tickets = vec![ticket.id];
        tickets.extend(ticket.absorbed.iter().map(|a| a.ticket));
        let modes: BTreeSet<FailureModeId> = ticket.serves().into_iter().map(|(_, mode)| mode).collect();
        for asked in modes {
            let groups = self.episodes.range_mut((asked.clone(), String::new())..);
            let groups = groups.take_while(|((mode, _), _)| *mode == asked);
            for episode in groups.flat_map(|(_, group)| group.values_mut()) {
                let is_told = (episode.verdict, &episode.found) == (verdict, &found);
                if episode.ticket.is_some_and(|t| tickets.contains(&t)) && !is_told {
                    (episode.verdict, episode.found) = (verdict, found.clone());
                    out.push(Effect::EpisodeClosed {
                        episode: Box::new(episode.clone()),
                    });
                }
            }
        }
    }

    /// The forerunners of an alarm: those of the same machine first, then those of others of its profile, and the most alike
    /// first among each.
    pub(super) fn similar(&self, alarm: &AlarmRecord) -> Vec<SimilarEpisode> {
        let Some(group) = self.episodes.get(&(alarm.failure_mode.clone(), alarm.profile.clone())) else {
            return Vec::new();
        };
        let signs: Vec<Sign> = alarm.evidence.iter().map(Sign::of).collect();
        let now = Course {
            signs: &signs,
            length: (alarm.measured_at - alarm.raised_at).max(Millis::ZERO),
        };
        let mut found: Vec<(bool, f64, &PastEpisode)> = group
            .values()
            .filter(|past| past.alarm != alarm.id)
            .filter_map(|past| {
                let course = Course {
                    signs: &past.signs,
                    length: past.length(),
                };
                Some((past.device != alarm.device, distance(now, course)?, past))
            })
            .collect();
        found.sort_by(|(a_other, a, a_past), (b_other, b, b_past)| {
            let newest_first = (b_past.closed_at, &b_past.alarm).cmp(&(a_past.closed_at, &a_past.alarm));
            a_other.cmp(b_other).then(a.total_cmp(b)).then(newest_first)
        });
        let told = found.into_iter().take(MOST_SIMILAR);
        told.map(|(_, distance, past)| SimilarEpisode {
            alarm: past.alarm.clone(),
            device: past.device.clone(),
            likeness: 1.0 - distance,
            raised_at: past.raised_at,
            cleared_at: past.cleared_at,
            ticket: past.ticket,
            verdict: past.verdict,
            found: past.found.clone(),
        })
        .collect()
    }
}
