//! A review as CSV: one row a figure, then the tables.

use dashboards::view::{Review, ShareOf};

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
    for fault in &review.faults {
        let of = format!("{}/{}", fault.profile, fault.failure_mode);
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
