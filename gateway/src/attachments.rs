//! Files of tickets, in a folder below the data folder: each under the SHA-256 of its content, so that a name can neither
//! lead out of the folder nor overwrite another file, and the same photo twice is kept once.
//!
//! A file is on disk before the ticket names it. What a refused or broken upload leaves is named by no ticket and harms nobody.

use ring::digest::{SHA256, digest};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Below the data folder.
pub const FOLDER: &str = "files";
/// Bytes of all files together.
pub const MOST_BYTES: u64 = 8 << 30;

/// Why a file is not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// There is no room.
    #[error("the files of all tickets have {used} bytes; with this one they would have more than {MOST_BYTES}")]
    Full {
        /// Bytes there are.
        used: u64,
    },
    /// The disk does not answer as it should.
    #[error("cannot {attempt} {path}")]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The content is not the one that was kept.
    #[error("the content of {path} has changed on disk")]
    Damaged {
        /// Of what.
        path: PathBuf,
    },
}

/// The folder.
#[derive(Debug)]
pub struct Attachments {
    folder: PathBuf,
    used: AtomicU64,
}

/// SHA-256 in hexadecimal digits.
pub fn name_of(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Attachments {
    /// Makes the folder if needed and counts what is in it.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(data: &Path) -> Result<Attachments, AttachmentError> {
        let folder = data.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        let mut used = 0;
        for entry in std::fs::read_dir(&folder).map_err(io("read", &folder))? {
            let entry = entry.map_err(io("read", &folder))?;
            used += entry.metadata().map_err(io("read", &entry.path()))?.len();
        }
        let used = AtomicU64::new(used);
        Ok(Attachments { folder, used })
    }

    /// Keeps the content; when it returns, it is on disk. Answers with its name.
    ///
    /// # Errors
    /// There is no room, or it cannot be written.
    pub fn keep(&self, content: &[u8]) -> Result<String, AttachmentError> {
        let name = name_of(content);
        let path = self.folder.join(&name);
        if path.exists() {
            return Ok(name);
        }
        let bytes = content.len() as u64;
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let kept = if used.saturating_add(bytes) > MOST_BYTES {
            Err(AttachmentError::Full { used })
        } else {
            self.write(&path, content)
        };
        if kept.is_err() {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        kept.map(|()| name)
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), AttachmentError> {
        let mut beside = tempfile::NamedTempFile::new_in(&self.folder).map_err(io("write below", &self.folder))?;
        beside.write_all(content).map_err(io("write", path))?;
        beside.as_file().sync_all().map_err(io("write", path))?;
        beside.persist(path).map_err(|error| io("write", path)(error.error))?;
        let folder = File::open(&self.folder).map_err(io("open", &self.folder))?;
        folder.sync_all().map_err(io("write", &self.folder))
    }

    /// The content behind a name.
    ///
    /// # Errors
    /// It is not there, or not what it was.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, AttachmentError> {
        let path = self.folder.join(name);
        let is_name = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_name {
            return Err(AttachmentError::Damaged { path });
        }
        let content = std::fs::read(&path).map_err(io("read", &path))?;
        match name_of(&content) == name {
            true => Ok(content),
            false => Err(AttachmentError::Damaged { path }),
        }
    }
}

fn io(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AttachmentError {
    let path = path.to_owned();
    move |source| AttachmentError::Io { attempt, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_kept_once_under_its_hash_and_read_back_after_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let files = Attachments::open(data.path()).unwrap();
        let name = files.keep(b"abc").unwrap();
        // FIPS 180-2, appendix B.1
        assert_eq!(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(files.keep(b"abc").unwrap(), name);
        let files = Attachments::open(data.path()).unwrap();
        assert_eq!(files.used.load(Ordering::Relaxed), 3);
        assert_eq!(files.read(&name).unwrap(), b"abc");
    }

    #[test]
    fn a_name_that_leads_elsewhere_and_a_content_that_changed_are_not_read() {
        let data = tempfile::tempdir().unwrap();
        let files = Attachments::open(data.path()).unwrap();
        std::fs::write(data.path().join("secret"), b"x").unwrap();
        assert!(matches!(files.read("../secret"), Err(AttachmentError::Damaged { .. })));
        let name = files.keep(b"abc").unwrap();
        std::fs::write(data.path().join(FOLDER).join(&name), b"abd").unwrap();
        assert!(matches!(files.read(&name), Err(AttachmentError::Damaged { .. })));
    }

    #[test]
    fn a_full_folder_takes_nothing_more() {
        let data = tempfile::tempdir().unwrap();
        let files = Attachments::open(data.path()).unwrap();
        files.used.store(MOST_BYTES - 2, Ordering::Relaxed);
        assert!(matches!(files.keep(b"abc"), Err(AttachmentError::Full { .. })));
        assert!(files.keep(b"ab").is_ok());
    }
}
