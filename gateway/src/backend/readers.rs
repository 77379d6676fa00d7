//! A few read-only connections to the state store, lent to one question at a time on threads that may wait for a disk.

use crate::access::Sight;
use crate::store::{Reader, StoreError};
use crate::web::backend::{Answer, BackendError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Questions answered at once.
const READERS: usize = 4;
/// A question that has waited so long is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Readers of the state store.
#[derive(Clone)]
pub struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Reader>>>,
    /// Those that were limited once, and never see everything again.
    limited: Arc<Mutex<Vec<Reader>>>,
    sight: Sight,
    free: Arc<Semaphore>,
}

impl Readers {
    /// Readers of a database; the first is open already.
    pub fn new(path: &Path, first: Reader) -> Self {
        let idle = Arc::new(Mutex::new(vec![first]));
        Readers {
            path: path.to_owned(),
            idle,
            limited: Arc::default(),
            sight: Sight::all(),
            free: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// The same readers, of which only this is seen, whatever is asked.
    pub fn seen_by(&self, sight: Sight) -> Readers {
        Readers { sight, ..self.clone() }
    }

    /// Asks the store.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let waiting = tokio::time::timeout(PATIENCE, self.free.clone().acquire_owned());
        let permit = waiting.await.map_err(|_| unavailable("the store is busy"))?;
        let permit = permit.map_err(|_| unavailable("the gateway stops"))?;
        let readers = self.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let _until_answered = permit;
            let mut reader = match readers.take() {
                Some(reader) => reader,
                None => Reader::open(&readers.path)?,
            };
            if !readers.sight.is_all() {
                reader.limit_to(&readers.sight)?;
            }
            let answer = question(&reader);
            readers.give_back(reader);
            answer
        });
        asking
            .await
            .map_err(|_| unavailable("the question to the store broke off"))?
            .map_err(|error| of_store(&error))
    }

    fn pool(&self) -> &Mutex<Vec<Reader>> {
        match self.sight.is_all() {
            true => &self.idle,
            false => &self.limited,
        }
    }

    fn take(&self) -> Option<Reader> {
        self.pool()
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .pop()
    }

    fn give_back(&self, reader: Reader) {
        self.pool()
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(reader);
    }
}

/// Not now, and why.
pub fn unavailable(detail: &str) -> BackendError {
    BackendError::Unavailable {
        detail: detail.to_owned(),
    }
}

/// The store does not answer. The cause goes to the log: it is nobody's business outside.
pub fn of_store(error: &StoreError) -> BackendError {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, source, "the store does not answer a page");
    unavailable("the store does not answer")
}
