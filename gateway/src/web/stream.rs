//! The live stream: server-sent events. Readings are coalesced to five a second; who is too slow is told to look anew.

use super::App;
use super::auth::Who;
use super::backend::{Backend, LiveReading, WatchGuard};
use super::extract::Asked;
use super::problem::Problem;
use crate::access::Sight;
use crate::web::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use dashboards::view::{Alarm, FleetCounts, Incident, TicketSummary};
use domain::{DeviceKey, MetricName};
use futures::stream::Stream;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;
use utoipa::IntoParams;

/// Open streams at most; each is a page that somebody looks at.
pub const MOST_STREAMS: usize = 512;
/// Five readings a second.
const BETWEEN_READINGS: Duration = Duration::from_millis(200);
/// A comment so often, so that a dead line is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What happens, for those who listen.
#[derive(Debug, Clone)]
pub enum StreamEvent {
    /// A watched device measured something.
    Reading {
        /// Which device.
        device: DeviceKey,
        /// What.
        reading: Arc<LiveReading>,
    },
    /// An alarm changed.
    Alarm(Arc<Alarm>),
    /// A ticket changed.
    Ticket(Arc<TicketSummary>),
    /// An incident changed.
    Incident(Arc<Incident>),
    /// Counters or the state of devices changed; at most once a second.
    Fleet(FleetCounts),
    /// The gateway stops: streams end.
    Closing,
}

/// What a stream is about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// `site/device`: readings of this device, and only its alarms and tickets. Without it: all alarms, tickets and incidents.
    device: Option<String>,
}

/// Server-sent events `reading`, `alarm`, `ticket`, `incident`, `fleet`; `resync`: some were missed, look anew
#[utoipa::path(get, path = "/api/v1/stream", tag = "Live", params(StreamQuery),
    responses((status = 200, description = "Events without end", body = String, content_type = "text/event-stream"), super::openapi::Problems))]
pub async fn stream<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<StreamQuery>,
) -> Result<impl IntoResponse, Problem> {
    let device = match query.device.as_deref().filter(|d| !d.is_empty()) {
        None => None,
        Some(text) => {
            let key = text
                .split_once('/')
                .and_then(|(site, device)| DeviceKey::new(site, device).ok());
            let wrong = || Problem::field(StatusCode::BAD_REQUEST, "?device", "must be site/device");
            Some(key.ok_or_else(wrong)?)
        }
    };
    if let Some(key) = &device
        && !app.sight.sees(key)
    {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no device {key}")));
    }
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{MOST_STREAMS} streams are open already"),
        )
    })?;
    let listener = Listener {
        events: app.backend.subscribe(),
        watch: device.as_ref().map(|d| app.backend.watch(d)),
        device,
        readings: Coalescer::new(Instant::now()),
        permit,
        sight: app.sight,
        backend: app.backend,
    };
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    // Proxies that buffer would turn live into late.
    let headers = [
        (header::CACHE_CONTROL.as_str(), "no-store"),
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Sse::new(listener.run()).keep_alive(keep_alive)))
}

struct Listener<B> {
    events: Receiver<StreamEvent>,
    /// What of them is seen.
    sight: Sight,
    backend: B,
    device: Option<DeviceKey>,
    readings: Coalescer,
    #[allow(dead_code)] // held, so that the backend sends readings as long as somebody listens
    watch: Option<WatchGuard>,
    #[allow(dead_code)] // held, so that streams are counted
    permit: tokio::sync::OwnedSemaphorePermit,
}

enum Heard {
    Said(Result<StreamEvent, RecvError>),
    ReadingIsDue,
}

impl<B: Backend> Listener<B> {
    fn run(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold(self, |mut listener| async move {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            let heard = match self.readings.due_at() {
                None => Heard::Said(self.events.recv().await),
                Some(due) => tokio::select! {
                    said = self.events.recv() => Heard::Said(said),
                    () = tokio::time::sleep_until(due) => Heard::ReadingIsDue,
                },
            };
            let event = match heard {
                Heard::ReadingIsDue => self.readings.take(Instant::now()).map(|r| event("reading", &r)),
                Heard::Said(Err(RecvError::Closed)) => return None,
                Heard::Said(Err(RecvError::Lagged(missed))) => {
                    self.readings.waiting = None;
                    Some(Event::default().event("resync").data(missed.to_string()))
                }
                Heard::Said(Ok(StreamEvent::Closing)) => return None,
                Heard::Said(Ok(StreamEvent::Reading { device, reading })) => {
                    if self.device.as_ref() == Some(&device) && self.sight.sees(&device) {
                        self.readings.add(&reading);
                    }
                    self.readings.take(Instant::now()).map(|r| event("reading", &r))
                }
                Heard::Said(Ok(StreamEvent::Alarm(alarm))) => {
                    let is_about = self.is_about(&alarm.site, &alarm.device);
                    is_about.then(|| event("alarm", &*self.seen_of(alarm)))
                }
                Heard::Said(Ok(StreamEvent::Ticket(ticket))) => {
                    let is_about = self.is_about(&ticket.site, &ticket.device);
                    is_about.then(|| event("ticket", &*ticket))
                }
                // it is about many machines
                Heard::Said(Ok(StreamEvent::Incident(incident))) => {
                    let is_seen = self.device.is_none() && self.sight.sees_site(&incident.site);
                    is_seen.then(|| event("incident", &*incident))
                }
                Heard::Said(Ok(StreamEvent::Fleet(counts))) if self.sight.is_all() => Some(event("fleet", &counts)),
                // the counters of what is seen
                Heard::Said(Ok(StreamEvent::Fleet(_))) => {
                    let counts = self.backend.counts().await.ok();
                    counts.map(|counts| event("fleet", &counts))
                }
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn is_about(&self, site: &domain::SiteName, device: &domain::DeviceName) -> bool {
        let key = || DeviceKey {
            site: site.clone(),
            device: device.clone(),
        };
        match &self.device {
            Some(meant) => meant.site == *site && meant.device == *device && self.sight.sees(meant),
            None => self.sight.is_all() || self.sight.sees(&key()),
        }
    }

    /// Without names of machines that are not seen.
    fn seen_of(&self, alarm: Arc<Alarm>) -> Arc<Alarm> {
        let sees = |e: &dashboards::view::SimilarEpisode| {
            self.sight.sees(&DeviceKey {
                site: e.site.clone(),
                device: e.device.clone(),
            })
        };
        if self.sight.is_all() {
            return alarm;
        }
        let mut seen = (*alarm).clone();
        seen.similar.retain(sees);
        // which other machine it hangs on, its own page tells who may know
        seen.suppressed = seen.suppressed.map(|_| domain::text::Text {
            en: "suppressed by design".to_owned(),
            zh: "按设计抑制".to_owned(),
        });
        Arc::new(seen)
    }
}

/// Readings on their way to one listener: the newest value of each metric, let out five times a second.
#[derive(Debug)]
struct Coalescer {
    waiting: Option<LiveReading>,
    next_at: Instant,
}

impl Coalescer {
    fn new(now: Instant) -> Coalescer {
        Coalescer {
            waiting: None,
            next_at: now,
        }
    }

    fn add(&mut self, reading: &LiveReading) {
        let Some(waiting) = &mut self.waiting else {
            self.waiting = Some(reading.clone());
            return;
        };
        waiting.at = waiting.at.max(reading.at);
        for (metric, value) in &reading.values {
            let same = |(m, _): &&mut (MetricName, f64)| m == metric;
            match waiting.values.iter_mut().find(same) {
                Some(old) => old.1 = *value,
                None => waiting.values.push((metric.clone(), *value)),
            }
        }
    }

    /// When what waits may go.
    fn due_at(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|_| self.next_at)
    }

    /// What waits, if it may go.
    fn take(&mut self, now: Instant) -> Option<LiveReading> {
        if now < self.next_at {
            return None;
        }
        let reading = self.waiting.take()?;
        self.next_at = now + BETWEEN_READINGS;
        Some(reading)
    }
}

fn event<T: Serialize>(name: &str, what: &T) -> Event {
    let json = serde_json::to_string(what).expect("views always serialise");
    Event::default().event(name).data(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    #[test]
    fn readings_come_at_most_five_times_a_second_and_the_newest_wins() {
        let start = Instant::now();
        let name = |n| MetricName::new(n).unwrap();
        let mut readings = Coalescer::new(start);
        let mut out = Vec::new();
        for ms in (0..=1000).step_by(10) {
            let values = vec![(name(if ms % 20 == 0 { "even" } else { "odd" }), f64::from(ms))];
            let at = Timestamp(i64::from(ms)).into();
            readings.add(&LiveReading { at, values });
            out.extend(readings.take(start + Duration::from_millis(ms as u64)));
        }
        let times: Vec<i64> = out.iter().map(|r| r.at.0.0).collect();
        assert_eq!(times, [0, 200, 400, 600, 800, 1000]);
        assert_eq!(out[1].values, [(name("odd"), 190.0), (name("even"), 200.0)]);
        assert_eq!(readings.due_at(), None);
    }
}
