//! `forewarn hash-password`.

use super::output::output;
use anyhow::Context;
use std::io::Write as _;
use std::process::ExitCode;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut password = String::new();
    std::io::stdin()
        .read_line(&mut password)
        .context("cannot read a password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(
        !password.is_empty(),
        "give the password on standard input: printf secret | forewarn hash-password"
    );
    let hash = crate::access::passwords::hash(password).map_err(anyhow::Error::msg)?;
    writeln!(output(), "{hash}")?;
    Ok(ExitCode::SUCCESS)
}
