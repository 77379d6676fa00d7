//! What will be needed of a part while an order is on its way, and when to order.
//!
//! The demand has three sources. Repairs that are foretold: each standing alarm with the probability that its failure falls within
//! the time ([`Prognosis::failure_probability`], read off p10, p50 and p90), and each open ticket by its date. Maintenance plans that
//! are due are open tickets. And what nobody sees coming: the rate of use in closed tickets, as a Poisson process.

use super::order::demand_quantile;
use super::parts::{Part, Parts};
use super::place::PartNumber;
use super::shelf::{Counts, Stock};
use domain::{AlarmId, DeviceKey, FailureModeId, Millis, Prognosis, Severity, TicketId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The rate of use is that of so many days.
const YEAR_DAYS: i64 = 365;
/// A rate is not told from fewer days than these: one use on the first day is not one a day.
const FEWEST_DAYS: f64 = 30.0;
/// The season of last year is so many days wider at both ends than the time in question.
const SEASON_MARGIN_DAYS: i64 = 15;
/// Devices listed behind a forecast, the likeliest first.
const MOST_LISTED: usize = 50;

/// How likely a repair comes within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likelihood {
    /// It will be done by then.
    By(Timestamp),
    /// When the failure comes.
    Prognosis(Prognosis),
    /// Nobody knows when; the condition is so bad.
    Severity(Severity),
}

impl Likelihood {
    /// Probability, 0 to 1, that it comes within `horizon` of `now`. Where there is no prognosis it is the middle of the class that
    /// the default risk matrix gives the severity (0.05 to 0.2, 0.2 to 0.5, 0.5 to 0.8), whatever the horizon.
    pub fn within(&self, now: Timestamp, horizon: Millis) -> f64 {
        match self {
            Likelihood::By(at) => f64::from(u8::from(*at <= now + horizon)),
            Likelihood::Prognosis(prognosis) => prognosis.failure_probability(now, horizon).unwrap_or(0.0),
            Likelihood::Severity(Severity::Advisory) => 0.125,
            Likelihood::Severity(Severity::Warning) => 0.35,
            Likelihood::Severity(Severity::Critical) => 0.65,
        }
    }
}

/// Something that will take parts: an alarm that stands, or an open ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// On which machine.
    pub device: DeviceKey,
    /// How it fails; `plan.` and the plan's name for maintenance.
    pub failure_mode: FailureModeId,
    /// The alarm, if there is one.
    pub alarm: Option<AlarmId>,
    /// The ticket, if there is one.
    pub ticket: Option<TicketId>,
    /// What it takes beyond what is kept back for it or used already.
    pub needs: BTreeMap<PartNumber, u32>,
    /// What is kept back for it.
    pub held: BTreeMap<PartNumber, u32>,
    /// How likely.
    pub likelihood: Likelihood,
}

/// Parts that a closed ticket used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Which part.
    pub part: PartNumber,
    /// How many.
    pub quantity: u32,
    /// When.
    pub at: Timestamp,
    /// Since when it was a [`Cause`]: the ticket's opening.
    pub known_since: Timestamp,
}

/// A cause with its share in a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct CauseShare {
    /// On which machine.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// The alarm, if there is one.
    pub alarm: Option<AlarmId>,
    /// The ticket, if there is one.
    pub ticket: Option<TicketId>,
    /// Probability that the part is needed in time, 0 to 1; 1 if all it needs is kept back.
    pub probability: f64,
    /// How many it takes beyond those.
    pub quantity: u32,
    /// How many are kept back for it.
    pub reserved: u32,
}

impl Cause {
    /// Whether it takes a part or keeps one back, and its share if it does.
    fn share(&self, part: &PartNumber, now: Timestamp, horizon: Millis) -> Option<CauseShare> {
        let of = |counts: &BTreeMap<PartNumber, u32>| counts.get(part).copied().unwrap_or(0);
        let (quantity, reserved) = (of(&self.needs), of(&self.held));
        let probability = match (quantity, reserved) {
            (0, 0) => return None,
            (0, _) => 1.0,
            (_, _) => self.likelihood.within(now, horizon),
        };
        Some(CauseShare {
            device: self.device.clone(),
            failure_mode: self.failure_mode.clone(),
            alarm: self.alarm.clone(),
            ticket: self.ticket,
            probability,
            quantity,
            reserved,
        })
    }
}

/// What is foretold of one part.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Which part.
    pub part: PartNumber,
    /// All places together.
    pub counts: Counts,
    /// Expected demand of foretold repairs and open tickets within the lead time, pieces.
    pub foretold: f64,
    /// Expected demand that nobody sees coming within the lead time, pieces.
    pub unforeseen: f64,
    /// On hand − reserved − expected demand; may be below 0.
    pub projected: f64,
    /// Whether that is below the reorder point: an order placed now arrives too late or just in time.
    pub is_low: bool,
    /// Order by then; none: not within twice the lead time.
    pub order_by: Option<Timestamp>,
    /// So many, to be at the reorder point again with a certainty of 90 %; 0: none.
    pub order_quantity: u32,
    /// The machines behind it, the likeliest first; at most 50.
    pub causes: Vec<CauseShare>,
    /// How many there are.
    pub cause_count: u32,
}

/// Foretells one part. `uses`: of the last two years; `observed_since`: since when uses are known.
///
/// Within a horizon `h`: expected demand `D(h) = Σ pᵢ(h)·nᵢ + λ·h`, with `pᵢ` the probability that repair `i` comes within `h` and
/// `nᵢ` what it takes (mean of a compound Poisson-binomial and a Poisson variable; A. A. Syntetos, J. E. Boylan, "Intermittent Demand
/// Forecasting", 2021, chapters 2 and 4: lead-time demand, and reordering on its distribution). The part is low when
/// `on hand − reserved − D(lead time)` is below the reorder point. It is to be ordered a lead time before the first day on which the
/// expected stock falls below the reorder point, and so many that reorder point and 90 % quantile of the demand until then are
/// covered.
pub fn forecast(
    part: &Part,
    counts: Counts,
    causes: &[Cause],
    uses: &[Use],
    observed_since: Timestamp,
    now: Timestamp,
) -> Forecast {
    let day = Millis::days(1);
    let lead = Millis::days(i64::from(part.lead_time_days));
    let own: Vec<(&Cause, u32)> = causes
        .iter()
        .filter_map(|cause| Some((cause, *cause.needs.get(&part.number)?)))
        .filter(|(_, quantity)| *quantity > 0)
        .collect();
    let rate = unforeseen_per_day(&part.number, uses, lead, observed_since, now);
    let foretold = |horizon: Millis| -> f64 {
        let shares = own
            .iter()
            .map(|(c, n)| c.likelihood.within(now, horizon) * f64::from(*n));
        // an empty sum of floats is -0.0
        shares.fold(0.0, |sum, share| sum + share)
    };
    let unforeseen = |horizon: Millis| rate * (horizon.0 as f64 / day.0 as f64);
    let free = f64::from(counts.free());
    let left = |horizon: Millis| free - foretold(horizon) - unforeseen(horizon);
    let reorder_point = f64::from(part.reorder_point);
    // the expected demand never falls with the horizon, so the first day can be searched by halving
    let last = 2 * i64::from(part.lead_time_days);
    let is_below = |days: i64| left(Millis::days(days)) < reorder_point;
    let first = is_below(last).then(|| {
        let (mut below, mut above) = (last, -1);
        while below - above > 1 {
            let middle = (below + above) / 2;
            match is_below(middle) {
                true => below = middle,
                false => above = middle,
            }
        }
        below
    });
    let wait = first.map(|days| Millis::days((days - i64::from(part.lead_time_days)).max(0)));
    let order_quantity = wait.map_or(0, |wait| {
        let horizon = lead + wait;
        let chances: Vec<(f64, u32)> = own
            .iter()
            .map(|(c, n)| (c.likelihood.within(now, horizon), *n))
            .collect();
        // never less than the mean, so that what was ordered is enough when it is asked again
        let mean = (foretold(horizon) + unforeseen(horizon)).ceil() as u32;
        let demand = demand_quantile(&chances, unforeseen(horizon)).max(mean);
        let needed = demand.saturating_add(part.reorder_point);
        needed.saturating_sub(counts.free()).max(1)
    });
    let horizon = lead + wait.unwrap_or(Millis::ZERO);
    let mut shares: Vec<CauseShare> = causes
        .iter()
        .filter_map(|cause| cause.share(&part.number, now, horizon))
        .collect();
    let cause_count = u32::try_from(shares.len()).unwrap_or(u32::MAX);
    shares.sort_by(|a, b| {
        let by_share = b.probability.total_cmp(&a.probability);
        by_share.then_with(|| (&a.device, &a.failure_mode).cmp(&(&b.device, &b.failure_mode)))
    });
    shares.truncate(MOST_LISTED);
    Forecast {
        part: part.number.clone(),
        counts,
        foretold: foretold(lead),
        unforeseen: unforeseen(lead),
        projected: left(lead),
        is_low: left(lead) < reorder_point,
        order_by: wait.map(|wait| now + wait),
        order_quantity,
        causes: shares,
        cause_count,
    }
}

/// Foretells every part, in the order of the parts. As [`forecast`] does one.
pub fn forecast_all(
    parts: &Parts,
    stock: &Stock,
    causes: &[Cause],
    uses: &[Use],
    observed_since: Timestamp,
    now: Timestamp,
) -> Vec<Forecast> {
    let mut by_part: BTreeMap<&PartNumber, Vec<Cause>> = BTreeMap::new();
    for cause in causes {
        let parts: BTreeSet<&PartNumber> = cause.needs.keys().chain(cause.held.keys()).collect();
        for part in parts {
            by_part.entry(part).or_default().push(cause.clone());
        }
    }
    let mut used: BTreeMap<&PartNumber, Vec<Use>> = BTreeMap::new();
    for own in uses {
        used.entry(&own.part).or_default().push(own.clone());
    }
    let one = |part: &Part| {
        let causes = by_part.get(&part.number).map_or(&[][..], Vec::as_slice);
        let uses = used.get(&part.number).map_or(&[][..], Vec::as_slice);
        forecast(part, stock.whole(&part.number), causes, uses, observed_since, now)
    };
    parts.iter().map(one).collect()
}

/// Pieces a day that nobody sees coming: those of the last 365 days, or of the same season a year ago if more were used then.
///
/// A use that was known `d` before it came is foretold in forecasts of the last `d` before it. Of all forecasts whose lead time holds
/// the use, the share `1 − d / lead time` did not know of it; only that share counts here, so that nothing is counted twice.
fn unforeseen_per_day(part: &PartNumber, uses: &[Use], lead: Millis, since: Timestamp, now: Timestamp) -> f64 {
    let weight = |used: &Use| {
        let known = (used.at - used.known_since).0.max(0) as f64;
        f64::from(used.quantity) * (1.0 - known / lead.0.max(1) as f64).max(0.0)
    };
    let pieces = |from: Timestamp, until: Timestamp| -> f64 {
        let within = |u: &&Use| u.part == *part && from <= u.at && u.at < until;
        uses.iter().filter(within).map(weight).fold(0.0, |sum, used| sum + used)
    };
    let days = |span: Millis| span.0 as f64 / Millis::days(1).0 as f64;
    let from = (now - Millis::days(YEAR_DAYS)).max(since);
    let yearly = pieces(from, now) / days(now - from).max(FEWEST_DAYS);
    let margin = Millis::days(SEASON_MARGIN_DAYS);
    let a_year_ago = now - Millis::days(YEAR_DAYS);
    let (from, until) = (a_year_ago - margin, (a_year_ago + lead + margin).min(now));
    let seasonal = match since <= from {
        true => pieces(from, until) / days(until - from).max(FEWEST_DAYS),
        false => 0.0,
    };
    yearly.max(seasonal)
}
