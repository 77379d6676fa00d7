//! `forewarn report`: the review of a month or a span, as a file.

use super::DataFolder;
use crate::clock::Clock;
use crate::review::review;
use crate::store::{FILE_NAME, Reader};
use crate::web::review_csv;
use alerting::review::{Month, Span};
use anyhow::Context;
use domain::text::Language;
use domain::{Millis, Timestamp};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: DataFolder,
    /// The configuration, for time zone and clocks; without it the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A month, such as 2026-11; without it, and without --from, the last 30 days.
    #[arg(long, value_parser = month, conflicts_with_all = ["from", "until"])]
    month: Option<Month>,
    /// Beginning, such as 2026-01-01T00:00:00Z.
    #[arg(long, value_parser = super::history::instant)]
    from: Option<Timestamp>,
    /// End, which does not belong to it; without it now.
    #[arg(long, value_parser = super::history::instant)]
    until: Option<Timestamp>,
    /// To read and print, for spreadsheets, or for programs.
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Of the page.
    #[arg(long, default_value = "en", value_parser = language)]
    language: Language,
    /// The file to write; without it standard output.
    #[arg(long)]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Html,
    Csv,
    Json,
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::En),
        "zh" => Ok(Language::Zh),
        _ => Err("en or zh is needed".to_owned()),
    }
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| format!("{text:?} is not a month like 2026-11"))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let checked = super::run::load(arguments.config.as_ref()).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration has mistakes:\n{}", all.join("\n"))
    })?;
    let now = Clock::System.now();
    let (span, title) = match arguments.month {
        Some(month) => (month.span(checked.policy.zone()), month.to_string()),
        None => {
            let until = arguments.until.unwrap_or(now);
            let from = arguments.from.unwrap_or(until - Millis::days(30));
            anyhow::ensure!(from < until, "--from must be before --until");
            (Span { from, until }, String::new())
        }
    };
    let reader = Reader::open_at_one_moment(&arguments.folder.data.join(FILE_NAME))?;
    let review = review(&reader, &checked.policy, span, now)?;
    let text = match arguments.format {
        Format::Html => dashboards::page::review_report(&review, &title, arguments.language).into_string(),
        Format::Csv => review_csv::rows(&review),
        Format::Json => serde_json::to_string_pretty(&review)? + "\n",
    };
    match &arguments.output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?,
        None => super::output::output().write_all(text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
