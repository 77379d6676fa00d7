//! Maintenance windows for people: rows to views, plans to commands.

use super::LiveBackend;
use crate::store::StoreError;
use crate::store::rows::WindowRow;
use crate::web::backend::{Answer, BackendError, Order, WindowPlan};
use alerting::WindowCommand;
use alerting::effect::Command;
use alerting::policy::Day;
use alerting::scope::Scope;
use alerting::window::{Purpose, Schedule, WindowId, WindowRecord, WindowState};
use dashboards::view::{self, Weekday, Window, WindowCovers, WindowEnd, WindowPurpose, WindowSchedule};

fn purpose_of(purpose: WindowPurpose) -> Purpose {
    match purpose {
        WindowPurpose::Maintenance => Purpose::Maintenance,
        WindowPurpose::Commissioning => Purpose::Commissioning,
    }
}

fn purpose_view(purpose: Purpose) -> WindowPurpose {
    match purpose {
        Purpose::Maintenance => WindowPurpose::Maintenance,
        Purpose::Commissioning => WindowPurpose::Commissioning,
    }
}

fn day_of(day: Weekday) -> Day {
    match day {
        Weekday::Monday => Day::Monday,
        Weekday::Tuesday => Day::Tuesday,
        Weekday::Wednesday => Day::Wednesday,
        Weekday::Thursday => Day::Thursday,
        Weekday::Friday => Day::Friday,
        Weekday::Saturday => Day::Saturday,
        Weekday::Sunday => Day::Sunday,
    }
}

fn day_view(day: Day) -> Weekday {
    match day {
        Day::Monday => Weekday::Monday,
        Day::Tuesday => Weekday::Tuesday,
        Day::Wednesday => Weekday::Wednesday,
        Day::Thursday => Weekday::Thursday,
        Day::Friday => Weekday::Friday,
        Day::Saturday => Weekday::Saturday,
        Day::Sunday => Weekday::Sunday,
    }
}

fn schedule_of(schedule: WindowSchedule) -> Schedule {
    match schedule {
        WindowSchedule::UntilEnded => Schedule::UntilEnded,
        WindowSchedule::Once { from, until } => Schedule::Once {
            from: from.0,
            until: until.0,
        },
        WindowSchedule::Weekly {
            days,
            from,
            minutes,
            time_zone,
        } => Schedule::Weekly {
            days: days.into_iter().map(day_of).collect(),
            from,
            minutes,
            time_zone,
        },
    }
}

fn schedule_view(schedule: Schedule) -> WindowSchedule {
    match schedule {
        Schedule::UntilEnded => WindowSchedule::UntilEnded,
        Schedule::Once { from, until } => WindowSchedule::Once {
            from: from.into(),
            until: until.into(),
        },
        Schedule::Weekly {
            days,
            from,
            minutes,
            time_zone,
        } => WindowSchedule::Weekly {
            days: days.into_iter().map(day_view).collect(),
            from,
            minutes,
            time_zone,
        },
    }
}

fn state_view(state: WindowState) -> view::WindowState {
    match state {
        WindowState::Waiting { opens_at } => view::WindowState::Waiting {
            opens_at: opens_at.into(),
        },
        WindowState::Open { since, until } => view::WindowState::Open {
            since: since.into(),
            until: until.map(Into::into),
        },
        WindowState::Over { at } => view::WindowState::Over { at: at.into() },
    }
}

fn window_view(row: &WindowRow) -> Result<Window, StoreError> {
    let record: WindowRecord = serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("maintenance window {}", WindowId(row.id)),
        problem: error.to_string(),
    })?;
    let Scope {
        sites,
        devices,
        profiles,
        customers,
    } = record.covers;
    Ok(Window {
        id: record.id.to_string(),
        purpose: purpose_view(record.purpose),
        covers: WindowCovers {
            sites,
            devices,
            profiles,
            customers,
        },
        schedule: schedule_view(record.schedule),
        by: record.by,
        reason: record.reason,
        created_at: record.created_at.into(),
        state: state_view(record.state),
        ended: record.ended.map(|(by, reason)| WindowEnd { by, reason }),
    })
}

fn not_found(id: u64) -> BackendError {
    BackendError::NotFound {
        what: format!("window {}", WindowId(id)),
    }
}

impl LiveBackend {
    /// Those that are not over, the oldest first.
    pub(super) async fn list_windows(&self) -> Answer<Vec<Window>> {
        let ask = |reader: &crate::store::Reader| reader.open_windows()?.iter().map(window_view).collect();
        self.readers.ask(ask).await
    }

    async fn read_window(&self, id: u64) -> Answer<Window> {
        let ask = move |reader: &crate::store::Reader| reader.window(id)?.as_ref().map(window_view).transpose();
        self.readers.ask(ask).await?.ok_or_else(|| not_found(id))
    }

    /// Plans one; answered when it is on disk.
    pub(super) async fn make_window(&self, order: Order, plan: WindowPlan) -> Answer<Window> {
        let WindowCovers {
            sites,
            devices,
            profiles,
            customers,
        } = plan.covers;
        let command = WindowCommand::Plan {
            purpose: purpose_of(plan.purpose),
            covers: Scope {
                sites,
                devices,
                profiles,
                customers,
            },
            schedule: schedule_of(plan.schedule),
            reason: plan.reason,
        };
        let made = self.command(&order, Command::Window { command }).await?;
        self.read_window(made.window.map_or(0, |id| id.0)).await
    }

    /// Ends one before its time.
    pub(super) async fn close_window(&self, order: Order, id: u64, reason: String) -> Answer<Window> {
        let window = WindowId(id);
        let command = WindowCommand::End { window, reason };
        self.command(&order, Command::Window { command }).await?;
        self.read_window(id).await
    }
}
