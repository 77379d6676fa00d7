//! What the service desk does, in memory: as much as the pages and the API need to be tried.

use super::*;
use crate::web::backend::{NewFile, Report, SplitOff, WorkCommand};

/// Writes down what the fake keeps of the work; the note for the history.
fn write(work: &mut Work, command: WorkCommand, act: &Act) -> Answer<(StepKind, String)> {
    let entries = work.labour.len() + work.parts.len() + work.checklist.len() + work.files.len();
    let entry = entries as u32 + 1;
    let wrote = match command {
        WorkCommand::LogLabour {
            who, start, seconds, ..
        } => {
            let (start, cost_cents) = (start.into(), None);
            work.labour.push(Labour {
                entry,
                who,
                start,
                seconds,
                rate_cents_per_hour: None,
                cost_cents,
            });
            "labour_logged"
        }
        WorkCommand::UsePart { part, quantity } => {
            work.parts.push(PartUsed { entry, part, quantity });
            "part_used"
        }
        WorkCommand::AddCheck { text } => {
            let done = None;
            work.checklist.push(Check { entry, text, done });
            "check_added"
        }
        WorkCommand::TickCheck { entry, is_done } => {
            let check = work.checklist.iter_mut().find(|c| c.entry == entry);
            check.ok_or_else(|| conflict("there is no such entry"))?.done = is_done.then(|| act.clone());
            "check_ticked"
        }
        WorkCommand::AttachFile {
            name,
            content_type,
            bytes,
            sha256,
        } => {
            let act = act.clone();
            work.files.push(TicketFile {
                entry,
                name,
                content_type,
                bytes,
                sha256,
                act,
            });
            "file_attached"
        }
        WorkCommand::Remove { .. } => "entry_removed",
        WorkCommand::Link { to, .. } => {
            let (ticket, kind) = (to.to_string(), LinkKind::Relates);
            work.links.push(Link { ticket, kind });
            "linked"
        }
        WorkCommand::Unlink { to } => {
            work.links.retain(|l| l.ticket != to.to_string());
            "unlinked"
        }
        WorkCommand::Describe { malfunction } => {
            work.malfunction.symptom = malfunction.symptom;
            "described"
        }
        WorkCommand::CallBack { rating, text } => {
            let act = act.clone();
            work.call_back = Some(CallBack { act, rating, text });
            "called_back"
        }
    };
    let wrote = wrote.to_owned();
    Ok((StepKind::Worked { wrote }, String::new()))
}

/// Writes something down; a bad rating is followed up.
pub(super) fn write_down(ticket: &mut Ticket, work: WorkCommand, act: &Act) -> Answer<(StepKind, String)> {
    if let WorkCommand::CallBack {
        rating: Some(rating), ..
    } = work
        && rating <= 2
    {
        ticket.summary.follow_up = Some(FollowUpNow {
            rating,
            step: Some(FollowUpStep::Agent),
            due_at: None,
            is_late: false,
        });
        ticket.follow_ups.push(FollowUp {
            rating,
            opened_at: act.at,
            settled_at: None,
            is_late: false,
            told: Vec::new(),
            answers: Vec::new(),
        });
    }
    write(&mut ticket.work, work, act)
}

/// Somebody has seen to a bad rating.
pub(super) fn follow_up(ticket: &mut Ticket, agreed: &str, is_settled: bool, act: &Act) -> Answer<StepKind> {
    let now = ticket.summary.follow_up.as_mut();
    let now = now.ok_or_else(|| conflict("no bad rating of this ticket is being followed up"))?;
    let step = now.step.unwrap_or(FollowUpStep::Agent);
    now.step = Some(FollowUpStep::Supervisor);
    if let Some(last) = ticket.follow_ups.last_mut() {
        last.settled_at = is_settled.then_some(act.at);
        last.answers.push(FollowUpAnswer {
            act: act.clone(),
            step,
            agreed: agreed.to_owned(),
            is_settled,
        });
    }
    if is_settled {
        ticket.summary.follow_up = None;
    }
    Ok(StepKind::FollowUpAnswered { step, is_settled })
}

pub(super) fn split_note(off: &SplitOff) -> String {
    match off {
        SplitOff::Ticket { ticket } => ticket.to_string(),
        SplitOff::Alarm { alarm } => alarm.to_string(),
    }
}

impl Fake {
    pub(super) fn open(&self, order: &Order, device: &DeviceKey, report: Report) -> Answer<Ticket> {
        let title = text(&report.title, "");
        let opened = self.with(|s| {
            let is_same = |t: &&Ticket| {
                let is_open = !t.summary.state.is_final();
                let same_mode = report.failure_mode.as_ref() == Some(&t.summary.failure_mode);
                is_open && t.summary.device == device.device && (same_mode || t.summary.title == title)
            };
            if let Some(open) = s.tickets.iter().find(is_same) {
                return Err(conflict(&format!(
                    "{} is about the same fault; go on there",
                    open.summary.id
                )));
            }
            let mut ticket = s.tickets[0].clone();
            ticket.summary.id = TicketId(900 + s.tickets.len() as u64).to_string();
            (ticket.summary.site, ticket.summary.device) = (device.site.clone(), device.device.clone());
            ticket.summary.title = title.clone();
            ticket.summary.revision = 1;
            ticket.report = Some(Reported {
                by: report.reporter.clone(),
                description: report.description.clone(),
            });
            s.tickets.push(ticket.clone());
            Ok(ticket)
        })?;
        self.note(&order.actor, "ticket.opened", &opened.summary.id, "");
        Ok(opened)
    }

    pub(super) async fn add_file(&self, order: Order, id: TicketId, file: NewFile) -> Answer<Ticket> {
        let work = WorkCommand::AttachFile {
            name: file.name,
            content_type: file.content_type,
            bytes: file.content.len() as u64,
            sha256: format!("{:064x}", file.content.len()),
        };
        self.command_ticket(order, id, TicketCommand::Work(work)).await
    }

    pub(super) fn sheet(&self, ticket: Ticket) -> ServiceReport {
        ServiceReport {
            made_at: self.now().into(),
            machine: ticket.machine,
            reason: text("vibration is above the limit", "振动超限"),
            report: ticket.report,
            malfunction: ticket.work.malfunction.clone(),
            likely_cause: text("the grease has aged", "润滑脂老化"),
            knowledge: self.with(|s| s.entries.clone()),
            similar: ticket.similar,
            earlier: Vec::new(),
            alarm: None,
            clocks: ticket.summary.clocks.clone(),
            closing: ticket.closing,
            work: ticket.work,
            absorbed: ticket.absorbed,
            action: ticket.action,
            safety_note: Text::default(),
            advice: vec![Advice::AlarmStands, Advice::Repeated { times: 2 }],
            ticket: ticket.summary,
        }
    }
}

/// For a ticket of the fake: the work of a technician who was there.
pub(super) fn some_work(now: Timestamp) -> Work {
    let by = |minutes: i64| Act {
        by: "Li Wei".into(),
        at: (now - Millis::minutes(minutes)).into(),
    };
    Work {
        labour: vec![Labour {
            entry: 1,
            who: "Li Wei".into(),
            start: by(90).at,
            seconds: 3_600,
            rate_cents_per_hour: Some(8_000),
            cost_cents: Some(8_000),
        }],
        labour_seconds: 3_600,
        labour_cents: Some(8_000),
        parts: vec![PartUsed {
            entry: 2,
            part: "bearing 6205-2RS".into(),
            quantity: 1,
        }],
        checklist: vec![
            Check {
                entry: 3,
                text: text("Isolate the pump", "隔离水泵"),
                done: Some(by(95)),
            },
            Check {
                entry: 4,
                text: text("Check the alignment", "检查对中"),
                done: None,
            },
        ],
        files: vec![TicketFile {
            entry: 5,
            name: "outer race.jpg".into(),
            content_type: "image/jpeg".into(),
            bytes: 48_213,
            sha256: "0".repeat(64),
            act: by(20),
        }],
        links: vec![Link {
            ticket: TicketId(37).to_string(),
            kind: LinkKind::Relates,
        }],
        malfunction: Malfunction {
            symptom: "grinding noise".into(),
            fault_code: "E31".into(),
            is_breakdown: Some(false),
            began_at: Some(by(600).at),
            ended_at: None,
        },
        call_back: None,
    }
}

/// A rule that was judged too few times to say much.
pub(super) fn a_rule() -> RuleFigure {
    RuleFigure {
        profile: "pump".into(),
        rule: "vibration_zone".into(),
        model: "pump@3-1f2e3d4c".into(),
        warnings: 6,
        judged: 4,
        right: 3,
        right_mode: 2,
        precision: Some(0.75),
        precision_low: Some(0.301),
        precision_high: Some(0.954),
        is_too_few: true,
        precision_of_mode: Some(0.5),
        failures: 5,
        failures_warned: 3,
        recall: Some(0.6),
        lead_time_hours: Some(31.5),
        false_alarms: 1,
        false_alarms_a_device_month: Some(0.25),
    }
}

/// A fault that comes in summer.
pub(super) fn a_fault() -> Fault {
    Fault {
        profile: "air_conditioner".into(),
        failure_mode: "compressor_wear".into(),
        count: 2,
        before: 1,
        trend: Trend::Rising,
        busiest_month: Some("2026-07".into()),
        by_month: [("2026-06", 3), ("2026-07", 5), ("2026-11", 2)]
            .map(|(month, count)| (month.to_owned(), count))
            .into(),
        causes: vec!["dust in the condenser (4)".into()],
    }
}
