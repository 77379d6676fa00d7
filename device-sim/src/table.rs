//! Reads a recorded CSV as the readings of one device: finds delimiter and time column, understands the usual ways of
//! writing time, makes metric names of column names. The bytes are an argument; no clock, no network.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use thiserror::Error;

/// Start of time for files without a time column: 2024-01-01T00:00:00Z.
pub const DEFAULT_START_MS: i64 = 1_704_067_200_000;

/// Column names that stand for time, lower case.
const TIME_NAMES: [&str; 9] = [
    "timestamp",
    "time",
    "datetime",
    "date_time",
    "date",
    "ts",
    "time_stamp",
    "measured_at",
    "date time",
];

const MAX_METRIC_NAME: usize = domain::ids::MAX_NAME_BYTES;

/// Which column is time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TimeColumn {
    /// Found by its name, or by values that look like dates.
    #[default]
    Find,
    /// The one with this name.
    Named(String),
    /// None: row number times the interval.
    RowNumber,
}

/// How to read.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOptions {
    /// Field delimiter; found among `,` `;` and tab in the header if missing.
    pub delimiter: Option<u8>,
    /// Time column.
    pub time: TimeColumn,
    /// Seconds between rows where there is no time column.
    pub interval_s: f64,
    /// Time of the first row where there is no time column, and zero of times in seconds since the start.
    pub start_ms: i64,
    /// Columns that are not read, by their name in the file; names that do not occur are no mistake.
    pub ignore: Vec<String>,
    /// Most columns; beyond it the header is refused.
    pub max_columns: usize,
    /// Every row of the file becomes a [`Row`]: one without a number, with too few or too many cells, or with a time that
    /// cannot be read too. Otherwise rows without a number are passed over and the others are errors.
    pub keeps_every_row: bool,
}

impl Default for TableOptions {
    fn default() -> TableOptions {
        TableOptions {
            delimiter: None,
            time: TimeColumn::Find,
            interval_s: 1.0,
            start_ms: DEFAULT_START_MS,
            ignore: Vec::new(),
            // all metrics of one message and the time
            max_columns: domain::wire::telemetry::MAX_METRICS + 1,
            keeps_every_row: false,
        }
    }
}

/// What is wrong with a table.
#[derive(Debug, Error)]
pub enum TableError {
    /// No header, or one that cannot be used.
    #[error("line 1: {0}")]
    Header(String),
    /// The bytes cannot be read or are not CSV: unequal number of fields, bad UTF-8, broken gzip.
    #[error("cannot read rows")]
    Csv(#[from] csv::Error),
    /// A cell of the time column is no time.
    #[error(
        "line {line}, column `{column}`: `{text}` is no time (epoch seconds or milliseconds, 2024-01-31 12:00:00, RFC 3339)"
    )]
    Time {
        /// Line in the file, from 1.
        line: u64,
        /// Column name.
        column: String,
        /// The cell.
        text: String,
    },
    /// The file cannot be read.
    #[error("cannot read")]
    Io(#[from] std::io::Error),
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Number of the data row, from 0; rows without a number count too.
    pub number: u64,
    /// The cell of the time column as it stands in the file; the row's number where there is no such column.
    pub time: String,
    /// Time, ms since 1970; where a kept row's time cannot be read, that of the row before and one interval more.
    pub ts_ms: i64,
    /// Metric name and value of each cell that holds a finite number.
    pub metrics: Vec<(Arc<str>, f64)>,
}

/// Rows of a CSV file, one after the other.
pub struct Table {
    records: csv::StringRecordsIntoIter<Box<dyn Read + Send>>,
    peeked: Option<csv::StringRecord>,
    header: Vec<String>,
    columns: Vec<Arc<str>>,
    time: Option<(usize, String)>,
    options: TableOptions,
    is_ignored: Vec<bool>,
    /// Of the last row and the one before, for rows whose time cannot be read.
    last_times: [Option<i64>; 2],
    next_number: u64,
    skipped: u64,
    unreadable_times: u64,
}

impl Table {
    /// Opens the bytes of a `.csv` or `.csv.gz` file; gzip is known by its first two bytes.
    ///
    /// # Errors
    /// If there is no usable header, or the named time column does not exist.
    pub fn open(bytes: impl Read + Send + 'static, options: TableOptions) -> Result<Table, TableError> {
        let mut reader = records(bytes, options.delimiter, options.keeps_every_row)?;
        let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        if header.is_empty() || header.len() > options.max_columns {
            return Err(TableError::Header(format!(
                "a header with 1 to {} column names is needed",
                options.max_columns
            )));
        }
        if header.iter().all(|name| name.parse::<f64>().is_ok()) {
            return Err(TableError::Header(
                "these are numbers, not column names: add a header".to_owned(),
            ));
        }
        let mut records = reader.into_records();
        let peeked = records.next().transpose()?;
        let time = find_time(&header, peeked.as_ref(), &options.time)?;
        let has_index = has_index(&header);
        let is_ignored = |(place, name): (usize, &String)| place == 0 && has_index || options.ignore.contains(name);
        Ok(Table {
            columns: metric_names(&header),
            time: time.map(|index| (index, header[index].clone())),
            is_ignored: header.iter().enumerate().map(is_ignored).collect(),
            records,
            peeked,
            options,
            last_times: [None; 2],
            header,
            next_number: 0,
            skipped: 0,
            unreadable_times: 0,
        })
    }

    /// Name of the time column in the file, if there is one.
    #[must_use]
    pub fn time_column(&self) -> Option<&str> {
        self.time.as_ref().map(|(_, name)| name.as_str())
    }

    /// Column names as they stand in the file.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Metric names, the time column's among them as it stands in the file's order.
    #[must_use]
    pub fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.next_number
    }

    /// Of these, rows without any number.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Rows kept although their time cannot be read.
    #[must_use]
    pub fn unreadable_times(&self) -> u64 {
        self.unreadable_times
    }

    fn read(&mut self, record: &csv::StringRecord) -> Result<Option<Row>, TableError> {
        let number = self.next_number;
        self.next_number += 1;
        let time_index = self.time.as_ref().map(|(index, _)| *index);
        let metrics: Vec<(Arc<str>, f64)> = record
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != time_index && self.is_ignored.get(*index) == Some(&false))
            .filter_map(|(index, cell)| parse_number(cell).map(|value| (self.columns[index].clone(), value)))
            .collect();
        if metrics.is_empty() {
            self.skipped += 1;
            if !self.options.keeps_every_row {
                return Ok(None);
            }
        }
        let (time, ts_ms) = match &self.time {
            None => {
                let since_start_ms = (number as f64 * self.options.interval_s * 1000.0).round() as i64;
                (number.to_string(), self.options.start_ms + since_start_ms)
            }
            Some((index, name)) => {
                let cell = record.get(*index).unwrap_or_default();
                let ts_ms = match parse_time(cell, self.options.start_ms) {
                    Some(ts_ms) => ts_ms,
                    None if self.options.keeps_every_row => self.guessed_time(),
                    None => {
                        return Err(TableError::Time {
                            line: record.position().map_or(0, csv::Position::line),
                            column: name.clone(),
                            text: cell.to_owned(),
                        });
                    }
                };
                (cell.to_owned(), ts_ms)
            }
        };
        self.last_times = [Some(ts_ms), self.last_times[0]];
        Ok(Some(Row {
            number,
            time,
            ts_ms,
            metrics,
        }))
    }

    fn guessed_time(&mut self) -> i64 {
        self.unreadable_times += 1;
        match self.last_times {
            [Some(last), Some(before)] => last + (last - before).max(0),
            [Some(last), None] => last + (self.options.interval_s * 1000.0) as i64,
            [None, _] => self.options.start_ms,
        }
    }
}

impl Iterator for Table {
    type Item = Result<Row, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.peeked.take() {
                Some(record) => record,
                None => match self.records.next()? {
                    Ok(record) => record,
                    Err(cause) => return Some(Err(cause.into())),
                },
            };
            match self.read(&record) {
                Ok(Some(row)) => return Some(Ok(row)),
                Ok(None) => {}
                Err(cause) => return Some(Err(cause)),
            }
        }
    }
}

/// Text from bytes that may be gzip, which is known by its first two bytes; a byte order mark is left out.
///
/// # Errors
/// If the first bytes cannot be read.
pub fn text(bytes: impl Read + Send + 'static) -> std::io::Result<BufReader<Box<dyn Read + Send>>> {
    let mut bytes = BufReader::new(bytes);
    let is_gzip = bytes.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let mut text: BufReader<Box<dyn Read + Send>> = if is_gzip {
        BufReader::with_capacity(64 * 1024, Box::new(MultiGzDecoder::new(bytes)))
    } else {
        BufReader::with_capacity(64 * 1024, Box::new(bytes))
    };
    let bom = usize::from(text.fill_buf()?.starts_with(b"\xef\xbb\xbf")) * 3;
    text.consume(bom);
    Ok(text)
}

/// Records of a `.csv` or `.csv.gz` file with a header; without a delimiter the one that the header has most of. Flexible:
/// rows may have more or fewer cells than the header.
///
/// # Errors
/// If the first bytes cannot be read.
pub fn records(
    bytes: impl Read + Send + 'static,
    delimiter: Option<u8>,
    is_flexible: bool,
) -> std::io::Result<csv::Reader<Box<dyn Read + Send>>> {
    let mut text = text(bytes)?;
    let delimiter = match delimiter {
        Some(delimiter) => delimiter,
        None => sniff_delimiter(text.fill_buf()?),
    };
    Ok(csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .flexible(is_flexible)
        .from_reader(Box::new(text)))
}

/// The delimiter that the header has most of, outside quotes; comma if there is none.
fn sniff_delimiter(head: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in head.iter().take_while(|byte| **byte != b'\n') {
        is_quoted ^= *byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!is_quoted && byte == delimiter);
        }
    }
    // The first of equals wins.
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(delimiter, _)| delimiter)
}

fn find_time(
    header: &[String],
    first: Option<&csv::StringRecord>,
    wanted: &TimeColumn,
) -> Result<Option<usize>, TableError> {
    match wanted {
        TimeColumn::RowNumber => Ok(None),
        TimeColumn::Named(name) => match header.iter().position(|column| column == name) {
            Some(index) => Ok(Some(index)),
            None => Err(TableError::Header(format!(
                "no column `{name}` among {}",
                header.join(", ")
            ))),
        },
        TimeColumn::Find => {
            let by_name = TIME_NAMES
                .iter()
                .find_map(|name| header.iter().position(|column| column.to_ascii_lowercase() == *name));
            let looks_like_date = |cell: &str| parse_number(cell).is_none() && parse_time(cell, 0).is_some();
            let by_value = || first.and_then(|record| record.iter().position(looks_like_date));
            Ok(by_name.or_else(by_value))
        }
    }
}

/// Whether the first column is an index: numbers of rows that a table program writes without a name (`Unnamed: 0` where one has
/// read them again). A count that only grows is no condition of a machine.
fn has_index(header: &[String]) -> bool {
    let is_named = |name: &String| !matches!(name.trim(), "" | "Unnamed: 0");
    header.first().is_some_and(|first| !is_named(first)) && header[1..].iter().any(is_named)
}

/// Metric names: whatever is not `[A-Za-z0-9._-]` becomes `_`, once; names that fall together get `_2`, `_3`, …
fn metric_names(header: &[String]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::with_capacity(header.len());
    let mut taken: BTreeSet<Arc<str>> = BTreeSet::new();
    for (index, column) in header.iter().enumerate() {
        let mut name = String::with_capacity(column.len());
        for c in column.chars() {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                name.push(c);
            } else if !name.ends_with('_') {
                name.push('_');
            }
        }
        let mut base = name.trim_matches('_').to_owned();
        if base.is_empty() {
            base = format!("column_{}", index + 1);
        }
        // Leaves room for the number.
        base.truncate(MAX_METRIC_NAME - 5);
        let mut unique = base.clone();
        let mut copy = 1;
        while taken.contains(unique.as_str()) {
            copy += 1;
            unique = format!("{base}_{copy}");
        }
        let name: Arc<str> = Arc::from(unique);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

fn parse_number(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// A time as ms since 1970, read as UTC where it names no zone. Plain numbers by their size: below 10^8 seconds since
/// `start_ms`, below 10^11 epoch seconds, below 10^14 milliseconds, below 10^17 microseconds, above nanoseconds.
#[must_use]
pub fn parse_time(cell: &str, start_ms: i64) -> Option<i64> {
    if let Some(number) = parse_number(cell) {
        return match number.abs() {
            size if size < 1e8 => Some(start_ms + (number * 1e3).round() as i64),
            size if size < 1e11 => Some((number * 1e3).round() as i64),
            size if size < 1e14 => Some(number.round() as i64),
            size if size < 1e17 => Some((number / 1e3).round() as i64),
            size if size < 1e20 => Some((number / 1e6).round() as i64),
            _ => None,
        };
    }
    if let Ok(at) = cell.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil = cell.parse::<DateTime>().ok().or_else(|| {
        [
            "%m/%d/%Y %H:%M:%S",
            "%m/%d/%Y %H:%M",
            "%Y/%m/%d %H:%M:%S",
            "%Y/%m/%d %H:%M",
            "%Y.%m.%d.%H.%M.%S",
            "%Y.%m.%d %H:%M:%S",
            "%d.%m.%Y %H:%M:%S",
            "%d.%m.%Y %H:%M",
            "%d-%b-%Y %H:%M:%S",
            "%m/%d/%Y %I:%M:%S %p",
            "%m/%d/%Y %I:%M %p",
        ]
        .iter()
        .find_map(|format| DateTime::strptime(format, cell).ok())
    })?;
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|at| at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn open(text: &str, options: TableOptions) -> Result<Table, TableError> {
        Table::open(std::io::Cursor::new(text.to_owned()), options)
    }

    /// Rows as `ts: name=value name=value`.
    fn check(text: &str, options: TableOptions, expected: &[&str], expected_skipped: u64) {
        let mut table = open(text, options).unwrap();
        let rows: Vec<String> = table
            .by_ref()
            .map(|row| {
                let row = row.unwrap();
                let cells: Vec<String> = row
                    .metrics
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("{} {}: {}", row.number, row.ts_ms, cells.join(" "))
            })
            .collect();
        assert_eq!(rows, expected);
        assert_eq!(table.skipped(), expected_skipped);
    }

    fn chain(cause: &dyn std::error::Error) -> String {
        cause
            .source()
            .map_or(cause.to_string(), |source| format!("{cause}: {}", chain(source)))
    }

    fn plain() -> TableOptions {
        TableOptions::default()
    }

    #[test]
    fn a_series_with_dates_is_read_as_utc() {
        check(
            "timestamp,value\n2013-12-02 21:15:00,73.96732207\n2013-12-02 21:20:00.500,74\n",
            plain(),
            &["0 1386018900000: value=73.96732207", "1 1386019200500: value=74"],
            0,
        );
    }

    #[test]
    fn every_usual_way_of_writing_time_is_understood() {
        for (cell, expected) in [
            ("1386018900", Some(1_386_018_900_000)),
            ("1386018900.25", Some(1_386_018_900_250)),
            ("1386018900000", Some(1_386_018_900_000)),
            ("1386018900000000", Some(1_386_018_900_000)),
            ("1386018900000000000", Some(1_386_018_900_000)),
            ("2013-12-02T21:15:00Z", Some(1_386_018_900_000)),
            ("2013-12-02T22:15:00+01:00", Some(1_386_018_900_000)),
            ("2013-12-02 21:15:00", Some(1_386_018_900_000)),
            ("2013-12-02T21:15", Some(1_386_018_900_000)),
            ("12/2/2013 21:15", Some(1_386_018_900_000)),
            ("12/02/2013 09:15:00 PM", Some(1_386_018_900_000)),
            ("2.12.2013 21:15", Some(1_386_018_900_000)),
            ("2013.12.02.21.15.00", Some(1_386_018_900_000)),
            ("2-Dec-2013 21:15:00", Some(1_386_018_900_000)),
            ("2013-12-02", Some(1_385_942_400_000)),
            ("12.5", Some(12_500)),
            ("noon", None),
            ("", None),
            ("NaN", None),
        ] {
            assert_eq!(parse_time(cell, 0), expected, "{cell}");
        }
    }

    #[test]
    fn without_a_time_column_rows_are_spaced_by_the_interval() {
        let options = TableOptions {
            interval_s: 0.25,
            start_ms: 1000,
            ..plain()
        };
        check(
            "ball-bearing;humidity;vibration\n93.744;73.999;18\n93.74;;18.001\n",
            options,
            &[
                "0 1000: ball-bearing=93.744 humidity=73.999 vibration=18",
                "1 1250: ball-bearing=93.74 vibration=18.001",
            ],
            0,
        );
    }

    #[test]
    fn cells_that_are_no_number_are_left_out_and_rows_without_any_are_counted() {
        check(
            "ts\ta\tb\n1386018900\t\tNaN\n1386018901\tinf\t2\n1386018902\tx\ty\n",
            plain(),
            &["1 1386018901000: b=2"],
            2,
        );
    }

    #[test]
    fn the_delimiter_is_found_outside_quotes_and_a_named_one_wins() {
        check("\"a,b,c\";x\n1;2\n", plain(), &["0 1704067200000: a_b_c=1 x=2"], 0);
        let options = TableOptions {
            delimiter: Some(b';'),
            ..plain()
        };
        check("a;b,c,d\n1;2\n", options, &["0 1704067200000: a=1 b_c_d=2"], 0);
    }

    #[test]
    fn column_names_become_metric_names_that_differ() {
        let names = |header: &[&str]| -> Vec<String> {
            let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
            metric_names(&header).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            names(&[
                "AHU: Supply Air Temperature",
                "Temp (°C)",
                "temp/C",
                "temp C",
                "",
                "温度"
            ]),
            [
                "AHU_Supply_Air_Temperature",
                "Temp_C",
                "temp_C",
                "temp_C_2",
                "column_5",
                "column_6"
            ]
        );
        assert!(names(&[&"x".repeat(200)])[0].len() <= MAX_METRIC_NAME);
    }

    #[test]
    fn an_index_without_a_name_is_no_metric_but_may_tell_the_time() {
        check(
            ",a,b\n0,1,2\n1,3,4\n",
            plain(),
            &["0 1704067200000: a=1 b=2", "1 1704067201000: a=3 b=4"],
            0,
        );
        check(
            "Unnamed: 0,a\n7,1\n8,3\n",
            plain(),
            &["0 1704067200000: a=1", "1 1704067201000: a=3"],
            0,
        );
        let dated = open(",a\n2024-01-01,1\n", plain()).unwrap();
        assert_eq!(dated.time_column(), Some(""));
        let unnamed = open("a,\n1,2\n", plain()).unwrap().next().unwrap().unwrap();
        assert_eq!(unnamed.metrics.len(), 2, "only the first column can be an index");
    }

    #[test]
    fn time_is_found_by_name_in_any_case_then_by_its_look() {
        let found = |text: &str, time: TimeColumn| {
            open(text, TableOptions { time, ..plain() })
                .unwrap()
                .time_column()
                .map(str::to_owned)
        };
        assert_eq!(
            found("a,Datetime\n1,8/28/2007 0:00\n", TimeColumn::Find),
            Some("Datetime".to_owned())
        );
        assert_eq!(
            found("a,when\n1,2007-08-28 00:00:00\n", TimeColumn::Find),
            Some("when".to_owned())
        );
        assert_eq!(found("a,b\n1,2\n", TimeColumn::Find), None);
        assert_eq!(found("a,time\n1,2\n", TimeColumn::RowNumber), None);
        assert_eq!(
            found("a,b\n1,2\n", TimeColumn::Named("b".to_owned())),
            Some("b".to_owned())
        );
    }

    #[test]
    fn errors_name_line_and_field() {
        let message = |text: &str, options: TableOptions| match open(text, options) {
            Err(cause) => chain(&cause),
            Ok(table) => table
                .filter_map(Result::err)
                .map(|cause| chain(&cause))
                .next()
                .unwrap_or_default(),
        };
        assert!(
            message("time,a\n1386018900,1\nsoon,2\n", plain()).starts_with("line 3, column `time`: `soon` is no time")
        );
        let named = TableOptions {
            time: TimeColumn::Named("when".to_owned()),
            ..plain()
        };
        assert_eq!(message("a,b\n1,2\n", named), "line 1: no column `when` among a, b");
        assert!(message("1,2\n3,4\n", plain()).contains("add a header"));
        assert!(message("", plain()).contains("header"));
        assert!(message("a,b\n1,2\n3\n", plain()).contains("line: 3"));
    }

    #[test]
    fn gzip_a_byte_order_mark_and_windows_line_ends_are_no_trouble() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"\xef\xbb\xbfts,a\r\n1386018900,1\r\n\r\n").unwrap();
        let table = Table::open(std::io::Cursor::new(packed.finish().unwrap()), plain()).unwrap();
        let rows: Vec<Row> = table.map(Result::unwrap).collect();
        assert_eq!(
            rows,
            [Row {
                number: 0,
                time: "1386018900".to_owned(),
                ts_ms: 1_386_018_900_000,
                metrics: vec![(Arc::from("a"), 1.0)]
            }]
        );
    }

    #[test]
    fn every_row_is_kept_where_that_is_asked_for() {
        let options = TableOptions {
            keeps_every_row: true,
            ignore: vec!["label".to_owned(), "elsewhere".to_owned()],
            ..plain()
        };
        let text = "time,a,label\n1386018900,1,0\n1386018910,x,1\nsoon,2,1\n1386018930\n1386018940,3,0,9\n";
        check(
            text,
            options,
            &[
                "0 1386018900000: a=1",
                "1 1386018910000: ",
                "2 1386018920000: a=2",
                "3 1386018930000: ",
                "4 1386018940000: a=3",
            ],
            2,
        );
    }

    #[test]
    fn a_header_alone_is_an_empty_table() {
        check("ts,a\n", plain(), &[], 0);
    }
}
