//! A review as CSV: one row a figure, then the tables.

use dashboards::view::{Definition, Review, RuleFigure, ShareOf};

/// Columns: table, of what, value, part, total, definition.
pub fn rows(review: &Review) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut row = |cells: [&str; 6]| writer.write_record(cells).expect("writing to memory");
    row(["table", "of", "value", "part", "total", "definition"]);
    let number = |value: Option<u64>| value.map_or_else(String::new, |n| n.to_string());
    for figure in &review.figures {
        let value = figure.value.map_or_else(String::new, |v| v.to_string());
        let (part, of) = (number(figure.part), number(figure.of));
        row(["figure", &figure.key, &value, &part, &of, &figure.definition.en]);
    }
    let mut shares = |table: &str, shares: &[ShareOf]| {
        for share in shares {
            let (part, of) = (share.part.to_string(), share.of.to_string());
            row([table, &share.of_what, "", &part, &of, ""]);
        }
    };
    shares("right_by_mode", &review.by_mode);
    shares("right_by_rule", &review.by_rule);
    shares("right_by_model", &review.by_model);
    shares("clocks_in_time", &review.clocks);
    shares("frequent_alarms", &review.frequent);
    for rule in &review.rules {
        let of = format!("{}/{}/{}", rule.profile, rule.rule, rule.model);
        for (definition, [value, part, total]) in Definition::of_rules().iter().zip(of_rule(rule)) {
            let key = format!("rule_{}", definition.key);
            row([&key, &of, &value, &part, &total, &definition.definition.en]);
        }
    }
    for fault in &review.faults {
        let of = format!("{}/{}", fault.profile, fault.failure_mode);
        for (month, number) in &fault.by_month {
            row([
                "faults_by_month",
                &format!("{of}/{month}"),
                &number.to_string(),
                "",
                "",
                "",
            ]);
        }
        let (count, before) = (fault.count.to_string(), fault.before.to_string());
        row(["faults", &of, &count, "", &before, &fault.causes.join("; ")]);
    }
    for alarm in &review.without_warning {
        row(["failure_without_warning", alarm, "", "", "", ""]);
    }
    for said in &review.suggestions {
        let of = format!("{}/{}", said.profile, said.rule);
        let limit = said.suggested_limit.map_or_else(String::new, |v| v.to_string());
        let total = (said.right + said.false_alarms).to_string();
        row([
            "suggestion",
            &of,
            &limit,
            &said.right.to_string(),
            &total,
            &said.text.en,
        ]);
    }
    let bytes = writer.into_inner().expect("writing to memory");
    String::from_utf8(bytes).expect("all cells are text")
}

/// Value, part and total of each figure of a rule, in the order of the definitions.
fn of_rule(rule: &RuleFigure) -> [[String; 3]; 6] {
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    let share = |value, part: u64, of: u64| [number(value), part.to_string(), of.to_string()];
    let alone = |value| [value, String::new(), String::new()];
    [
        alone(rule.warnings.to_string()),
        share(rule.precision, rule.right, rule.judged),
        share(rule.precision_of_mode, rule.right_mode, rule.judged),
        share(rule.recall, rule.failures_warned, rule.failures),
        alone(number(rule.lead_time_hours)),
        [
            number(rule.false_alarms_a_device_month),
            rule.false_alarms.to_string(),
            String::new(),
        ],
    ]
}
