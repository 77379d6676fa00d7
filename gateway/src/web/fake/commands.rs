//! What commands do to the made-up content.

use super::*;

impl Fake {
    pub(super) async fn carry_out_on_alarm(&self, order: Order, id: AlarmId, command: AlarmCommand) -> Answer<Alarm> {
        let now = self.now();
        let changed = self.with(|s| {
            let alarm = s
                .alarms
                .iter_mut()
                .find(|a| a.id == id)
                .ok_or_else(|| not_found(format!("alarm {id}")))?;
            check_revision(&order, alarm.revision)?;
            let by = order.actor.name.clone();
            match &command {
                AlarmCommand::Acknowledge { note: _ } => {
                    alarm.state = match alarm.state {
                        AlarmState::Unacknowledged => AlarmState::Acknowledged,
                        AlarmState::ReturnedUnacknowledged => AlarmState::Normal,
                        AlarmState::Normal | AlarmState::Acknowledged | AlarmState::Latched => {
                            return Err(conflict("there is nothing to acknowledge"));
                        }
                    };
                    alarm.acknowledged = Some(Act { by, at: now.into() });
                    alarm.since = now.into();
                }
                AlarmCommand::Shelve { .. } if alarm.shelved.is_some() => {
                    return Err(conflict("the alarm is shelved already"));
                }
                AlarmCommand::Shelve { until, .. } if *until > now + Millis::days(1) => {
                    let detail = "at most 1440 minutes".into();
                    return Err(BackendError::Invalid {
                        pointer: "/minutes".into(),
                        detail,
                    });
                }
                AlarmCommand::Shelve { reason, until } => {
                    alarm.shelved = Some(Shelving {
                        by,
                        reason: reason.clone(),
                        until: (*until).into(),
                    });
                }
                AlarmCommand::Unshelve => {
                    alarm
                        .shelved
                        .take()
                        .ok_or_else(|| conflict("the alarm is not shelved"))?;
                }
                AlarmCommand::Reset if alarm.state == AlarmState::Latched => alarm.state = AlarmState::Normal,
                AlarmCommand::Reset => return Err(conflict("the alarm is not latched")),
                AlarmCommand::TakeOutOfService { .. } if alarm.out_of_service.is_some() => {
                    return Err(conflict("the alarm is out of service already"));
                }
                AlarmCommand::TakeOutOfService { reason } => {
                    alarm.out_of_service = Some(OutOfService {
                        by,
                        reason: reason.clone(),
                        since: now.into(),
                        window: None,
                    });
                }
                AlarmCommand::ReturnToService => {
                    alarm
                        .out_of_service
                        .take()
                        .ok_or_else(|| conflict("the alarm is not out of service"))?;
                }
            }
            alarm.revision += 1;
            Ok(alarm.clone())
        })?;
        self.note(&order.actor, "alarm.change", &id, &format!("{command:?}"));
        self.tell(StreamEvent::Alarm(Arc::new(changed.clone())));
        Ok(changed)
    }

    pub(super) async fn plan_a_window(&self, order: Order, plan: WindowPlan) -> Answer<Window> {
        let now: At = self.now().into();
        let made = self.with(|s| {
            let window = Window {
                id: format!("W-{:06}", s.windows.len() + 1),
                purpose: plan.purpose,
                covers: plan.covers,
                schedule: plan.schedule,
                by: order.actor.name.clone(),
                reason: plan.reason,
                created_at: now,
                state: WindowState::Open {
                    since: now,
                    until: None,
                },
                ended: None,
            };
            s.windows.push(window.clone());
            window
        });
        self.note(&order.actor, "window.planned", &made.id, &made.reason);
        Ok(made)
    }

    pub(super) async fn end_a_window(&self, order: Order, id: u64, reason: String) -> Answer<Window> {
        let (at, by) = (self.now().into(), order.actor.name.clone());
        let id = format!("W-{id:06}");
        let ended = self.with(|s| {
            let place = s.windows.iter().position(|w| w.id == id);
            let mut window = s
                .windows
                .remove(place.ok_or_else(|| not_found(format!("window {id}")))?);
            window.state = WindowState::Over { at };
            window.ended = Some(WindowEnd { by, reason });
            Ok(window)
        })?;
        self.note(&order.actor, "window.ended", &id, &ended.reason);
        Ok(ended)
    }

    pub(super) async fn carry_out_on_ticket(
        &self,
        order: Order,
        id: TicketId,
        command: TicketCommand,
    ) -> Answer<Ticket> {
        let _open = self.gate.lock().await;
        let (name, now) = (id.to_string(), self.now());
        let changed = self.with(|s| {
            let ticket = s
                .tickets
                .iter_mut()
                .find(|t| t.summary.id == name)
                .ok_or_else(|| not_found(format!("ticket {id}")))?;
            check_revision(&order, ticket.summary.revision)?;
            let is_final = ticket.summary.state.is_final();
            let act = Act {
                by: order.actor.name.clone(),
                at: now.into(),
            };
            let (what, note) = match command.clone() {
                TicketCommand::Reopen { reason } if is_final => {
                    ticket.summary.state = TicketState::Diagnosed;
                    ticket.next_states = next(TicketState::Diagnosed);
                    (StepKind::Reopened, reason)
                }
                TicketCommand::Archive if is_final => (StepKind::Archived, String::new()),
                TicketCommand::FollowUp { agreed, is_settled } => {
                    (desk::follow_up(ticket, &agreed, is_settled, &act)?, agreed)
                }
                TicketCommand::Work(work) => desk::write_down(ticket, work, &act)?,
                TicketCommand::Reopen { .. } => return Err(conflict("the ticket is open")),
                _ if is_final => return Err(conflict("the ticket is closed; it must be open for that")),
                TicketCommand::Step { to, note } => {
                    if !ticket.next_states.contains(&to) {
                        return Err(conflict("the ticket cannot go there from here"));
                    }
                    ticket.summary.state = to;
                    ticket.next_states = next(to);
                    (StepKind::Stepped { to }, note)
                }
                TicketCommand::Assign {
                    assignee,
                    override_reason,
                    ..
                } => {
                    let first = proposed(&name).into_iter().next();
                    if first.is_some_and(|p| p.engineer != assignee) && override_reason.is_empty() {
                        return Err(conflict("somebody else is proposed; say why"));
                    }
                    ticket.summary.assignee = Some(assignee.clone());
                    (StepKind::Assigned { to: Some(assignee) }, override_reason)
                }
                TicketCommand::Hold { .. } if ticket.summary.on_hold.is_some() => {
                    return Err(conflict("the ticket is on hold already"));
                }
                TicketCommand::Hold { cause, reason } => {
                    ticket.summary.on_hold = Some(Hold {
                        act: act.clone(),
                        cause,
                        reason: reason.clone(),
                    });
                    (StepKind::Held { cause }, reason)
                }
                TicketCommand::Resume => {
                    ticket
                        .summary
                        .on_hold
                        .take()
                        .ok_or_else(|| conflict("the ticket is not on hold"))?;
                    (StepKind::Resumed, String::new())
                }
                TicketCommand::Reclass { class, reason } => {
                    ticket.summary.class = class;
                    (StepKind::Reclassed { class }, reason)
                }
                TicketCommand::Comment { text } => (StepKind::Commented { from: None }, text),
                TicketCommand::Schedule { at } => {
                    ticket.scheduled_for = Some(at.into());
                    (StepKind::Scheduled { visit_at: at.into() }, String::new())
                }
                TicketCommand::Merge { into } => {
                    ticket.summary.state = TicketState::Merged;
                    ticket.next_states.clear();
                    ticket.merged_into = Some(into.to_string());
                    let ticket = into.to_string();
                    (StepKind::MergedInto { ticket }, String::new())
                }
                TicketCommand::Split(off) => {
                    let ticket = desk::split_note(&off);
                    (StepKind::SplitOff { ticket }, String::new())
                }
                TicketCommand::Archive => return Err(conflict("the ticket is open")),
                TicketCommand::Close {
                    outcome,
                    failure_mode,
                    part,
                    damage,
                    cause,
                    remedy,
                    parts,
                    note,
                } => {
                    ticket.summary.state = TicketState::Closed;
                    ticket.next_states.clear();
                    ticket.closing = Some(Closing {
                        outcome,
                        failure_mode,
                        part,
                        damage,
                        cause,
                        remedy,
                        parts,
                        note: note.clone(),
                    });
                    (StepKind::Closed { outcome }, note)
                }
                TicketCommand::Cancel { reason } => {
                    ticket.summary.state = TicketState::Cancelled;
                    ticket.next_states.clear();
                    (StepKind::Cancelled, reason)
                }
            };
            ticket.history.push(TicketStep { act, what, note });
            ticket.summary.revision += 1;
            Ok(ticket.clone())
        })?;
        self.note(&order.actor, "ticket.change", id, &format!("{command:?}"));
        self.tell(StreamEvent::Ticket(Arc::new(changed.summary.clone())));
        Ok(changed)
    }
}
