//! The gateway itself: health of its parts, audit trail.

use super::LiveBackend;
use crate::history::InfluxState;
use crate::store::audit::AuditFilter;
use crate::store::rows::AuditRow;
use crate::web::backend::{Answer, AuditQuery};
use dashboards::view::{Act, AuditEntry, Component, ComponentState, Page, SystemHealth};
use domain::Millis;
use domain::text::Text;
use std::sync::atomic::Ordering::Relaxed;

fn part(name: &str, state: ComponentState, en: String, zh: String) -> Component {
    Component {
        name: name.to_owned(),
        state,
        detail: Text { en, zh },
    }
}

fn off(name: &str) -> Component {
    part(
        name,
        ComponentState::Off,
        "not configured".to_owned(),
        "未配置".to_owned(),
    )
}

fn entry_view(row: AuditRow) -> AuditEntry {
    AuditEntry {
        id: row.id,
        act: Act {
            by: row.actor,
            at: row.at.into(),
        },
        action: row.action,
        subject: row.subject,
        detail: row.detail,
    }
}

impl LiveBackend {
    pub(super) async fn read_health(&self) -> Answer<SystemHealth> {
        let positions = &self.running.positions;
        let (last, taken) = (positions.last(), positions.history_taken());
        let lag = match taken < last {
            true => {
                let oldest = self.readers.ask(move |reader| reader.committed_after(taken)).await?;
                oldest.map_or(Millis::ZERO, |at| self.clock().now() - at)
            }
            false => Millis::ZERO,
        };
        let waiting = self.waiting();
        let is_failing = positions.is_failing();
        Ok(SystemHealth {
            ready: !is_failing && !self.is_stopping(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at.into(),
            journal_position: last,
            history_lag_ms: lag.0.max(0) as u64,
            quarantined: waiting.quarantine,
            components: vec![
                self.listener_part(),
                self.broker_part(),
                journal_part(is_failing, last),
                history_part(lag, last.saturating_sub(taken)),
                self.influx_part(last),
                outbox_part(waiting.outbox_waiting, waiting.outbox_dead),
            ],
        })
    }

    fn listener_part(&self) -> Component {
        let (Some(counters), Some(address)) = (&self.running.listener, self.running.mqtt_address) else {
            return off("listener");
        };
        let open = counters.connections_open.load(Relaxed);
        let tls = self
            .running
            .mqtts_address
            .map(|a| format!(", TLS {a}"))
            .unwrap_or_default();
        part(
            "listener",
            ComponentState::Ok,
            format!("{address}{tls}; connections: {open}"),
            format!("{address}{tls}；连接数 {open}"),
        )
    }

    fn broker_part(&self) -> Component {
        let Some(counters) = &self.running.broker else {
            return off("broker");
        };
        let gaps = counters.possible_gaps.load(Relaxed);
        match counters.connected.load(Relaxed) {
            0 => part(
                "broker",
                ComponentState::Down,
                "not connected; trying again".to_owned(),
                "未连接，正在重试".to_owned(),
            ),
            _ => part(
                "broker",
                ComponentState::Ok,
                format!("connected; times the broker had lost our session: {gaps}"),
                format!("已连接；会话丢失次数 {gaps}"),
            ),
        }
    }

    fn influx_part(&self, last: u64) -> Component {
        let Some(status) = &self.running.influx else {
            return off("influx");
        };
        let status = status.borrow().clone();
        let behind = last.saturating_sub(status.position);
        match status.state {
            InfluxState::Healthy => part(
                "influx",
                ComponentState::Ok,
                format!(
                    "{} lines written, {} refused",
                    status.lines_written, status.lines_refused
                ),
                format!("已写入 {} 行，拒绝 {} 行", status.lines_written, status.lines_refused),
            ),
            InfluxState::Retrying {
                since,
                attempts,
                last_error,
            } => part(
                "influx",
                ComponentState::Degraded,
                format!(
                    "not reached since {since} ({attempts} attempts): {last_error}; the journal keeps {behind} commits for it"
                ),
                format!("自 {since} 起未连通（尝试 {attempts} 次）：{last_error}；日志为其保留 {behind} 次提交"),
            ),
            InfluxState::Misconfigured {
                since, reason, advice, ..
            } => part(
                "influx",
                ComponentState::Down,
                format!("since {since}: {reason}; {advice}; the journal keeps {behind} commits for it"),
                format!("自 {since} 起：{reason}；{advice}；日志为其保留 {behind} 次提交"),
            ),
        }
    }

    pub(super) async fn list_audit(&self, query: AuditQuery) -> Answer<Page<AuditEntry>> {
        let AuditQuery {
            from,
            to,
            actor,
            subject,
            slice,
        } = query;
        let filter = AuditFilter {
            from,
            to,
            actor,
            subject,
        };
        let before = slice.cursor.as_deref().map(|c| c.parse::<u64>().unwrap_or(0));
        let limit = slice.limit;
        let mut rows = self
            .readers
            .ask(move |reader| reader.audit(&filter, before, limit as u32 + 1))
            .await?;
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_more).map(|row| row.id.to_string());
        Ok(Page {
            items: rows.into_iter().map(entry_view).collect(),
            next,
        })
    }
}

fn journal_part(is_failing: bool, last: u64) -> Component {
    match is_failing {
        true => part(
            "journal",
            ComponentState::Down,
            "commits fail: look at the log and at the room on the disk; nothing is acknowledged meanwhile".to_owned(),
            "提交失败：请查看日志和磁盘空间；在此期间不确认任何消息".to_owned(),
        ),
        false => part(
            "journal",
            ComponentState::Ok,
            format!("at commit {last}"),
            format!("已到第 {last} 次提交"),
        ),
    }
}

/// Beyond this the history store does its work late.
const HISTORY_IS_LATE: Millis = Millis::minutes(1);

fn history_part(lag: Millis, commits: u64) -> Component {
    let seconds = lag.0 as f64 / 1_000.0;
    let state = if lag > HISTORY_IS_LATE {
        ComponentState::Degraded
    } else {
        ComponentState::Ok
    };
    match commits {
        0 => part("history", state, "up to date".to_owned(), "已是最新".to_owned()),
        commits => part(
            "history",
            state,
            format!("{commits} commits and {seconds:.1} s behind"),
            format!("滞后 {commits} 次提交、{seconds:.1} 秒"),
        ),
    }
}

fn outbox_part(waiting: u64, dead: u64) -> Component {
    let state = if dead > 0 {
        ComponentState::Degraded
    } else {
        ComponentState::Ok
    };
    part(
        "outbox",
        state,
        format!("{waiting} waiting, {dead} given up"),
        format!("等待 {waiting} 条，放弃 {dead} 条"),
    )
}
