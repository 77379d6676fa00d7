//! Who carries out independent jobs: this crate has no threads, whoever calls may.

/// Carries out jobs that do not depend on each other.
pub trait Workers {
    /// The results of `job(0)` to `job(count - 1)`, in this order.
    fn run<T: Send>(&self, count: usize, job: &(dyn Fn(usize) -> T + Sync)) -> Vec<T>;
}

/// One job after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct InTurn;

impl Workers for InTurn {
    fn run<T: Send>(&self, count: usize, job: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
        (0..count).map(job).collect()
    }
}
