//! Standard output, through which every command tells its result: `println!` would end the program with a panic where the reader
//! has seen enough (`forewarn history export | head`). That is no failure: what is left to say is not said, and `main` ends quietly.

use std::io::{Error, ErrorKind, Result, StdoutLock, Write};

/// Whoever read the output has closed it.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has seen enough")]
struct ReaderGone;

/// Standard output while one command has it.
pub struct Output(StdoutLock<'static>);

/// Standard output.
pub fn output() -> Output {
    Output(std::io::stdout().lock())
}

/// So many of something in words, such as `1 mistake` and `3 mistakes`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

fn told(error: Error) -> Error {
    match error.kind() {
        ErrorKind::BrokenPipe => Error::other(ReaderGone),
        _ => error,
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write(bytes).map_err(told)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush().map_err(told)
    }
}

/// For a program that goes on when nobody reads what it says.
pub fn announce(line: impl std::fmt::Display) {
    if let Err(error) = writeln!(output(), "{line}") {
        tracing::debug!(%error, "nobody reads the output");
    }
}

/// Whether a command ended because its output is no longer read. A lost socket is another thing.
pub fn is_reader_gone(error: &anyhow::Error) -> bool {
    let is_it = |cause: &Error| cause.get_ref().is_some_and(|inner| inner.is::<ReaderGone>());
    error
        .chain()
        .any(|cause| cause.downcast_ref::<Error>().is_some_and(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn only_a_closed_output_is_a_quiet_end() {
        let closed: anyhow::Result<()> = Err(told(Error::from(ErrorKind::BrokenPipe))).context("cannot tell");
        assert!(is_reader_gone(&closed.expect_err("closed")));
        let lost: anyhow::Result<()> = Err(Error::from(ErrorKind::BrokenPipe)).context("cannot publish");
        assert!(!is_reader_gone(&lost.expect_err("lost")));
        let full = told(Error::from(ErrorKind::StorageFull));
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }
}
