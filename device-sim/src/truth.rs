//! What was broken and when, and how tickets compare with it. Pure: times are arguments.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One fault that was put into the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthRecord {
    /// Site id.
    pub site: String,
    /// Device id.
    pub device: String,
    /// Failure mode id.
    pub failure_mode: String,
    /// Machine time of the first sign, ms since 1970.
    pub onset_ms: i64,
    /// Machine time of functional failure, ms since 1970.
    pub failure_ms: i64,
}

/// The truth file: everything that was broken, with the seed that did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Seed of the fleet.
    pub seed: u64,
    /// Machine time at the start, ms since 1970.
    pub start_ms: i64,
    /// Faults by onset.
    pub faults: Vec<TruthRecord>,
}

impl Truth {
    /// As the text of a JSON file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and whole numbers always serialise")
    }
}

/// A ticket as far as the comparison needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSummary {
    /// Site id.
    pub site: String,
    /// Device id.
    pub device: String,
    /// Failure mode id.
    pub failure_mode: String,
    /// Machine time at which it was opened, ms since 1970.
    pub opened_ms: i64,
}

/// How one fault fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A ticket of this failure mode was opened between onset and failure.
    FoundEarly {
        /// Time won before failure.
        lead_ms: i64,
    },
    /// The first ticket of this failure mode came at or after the failure.
    FoundLate {
        /// Time since failure.
        after_ms: i64,
    },
    /// No ticket of this failure mode, but one of another on the same device after the onset.
    FoundAsOther {
        /// The mode on that ticket.
        failure_mode: String,
        /// Time before failure; negative after it.
        lead_ms: i64,
    },
    /// The machine has failed and no ticket says so.
    Missed,
    /// Growing, not found, but it has not failed yet either.
    NotYetDue,
    /// Has not begun.
    NotBegun,
}

/// One fault with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The fault.
    #[serde(flatten)]
    pub fault: TruthRecord,
    /// How it fared.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Truth against tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Seed of the fleet.
    pub seed: u64,
    /// Machine time at the start.
    pub start_ms: i64,
    /// Machine time of the comparison.
    pub now_ms: i64,
    /// One per fault, by onset.
    pub outcomes: Vec<Outcome>,
    /// Tickets on devices that had no fault at that time, as `site/device failure_mode` with the time of opening.
    pub false_tickets: Vec<(String, i64)>,
    /// Further tickets on devices with a fault: explained by it, not counted as found or false.
    pub further_tickets: usize,
}

/// Compares at `now_ms`. A ticket belongs to a fault of the same site and device whose onset is not after its opening.
#[must_use]
pub fn compare(truth: &Truth, tickets: &[TicketSummary], now_ms: i64) -> Comparison {
    let belongs = |fault: &TruthRecord, ticket: &TicketSummary| {
        fault.site == ticket.site && fault.device == ticket.device && fault.onset_ms <= ticket.opened_ms
    };
    let first = |fault: &TruthRecord, same_mode: bool| {
        tickets
            .iter()
            .filter(|ticket| belongs(fault, ticket) && (ticket.failure_mode == fault.failure_mode) == same_mode)
            .min_by_key(|ticket| ticket.opened_ms)
    };
    let outcomes: Vec<Outcome> = truth
        .faults
        .iter()
        .map(|fault| {
            let verdict = match (first(fault, true), first(fault, false)) {
                (Some(ticket), _) if ticket.opened_ms < fault.failure_ms => Verdict::FoundEarly {
                    lead_ms: fault.failure_ms - ticket.opened_ms,
                },
                (Some(ticket), _) => Verdict::FoundLate {
                    after_ms: ticket.opened_ms - fault.failure_ms,
                },
                (None, Some(ticket)) => Verdict::FoundAsOther {
                    failure_mode: ticket.failure_mode.clone(),
                    lead_ms: fault.failure_ms - ticket.opened_ms,
                },
                (None, None) if now_ms < fault.onset_ms => Verdict::NotBegun,
                (None, None) if now_ms < fault.failure_ms => Verdict::NotYetDue,
                (None, None) => Verdict::Missed,
            };
            Outcome {
                fault: fault.clone(),
                verdict,
            }
        })
        .collect();
    let is_explained = |ticket: &TicketSummary| truth.faults.iter().any(|fault| belongs(fault, ticket));
    let false_tickets: Vec<(String, i64)> = tickets
        .iter()
        .filter(|ticket| !is_explained(ticket))
        .map(|ticket| {
            (
                format!("{}/{} {}", ticket.site, ticket.device, ticket.failure_mode),
                ticket.opened_ms,
            )
        })
        .collect();
    let used = outcomes.iter().filter(|outcome| outcome.verdict.has_ticket()).count();
    Comparison {
        seed: truth.seed,
        start_ms: truth.start_ms,
        now_ms,
        further_tickets: (tickets.len() - false_tickets.len()).saturating_sub(used),
        outcomes,
        false_tickets,
    }
}

impl Verdict {
    /// Whether a ticket stands behind it.
    #[must_use]
    pub fn has_ticket(&self) -> bool {
        match self {
            Verdict::FoundEarly { .. } | Verdict::FoundLate { .. } | Verdict::FoundAsOther { .. } => true,
            Verdict::Missed | Verdict::NotYetDue | Verdict::NotBegun => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::FoundEarly { lead_ms } => write!(f, "found {} before failure", span(*lead_ms)),
            Verdict::FoundLate { after_ms } => write!(f, "found {} after failure", span(*after_ms)),
            Verdict::FoundAsOther { failure_mode, lead_ms } if *lead_ms > 0 => {
                write!(f, "found as {failure_mode} {} before failure", span(*lead_ms))
            }
            Verdict::FoundAsOther { failure_mode, lead_ms } => {
                write!(f, "found as {failure_mode} {} after failure", span(-lead_ms))
            }
            Verdict::Missed => f.write_str("MISSED"),
            Verdict::NotYetDue => f.write_str("growing, not yet due"),
            Verdict::NotBegun => f.write_str("not begun"),
        }
    }
}

impl Comparison {
    /// How many outcomes this predicate holds for.
    fn count(&self, is_counted: impl Fn(&Verdict) -> bool) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| is_counted(&outcome.verdict))
            .count()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["device", "failure mode", "onset", "failure", "ticket"].map(str::to_owned);
        let mut rows = vec![header];
        rows.extend(self.outcomes.iter().map(|outcome| {
            let fault = &outcome.fault;
            [
                format!("{}/{}", fault.site, fault.device),
                fault.failure_mode.clone(),
                format!("+{}", span(fault.onset_ms - self.start_ms)),
                format!("+{}", span(fault.failure_ms - self.start_ms)),
                outcome.verdict.to_string(),
            ]
        }));
        let widths: [usize; 5] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        writeln!(
            f,
            "Faults simulated in {} of machine time (seed {})",
            span(self.now_ms - self.start_ms),
            self.seed
        )?;
        writeln!(f)?;
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            writeln!(f, "  {}", cells.join("  ").trim_end())?;
            if index == 0 {
                writeln!(f, "  {}", widths.map(|width| "-".repeat(width)).join("  "))?;
            }
        }
        writeln!(f)?;
        for (ticket, opened_ms) in &self.false_tickets {
            writeln!(f, "  false: {ticket}, opened at +{}", span(opened_ms - self.start_ms))?;
        }
        let early = self.count(|verdict| matches!(verdict, Verdict::FoundEarly { .. }));
        let late = self.count(|verdict| matches!(verdict, Verdict::FoundLate { .. }));
        let other = self.count(|verdict| matches!(verdict, Verdict::FoundAsOther { .. }));
        let missed = self.count(|verdict| matches!(verdict, Verdict::Missed));
        let open = self.count(|verdict| matches!(verdict, Verdict::NotYetDue | Verdict::NotBegun));
        write!(
            f,
            "  {early} found early, {late} late, {other} under another mode, {missed} missed, {open} not yet due; {} false, {} further tickets",
            self.false_tickets.len(),
            self.further_tickets
        )
    }
}

/// A length of time in its two largest units: `1 h 05 min`, `12 min`, `40 s`.
fn span(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let seconds = ms.abs() / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600, seconds / 60);
    let text = if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {:02} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min")
    } else {
        format!("{seconds} s")
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;

    fn fault(device: &str, mode: &str, onset_min: i64, failure_min: i64) -> TruthRecord {
        TruthRecord {
            site: "a".to_owned(),
            device: device.to_owned(),
            failure_mode: mode.to_owned(),
            onset_ms: onset_min * MIN,
            failure_ms: failure_min * MIN,
        }
    }

    fn ticket(device: &str, mode: &str, opened_min: i64) -> TicketSummary {
        TicketSummary {
            site: "a".to_owned(),
            device: device.to_owned(),
            failure_mode: mode.to_owned(),
            opened_ms: opened_min * MIN,
        }
    }

    fn check(
        tickets: &[TicketSummary],
        now_min: i64,
        expected: &Verdict,
        expected_false: usize,
        expected_further: usize,
    ) {
        let truth = Truth {
            seed: 1,
            start_ms: 0,
            faults: vec![fault("p", "wear", 10, 70)],
        };
        let comparison = compare(&truth, tickets, now_min * MIN);
        assert_eq!(&comparison.outcomes[0].verdict, expected);
        assert_eq!(
            (comparison.false_tickets.len(), comparison.further_tickets),
            (expected_false, expected_further)
        );
    }

    #[test]
    fn a_ticket_between_onset_and_failure_is_found_early_by_the_time_left() {
        check(
            &[ticket("p", "wear", 40)],
            90,
            &Verdict::FoundEarly { lead_ms: 30 * MIN },
            0,
            0,
        );
        check(
            &[ticket("p", "wear", 10)],
            90,
            &Verdict::FoundEarly { lead_ms: 60 * MIN },
            0,
            0,
        );
    }

    #[test]
    fn a_ticket_from_the_failure_on_is_late() {
        check(
            &[ticket("p", "wear", 70)],
            90,
            &Verdict::FoundLate { after_ms: 0 },
            0,
            0,
        );
        check(
            &[ticket("p", "wear", 75)],
            90,
            &Verdict::FoundLate { after_ms: 5 * MIN },
            0,
            0,
        );
    }

    #[test]
    fn the_first_of_several_counts_and_the_rest_are_further() {
        let tickets = [
            ticket("p", "wear", 50),
            ticket("p", "wear", 40),
            ticket("p", "leak", 20),
        ];
        check(&tickets, 90, &Verdict::FoundEarly { lead_ms: 30 * MIN }, 0, 2);
    }

    #[test]
    fn another_mode_on_the_same_device_is_reported_as_such() {
        let expected = Verdict::FoundAsOther {
            failure_mode: "leak".to_owned(),
            lead_ms: 30 * MIN,
        };
        check(&[ticket("p", "leak", 40)], 90, &expected, 0, 0);
    }

    #[test]
    fn tickets_before_the_onset_or_on_other_devices_are_false() {
        check(&[ticket("p", "wear", 9)], 90, &Verdict::Missed, 1, 0);
        check(&[ticket("q", "wear", 40)], 90, &Verdict::Missed, 1, 0);
        let mut elsewhere = ticket("p", "wear", 40);
        elsewhere.site = "b".to_owned();
        check(&[elsewhere], 90, &Verdict::Missed, 1, 0);
    }

    #[test]
    fn without_a_ticket_the_time_decides() {
        check(&[], 5, &Verdict::NotBegun, 0, 0);
        check(&[], 30, &Verdict::NotYetDue, 0, 0);
        check(&[], 70, &Verdict::Missed, 0, 0);
    }

    #[test]
    fn the_table_is_readable() {
        let faults = vec![
            fault("pump-001", "bearing_wear", 10, 75),
            fault("ac-01", "leak", 20, 2000),
        ];
        let truth = Truth {
            seed: 9,
            start_ms: 0,
            faults,
        };
        let tickets = [ticket("pump-001", "bearing_wear", 41), ticket("ac-02", "leak", 3)];
        let expected = "\
Faults simulated in 1 h 30 min of machine time (seed 9)

  device      failure mode  onset    failure      ticket
  ----------  ------------  -------  -----------  ---------------------------
  a/pump-001  bearing_wear  +10 min  +1 h 15 min  found 34 min before failure
  a/ac-01     leak          +20 min  +1 d 9 h     growing, not yet due

  false: a/ac-02 leak, opened at +3 min
  1 found early, 0 late, 0 under another mode, 0 missed, 1 not yet due; 1 false, 0 further tickets";
        assert_eq!(compare(&truth, &tickets, 90 * MIN).to_string(), expected);
    }

    #[test]
    fn the_file_can_be_read_back() {
        let truth = Truth {
            seed: 9,
            start_ms: 5,
            faults: vec![fault("p", "wear", 1, 2)],
        };
        assert_eq!(serde_json::from_str::<Truth>(&truth.to_json()).unwrap(), truth);
    }
}
