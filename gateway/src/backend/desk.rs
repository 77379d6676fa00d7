//! The service desk: faults reported by people, files of tickets, the report of a service.

use super::alarms::record_of as alarm_record_of;
use super::readers::unavailable;
use super::similar::similar_now;
use super::ticket_work::{machine_view, malfunction_view, reported_view, work_view};
use super::tickets::{clocks_of, closing_of, record_of, summary};
use super::{LiveBackend, actor_of, revision_fits};
use crate::attachments::AttachmentError;
use crate::pipeline::commit::ToCommit;
use crate::store::{ListFilter, Reader, StoreError};
use crate::web::backend::{Answer, BackendError, NewFile, Order, Report, TicketCommand, WorkCommand};
use alerting::record::AlarmRecord;
use alerting::ticket::{MAX_FILES, Outcome, TicketClass, TicketRecord};
use dashboards::view::{Advice, EarlierTicket, ServiceReport, SimilarEpisode, Ticket};
use domain::text::Text;
use domain::{DeviceKey, Millis, TicketId, Timestamp};
use tokio::sync::oneshot;

/// Earlier tickets in a report.
const MOST_EARLIER: usize = 20;
/// Tickets of a machine that are looked at for a report.
const MOST_LOOKED_AT: u32 = 200;
/// The same fault mended within this is a repeated one.
const REPEATED_WITHIN: Millis = Millis(365 * 86_400_000);

impl LiveBackend {
    /// Opens a ticket for what a person reports; answered when it is on disk.
    pub(super) async fn open_by_hand(&self, order: Order, device: DeviceKey, report: Report) -> Answer<Ticket> {
        if !self.sight.sees(&device) {
            return Err(BackendError::Invalid {
                pointer: "/device".to_owned(),
                detail: "there is no such machine".to_owned(),
            });
        }
        let (reply, answer) = oneshot::channel();
        let message = ToCommit::Report {
            actor: actor_of(&order.actor),
            device,
            report,
            reply,
        };
        let made = self.send_order(message, answer).await?;
        let opened = made.ticket.ok_or_else(|| unavailable("the ticket was not opened"))?;
        self.read_ticket(opened).await
    }

    async fn ticket_record(&self, id: TicketId) -> Answer<TicketRecord> {
        let ask = move |reader: &Reader| reader.ticket(id.0)?.as_ref().map(record_of).transpose();
        self.readers.ask(ask).await?.ok_or_else(|| not_found(id))
    }

    /// Keeps a file: first its content, then the ticket that names it.
    pub(super) async fn keep_file(&self, order: Order, id: TicketId, file: NewFile) -> Answer<Ticket> {
        let record = self.ticket_record(id).await?;
        revision_fits(&order, u64::from(record.revision))?;
        let detail = match record.work.files.len() {
            _ if !record.is_live() => Some(format!("{id} is archived")),
            count if count >= MAX_FILES => Some(format!("files is full: at most {MAX_FILES} entries")),
            _ => None,
        };
        if let Some(detail) = detail {
            return Err(BackendError::Conflict { detail });
        }
        let (files, bytes) = (self.running.attachments.clone(), file.content.len() as u64);
        let keep = tokio::task::spawn_blocking(move || files.keep(&file.content));
        let kept = keep.await.map_err(|_| unavailable("the file was not written"))?;
        let sha256 = kept.map_err(|error| not_kept(&error))?;
        let work = WorkCommand::AttachFile {
            name: file.name,
            content_type: file.content_type,
            bytes,
            sha256,
        };
        self.change_ticket(order, id, TicketCommand::Work(work)).await
    }

    /// A file with its content.
    pub(super) async fn read_file(&self, id: TicketId, entry: u32) -> Answer<NewFile> {
        let record = self.ticket_record(id).await?;
        let note = record.work.files.into_iter().find(|f| f.entry == entry);
        let note = note.ok_or_else(|| BackendError::NotFound {
            what: format!("file {entry} of ticket {id}"),
        })?;
        let files = self.running.attachments.clone();
        let read = tokio::task::spawn_blocking(move || files.read(&note.sha256));
        let content = read.await.map_err(|_| unavailable("the file was not read"))?;
        Ok(NewFile {
            name: note.name,
            content_type: note.content_type,
            content: content.map_err(|error| not_kept(&error))?,
        })
    }

    /// The report of a ticket's service, as of now.
    pub(super) async fn make_service_report(&self, id: TicketId) -> Answer<ServiceReport> {
        let backend = self.clone();
        let ask = move |reader: &Reader| {
            let Some(row) = reader.ticket(id.0)? else {
                return Ok(None);
            };
            let record = record_of(&row)?;
            let row = match &record.alarm {
                Some(alarm) => reader.alarm(&alarm.to_string())?,
                None => None,
            };
            let alarm = row.as_ref().map(alarm_record_of).transpose()?;
            let shown = row.as_ref().map(|row| backend.alarm_view(row)).transpose()?;
            let similar = match &alarm {
                Some(alarm) => similar_now(reader, &alarm.similar, &backend.sight)?,
                None => Vec::new(),
            };
            let of_machine = tickets_of(reader, &record)?;
            let knowledge = backend.entries_for_ticket(reader, &record, alarm.as_ref())?;
            let report = backend.service_report_of(&record, alarm.as_ref(), similar, &of_machine);
            Ok(Some(ServiceReport {
                alarm: shown.map(Box::new),
                knowledge,
                ..report
            }))
        };
        self.readers.ask(ask).await?.ok_or_else(|| not_found(id))
    }

    fn service_report_of(
        &self,
        record: &TicketRecord,
        alarm: Option<&AlarmRecord>,
        similar: Vec<SimilarEpisode>,
        of_machine: &[TicketRecord],
    ) -> ServiceReport {
        let (policy, now) = (&self.running.policy, self.clock().now());
        let earlier = of_machine.iter().filter(|t| t.id < record.id).take(MOST_EARLIER);
        let earlier = earlier.map(|t| EarlierTicket {
            summary: summary(t, policy, now),
            closing: closing_of(t),
        });
        ServiceReport {
            made_at: now.into(),
            ticket: summary(record, policy, now),
            machine: machine_view(record),
            reason: record.reason.clone(),
            report: record.report.as_ref().map(reported_view),
            malfunction: malfunction_view(&record.work.malfunction),
            likely_cause: likely_cause(record, of_machine),
            knowledge: Vec::new(),
            similar,
            earlier: earlier.collect(),
            clocks: clocks_of(record, policy, now),
            closing: closing_of(record),
            work: work_view(&record.work),
            absorbed: record.absorbed.iter().map(|a| a.ticket.to_string()).collect(),
            action: record.action.clone(),
            safety_note: record.safety_note.clone(),
            advice: advice(record, alarm, of_machine),
            alarm: None,
        }
    }
}

/// All tickets of the machine, newest first, without those that were merged.
fn tickets_of(reader: &Reader, record: &TicketRecord) -> Result<Vec<TicketRecord>, StoreError> {
    let filter = ListFilter {
        site: Some(record.device.site.to_string()),
        device: Some(record.device.device.to_string()),
        ..ListFilter::default()
    };
    let rows = reader.tickets(&filter, None, MOST_LOOKED_AT)?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().filter(|t| t.merged_into().is_none()).collect())
}

/// What the fault code says, else what a technician found when the machine had the same fault last.
fn likely_cause(record: &TicketRecord, of_machine: &[TicketRecord]) -> Text {
    if !record.likely_cause.en.is_empty() {
        return record.likely_cause.clone();
    }
    let of_same = of_machine.iter().filter(|t| t.id < record.id).find_map(|t| {
        let (mode, _) = t.mended()?;
        let found = t.outcome()?.finding()?;
        (*mode == record.failure_mode && !found.cause.is_empty()).then(|| found.cause.clone())
    });
    Text {
        en: of_same.unwrap_or_default(),
        zh: String::new(),
    }
}

/// What follows from what is known; nothing is decided here.
fn advice(record: &TicketRecord, alarm: Option<&AlarmRecord>, of_machine: &[TicketRecord]) -> Vec<Advice> {
    let mut advice = Vec::new();
    if alarm.is_some_and(AlarmRecord::stands) {
        advice.push(Advice::AlarmStands);
    }
    if let Some((fault, at)) = record.mended() {
        let is_repeat = |earlier: Timestamp| earlier < at && at - earlier <= REPEATED_WITHIN;
        let before = of_machine.iter().filter(|t| t.id != record.id);
        let times = before.filter(|t| {
            t.mended()
                .is_some_and(|(mode, earlier)| mode == fault && is_repeat(earlier))
        });
        match times.count() {
            0 => {}
            times => advice.push(Advice::Repeated { times: times as u32 }),
        }
    }
    match record.work.checklist.iter().filter(|c| c.done.is_none()).count() {
        0 => {}
        count => advice.push(Advice::ChecksOpen { count: count as u32 }),
    }
    if let Some(Outcome::DifferentFault { failure_mode, .. }) = record.outcome() {
        let failure_mode = failure_mode.clone();
        advice.push(Advice::RulesToReview { failure_mode });
    }
    let is_planned =
        |t: &&TicketRecord| t.id != record.id && t.state.is_open() && t.grade.class == TicketClass::Planned;
    advice.extend(of_machine.iter().filter(is_planned).map(|t| Advice::PlannedWork {
        ticket: t.id.to_string(),
    }));
    advice
}

fn not_found(id: TicketId) -> BackendError {
    BackendError::NotFound {
        what: format!("ticket {id}"),
    }
}

fn not_kept(error: &AttachmentError) -> BackendError {
    match error {
        AttachmentError::Full { .. } => BackendError::Conflict {
            detail: error.to_string(),
        },
        AttachmentError::Io { source, .. } => {
            tracing::error!(%error, %source, "a file of a ticket cannot be kept or read");
            unavailable(&error.to_string())
        }
        AttachmentError::Damaged { .. } => {
            tracing::error!(%error, "a file of a ticket cannot be read");
            unavailable(&error.to_string())
        }
    }
}
