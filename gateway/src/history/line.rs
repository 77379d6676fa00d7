//! InfluxDB line protocol: one line per message, all its metrics as fields. Pure.
//!
//! Two messages of one device with one instant are one point to InfluxDB: of a metric in both, the later stays. The
//! embedded history keeps both.

use super::Committed;
use super::export::Shortest;
use domain::Names;
use std::fmt::Write;

/// Appends one line, ended by a newline: `measurement,device=…,site=… metric=value,… milliseconds`. Nothing for a message
/// without samples.
pub fn push_line(out: &mut String, measurement: &str, message: Committed<'_>, names: &dyn Names) {
    if message.samples.is_empty() {
        return;
    }
    let device = names.device(message.device);
    push_escaped(out, measurement, &[',', ' ']);
    // Tags sorted by key, as the server likes them.
    for (tag, name) in [("device", device.device.as_str()), ("site", device.site.as_str())] {
        out.push(',');
        out.push_str(tag);
        out.push('=');
        push_key(out, name);
    }
    for (index, sample) in message.samples.iter().enumerate() {
        out.push(if index == 0 { ' ' } else { ',' });
        push_field_key(out, names.metric(sample.metric).as_str());
        write!(out, "={}", Shortest(sample.value)).expect("a string takes all text");
    }
    writeln!(out, " {}", message.measured_at.as_millis()).expect("a string takes all text");
}

/// Field keys that start with `_` and the key `time` belong to the server; they get an `m` or `m_` in front.
fn push_field_key(out: &mut String, key: &str) {
    if key == "time" {
        out.push_str("m_");
    } else if key.starts_with('_') {
        out.push('m');
    }
    push_key(out, key);
}

/// Tag keys, tag values and field keys.
pub fn push_key(out: &mut String, text: &str) {
    push_escaped(out, text, &[',', '=', ' ']);
}

fn push_escaped(out: &mut String, text: &str, special: &[char]) {
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        // A line break would end the point; names never have one, a measurement is checked when configured.
        out.push(if c.is_control() { '_' } else { c });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::Fleet;
    use domain::{DeviceIndex, MetricIndex, Sample, Timestamp};
    use proptest::prelude::*;

    /// The reading side, as InfluxDB documents it: split at bare separators, then drop the backslashes before special ones.
    fn split(text: &str, at: char) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(&next @ (',' | '=' | ' '))) => {
                    chars.next();
                    let part = parts.last_mut().expect("never empty");
                    part.push('\\');
                    part.push(next);
                }
                (c, _) if c == at => parts.push(String::new()),
                (c, _) => parts.last_mut().expect("never empty").push(c),
            }
        }
        parts
    }

    fn plain(text: &str) -> String {
        text.replace("\\,", ",").replace("\\=", "=").replace("\\ ", " ")
    }

    proptest! {
        #[test]
        fn any_measurement_and_values_can_be_read_back(
            measurement in "[a-z][a-z ,]{0,10}[a-z]",
            values in proptest::collection::vec(any::<f64>().prop_filter("finite", |v| v.is_finite()), 1..5),
            at in any::<i64>(),
        ) {
            let samples: Vec<Sample> = (0..).zip(&values).map(|(m, v)| Sample { metric: MetricIndex(m), value: *v }).collect();
            let message = Committed { device: DeviceIndex(3), measured_at: Timestamp(at), samples: &samples };
            let mut line = String::new();
            push_line(&mut line, &measurement, message, &Fleet);
            prop_assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
            let parts = split(line.trim_end_matches('\n'), ' ');
            prop_assert_eq!(parts.len(), 3);
            let head = split(&parts[0], ',');
            prop_assert_eq!(plain(&head[0]), measurement);
            prop_assert_eq!(&head[1..], ["device=d3", "site=site"]);
            let fields: Vec<f64> = split(&parts[1], ',').iter().enumerate().map(|(i, field)| {
                let (key, value) = field.split_once('=').expect("a field");
                assert_eq!(key, format!("m{i}"));
                value.parse().expect("a number")
            }).collect();
            prop_assert_eq!(fields.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
            prop_assert_eq!(parts[2].parse::<i64>(), Ok(at));
        }
    }

    #[test]
    fn keys_of_the_server_are_left_to_it() {
        for (key, written) in [("time", "m_time"), ("_field", "m_field"), ("a=b c", "a\\=b\\ c")] {
            let mut out = String::new();
            push_field_key(&mut out, key);
            assert_eq!(out, written);
        }
    }
}
