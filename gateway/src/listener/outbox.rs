//! Bytes on their way to one client: collected, then written with as few calls as possible. Writing may be interrupted at any point and
//! goes on where it was, so it can stand beside reading in a `select!`. Never blocks on a slow client; the owner looks at the length.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::Instant;

/// Above this much memory a buffer that ran empty is given back.
const KEPT_CAPACITY: usize = 64 * 1024;

/// Bytes to write and how far that got.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// TLS keeps bytes back until flushed.
    needs_flush: bool,
    /// Since when the client takes nothing.
    stuck_since: Option<Instant>,
}

impl Outbox {
    /// Where to append.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes not yet written.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// True if everything is written and flushed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && !self.needs_flush
    }

    /// When the client counts as not taking anything, if it is behind. Starts its time at `now` if it was not behind before.
    pub fn deadline(&mut self, timeout: Duration, now: Instant) -> Option<Instant> {
        if self.is_empty() {
            self.stuck_since = None;
            return None;
        }
        Some(*self.stuck_since.get_or_insert(now) + timeout)
    }

    /// Writes and flushes everything. May be dropped and called again.
    pub async fn flush(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        poll_fn(|context| {
            while self.written < self.bytes.len() {
                let count = ready!(Pin::new(&mut *writer).poll_write(context, &self.bytes[self.written..]))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.written += count;
                self.needs_flush = true;
                self.stuck_since = None;
            }
            ready!(Pin::new(&mut *writer).poll_flush(context))?;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_CAPACITY);
            self.written = 0;
            self.needs_flush = false;
            self.stuck_since = None;
            Poll::Ready(Ok(()))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn an_interrupted_write_goes_on_where_it_was() {
        let (mut near, mut far) = tokio::io::duplex(16);
        let mut outbox = Outbox::default();
        let sent: Vec<u8> = (0..200).collect();
        outbox.bytes().extend_from_slice(&sent);
        let mut received = Vec::new();
        while received.len() < sent.len() {
            tokio::select! {
                biased;
                result = outbox.flush(&mut near), if !outbox.is_empty() => result.unwrap(),
                result = async { far.read_buf(&mut received).await } => { result.unwrap(); }
            }
        }
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn time_runs_only_while_the_client_is_behind() {
        let (mut near, _far) = tokio::io::duplex(4);
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut outbox = Outbox::default();
        assert_eq!(outbox.deadline(second, now), None);
        outbox.bytes().extend_from_slice(b"12345");
        assert_eq!(outbox.deadline(second, now), Some(now + second));
        assert_eq!(outbox.deadline(second, now + second), Some(now + second));
        let write = tokio::time::timeout(Duration::from_millis(1), outbox.flush(&mut near));
        assert!(write.await.is_err());
        assert_eq!(outbox.len(), 1);
        assert_eq!(outbox.deadline(second, now + second), Some(now + 2 * second));
    }
}
