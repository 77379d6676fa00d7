//! What happens to the clocks of a ticket: which step answers which, what a hold and a change of class do, and the ledger.

use super::{MAX_BREACHES, TicketChange, TicketEnd, TicketRecord, TicketState, WorkStep};
use crate::clock::{Clock, ClockKind, ClockState, Told};
use crate::ledger::{Breach, BreachEnd};
use crate::policy::{Policy, Terms};
use domain::Timestamp;
use std::collections::BTreeMap;

impl TicketRecord {
    /// Clocks and working hours that count for it.
    pub fn terms<'a>(&self, policy: &'a Policy) -> &'a Terms {
        policy.terms(self.contract.as_deref())
    }

    /// What a clock shows at `now`.
    pub fn clock_state(&self, kind: ClockKind, policy: &Policy, now: Timestamp) -> Option<ClockState> {
        let calendar = &self.terms(policy).calendar;
        self.clocks.get(&kind).map(|clock| clock.state(calendar, now))
    }

    /// When a clock must be told about next; none unless there is work to do.
    pub fn next_clock_deadline(&self, policy: &Policy) -> Option<Timestamp> {
        let calendar = &self.terms(policy).calendar;
        let deadlines = self.clocks.values().filter_map(|c| c.next_deadline(calendar));
        deadlines.min().filter(|_| self.state.is_open())
    }

    /// The clocks of a ticket that opens at `now`. The one for the plan begins with the diagnosis.
    pub(crate) fn start_clocks(&mut self, due_at: Option<Timestamp>, policy: &Policy, now: Timestamp) {
        let targets = self.terms(policy).clocks.targets(self.grade.class, due_at, now);
        let at_once = targets.into_iter().filter(|(kind, _)| *kind != ClockKind::Plan);
        self.clocks = at_once
            .map(|(kind, target)| (kind, Clock::start(target, now)))
            .collect();
    }

    /// What the clocks have to tell at `now`, the first response first.
    pub(crate) fn tell_clocks(&mut self, policy: &Policy, now: Timestamp) -> Vec<TicketChange> {
        let calendar = &policy.terms(self.contract.as_deref()).calendar;
        let mut changes = Vec::new();
        for (kind, clock) in &mut self.clocks {
            let (clock_kind, due_at) = (*kind, clock.due_at(calendar));
            match clock.tell(calendar, now) {
                Some(Told::Warning) => changes.push(TicketChange::ClockWarning {
                    clock: clock_kind,
                    due_at,
                }),
                Some(Told::Breach) => changes.push(TicketChange::ClockBreached {
                    clock: clock_kind,
                    due_at,
                }),
                Some(Told::Nothing) | None => {}
            }
        }
        changes
    }

    /// A step stops the clocks that it answers; the diagnosis starts that of the plan. Going back from the customer to the work
    /// lets the resolution run again.
    pub(super) fn settle_clocks(&mut self, step: WorkStep, policy: &Policy, now: Timestamp) {
        if step > WorkStep::Reported {
            self.meet(&[ClockKind::FirstResponse, ClockKind::Diagnosis], policy, now);
        }
        if step == WorkStep::Diagnosed {
            self.start_plan(policy, now);
        }
        if step > WorkStep::Diagnosed {
            self.meet(&[ClockKind::Plan], policy, now);
        }
        if step >= WorkStep::InProgress {
            self.meet(&[ClockKind::OnSite], policy, now);
        }
        if step >= WorkStep::AwaitingConfirmation {
            self.meet(&[ClockKind::Resolution], policy, now);
        } else if let Some(clock) = self.clocks.get_mut(&ClockKind::Resolution) {
            clock.resume(now);
        }
    }

    fn start_plan(&mut self, policy: &Policy, now: Timestamp) {
        let targets = self.terms(policy).clocks.targets(self.grade.class, None, now);
        for (kind, target) in targets {
            if kind == ClockKind::Plan {
                self.clocks.entry(kind).or_insert_with(|| Clock::start(target, now));
            }
        }
    }

    pub(super) fn meet(&mut self, kinds: &[ClockKind], policy: &Policy, now: Timestamp) {
        let calendar = &policy.terms(self.contract.as_deref()).calendar;
        for kind in kinds {
            // A clock that the class does not have is answered all the same, should the class change back.
            for clock in [self.clocks.get_mut(kind), self.resting.get_mut(kind)]
                .into_iter()
                .flatten()
            {
                clock.meet(calendar, now);
            }
        }
    }

    pub(super) fn pause_all(&mut self, policy: &Policy, now: Timestamp) {
        let calendar = &policy.terms(self.contract.as_deref()).calendar;
        self.clocks.values_mut().for_each(|c| c.pause(calendar, now));
    }

    pub(super) fn resume_unmet(&mut self, now: Timestamp) {
        let unmet = self.clocks.values_mut().filter(|clock| clock.met_at().is_none());
        unmet.for_each(|clock| clock.resume(now));
    }

    /// The clocks of the present class. Elapsed time is kept, also of clocks that the class does not have; one that was never
    /// there starts now. A due date that was agreed stands.
    pub(super) fn retarget(&mut self, policy: &Policy, now: Timestamp) {
        let terms = policy.terms(self.contract.as_deref());
        let due_at = self.clocks.get(&ClockKind::Resolution).and_then(Clock::due_date);
        let targets: BTreeMap<_, _> = terms
            .clocks
            .targets(self.grade.class, due_at, now)
            .into_iter()
            .collect();
        let dropped: Vec<ClockKind> = self
            .clocks
            .keys()
            .filter(|k| !targets.contains_key(k))
            .copied()
            .collect();
        for kind in dropped {
            if let Some(mut clock) = self.clocks.remove(&kind) {
                clock.pause(&terms.calendar, now);
                self.resting.insert(kind, clock);
            }
        }
        let step = match self.state {
            TicketState::Open { step } | TicketState::OnHold { step, .. } => Some(step),
            TicketState::Finished { .. } | TicketState::Archived { .. } => None,
        };
        for (kind, target) in targets {
            if let Some(mut clock) = self.resting.remove(&kind) {
                clock.retarget(target, &terms.calendar, now);
                self.clocks.insert(kind, clock);
                continue;
            }
            match self.clocks.get_mut(&kind) {
                Some(clock) if clock.due_date().is_some() => {}
                Some(clock) => clock.retarget(target, &terms.calendar, now),
                None if kind == ClockKind::Plan && step != Some(WorkStep::Diagnosed) => {}
                None => {
                    self.clocks.insert(kind, Clock::start(target, now));
                }
            }
        }
        let is_answered = |kind: ClockKind, step: WorkStep| match kind {
            ClockKind::FirstResponse | ClockKind::Diagnosis => step > WorkStep::Reported,
            ClockKind::OnSite => step >= WorkStep::InProgress,
            ClockKind::Plan => step > WorkStep::Diagnosed,
            ClockKind::Resolution => step >= WorkStep::AwaitingConfirmation,
        };
        match &self.state {
            TicketState::Open { step } => {
                let step = *step;
                self.resume_unmet(now);
                let met: Vec<_> = ClockKind::ALL.into_iter().filter(|k| is_answered(*k, step)).collect();
                self.meet(&met, policy, now);
            }
            TicketState::OnHold { step, cause, .. } => {
                let (step, cause) = (*step, *cause);
                let met: Vec<_> = ClockKind::ALL
                    .into_iter()
                    // Who put it on hold has answered.
                    .filter(|k| *k == ClockKind::FirstResponse || is_answered(*k, step))
                    .collect();
                self.meet(&met, policy, now);
                if terms.clocks.pauses_for(cause) {
                    self.pause_all(policy, now);
                } else {
                    self.resume_unmet(now);
                }
            }
            TicketState::Finished { .. } | TicketState::Archived { .. } => self.pause_all(policy, now),
        }
    }

    /// Brings the ledger up to date: a line for each clock that is too late, closed when the lateness is over.
    pub(super) fn note_breaches(&mut self, policy: &Policy, now: Timestamp) {
        let calendar = &policy.terms(self.contract.as_deref()).calendar;
        let is_cancelled = match &self.state {
            TicketState::Finished { end, .. } | TicketState::Archived { end, .. } => match end {
                TicketEnd::Closed { .. } => false,
                TicketEnd::Cancelled { .. } | TicketEnd::Merged { .. } => true,
            },
            TicketState::Open { .. } | TicketState::OnHold { .. } => false,
        };
        for (kind, clock) in &self.clocks {
            let Some(due_at) = clock.breached_at(calendar, now) else {
                continue;
            };
            let end = match clock.met_at() {
                Some(at) => Some(BreachEnd::Met { at }),
                None if is_cancelled => Some(BreachEnd::Cancelled { at: now }),
                None => None,
            };
            let is_full = self.breaches.len() >= MAX_BREACHES;
            let known = self
                .breaches
                .iter_mut()
                .find(|b| (b.clock, b.due_at) == (*kind, due_at));
            match known {
                Some(Breach {
                    end: Some(BreachEnd::Cancelled { .. }),
                    ..
                }) if is_cancelled => {}
                Some(line) => line.end = end,
                None if !is_full => self.breaches.push(Breach {
                    clock: *kind,
                    class: self.grade.class,
                    contract: self.contract.clone(),
                    due_at,
                    noted_at: now,
                    assignee: self.assignee.clone(),
                    end,
                }),
                None => {}
            }
        }
        for line in self.breaches.iter_mut().filter(|line| line.end.is_none()) {
            let late_since = self.clocks.get(&line.clock).and_then(|c| c.breached_at(calendar, now));
            if late_since != Some(line.due_at) {
                line.end = Some(BreachEnd::Reclassed { at: now });
            }
        }
    }
}
