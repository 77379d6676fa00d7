//! The `forewarn` program: reads the command line and hands over to `commands/`.

use clap::Parser;
use gateway::commands::{self, CommandLine};
use std::process::ExitCode;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    commands::set_up_logging(&line);
    match commands::run(line) {
        Ok(code) => code,
        Err(error) if commands::is_reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forewarn: {error:#}");
            ExitCode::FAILURE
        }
    }
}
