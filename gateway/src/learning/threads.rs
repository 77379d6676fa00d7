//! Carries out the jobs of learning on as many threads as there are processors, and shows how far it is.

use indicatif::{ProgressBar, ProgressStyle};
use models::workers::Workers;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads for the time of one call, with a progress bar on standard error.
#[derive(Debug, Clone, Copy)]
pub struct Threads {
    /// What is done, for the bar.
    pub what: &'static str,
}

impl Workers for Threads {
    fn run<T: Send>(&self, count: usize, job: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
        let bar = ProgressBar::new(count as u64).with_message(self.what);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.tick();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(count));
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(count.max(1));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        let result = job(number);
                        bar.inc(1);
                        let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        done.push((number, result));
                    }
                });
            }
        });
        bar.finish_and_clear();
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

/// Learning panicked; what it said is on standard error.
#[derive(Debug, thiserror::Error)]
#[error("learning stopped at a mistake of the program (above); nothing was written")]
pub struct Stopped;

/// Learns with a net below: a bug in arithmetic becomes an error, not a half-written file.
///
/// # Errors
/// If `learn` panicked.
pub fn guarded<T>(learn: impl FnOnce() -> T) -> Result<T, Stopped> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(learn)).map_err(|_| Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_jobs() {
        let workers = Threads { what: "test" };
        let squares = workers.run(50, &|i| i * i);
        assert_eq!(squares, (0..50).map(|i| i * i).collect::<Vec<_>>());
        assert!(workers.run(0, &|i| i).is_empty());
    }
}
