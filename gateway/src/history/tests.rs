//! The embedded store as a whole: whatever is fed, sealed, killed and fed again, every value is there exactly once.

use super::export::ExportSummary;
use super::rollup::{HOUR_MS, MINUTE_MS};
use super::*;
use domain::{DeviceKey, MetricIndex, MetricName, Millis};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Devices `site/d0`, `site/d1`, … and metrics `m0`, `m1`, …
pub struct Fleet;

impl Names for Fleet {
    fn device(&self, index: DeviceIndex) -> DeviceKey {
        device(index.0)
    }

    fn metric(&self, index: MetricIndex) -> MetricName {
        metric(index.0)
    }
}

fn device(index: u32) -> DeviceKey {
    DeviceKey::new("site", &format!("d{index}")).expect("a name")
}

fn metric(index: u32) -> MetricName {
    MetricName::new(&format!("m{index}")).expect("a name")
}

fn message(device: u32, at: i64, values: &[(u32, f64)]) -> OwnedMessage {
    let samples = values
        .iter()
        .map(|(m, v)| Sample {
            metric: MetricIndex(*m),
            value: *v,
        })
        .collect();
    OwnedMessage {
        device: DeviceIndex(device),
        measured_at: Timestamp(at),
        samples,
    }
}

const FROM: Timestamp = Timestamp(i64::MIN);
const TO: Timestamp = Timestamp(i64::MAX);
const START: Timestamp = Timestamp(1_732_250_000_000);

fn small_config(path: &Path) -> HistoryConfig {
    HistoryConfig {
        rows_per_chunk: 8,
        buffer_bytes: 6_000,
        seal_after: Millis::seconds(10),
        ..HistoryConfig::new(path.join("history.db"))
    }
}

/// Every value of a journal, by series, sorted.
type Contents = BTreeMap<(DeviceKey, MetricName), Vec<(i64, u64)>>;

fn expected(journal: &[Vec<OwnedMessage>]) -> Contents {
    let mut contents = Contents::new();
    for message in journal.iter().flatten() {
        for sample in &message.samples {
            let key = (device(message.device.0), metric(sample.metric.0));
            contents
                .entry(key)
                .or_default()
                .push((message.measured_at.as_millis(), sample.value.to_bits()));
        }
    }
    contents.values_mut().for_each(|values| values.sort());
    contents
}

fn check_contents(reader: &HistoryReader, journal: &[Vec<OwnedMessage>]) {
    let expected = expected(journal);
    let mut found = Contents::new();
    for (device, metric) in reader.series(&Filter::default()) {
        let values = reader.raw(&device, &metric, FROM, TO, usize::MAX).expect("readable");
        assert!(values.is_sorted_by_key(|(at, _)| *at), "by time");
        let mut values: Vec<_> = values
            .into_iter()
            .map(|(at, v)| (at.as_millis(), v.to_bits()))
            .collect();
        values.sort();
        found.insert((device, metric), values);
    }
    found.retain(|_, values| !values.is_empty());
    assert_eq!(found, expected);
    let counts: BTreeMap<_, _> = reader
        .count(&Filter::default())
        .expect("readable")
        .into_iter()
        .map(|row| {
            (
                (row.device, row.metric),
                (row.points, row.first.as_millis(), row.last.as_millis()),
            )
        })
        .collect();
    let expected_counts: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(key, values)| (key, (values.len() as u64, values[0].0, values[values.len() - 1].0)))
        .collect();
    assert_eq!(counts, expected_counts);
}

fn feed(sink: &mut dyn HistorySink, journal: &[Vec<OwnedMessage>]) {
    for position in sink.durable_position()..journal.len() as u64 {
        sink.absorb(position + 1, &journal[position as usize], &Fleet)
            .expect("room on disk");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Entry(Vec<OwnedMessage>),
    Tick(i64),
    SealAll,
    Crash,
}

fn messages() -> impl Strategy<Value = Vec<OwnedMessage>> {
    let sets = prop_oneof![
        Just(vec![0, 1]),
        Just(vec![1, 0]),
        Just(vec![2]),
        Just(vec![0, 1, 2]),
        Just(vec![])
    ];
    let value = prop_oneof![4 => (-5000i64..5000).prop_map(|v| v as f64 / 100.0), 1 => any::<f64>().prop_filter("finite", |v| v.is_finite())];
    let values = proptest::collection::vec(value, 3);
    let one = (0u32..3, 0i64..200_000, sets, values).prop_map(|(device, at, set, values)| {
        let values: Vec<_> = set.into_iter().zip(values).collect();
        message(device, START.as_millis() + at, &values)
    });
    proptest::collection::vec(one, 0..12)
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => messages().prop_map(Op::Entry),
        3 => (0i64..8_000).prop_map(Op::Tick),
        1 => Just(Op::SealAll),
        2 => Just(Op::Crash),
    ];
    proptest::collection::vec(op, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_value_is_there_exactly_once(ops in ops()) {
        let folder = tempfile::tempdir().expect("folder");
        let config = small_config(folder.path());
        let mut now = START;
        let mut journal: Vec<Vec<OwnedMessage>> = Vec::new();
        let mut history = Embedded::open(config.clone(), now).expect("new");
        for op in ops {
            match op {
                Op::Entry(messages) => {
                    journal.push(messages);
                    let position = journal.len() as u64;
                    history.absorb(position, &journal[journal.len() - 1], &Fleet).expect("taken");
                    history.absorb(position, &journal[journal.len() - 1], &Fleet).expect("ignored");
                }
                Op::Tick(ms) => {
                    now = now + Millis(ms);
                    history.tick(now).expect("stored");
                }
                Op::SealAll => {
                    history.seal_all(now).expect("stored");
                    prop_assert_eq!(history.durable_position(), journal.len() as u64);
                }
                Op::Crash => {
                    let durable = history.durable_position();
                    drop(history);
                    let (reader, mut tail) = HistoryReader::open_offline(&config.path).expect("readable");
                    feed(&mut tail, &journal);
                    check_contents(&reader, &journal);
                    drop((reader, tail));
                    history = Embedded::open(config.clone(), now).expect("opened again");
                    prop_assert_eq!(history.durable_position(), durable);
                    feed(&mut history, &journal);
                }
            }
        }
        check_contents(&history.reader(), &journal);
        history.seal_all(now).expect("stored");
        check_contents(&history.reader(), &journal);
        prop_assert_eq!(history.stats().damaged_chunks, 0);
    }

    #[test]
    fn buckets_equal_brute_force_whatever_is_sealed(
        entries in proptest::collection::vec(proptest::collection::vec((0i64..20_000_000, -500i64..500), 1..40), 1..8),
        seals in any::<u8>(),
        max_points in 1usize..400,
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let mut history = Embedded::open(small_config(folder.path()), START).expect("new");
        let mut all = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let messages: Vec<_> = entry.iter().map(|(at, v)| message(0, *at, &[(0, *v as f64 / 4.0)])).collect();
            all.extend(entry.iter().map(|(at, v)| (*at, *v as f64 / 4.0)));
            history.absorb(index as u64 + 1, &messages, &Fleet).expect("taken");
            if seals >> index & 1 == 1 {
                history.seal_all(START).expect("stored");
            }
        }
        let (from, to) = (1_000_000, 15_000_000);
        let series = history.reader().range(&device(0), &metric(0), Timestamp(from), Timestamp(to), max_points).expect("read");
        prop_assert!(series.points.len() <= max_points);
        let width = series.bucket.0;
        let mut expected: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        if width == 0 {
            let mut inside: Vec<_> = all.into_iter().filter(|(at, _)| (from..to).contains(at)).collect();
            inside.sort_by(|a, b| a.partial_cmp(b).expect("finite"));
            let mut found: Vec<_> = series.points.iter().map(|p| (p.at.as_millis(), p.mean)).collect();
            found.sort_by(|a, b| a.partial_cmp(b).expect("finite"));
            prop_assert_eq!(found, inside);
        } else {
            let inside: Vec<i64> = all.iter().map(|(at, _)| *at).filter(|at| (from..to).contains(at)).collect();
            let first = inside.iter().min().expect("buckets are of something").div_euclid(width) * width;
            let last = inside.iter().max().expect("buckets are of something").div_euclid(width) * width;
            for (at, value) in all {
                let start = at.div_euclid(width) * width;
                if (from.div_euclid(width) * width..=(to - 1).div_euclid(width) * width).contains(&start) {
                    expected.entry(start).or_default().push(value);
                }
            }
            for point in &series.points {
                let values = &expected[&point.at.as_millis()];
                let sum: f64 = values.iter().sum();
                prop_assert_eq!(point.count, values.len() as u64);
                prop_assert_eq!(point.min, values.iter().copied().fold(f64::MAX, f64::min));
                prop_assert_eq!(point.max, values.iter().copied().fold(f64::MIN, f64::max));
                prop_assert!((point.mean - sum / values.len() as f64).abs() < 1e-9);
            }
            for start in expected.keys().filter(|start| (first..=last).contains(*start)) {
                prop_assert!(series.points.iter().any(|p| p.at.as_millis() == *start), "bucket {} is missing", start);
            }
        }
    }
}

/// One value per second, 0, 1, 2, … of `m0` of `d0`.
fn seconds(count: i64) -> Vec<OwnedMessage> {
    (0..count)
        .map(|i| message(0, START.as_millis() + i * 1_000, &[(0, i as f64)]))
        .collect()
}

#[test]
fn a_plot_gets_the_finest_level_that_fits() {
    let folder = tempfile::tempdir().expect("folder");
    let config = HistoryConfig {
        rows_per_chunk: 512,
        ..small_config(folder.path())
    };
    let mut history = Embedded::open(
        HistoryConfig {
            buffer_bytes: 1 << 20,
            ..config
        },
        START,
    )
    .expect("new");
    history.absorb(1, &seconds(36_000), &Fleet).expect("taken");
    history.seal_all(START).expect("stored");
    let reader = history.reader();
    let range = |seconds: i64, max_points: usize| {
        let to = START + Millis::seconds(seconds);
        let series = reader
            .range(&device(0), &metric(0), START, to, max_points)
            .expect("read");
        assert!(series.points.len() <= max_points);
        let count: u64 = series.points.iter().map(|p| p.count).sum();
        (series.level, series.bucket.0, count >= seconds as u64)
    };
    assert_eq!(range(600, 1_000), (Level::Raw, 0, true));
    assert_eq!(range(3_600, 1_000), (Level::Raw, 5_000, true));
    assert_eq!(range(36_000, 1_000), (Level::Minute, MINUTE_MS, true));
    assert_eq!(range(36_000, 100), (Level::Minute, 10 * MINUTE_MS, true));
    assert_eq!(range(36_000, 12), (Level::Hour, HOUR_MS, true));
    assert_eq!(range(36_000, 1), (Level::Hour, 24 * HOUR_MS, true));
    let nothing = reader.range(&device(9), &metric(0), FROM, TO, 10).expect("read");
    assert!(nothing.points.is_empty());
}

#[test]
fn rows_in_ram_are_seen_at_once_and_the_latest_value_is_the_latest() {
    let folder = tempfile::tempdir().expect("folder");
    let mut history = Embedded::open(small_config(folder.path()), START).expect("new");
    let reader = history.reader();
    history
        .absorb(1, &vec![message(0, 5_000, &[(0, 1.0), (1, 9.0)])], &Fleet)
        .expect("taken");
    let last = |reader: &HistoryReader| -> Vec<(i64, f64)> {
        reader
            .last(&device(0))
            .expect("read")
            .into_iter()
            .map(|l| (l.at.as_millis(), l.value))
            .collect()
    };
    assert_eq!(last(&reader), [(5_000, 1.0), (5_000, 9.0)]);
    history.seal_all(START).expect("stored");
    history
        .absorb(2, &vec![message(0, 4_000, &[(0, 2.0)])], &Fleet)
        .expect("late");
    assert_eq!(last(&reader), [(5_000, 1.0), (5_000, 9.0)]);
    history
        .absorb(3, &vec![message(0, 6_000, &[(0, 3.0)])], &Fleet)
        .expect("taken");
    assert_eq!(last(&reader), [(6_000, 3.0), (5_000, 9.0)]);
}

#[test]
fn old_rows_become_minutes_then_hours_then_nothing_counted_from_arrival() {
    let folder = tempfile::tempdir().expect("folder");
    let config = HistoryConfig {
        keep_raw: Millis::days(30),
        keep_minutes: Millis::days(60),
        keep_hours: Millis::days(90),
        ..small_config(folder.path())
    };
    let mut history = Embedded::open(config, START).expect("new");
    // Measured in 2013, arrived now.
    let of_2013: Vec<_> = (0..7_200)
        .map(|i| message(0, 1_386_000_030_000 + i * 1_000, &[(0, i as f64)]))
        .collect();
    history.absorb(1, &of_2013, &Fleet).expect("taken");
    history.seal_all(START).expect("stored");
    let after = |history: &mut Embedded, days: i64| {
        for _ in 0..20 {
            history.tick(START + Millis::days(days)).expect("applied");
        }
        let rows = history
            .reader()
            .count(&Filter::default())
            .expect("read")
            .first()
            .map_or(0, |row| row.points);
        let series = history
            .reader()
            .range(&device(0), &metric(0), FROM, TO, 1_000)
            .expect("read");
        let sum: f64 = series.points.iter().map(|p| p.mean * p.count as f64).sum();
        let count: u64 = series.points.iter().map(|p| p.count).sum();
        (rows, series.level, series.points.len(), count, sum)
    };
    let sum = 7_199.0 * 7_200.0 / 2.0;
    assert_eq!(after(&mut history, 29).0, 7_200, "kept as long as if measured today");
    let minutes = after(&mut history, 31);
    assert_eq!(
        (minutes.0, minutes.1, minutes.2, minutes.3),
        (0, Level::Minute, 121, 7_200)
    );
    assert!((minutes.4 - sum).abs() < 1e-3);
    let hours = after(&mut history, 61);
    assert_eq!((hours.0, hours.1, hours.2, hours.3), (0, Level::Hour, 3, 7_200));
    assert!((hours.4 - sum).abs() < 1e-3);
    assert_eq!(after(&mut history, 92).3, 0);
    assert_eq!(history.stats().damaged_chunks, 0);
}

#[test]
fn a_damaged_chunk_is_left_out_counted_and_set_aside() {
    let folder = tempfile::tempdir().expect("folder");
    let config = small_config(folder.path());
    let mut history = Embedded::open(config.clone(), START).expect("new");
    history.absorb(1, &seconds(40), &Fleet).expect("taken");
    history.seal_all(START).expect("stored");
    let vandal = rusqlite::Connection::open(&config.path).expect("open");
    let changed = vandal
        .execute("UPDATE chunk SET body = zeroblob(length(body)) WHERE id = 2", [])
        .expect("changed");
    assert_eq!(changed, 1);
    let reader = history.reader();
    let values = reader
        .raw(&device(0), &metric(0), FROM, TO, usize::MAX)
        .expect("the others are read");
    assert_eq!(values.len(), 32);
    let series = reader.range(&device(0), &metric(0), FROM, TO, 100).expect("read");
    assert_eq!((series.points.len(), series.damaged_chunks), (32, 1));
    assert_eq!(history.stats().damaged_chunks, 0);
    history.tick(START).expect("set aside");
    assert_eq!(history.stats().damaged_chunks, 1);
    let kept: i64 = vandal
        .query_row("SELECT count(*) FROM damaged WHERE body IS NOT NULL", [], |r| r.get(0))
        .expect("kept");
    assert_eq!(kept, 1);
    assert_eq!(
        reader
            .raw(&device(0), &metric(0), FROM, TO, usize::MAX)
            .expect("read")
            .len(),
        32
    );
    drop(history);
    assert_eq!(Embedded::open(config, START).expect("opened").stats().damaged_chunks, 1);
}

#[test]
fn export_writes_every_value_once_in_long_form() {
    let folder = tempfile::tempdir().expect("folder");
    let mut history = Embedded::open(small_config(folder.path()), START).expect("new");
    history
        .absorb(1, &vec![message(1, 1_000, &[(1, 0.1), (0, 2.0)])], &Fleet)
        .expect("taken");
    history.seal_all(START).expect("stored");
    history
        .absorb(
            2,
            &vec![message(0, 2_500, &[(0, -3.25)]), message(1, 500, &[(0, 1e300)])],
            &Fleet,
        )
        .expect("taken");
    let mut csv = Vec::new();
    let mut heard = 0;
    let summary = history
        .reader()
        .export_csv(&mut csv, &Filter::default(), FROM, TO, &mut |n| heard = n)
        .expect("written");
    assert_eq!(
        summary,
        ExportSummary {
            points: 4,
            damaged_chunks: 0
        }
    );
    assert_eq!(heard, 4);
    assert_eq!(
        String::from_utf8(csv).expect("text"),
        "site,device,metric,timestamp,value\n\
         site,d0,m0,1970-01-01T00:00:02.500Z,-3.25\n\
         site,d1,m0,1970-01-01T00:00:00.500Z,1e300\n\
         site,d1,m0,1970-01-01T00:00:01.000Z,2\n\
         site,d1,m1,1970-01-01T00:00:01.000Z,0.1\n"
    );
    let mut csv = Vec::new();
    let filter = Filter {
        metric: Some(metric(1)),
        ..Filter::default()
    };
    let summary = history
        .reader()
        .export_csv(&mut csv, &filter, FROM, TO, &mut |_| {})
        .expect("written");
    assert_eq!(summary.points, 1);
}

#[test]
fn a_device_that_invents_metric_sets_makes_a_bounded_number_of_streams_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let config = HistoryConfig {
        buffer_bytes: 1 << 20,
        ..small_config(folder.path())
    };
    let mut history = Embedded::open(config.clone(), START).expect("new");
    let journal: Vec<Vec<OwnedMessage>> = (0..300u32)
        .map(|i| {
            let values: Vec<_> = (0..10)
                .filter(|bit| i >> bit & 1 == 1)
                .map(|m| (m, f64::from(i)))
                .collect();
            vec![message(0, i64::from(i), &values)]
        })
        .collect();
    feed(&mut history, &journal);
    assert!(history.stats().streams <= buffers::STREAMS_PER_DEVICE_MAX + 10);
    check_contents(&history.reader(), &journal);
    drop(history);
    let mut history = Embedded::open(config, START).expect("again");
    feed(&mut history, &journal);
    history.seal_all(START).expect("stored");
    check_contents(&history.reader(), &journal);
}

#[test]
fn small_chunks_of_a_slow_device_are_joined() {
    let folder = tempfile::tempdir().expect("folder");
    let config = HistoryConfig {
        rows_per_chunk: 256,
        ..small_config(folder.path())
    };
    let mut history = Embedded::open(config.clone(), START).expect("new");
    for minute in 0..200i64 {
        let at = START + Millis::minutes(minute);
        history
            .absorb(
                minute as u64 + 1,
                &vec![message(0, at.as_millis(), &[(0, minute as f64)])],
                &Fleet,
            )
            .expect("taken");
        history.tick(at).expect("ticked");
        if minute == 100 {
            drop(history);
            history = Embedded::open(config.clone(), at).expect("again");
            assert_eq!(history.durable_position(), 101);
        }
    }
    let chunks: i64 = rusqlite::Connection::open(&config.path)
        .and_then(|c| c.query_row("SELECT count(*) FROM chunk", [], |r| r.get(0)))
        .expect("counted");
    assert!(chunks <= 16, "{chunks} chunks for 200 rows");
}

#[test]
fn a_reader_beside_the_writer_never_misses_nor_doubles_a_value() {
    let folder = tempfile::tempdir().expect("folder");
    let mut history = Embedded::open(small_config(folder.path()), START).expect("new");
    let reader = history.reader();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0u32;
            let mut seen = 0usize;
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                let values = reader.raw(&device(0), &metric(0), FROM, TO, usize::MAX).expect("read");
                assert!(values.len() >= seen, "never fewer than before");
                seen = values.len();
                // Values are 0, 1, 2, … by time: each once, none left out.
                assert!(values.iter().enumerate().all(|(i, (_, v))| *v == i as f64));
                looks += 1;
            }
            looks
        });
        for position in 1..=1_500i64 {
            let at = START.as_millis() + position * 1_000;
            history
                .absorb(
                    position as u64,
                    &vec![message(0, at, &[(0, (position - 1) as f64)])],
                    &Fleet,
                )
                .expect("taken");
            if position % 50 == 0 {
                history.seal_all(START).expect("stored");
            }
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(watcher.join().expect("no panic") > 0);
    });
}

#[test]
fn devices_that_fell_silent_do_not_hold_the_memory_that_others_need() {
    let folder = tempfile::tempdir().expect("folder");
    let config = small_config(folder.path());
    let budget = config.buffer_bytes;
    let mut history = Embedded::open(config, START).expect("new");
    // Each device sends until its rows are a chunk, and never again; together far more than the budget.
    for index in 0..200u32 {
        let messages: Vec<_> = (0..8).map(|i| message(index, i, &[(0, 1.5)])).collect();
        history.absorb(u64::from(index) + 1, &messages, &Fleet).expect("taken");
        assert!(history.stats().buffer_bytes <= budget + 8 * 16, "after device {index}");
    }
    assert_eq!(
        history.stats().chunks,
        200 - history.reader().shared.buffers().waiting().count() as u64,
        "no row was cut off"
    );
    assert_eq!(history.reader().count(&Filter::default()).expect("read").len(), 200);
}
