//! The history as CSV, one line per value: `site,device,metric,timestamp,value`.

use super::HistoryError;
use super::query::{Filter, HistoryReader};
use domain::Timestamp;
use std::io::Write;
use std::ops::ControlFlow;

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportSummary {
    /// Lines, without the header.
    pub points: u64,
    /// Chunks that could not be read and are missing from the file.
    pub damaged_chunks: u64,
}

/// Values between two calls of the progress callback.
const PROGRESS_EVERY: u64 = 10_000;

impl HistoryReader {
    /// Writes every value in `[from, to)` of the series meant, series by name, values by time. Instants are RFC 3339 in UTC
    /// with milliseconds; values are the shortest text that reads back as the same number. `progress` hears how many values
    /// are written.
    pub fn export_csv(
        &self,
        out: &mut dyn Write,
        filter: &Filter,
        from: Timestamp,
        to: Timestamp,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ExportSummary, HistoryError> {
        let mut summary = ExportSummary::default();
        writeln!(out, "site,device,metric,timestamp,value").map_err(HistoryError::Write)?;
        for (device, metric) in self.series(filter) {
            // Names have no character that CSV would have to quote.
            let prefix = format!("{},{},{}", device.site, device.device, metric);
            let mut failed = None;
            summary.damaged_chunks += self.each_value(&device, &metric, from, to, &mut |at, value| {
                if let Err(error) = writeln!(out, "{prefix},{at},{}", Shortest(value)) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
                summary.points += 1;
                if summary.points % PROGRESS_EVERY == 0 {
                    progress(summary.points);
                }
                ControlFlow::Continue(())
            })?;
            if let Some(error) = failed {
                return Err(HistoryError::Write(error));
            }
        }
        out.flush().map_err(HistoryError::Write)?;
        progress(summary.points);
        Ok(summary)
    }
}

/// The shortest text that reads back as the same number, with an exponent where the digits would be many.
pub struct Shortest(pub f64);

impl std::fmt::Display for Shortest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let magnitude = self.0.abs();
        if magnitude == 0.0 || (1e-5..1e16).contains(&magnitude) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_exact() {
        for (value, text) in [
            (1.5, "1.5"),
            (1481.0, "1481"),
            (0.1, "0.1"),
            (1e300, "1e300"),
            (-2.5e-9, "-2.5e-9"),
            (0.0, "0"),
        ] {
            assert_eq!(Shortest(value).to_string(), text);
            assert_eq!(text.parse::<f64>(), Ok(value));
        }
    }
}
