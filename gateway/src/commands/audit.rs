//! `forewarn audit verify|export`: the audit trail of a data folder, also while the gateway runs.

use super::DataFolder;
use super::output::output;
use crate::access::hex;
use crate::store::audit::{AuditFilter, ChainState, Hash};
use crate::store::rows::AuditRow;
use crate::store::{FILE_NAME, Reader};
use anyhow::Context;
use domain::Timestamp;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Lines read at a time.
const AT_ONCE: u32 = 5_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Whether every line is as it was written; names the first one that is not.
    Verify(VerifyArguments),
    /// Writes lines as JSON lines or CSV, the oldest first.
    Export(ExportArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// A line and its hash as an earlier check printed them, `LINE:HASH`: they must be the same now.
    #[arg(long, value_parser = expected)]
    expect: Option<(u64, String)>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// From this instant on (RFC 3339).
    #[arg(long, value_parser = super::history::instant)]
    from: Option<Timestamp>,
    /// Before this instant (RFC 3339).
    #[arg(long, value_parser = super::history::instant)]
    to: Option<Timestamp>,
    /// Only what this actor did.
    #[arg(long)]
    actor: Option<String>,
    /// Only what was done to this, such as `T-000042`.
    #[arg(long)]
    subject: Option<String>,
    /// CSV instead of JSON lines.
    #[arg(long)]
    csv: bool,
    /// The file to write; without it standard output.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn expected(text: &str) -> Result<(u64, String), String> {
    let wrong = || format!("{text:?} is not LINE:HASH, as `audit verify` prints it");
    let (line, hash) = text.split_once(':').ok_or_else(wrong)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    match line.parse() {
        Ok(line) if is_hash => Ok((line, hash.to_ascii_lowercase())),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(arguments) => verify(&arguments),
        Command::Export(arguments) => export(&arguments),
    }
}

fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(&arguments.folder.data.join(FILE_NAME))?;
    let mut found = None;
    let state = reader.verify_audit(|row, hash| {
        if arguments.expect.as_ref().is_some_and(|(line, _)| *line == row.id) {
            found = Some(hex(hash));
        }
    })?;
    match state {
        ChainState::Broken { line, why } => {
            writeln!(output(), "line {line} is not what was written: {why}")?;
            return Ok(ExitCode::FAILURE);
        }
        ChainState::Whole {
            lines,
            begins_after,
            head,
        } => {
            if let Some((line, hash)) = &arguments.expect {
                let found = match *line == begins_after.line {
                    true => Some(hex(&begins_after.hash)),
                    false => found,
                };
                match found {
                    None if *line < begins_after.line => {
                        writeln!(
                            output(),
                            "line {line} made room; the trail begins after line {}",
                            begins_after.line
                        )?;
                        return Ok(ExitCode::FAILURE);
                    }
                    Some(found) if found == *hash => {}
                    Some(_) | None => {
                        writeln!(
                            output(),
                            "line {line} does not have the expected hash: the trail was written anew"
                        )?;
                        return Ok(ExitCode::FAILURE);
                    }
                }
            }
            if begins_after.line > 0 {
                writeln!(output(), "lines up to {} made room", begins_after.line)?;
            }
            writeln!(output(), "{lines} lines are as they were written")?;
            writeln!(output(), "{}:{}", head.line, hex(&head.hash))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn json_line(row: &AuditRow, hash: Option<&Hash>) -> String {
    let line = serde_json::json!({
        "id": row.id, "at": row.at.to_string(), "by": row.actor, "action": row.action, "subject": row.subject,
        "detail": row.detail, "hash": hash.map(|h| hex(h)),
    });
    line.to_string()
}

fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(&arguments.folder.data.join(FILE_NAME))?;
    let target: Box<dyn Write> = match &arguments.output {
        Some(path) => {
            Box::new(std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(output()),
    };
    let mut out = std::io::BufWriter::new(target);
    let mut cells = csv::Writer::from_writer(Vec::new());
    if arguments.csv {
        cells.write_record(["id", "at", "by", "action", "subject", "detail", "hash"])?;
    }
    let filter = AuditFilter {
        from: arguments.from,
        to: arguments.to,
        actor: arguments.actor.clone(),
        subject: arguments.subject.clone(),
    };
    let mut after = 0;
    loop {
        let rows = reader.audit_after(after, AT_ONCE)?;
        let Some((last, _)) = rows.last() else { break };
        after = last.id;
        for (row, hash) in rows.iter().filter(|(row, _)| filter.fits(row)) {
            if arguments.csv {
                let (id, at) = (row.id.to_string(), row.at.to_string());
                let hash = hash.as_ref().map(|h| hex(h)).unwrap_or_default();
                cells.write_record([&id, &at, &row.actor, &row.action, &row.subject, &row.detail, &hash])?;
            } else {
                writeln!(out, "{}", json_line(row, hash.as_ref()))?;
            }
        }
        cells.flush()?;
        out.write_all(cells.get_ref())?;
        cells = csv::Writer::from_writer(Vec::new());
    }
    cells.flush()?;
    out.write_all(cells.get_ref())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
