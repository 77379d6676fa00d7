//! Made-up answers that are long: recorded readings and the state of the gateway.

use super::*;

impl Fake {
    pub(super) async fn tell_history(&self, query: HistoryQuery) -> Answer<History> {
        let device = self.device(query.device.clone()).await?;
        let metric = device.metrics.iter().find(|m| m.name == query.metric);
        let metric = metric.ok_or_else(|| not_found(format!("metric {} of {}", query.metric, query.device)))?;
        let to = query.to.unwrap_or_else(|| self.now()).min(self.now());
        let from = query.from.unwrap_or(to - Millis::days(30));
        let step = ((to - from).0 / query.max_points as i64).max(2_000);
        let level = match step {
            ..60_000 => HistoryLevel::Raw,
            60_000..3_600_000 => HistoryLevel::Minute,
            _ => HistoryLevel::Hour,
        };
        let points = (0..query.max_points as i64)
            .map(|i| from + Millis(i * step))
            .take_while(|at| *at < to)
            .map(|at| {
                let of = |part| value_at(metric, &query.device, at + Millis(step * part / 5));
                let values: Vec<f64> = if level == HistoryLevel::Raw {
                    vec![of(0)]
                } else {
                    (0..5).map(of).collect()
                };
                HistoryPoint {
                    at: at.into(),
                    count: values.len() as u64,
                    min: values.iter().copied().fold(f64::INFINITY, f64::min),
                    mean: values.iter().sum::<f64>() / values.len() as f64,
                    max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                }
            });
        let half = to - Millis((to - from).0 / 3);
        let alarm_spans = device.alarms.iter().map(|a| AlarmSpan {
            alarm_id: a.id.to_string(),
            failure_mode: a.failure_mode.clone(),
            severity: a.severity,
            from: half.into(),
            to: None,
        });
        Ok(History {
            metric: metric.name.clone(),
            unit: metric.unit.clone(),
            from: from.into(),
            to: to.into(),
            level,
            points: points.collect(),
            alarm_spans: alarm_spans.collect(),
        })
    }

    pub(super) async fn tell_health(&self) -> Answer<SystemHealth> {
        let part = |name: &str, state, en: &str, zh: &str| Component {
            name: name.into(),
            state,
            detail: text(en, zh),
        };
        let now = self.now();
        Ok(self.with(|s| SystemHealth {
            ready: s.ready,
            version: "0.1.0".into(),
            started_at: (now - Millis::hours(31)).into(),
            journal_position: 184_223,
            history_lag_ms: 420,
            quarantined: s.packets.len() as u64,
            components: vec![
                part(
                    "listener",
                    ComponentState::Ok,
                    "127.0.0.1:1883, 13 connections",
                    "127.0.0.1:1883，13 个连接",
                ),
                part(
                    "journal",
                    ComponentState::Ok,
                    "last commit took 1.8 ms",
                    "最近一次提交用时 1.8 毫秒",
                ),
                part("history", ComponentState::Ok, "0.4 s behind", "滞后 0.4 秒"),
                part(
                    "influx",
                    ComponentState::Degraded,
                    "not reached for 4 min; the journal keeps 21,400 points for it",
                    "4 分钟未连通；日志暂存 21,400 点",
                ),
                part("broker", ComponentState::Off, "not configured", "未配置"),
                part(
                    "outbox",
                    ComponentState::Down,
                    "webhook answered 410; it is switched off",
                    "Webhook 返回 410，已停用",
                ),
            ],
        }))
    }
}
