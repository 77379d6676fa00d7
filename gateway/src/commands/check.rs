//! `forewarn check`.

use super::output::{counted, output};
use super::run::load;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration.
    #[arg(long)]
    config: PathBuf,
    /// The mistakes as JSON lines with file, line, path and message.
    #[arg(long)]
    json: bool,
}

/// What `check` ends with when it found mistakes.
const MISTAKES: u8 = 3;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match load(Some(&arguments.config)) {
        Ok(checked) => {
            if arguments.json {
                writeln!(output(), "{}", serde_json::json!({ "ok": true }))?;
            } else {
                writeln!(
                    output(),
                    "{}: no mistakes; {}, {} by name",
                    arguments.config.display(),
                    counted(checked.profiles.len(), "profile"),
                    counted(checked.registry.device.len(), "device")
                )?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            for found in &problems {
                if arguments.json {
                    let problem = &found.problem;
                    let line = serde_json::json!({
                        "file": found.file, "line": problem.line, "path": problem.path, "message": problem.message,
                    });
                    writeln!(output(), "{line}")?;
                } else {
                    writeln!(output(), "{found}")?;
                }
            }
            eprintln!("{}", counted(problems.len(), "mistake"));
            Ok(ExitCode::from(MISTAKES))
        }
    }
}
