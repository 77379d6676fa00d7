//! Made-up alarms and tickets of the made-up machines.

use super::*;

pub(super) fn evidence(
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

/// A brake wore out before, on the lift beside.
fn forerunner(key: &DeviceKey, failure_mode: &FailureModeId, now: Timestamp) -> Option<SimilarEpisode> {
    let beside = DeviceKey::new(key.site.as_str(), "elevator-b").expect("names");
    (failure_mode.as_str() == "brake_wear").then(|| SimilarEpisode {
        alarm: AlarmId::new(&beside, failure_mode, 4),
        site: beside.site,
        device: beside.device,
        likeness: 0.87,
        raised_at: (now - Millis::days(90)).into(),
        cleared_at: (now - Millis::days(88)).into(),
        ticket: Some(TicketId(17).to_string()),
        verdict: Verdict::FaultConfirmed,
        found: None,
    })
}

pub(super) fn alarms(profiles: &[Profile], now: Timestamp) -> Vec<Alarm> {
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
            similar: forerunner(&key, &failure_mode, now).into_iter().collect(),
            site: key.site,
            device: key.device,
            failure_mode,
            title: known.unwrap_or_else(|| text(title.0, title.1)),
            severity,
            state,
            is_active: matches!(state, AlarmState::Unacknowledged | AlarmState::Acknowledged),
            shelved: None,
            suppressed: None,
            out_of_service: None,
            findings: Vec::new(),
            rationale: None,
            risk,
            risk_grade: None,
            risk_reason: text("probability 4 of 5 × impact 4 of 5", "概率 4/5 × 影响 4/5"),
            raised_at: at,
            since: at,
            acknowledged: (state == AlarmState::Acknowledged).then(|| Act {
                by: "Li Wei".into(),
                at,
            }),
            evidence,
            ticket: None,
            incident: (device == "ac-roof-2").then(|| super::storms::OPEN.to_owned()),
            model: "pump@1".to_owned(),
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
                    aspect: domain::Aspect::Level,
                    readings: 1,
                    operating_mode: None,
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
                aspect: domain::Aspect::Level,
                readings: 1,
                operating_mode: None,
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

pub(super) fn clock(kind: ClockKind, now: Timestamp, minutes_left: i64, met_minutes_ago: Option<i64>) -> Clock {
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

pub(super) fn tickets(profiles: &[Profile], alarms: &[Alarm], now: Timestamp) -> Vec<Ticket> {
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
                follow_up: None,
            },
            action: mode.map_or_else(|| text("Inspect on site", "上门检查"), |m| m.action.clone()),
            part: mode.map(|m| m.part.clone()).unwrap_or_default(),
            parts: mode.map(|m| m.parts.clone()).unwrap_or_default(),
            stock: Vec::new(),
            skills: mode.map(|m| m.skills.clone()).unwrap_or_default(),
            is_safety: class == TicketClass::Emergency,
            evidence: from.evidence.clone(),
            similar: from.similar.clone(),
            alarms: vec![from.id.to_string()],
            model: from.model.clone(),
            time_left: None,
            machine: Machine {
                serial_number: "SN-2231".into(),
                location: "Hall 3".into(),
                customer: "Waterworks North".into(),
                profile: "pump".into(),
                warranty: Some(Warranty {
                    until: "2027-03-31".into(),
                    covers: true,
                }),
            },
            report: None,
            likely_cause: Text::default(),
            scheduled_for: None,
            visit: None,
            linked: Vec::new(),
            absorbed: Vec::new(),
            merged_into: None,
            work: Work::default(),
            follow_ups: Vec::new(),
            contract: None,
            breaches: Vec::new(),
            chain: None,
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
            StepKind::Commented { from: None },
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
        cause: HoldCause::Parts,
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
    all[1].work = super::desk::some_work(now);
    all[1].stock = super::stock::needed();
    all[5].closing = Some(Closing {
        outcome: Outcome::FaultConfirmed,
        failure_mode: None,
        part: "suction strainer".into(),
        damage: "clogged".into(),
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
    plan.visit = Some(Visit {
        from: ago(0),
        due: (now + Millis::days(6)).into(),
        until: (now + Millis::days(9)).into(),
        proposed: Some((now + Millis::days(4)).into()),
    });
    plan.next_states = next(TicketState::Planned);
    all.push(plan);
    all
}
