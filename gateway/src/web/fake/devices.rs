//! Made-up machines: what they are, what they measure, how they do.

use super::*;

pub(super) struct Made {
    site: &'static str,
    device: &'static str,
    title: (&'static str, &'static str),
    connectivity: Connectivity,
    heard_s_ago: i64,
    health: Option<f64>,
}

/// Profile, site, device, title in both languages, connectivity, heard so many seconds ago, health.
pub(super) type Line = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str),
    Connectivity,
    i64,
    Option<f64>,
);

pub(super) const DEVICES: [Line; 14] = {
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

/// A value around which a metric moves, and how it grows on the machine that wears out.
pub(super) fn value_at(metric: &Metric, device: &DeviceKey, at: Timestamp) -> f64 {
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

pub(super) fn state(now: Timestamp) -> State {
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
        models: super::models::shipped_models(&devices),
        devices,
        alarms,
        tickets,
        incidents: super::storms::incidents(now),
        floods: super::storms::floods(now),
        windows: Vec::new(),
        overrides: Vec::new(),
        drills: Vec::new(),
        entries: super::knowledge::some_entries(now),
        stock: super::stock::stock(),
        packets,
        audit,
        accounts: crate::access::Accounts::default(),
        notes: Vec::new(),
        commands: 0,
        ready: true,
        watched: Arc::default(),
    }
}

pub(super) fn packet(
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

pub(super) fn life(now: Timestamp, days: [i64; 3]) -> TimeLeft {
    RemainingLife {
        made_at: now - Millis::minutes(2),
        p10: Millis::days(days[0]),
        p50: Millis::days(days[1]),
        p90: Millis::days(days[2]),
        basis: domain::LifeBasis::Trend,
    }
    .into()
}

/// Normal has moved at the machine that does worst.
fn drift_of(made: &Made, profile: &Profile, now: Timestamp) -> Option<Drift> {
    let metric = profile.metrics.keys().next().filter(|_| made.device == "pump-101")?;
    Some(Drift {
        at: (now - Millis::days(2)).into(),
        metric: metric.clone(),
        rule: domain::RuleId::new("normal").expect("name"),
        failure_modes: Vec::new(),
        cause: domain::DriftCause::Moved,
        normal: Range { low: 1.1, high: 1.6 },
        from: 1.3,
        to: 1.9,
        since: (now - Millis::days(40)).into(),
        model: format!("{}@{}", profile.id, profile.version),
    })
}

pub(super) fn device_of(made: &Made, profile: &Profile, now: Timestamp) -> Device {
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
        model: format!("{}@{}", profile.id, profile.version),
        operating_mode: None,
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
        parent: None,
        carries: 0,
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
        drifts: drift_of(made, profile, now).into_iter().collect(),
    }
}
