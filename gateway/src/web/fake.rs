//! A backend with believable content, for tests and for looking at the pages. Keeps everything in memory; commands work.

use crate::web::StreamEvent;
use crate::web::backend::{
    Actor, AlarmCommand, AlarmQuery, Answer, Backend, BackendError, DeviceQuery, HistoryQuery, LiveReading, Order,
    Slice, TicketCommand, TicketQuery, WatchGuard,
};
use dashboards::view::*;
use domain::profile::{Profile, Role as MetricRole, shipped};
use domain::text::Text;
use domain::*;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

/// The backend.
#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<StreamEvent>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    gate: Arc<tokio::sync::Mutex<()>>,
}

/// Everything it knows.
pub struct State {
    /// Devices, without alarms and tickets.
    pub devices: Vec<Device>,
    /// Alarms.
    pub alarms: Vec<Alarm>,
    /// Tickets.
    pub tickets: Vec<Ticket>,
    /// Quarantine.
    pub packets: Vec<QuarantinedPacket>,
    /// Audit trail, oldest first.
    pub audit: Vec<AuditEntry>,
    /// Commands carried out.
    pub commands: u64,
    /// Whether it takes readings.
    pub ready: bool,
    /// Watched devices.
    pub watched: Arc<Mutex<Vec<DeviceKey>>>,
}

struct Watch(Arc<Mutex<Vec<DeviceKey>>>, DeviceKey);

impl Drop for Watch {
    fn drop(&mut self) {
        let mut all = self.0.lock().expect("not poisoned");
        let at = all.iter().position(|k| *k == self.1).expect("was added");
        all.swap_remove(at);
    }
}

fn text(en: &str, zh: &str) -> Text {
    Text {
        en: en.into(),
        zh: zh.into(),
    }
}

fn not_found(what: impl std::fmt::Display) -> BackendError {
    BackendError::NotFound { what: what.to_string() }
}

fn conflict(detail: &str) -> BackendError {
    BackendError::Conflict { detail: detail.into() }
}

struct Made {
    site: &'static str,
    device: &'static str,
    title: (&'static str, &'static str),
    connectivity: Connectivity,
    heard_s_ago: i64,
    health: Option<f64>,
}

/// Profile, site, device, title in both languages, connectivity, heard so many seconds ago, health.
type Line = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str),
    Connectivity,
    i64,
    Option<f64>,
);

const DEVICES: [Line; 14] = {
    use Connectivity::{Offline, Online, Silent, Unknown};
    [
        (
            "pump",
            "hangzhou-plant",
            "pump-101",
            ("Cooling water pump 1", "1 号冷却水泵"),
            Online,
            1,
            Some(34.0),
        ),
        (
            "pump",
            "hangzhou-plant",
            "pump-102",
            ("Cooling water pump 2", "2 号冷却水泵"),
            Online,
            2,
            Some(93.0),
        ),
        (
            "pump",
            "hangzhou-plant",
            "pump-103",
            ("Boiler feed pump", "锅炉给水泵"),
            Online,
            1,
            Some(71.0),
        ),
        (
            "compressor",
            "hangzhou-plant",
            "compressor-1",
            ("Screw compressor", "螺杆压缩机"),
            Online,
            4,
            Some(88.0),
        ),
        (
            "compressor",
            "hangzhou-plant",
            "compressor-2",
            ("Screw compressor", "螺杆压缩机"),
            Offline,
            5_400,
            Some(90.0),
        ),
        (
            "elevator",
            "riverside-mall",
            "elevator-a",
            ("Passenger lift A", "A 号客梯"),
            Online,
            1,
            Some(22.0),
        ),
        (
            "elevator",
            "riverside-mall",
            "elevator-b",
            ("Passenger lift B", "B 号客梯"),
            Online,
            2,
            Some(97.0),
        ),
        (
            "elevator",
            "riverside-mall",
            "elevator-c",
            ("Goods lift", "货梯"),
            Online,
            2,
            Some(84.0),
        ),
        (
            "air_conditioner",
            "hotel-lotus",
            "ac-roof-1",
            ("Roof unit, lobby", "大堂屋顶机组"),
            Online,
            8,
            Some(58.0),
        ),
        (
            "air_conditioner",
            "hotel-lotus",
            "ac-roof-2",
            ("Roof unit, ballroom", "宴会厅屋顶机组"),
            Silent,
            1_260,
            Some(91.0),
        ),
        (
            "air_conditioner",
            "hotel-lotus",
            "ac-roof-3",
            ("Roof unit, rooms", "客房屋顶机组"),
            Online,
            7,
            Some(99.0),
        ),
        (
            "washing_machine",
            "hotel-lotus",
            "laundry-1",
            ("Laundry machine", "洗衣机"),
            Online,
            3,
            Some(79.0),
        ),
        (
            "generic",
            "hotel-lotus",
            "freezer-kitchen",
            ("Unknown device", "未知设备"),
            Online,
            20,
            None,
        ),
        (
            "generic",
            "hotel-lotus",
            "boiler-room-sensor-with-a-rather-long-name-24",
            ("Unknown device", "未知设备"),
            Unknown,
            0,
            None,
        ),
    ]
};

impl Fake {
    /// With content as of `now()`.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Fake {
        let now = clock();
        Fake {
            state: Arc::new(Mutex::new(state(now))),
            events: broadcast::channel(256).0,
            clock: Arc::new(clock),
            gate: Arc::default(),
        }
    }

    /// Nothing at all, as after the first start.
    pub fn empty(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Fake {
        let fake = Fake::new(clock);
        fake.with(|s| {
            s.devices.clear();
            s.alarms.clear();
            s.tickets.clear();
            s.packets.clear();
            s.audit.clear();
        });
        fake
    }

    /// Looks at or changes what it knows.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().expect("not poisoned"))
    }

    /// Tells those who listen.
    pub fn tell(&self, event: StreamEvent) {
        let _nobody_may_listen = self.events.send(event);
    }

    /// While it lives, no ticket command is carried out.
    pub async fn hold_commands(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.gate.clone().lock_owned().await
    }

    /// A device measures something.
    pub fn read(&self, device: &DeviceKey, at: Timestamp, metric: &str, value: f64) {
        let metric = MetricName::new(metric).expect("name");
        let reading = Arc::new(LiveReading {
            at: at.into(),
            values: vec![(metric, value)],
        });
        self.tell(StreamEvent::Reading {
            device: device.clone(),
            reading,
        });
    }

    /// Sends a reading of each watched device.
    #[allow(dead_code)] // only the preview beats
    pub fn beat(&self) {
        let now = self.now();
        let watched = self.with(|s| s.watched.lock().expect("not poisoned").clone());
        for device in watched {
            let values = self.with(|s| {
                let found = s
                    .devices
                    .iter()
                    .find(|d| d.summary.site == device.site && d.summary.device == device.device);
                let metrics = found.map(|d| d.metrics.clone()).unwrap_or_default();
                metrics
                    .iter()
                    .map(|m| (m.name.clone(), value_at(m, &device, now)))
                    .collect()
            });
            let reading = Arc::new(LiveReading { at: now.into(), values });
            self.tell(StreamEvent::Reading { device, reading });
        }
    }

    fn note(&self, actor: &Actor, action: &str, subject: impl std::fmt::Display, detail: &str) {
        let at = self.now().into();
        self.with(|s| {
            s.commands += 1;
            let id = s.audit.len() as u64 + 1;
            s.audit.push(AuditEntry {
                id,
                act: Act {
                    by: actor.name.clone(),
                    at,
                },
                action: action.into(),
                subject: subject.to_string(),
                detail: detail.into(),
            });
        });
    }
}

/// A value around which a metric moves, and how it grows on the machine that wears out.
fn value_at(metric: &Metric, device: &DeviceKey, at: Timestamp) -> f64 {
    let (middle, swing) = match metric.name.as_str() {
        "vibration_rms_mm_s" => (1.6, 0.25),
        "bearing_temperature_c" => (61.0, 1.5),
        "motor_current_a" => (42.0, 2.0),
        "discharge_pressure_bar" => (4.1, 0.08),
        "flow_m3_h" => (118.0, 4.0),
        "rpm" => (1485.0, 3.0),
        "runtime_hours" => return 8_123.0 + (at.0 % 86_400_000) as f64 / 3_600_000.0,
        _ => match metric.expected {
            Some(range) => ((range.low + range.high) / 2.0, (range.high - range.low) / 5.0),
            None => (20.0, 2.0),
        },
    };
    let t = at.0 as f64 / 1000.0;
    let seed = device.device.as_str().bytes().map(f64::from).sum::<f64>() + metric.name.as_str().len() as f64;
    let wave = (t / 47.0 + seed).sin() + 0.5 * (t / 7.3 + seed * 2.0).sin() + 0.3 * (t * 1.7 + seed).sin();
    let wear = match (device.device.as_str(), metric.name.as_str()) {
        ("pump-101", "vibration_rms_mm_s") => 3.1 + 0.2 * (t / 600.0).sin(),
        ("pump-101", "bearing_temperature_c") => 17.0,
        _ => 0.0,
    };
    middle + wear + swing * wave
}

fn state(now: Timestamp) -> State {
    let profiles = shipped::all();
    let mut devices: Vec<Device> = DEVICES
        .into_iter()
        .map(|(profile, site, device, title, connectivity, heard_s_ago, health)| {
            let profile = profiles.iter().find(|p| p.id == profile).expect("shipped");
            let made = Made {
                site,
                device,
                title,
                connectivity,
                heard_s_ago,
                health,
            };
            device_of(&made, profile, now)
        })
        .collect();
    let alarms = alarms(&profiles, now);
    let tickets = tickets(&profiles, &alarms, now);
    for device in &mut devices {
        let own: Vec<&Alarm> = alarms
            .iter()
            .filter(|a| a.site == device.summary.site && a.device == device.summary.device)
            .collect();
        for mode in &mut device.failure_modes {
            let shown = own.iter().find(|a| a.failure_mode == mode.id && a.is_active);
            mode.active = shown.map(|a| a.severity);
            mode.health = device.summary.health.map(|h| if shown.is_some() { h } else { 96.0 });
            mode.time_left = shown.and(device.summary.time_left);
        }
    }
    let packets = vec![
        packet(
            3,
            now,
            40,
            "forewarn/hotel-lotus/freezer-kitchen/telemetry",
            "not_json",
            "not JSON: expected value at line 1 column 1",
            b"temperature=-18.4;door=closed",
        ),
        packet(
            2,
            now,
            900,
            "forewarn/hangzhou-plant/pump-107/telemetry",
            "timestamp_too_early",
            "ts 1732250000 lies before 2000; milliseconds are expected, was it sent in seconds?",
            br#"{"ts":1732250000,"metrics":{"vibration_rms_mm_s":1.42,"bearing_temperature_c":61.5}}"#,
        ),
        packet(
            1,
            now,
            7_200,
            "forewarn/riverside-mall/elevator-x/waveform/car",
            "bad_waveform",
            "waveform: the header says 3 axes, the payload has room for 2",
            b"FWV1\x00\x03\x00\x00\x00\x00\x80\x3f\x00\x00\x7a\x44\x00\x00\xc0\x7f\x10\x27\x00\x00",
        ),
    ];
    let act = |by: &str, minutes| Act {
        by: by.into(),
        at: (now - Millis::minutes(minutes)).into(),
    };
    let audit = vec![
        AuditEntry {
            id: 1,
            act: act("system", 340),
            action: "ticket.open".into(),
            subject: "T-000041".into(),
            detail: String::new(),
        },
        AuditEntry {
            id: 2,
            act: act("Chen Yu", 200),
            action: "alarm.shelve".into(),
            subject: "hotel-lotus/laundry-1/imbalance/2".into(),
            detail: "spin test by the maker".into(),
        },
        AuditEntry {
            id: 3,
            act: act("Li Wei", 31),
            action: "ticket.step".into(),
            subject: "T-000042".into(),
            detail: "to diagnosed".into(),
        },
    ];
    State {
        devices,
        alarms,
        tickets,
        packets,
        audit,
        commands: 0,
        ready: true,
        watched: Arc::default(),
    }
}

fn packet(
    id: u64,
    now: Timestamp,
    seconds_ago: i64,
    topic: &str,
    reason: &str,
    detail: &str,
    bytes: &[u8],
) -> QuarantinedPacket {
    QuarantinedPacket {
        id,
        received_at: (now - Millis::seconds(seconds_ago)).into(),
        topic: topic.into(),
        reason: reason.into(),
        detail: detail.into(),
        size_bytes: bytes.len() as u64,
        preview: Preview::of(bytes, 512),
    }
}

fn life(now: Timestamp, days: [i64; 3]) -> TimeLeft {
    RemainingLife {
        made_at: now - Millis::minutes(2),
        p10: Millis::days(days[0]),
        p50: Millis::days(days[1]),
        p90: Millis::days(days[2]),
    }
    .into()
}

fn device_of(made: &Made, profile: &Profile, now: Timestamp) -> Device {
    let key = DeviceKey::new(made.site, made.device).expect("names");
    let unknown = ["temperature_c", "door_open_share", "current_a"].map(|n| MetricName::new(n).expect("name"));
    let names: Vec<MetricName> = match profile.metrics.is_empty() {
        true => unknown.to_vec(),
        false => profile.metrics.keys().cloned().collect(),
    };
    let is_known = made.connectivity != Connectivity::Unknown;
    let metrics = names.iter().filter(|_| is_known).map(|name| {
        let mut metric = Metric::of_profile(profile, name);
        let value = value_at(&metric, &key, now);
        metric.last = Some(LastValue {
            value,
            measured_at: (now - Millis::seconds(made.heard_s_ago)).into(),
            quality: if made.connectivity == Connectivity::Silent {
                Quality::Uncertain
            } else {
                Quality::Good
            },
        });
        if metric.role == MetricRole::Condition {
            let (middle, _) = (value, ());
            let wide = if name.as_str().contains("pressure") {
                0.4
            } else {
                middle.abs().mul_add(0.12, 0.5)
            };
            let middle = if made.device == "pump-101" && name.as_str().starts_with("vib") {
                1.6
            } else {
                middle
            };
            metric.expected = Some(Range {
                low: middle - wide,
                high: middle + wide,
            });
            metric.learned = Some(if profile.id == "generic" { 0.42 } else { 1.0 });
        }
        metric
    });
    let time_left = match made.device {
        "pump-101" => Some(life(now, [4, 9, 15])),
        "pump-103" => Some(life(now, [38, 61, 104])),
        "elevator-a" => Some(life(now, [1, 3, 6])),
        "ac-roof-1" => Some(life(now, [12, 20, 34])),
        _ => None,
    };
    Device {
        summary: DeviceSummary {
            site: key.site.clone(),
            device: key.device.clone(),
            profile: profile.id.clone(),
            title: text(made.title.0, made.title.1),
            connectivity: made.connectivity,
            last_seen: is_known.then(|| (now - Millis::seconds(made.heard_s_ago)).into()),
            health: made.health,
            severity: None,
            risk: None,
            open_alarms: 0,
            open_tickets: 0,
            time_left,
        },
        profile_title: profile.title.clone(),
        profile_version: profile.version,
        serial_number: if profile.id == "generic" {
            String::new()
        } else {
            format!("SN-2021-{}", made.device.len() * 1013)
        },
        location: if made.site == "hangzhou-plant" {
            "Hall 2, row B".into()
        } else {
            String::new()
        },
        customer: String::new(),
        metrics: metrics.collect(),
        failure_modes: profile
            .modes
            .iter()
            .map(|mode| FailureModeStatus {
                id: mode.id.clone(),
                title: mode.title.clone(),
                active: None,
                is_safety: mode.is_safety,
                part: mode.part.clone(),
                health: None,
                time_left: None,
            })
            .collect(),
        alarms: Vec::new(),
        tickets: Vec::new(),
    }
}

fn evidence(
    rule: &str,
    metric: Option<&str>,
    title: (&str, &str),
    unit: &str,
    value: Option<f64>,
    reason: EvidenceReason,
) -> EvidenceView {
    let said = Evidence {
        rule: RuleId::new(rule).expect("name"),
        metric: metric.map(|m| MetricName::new(m).expect("name")),
        value,
        reason,
    };
    EvidenceView::new(&said, &text(title.0, title.1), unit)
}

fn alarms(profiles: &[Profile], now: Timestamp) -> Vec<Alarm> {
    let vibration = ("Vibration velocity", "振动速度");
    let iso = "ISO 10816-3:2009 group 2 rigid, zone D".to_owned();
    let mut all = Vec::new();
    let mut add = |site: &str,
                   device: &str,
                   mode: &str,
                   title: (&str, &str),
                   severity,
                   state,
                   risk,
                   minutes: i64,
                   evidence: Vec<EvidenceView>| {
        let key = DeviceKey::new(site, device).expect("names");
        let failure_mode = FailureModeId::new(mode).expect("name");
        let known = profiles
            .iter()
            .flat_map(|p| &p.modes)
            .find(|m| m.id == failure_mode)
            .map(|m| m.title.clone());
        let at: At = (now - Millis::minutes(minutes)).into();
        all.push(Alarm {
            id: AlarmId::new(&key, &failure_mode, 1),
            revision: 1,
            site: key.site,
            device: key.device,
            failure_mode,
            title: known.unwrap_or_else(|| text(title.0, title.1)),
            severity,
            state,
            is_active: matches!(state, AlarmState::Unacknowledged | AlarmState::Acknowledged),
            shelved: None,
            suppressed: None,
            risk,
            raised_at: at,
            since: at,
            acknowledged: (state == AlarmState::Acknowledged).then(|| Act {
                by: "Li Wei".into(),
                at,
            }),
            evidence,
            ticket: None,
        });
    };
    use AlarmState::{Acknowledged, Latched, Normal, ReturnedUnacknowledged, Unacknowledged};
    use Severity::{Advisory, Critical, Warning};
    add(
        "riverside-mall",
        "elevator-a",
        "brake_wear",
        ("Brake wear", "制动器磨损"),
        Critical,
        Unacknowledged,
        RiskLevel::VeryHigh,
        12,
        vec![
            evidence(
                "stopping_distance",
                Some("stopping_distance_mm"),
                ("Stopping distance", "制动距离"),
                "mm",
                Some(148.2),
                EvidenceReason::AboveLimit {
                    limit: 120.0,
                    source: "GB/T 7588.1".into(),
                },
            ),
            evidence(
                "brake_hot",
                Some("brake_temperature_c"),
                ("Brake temperature", "制动器温度"),
                "°C",
                Some(96.0),
                EvidenceReason::OutsideBaseline {
                    low: 38.0,
                    high: 71.0,
                    score: 0.97,
                },
            ),
        ],
    );
    add(
        "hangzhou-plant",
        "pump-101",
        "bearing_wear",
        ("", ""),
        Critical,
        Acknowledged,
        RiskLevel::High,
        340,
        vec![
            evidence(
                "vibration_zone",
                Some("vibration_rms_mm_s"),
                vibration,
                "mm/s",
                Some(4.83),
                EvidenceReason::AboveLimit {
                    limit: 4.5,
                    source: iso,
                },
            ),
            evidence(
                "bearing_hot",
                Some("bearing_temperature_c"),
                ("Bearing temperature", "轴承温度"),
                "°C",
                Some(78.4),
                EvidenceReason::TooFast {
                    per_hour: 3.2,
                    limit_per_hour: 2.0,
                },
            ),
        ],
    );
    add(
        "hotel-lotus",
        "ac-roof-2",
        "no_data",
        ("", ""),
        Warning,
        Unacknowledged,
        RiskLevel::Medium,
        18,
        vec![evidence(
            "absence",
            None,
            ("", ""),
            "",
            None,
            EvidenceReason::Silent {
                last_received_at: now - Millis::minutes(21),
            },
        )],
    );
    add(
        "hotel-lotus",
        "ac-roof-1",
        "refrigerant_leak",
        ("Refrigerant leak", "制冷剂泄漏"),
        Warning,
        Unacknowledged,
        RiskLevel::Medium,
        95,
        vec![evidence(
            "suction_low",
            Some("suction_pressure_bar"),
            ("Suction pressure", "吸气压力"),
            "bar",
            Some(3.12),
            EvidenceReason::BelowLimit {
                limit: 3.5,
                source: "maker".into(),
            },
        )],
    );
    add(
        "hangzhou-plant",
        "pump-103",
        "abnormal_behaviour",
        ("", ""),
        Advisory,
        Acknowledged,
        RiskLevel::Low,
        1_500,
        vec![evidence(
            "baseline",
            Some("motor_current_a"),
            ("Motor current", "电机电流"),
            "A",
            Some(51.7),
            EvidenceReason::OutsideBaseline {
                low: 38.0,
                high: 47.0,
                score: 0.91,
            },
        )],
    );
    add(
        "riverside-mall",
        "elevator-c",
        "door_fault",
        ("Door fault", "门机故障"),
        Warning,
        Latched,
        RiskLevel::Medium,
        410,
        vec![evidence(
            "fault_code",
            None,
            ("", ""),
            "",
            None,
            EvidenceReason::FaultCode {
                code: "E47".into(),
                text: "door reversal >3 times".into(),
            },
        )],
    );
    add(
        "hotel-lotus",
        "laundry-1",
        "imbalance",
        ("Drum imbalance", "滚筒失衡"),
        Warning,
        Unacknowledged,
        RiskLevel::Low,
        230,
        vec![evidence(
            "drum",
            Some("drum_vibration_mm_s"),
            ("Drum vibration", "滚筒振动"),
            "mm/s",
            Some(12.4),
            EvidenceReason::AboveLimit {
                limit: 10.0,
                source: "maker".into(),
            },
        )],
    );
    add(
        "hangzhou-plant",
        "compressor-1",
        "sensor_fault",
        ("", ""),
        Advisory,
        ReturnedUnacknowledged,
        RiskLevel::VeryLow,
        600,
        vec![evidence(
            "stuck",
            Some("oil_pressure_bar"),
            ("Oil pressure", "油压"),
            "bar",
            Some(2.41),
            EvidenceReason::Stuck {
                since: now - Millis::hours(12),
            },
        )],
    );
    add(
        "hangzhou-plant",
        "pump-102",
        "cavitation",
        ("", ""),
        Warning,
        Normal,
        RiskLevel::Low,
        4_000,
        Vec::new(),
    );
    all[0].ticket = Some("T-000043".into());
    all[1].ticket = Some("T-000042".into());
    all[3].ticket = Some("T-000041".into());
    all[6].shelved = Some(Shelving {
        by: "Chen Yu".into(),
        reason: "spin test by the maker".into(),
        until: (now + Millis::minutes(95)).into(),
    });
    all
}

fn clock(kind: ClockKind, now: Timestamp, minutes_left: i64, met_minutes_ago: Option<i64>) -> Clock {
    let due = now + Millis::minutes(minutes_left);
    let state = match met_minutes_ago {
        Some(ago) => ClockState::Met {
            at: (now - Millis::minutes(ago)).into(),
        },
        None if minutes_left < 0 => ClockState::Breached { at: due.into() },
        None => ClockState::Running,
    };
    Clock {
        kind,
        due_at: Some(due.into()),
        remaining_ms: (due - now).0,
        state,
    }
}

fn tickets(profiles: &[Profile], alarms: &[Alarm], now: Timestamp) -> Vec<Ticket> {
    use ClockKind::{FirstResponse, OnSite, Resolution};
    let ago = |minutes| -> At { (now - Millis::minutes(minutes)).into() };
    let step = |by: &str, minutes, what, note: &str| TicketStep {
        act: Act {
            by: by.into(),
            at: ago(minutes),
        },
        what,
        note: note.into(),
    };
    let make = |number: u64,
                kind,
                class,
                priority: &str,
                state,
                from: &Alarm,
                minutes: i64,
                assignee: Option<&str>,
                clocks: Vec<Clock>| {
        let mode = profiles
            .iter()
            .flat_map(|p| &p.modes)
            .find(|m| m.id == from.failure_mode);
        Ticket {
            summary: TicketSummary {
                id: TicketId(number).to_string(),
                revision: 3,
                kind,
                class,
                priority: priority.into(),
                state,
                site: from.site.clone(),
                device: from.device.clone(),
                failure_mode: from.failure_mode.clone(),
                title: from.title.clone(),
                severity: Some(from.severity),
                risk: Some(from.risk),
                opened_at: ago(minutes),
                assignee: assignee.map(str::to_owned),
                on_hold: None,
                clocks,
            },
            action: mode.map_or_else(|| text("Inspect on site", "上门检查"), |m| m.action.clone()),
            part: mode.map(|m| m.part.clone()).unwrap_or_default(),
            parts: mode.map(|m| m.parts.clone()).unwrap_or_default(),
            skills: mode.map(|m| m.skills.clone()).unwrap_or_default(),
            is_safety: class == TicketClass::Emergency,
            evidence: from.evidence.clone(),
            alarms: vec![from.id.to_string()],
            time_left: None,
            next_states: next(state),
            closing: None,
            history: vec![step("system", minutes, StepKind::Opened, "")],
        }
    };
    let mut all = vec![
        make(
            43,
            TicketKind::Emergency,
            TicketClass::Emergency,
            "P1",
            TicketState::Reported,
            &alarms[0],
            12,
            None,
            vec![
                clock(FirstResponse, now, 18, None),
                clock(OnSite, now, 108, None),
                clock(Resolution, now, 1_428, None),
            ],
        ),
        make(
            42,
            TicketKind::OnSiteInspection,
            TicketClass::Key,
            "P2",
            TicketState::Diagnosed,
            &alarms[1],
            338,
            Some("Li Wei"),
            vec![
                clock(FirstResponse, now, -278, Some(300)),
                clock(OnSite, now, 1_102, None),
                clock(Resolution, now, 3_982, None),
            ],
        ),
        make(
            41,
            TicketKind::OnSiteInspection,
            TicketClass::Ordinary,
            "P3",
            TicketState::Reported,
            &alarms[3],
            94,
            None,
            vec![
                clock(FirstResponse, now, -34, None),
                clock(Resolution, now, 1_346, None),
            ],
        ),
        make(
            40,
            TicketKind::OnSiteInspection,
            TicketClass::Ordinary,
            "P4",
            TicketState::InProgress,
            &alarms[4],
            1_490,
            Some("Zhou Min"),
            vec![
                clock(FirstResponse, now, -1_430, Some(1_450)),
                clock(Resolution, now, -50, None),
            ],
        ),
        make(
            39,
            TicketKind::OnSiteInspection,
            TicketClass::Ordinary,
            "P3",
            TicketState::Testing,
            &alarms[5],
            409,
            Some("Zhou Min"),
            vec![
                clock(FirstResponse, now, -349, Some(380)),
                clock(Resolution, now, 1_031, None),
            ],
        ),
        make(
            38,
            TicketKind::OnSiteInspection,
            TicketClass::Ordinary,
            "P3",
            TicketState::Closed,
            &alarms[8],
            4_000,
            Some("Li Wei"),
            Vec::new(),
        ),
    ];
    all[1].time_left = Some(life(now, [4, 9, 15]));
    all[1].history.extend([
        step(
            "Li Wei",
            300,
            StepKind::Assigned {
                to: Some("Li Wei".into()),
            },
            "",
        ),
        step(
            "system",
            120,
            StepKind::Merged {
                alarm_id: alarms[1].id.to_string(),
            },
            "",
        ),
        step(
            "Li Wei",
            31,
            StepKind::Stepped {
                to: TicketState::Diagnosed,
            },
            "Outer race damage in the envelope spectrum at 89 Hz.\nBearing is in the van, visit tomorrow 08:00.",
        ),
        step(
            "Chen Yu",
            9,
            StepKind::Commented,
            "Customer can stop the pump between 08:00 and 10:00.",
        ),
    ]);
    all[2]
        .history
        .push(step("system", 34, StepKind::ClockBreached { clock: FirstResponse }, ""));
    all[4].summary.on_hold = Some(Hold {
        act: Act {
            by: "Zhou Min".into(),
            at: ago(60),
        },
        reason: "waits for door motor".into(),
    });
    for clock in all[4]
        .summary
        .clocks
        .iter_mut()
        .filter(|c| c.state == ClockState::Running)
    {
        (clock.state, clock.due_at) = (ClockState::Paused, None);
    }
    all[5].closing = Some(Closing {
        outcome: Outcome::FaultConfirmed,
        cause: "suction strainer blocked".into(),
        remedy: "strainer cleaned, impeller inspected".into(),
        parts: vec!["strainer gasket".into()],
        note: String::new(),
    });
    all[5].history.push(step(
        "Li Wei",
        2_900,
        StepKind::Closed {
            outcome: Outcome::FaultConfirmed,
        },
        "",
    ));
    let mut plan = all[3].clone();
    plan.summary = TicketSummary {
        id: TicketId(37).to_string(),
        kind: TicketKind::MaintenanceReminder,
        class: TicketClass::Planned,
        priority: "P5".into(),
        state: TicketState::Planned,
        site: SiteName::new("hangzhou-plant").expect("name"),
        device: DeviceName::new("pump-102").expect("name"),
        failure_mode: FailureModeId::new("plan.lubrication").expect("name"),
        title: text("Lubricate bearings", "轴承润滑"),
        severity: None,
        risk: None,
        clocks: vec![clock(Resolution, now, 9_200, None)],
        ..plan.summary
    };
    plan.next_states = next(TicketState::Planned);
    all.push(plan);
    all
}

fn next(state: TicketState) -> Vec<TicketState> {
    TicketState::ALL
        .into_iter()
        .filter(|s| *s > state && !s.is_final())
        .collect()
}

impl State {
    fn summary(&self, device: &Device) -> DeviceSummary {
        let s = &device.summary;
        let own = || {
            self.alarms
                .iter()
                .filter(|a| a.site == s.site && a.device == s.device && a.state != AlarmState::Normal)
        };
        let open = self
            .tickets
            .iter()
            .filter(|t| t.summary.site == s.site && t.summary.device == s.device && !t.summary.state.is_final());
        DeviceSummary {
            severity: own().filter(|a| a.is_active).map(|a| a.severity).max(),
            risk: own().map(|a| a.risk).max(),
            open_alarms: own().count() as u32,
            open_tickets: open.count() as u32,
            ..s.clone()
        }
    }
}

fn check_revision(order: &Order, revision: u64) -> Answer<()> {
    match order.if_revision {
        Some(seen) if seen != revision => Err(BackendError::Changed { revision }),
        Some(_) | None => Ok(()),
    }
}

impl Backend for Fake {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn mqtt_address(&self) -> Option<String> {
        Some("127.0.0.1:1883".into())
    }

    async fn counts(&self) -> Answer<FleetCounts> {
        Ok(self.with(|s| FleetCounts {
            devices: s.devices.len() as u32,
            online: s
                .devices
                .iter()
                .filter(|d| d.summary.connectivity == Connectivity::Online)
                .count() as u32,
            active_alarms: s.alarms.iter().filter(|a| a.is_active).count() as u32,
            unacknowledged_alarms: s
                .alarms
                .iter()
                .filter(|a| a.state == AlarmState::Unacknowledged)
                .count() as u32,
            open_tickets: s.tickets.iter().filter(|t| !t.summary.state.is_final()).count() as u32,
            breached_clocks: s
                .tickets
                .iter()
                .flat_map(|t| &t.summary.clocks)
                .filter(|c| matches!(c.state, ClockState::Breached { .. }))
                .count() as u32,
        }))
    }

    async fn sites(&self) -> Answer<Vec<SiteName>> {
        let sites = self.with(|s| {
            s.devices
                .iter()
                .map(|d| d.summary.site.clone())
                .collect::<std::collections::BTreeSet<_>>()
        });
        Ok(sites.into_iter().collect())
    }

    async fn devices(&self, query: DeviceQuery) -> Answer<Page<DeviceSummary>> {
        let mut all: Vec<DeviceSummary> = self.with(|s| s.devices.iter().map(|d| s.summary(d)).collect());
        let wanted = query.text.to_lowercase();
        all.retain(|d| query.site.as_ref().is_none_or(|site| *site == d.site));
        all.retain(|d| {
            format!("{} {} {} {} {}", d.site, d.device, d.profile, d.title.en, d.title.zh)
                .to_lowercase()
                .contains(&wanted)
        });
        all.sort_by(DeviceSummary::attention_order);
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |d| {
            format!("{}/{}", d.site, d.device)
        }))
    }

    async fn device(&self, key: DeviceKey) -> Answer<Device> {
        self.with(|s| {
            let found = s
                .devices
                .iter()
                .find(|d| d.summary.site == key.site && d.summary.device == key.device);
            let found = found.ok_or_else(|| not_found(format!("device {key}")))?;
            let alarms = s
                .alarms
                .iter()
                .filter(|a| a.site == key.site && a.device == key.device && a.state != AlarmState::Normal);
            let tickets = s
                .tickets
                .iter()
                .map(|t| &t.summary)
                .filter(|t| t.site == key.site && t.device == key.device);
            Ok(Device {
                summary: s.summary(found),
                alarms: alarms.cloned().collect(),
                tickets: tickets.cloned().collect(),
                ..found.clone()
            })
        })
    }

    async fn history(&self, query: HistoryQuery) -> Answer<History> {
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

    async fn alarms(&self, query: AlarmQuery) -> Answer<Page<Alarm>> {
        let fits = |a: &&Alarm| {
            query.site.as_ref().is_none_or(|v| *v == a.site)
                && query.device.as_ref().is_none_or(|v| *v == a.device)
                && query.severity.is_none_or(|v| v == a.severity)
                && query.is_active.is_none_or(|v| v == a.is_active)
                && query.is_shelved.is_none_or(|v| v == a.shelved.is_some())
                && match query.state {
                    Some(state) => a.state == state,
                    None => query.with_normal || a.state != AlarmState::Normal,
                }
        };
        let mut all: Vec<Alarm> = self.with(|s| s.alarms.iter().filter(fits).cloned().collect());
        all.sort_by_key(|a| (std::cmp::Reverse(a.since), a.id.clone()));
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |a| {
            a.id.to_string()
        }))
    }

    async fn alarm(&self, id: AlarmId) -> Answer<Alarm> {
        self.with(|s| s.alarms.iter().find(|a| a.id == id).cloned())
            .ok_or_else(|| not_found(format!("alarm {id}")))
    }

    async fn command_alarm(&self, order: Order, id: AlarmId, command: AlarmCommand) -> Answer<Alarm> {
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
            }
            alarm.revision += 1;
            Ok(alarm.clone())
        })?;
        self.note(&order.actor, "alarm.change", &id, &format!("{command:?}"));
        self.tell(StreamEvent::Alarm(Arc::new(changed.clone())));
        Ok(changed)
    }

    async fn tickets(&self, query: TicketQuery) -> Answer<Page<TicketSummary>> {
        let fits = |t: &&TicketSummary| {
            query.site.as_ref().is_none_or(|v| *v == t.site)
                && query.device.as_ref().is_none_or(|v| *v == t.device)
                && query.state.is_none_or(|v| v == t.state)
                && query.is_open.is_none_or(|v| v != t.state.is_final())
        };
        let mut all: Vec<TicketSummary> =
            self.with(|s| s.tickets.iter().map(|t| &t.summary).filter(fits).cloned().collect());
        let due = |t: &TicketSummary| {
            t.clocks
                .iter()
                .filter(|c| matches!(c.state, ClockState::Running | ClockState::Breached { .. }))
                .filter_map(|c| c.due_at)
                .min()
        };
        all.sort_by_key(|t| {
            (
                t.class != TicketClass::Emergency,
                due(t).map_or(i64::MAX, |at| at.0.0),
                t.id.clone(),
            )
        });
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |t| {
            t.id.clone()
        }))
    }

    async fn ticket(&self, id: TicketId) -> Answer<Ticket> {
        let name = id.to_string();
        self.with(|s| s.tickets.iter().find(|t| t.summary.id == name).cloned())
            .ok_or_else(|| not_found(format!("ticket {id}")))
    }

    async fn command_ticket(&self, order: Order, id: TicketId, command: TicketCommand) -> Answer<Ticket> {
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
                TicketCommand::Assign { assignee } => {
                    ticket.summary.assignee = Some(assignee.clone());
                    (StepKind::Assigned { to: Some(assignee) }, String::new())
                }
                TicketCommand::Hold { .. } if ticket.summary.on_hold.is_some() => {
                    return Err(conflict("the ticket is on hold already"));
                }
                TicketCommand::Hold { reason } => {
                    ticket.summary.on_hold = Some(Hold {
                        act: act.clone(),
                        reason: reason.clone(),
                    });
                    (StepKind::Held, reason)
                }
                TicketCommand::Resume => {
                    ticket
                        .summary
                        .on_hold
                        .take()
                        .ok_or_else(|| conflict("the ticket is not on hold"))?;
                    (StepKind::Resumed, String::new())
                }
                TicketCommand::Comment { text } => (StepKind::Commented, text),
                TicketCommand::Close {
                    outcome,
                    cause,
                    remedy,
                    parts,
                    note,
                } => {
                    ticket.summary.state = TicketState::Closed;
                    ticket.next_states.clear();
                    ticket.closing = Some(Closing {
                        outcome,
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

    async fn quarantine(&self, slice: Slice) -> Answer<Page<QuarantinedPacket>> {
        let all = self.with(|s| s.packets.clone());
        Ok(Page::cut(all, slice.cursor.as_deref(), slice.limit, |p| {
            p.id.to_string()
        }))
    }

    async fn quarantined(&self, id: u64) -> Answer<QuarantinedPacket> {
        self.with(|s| s.packets.iter().find(|p| p.id == id).cloned())
            .ok_or_else(|| not_found(format!("packet {id}")))
    }

    async fn replay(&self, actor: Actor, id: Option<u64>) -> Answer<Replayed> {
        if let Some(id) = id {
            self.quarantined(id).await?;
        }
        let before = self.with(|s| s.packets.iter().filter(|p| id.is_none_or(|id| p.id == id)).count() as u64);
        // The one with a time in seconds is understood after a fix of the profile.
        self.with(|s| s.packets.retain(|p| !(p.id == 2 && id.is_none_or(|id| id == 2))));
        let after = self.with(|s| s.packets.iter().filter(|p| id.is_none_or(|id| p.id == id)).count() as u64);
        self.note(
            &actor,
            "quarantine.replay",
            id.map_or("all".into(), |id| id.to_string()),
            "",
        );
        Ok(Replayed {
            accepted: before - after,
            refused: after,
        })
    }

    async fn discard(&self, actor: Actor, id: u64) -> Answer<QuarantinedPacket> {
        let gone = self.quarantined(id).await?;
        self.with(|s| s.packets.retain(|p| p.id != id));
        self.note(&actor, "quarantine.discard", id, "");
        Ok(gone)
    }

    async fn health(&self) -> Answer<SystemHealth> {
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

    async fn models(&self) -> Answer<Vec<ModelInForce>> {
        let devices = |id: &str| self.with(|s| s.devices.iter().filter(|d| d.summary.profile == id).count() as u32);
        Ok(shipped::all()
            .iter()
            .map(|p| ModelInForce::of_profile(p, devices(&p.id)))
            .collect())
    }

    async fn audit(&self, slice: Slice) -> Answer<Page<AuditEntry>> {
        let all: Vec<AuditEntry> = self.with(|s| s.audit.iter().rev().cloned().collect());
        Ok(Page::cut(all, slice.cursor.as_deref(), slice.limit, |e| {
            e.id.to_string()
        }))
    }

    fn metrics(&self) -> String {
        "# TYPE forewarn_messages_total counter\nforewarn_messages_total{outcome=\"stored\"} 12\n".into()
    }

    fn subscribe(&self) -> broadcast::Receiver<StreamEvent> {
        self.events.subscribe()
    }

    fn watch(&self, device: &DeviceKey) -> WatchGuard {
        let watched = self.with(|s| s.watched.clone());
        watched.lock().expect("not poisoned").push(device.clone());
        Box::new(Watch(watched, device.clone()))
    }
}
