//! Model bundles as files: written beside and renamed, so that a file under the wanted name is always complete.

use models::bundle::{Bundle, BundleError, MAX_BUNDLE_BYTES};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file was not read or written.
#[derive(Debug, Error)]
pub enum ModelFileError {
    /// The file system says no.
    #[error("cannot {what} {file}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        file: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The bytes are no such model.
    #[error("cannot use the model {file}")]
    Bundle {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        #[source]
        cause: BundleError,
    },
}

/// Reads a bundle; a file that is too large is not read into memory.
///
/// # Errors
/// If it cannot be read, or is no sound bundle.
pub fn load_bundle(file: &Path) -> Result<Bundle, ModelFileError> {
    let io = |cause| ModelFileError::Io {
        what: "read",
        file: file.to_owned(),
        cause,
    };
    let source = std::fs::File::open(file).map_err(io)?;
    let mut bytes = Vec::new();
    source
        .take(MAX_BUNDLE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Bundle::decode(&bytes).map_err(unusable(file))
}

/// An error of a bundle, with its file.
pub fn unusable(file: &Path) -> impl Fn(BundleError) -> ModelFileError {
    move |cause| ModelFileError::Bundle {
        file: file.to_owned(),
        cause,
    }
}

/// Writes a bundle.
///
/// # Errors
/// If it is too large or cannot be written.
pub fn save_bundle(bundle: &Bundle, file: &Path) -> Result<(), ModelFileError> {
    let bytes = bundle.encode().map_err(unusable(file))?;
    save(file, &bytes)
}

/// Writes a file under another name in the same folder, then renames it: nobody ever sees half of it.
///
/// # Errors
/// If it cannot be written; what stood there before still does.
pub fn save(file: &Path, bytes: &[u8]) -> Result<(), ModelFileError> {
    let io = |cause| ModelFileError::Io {
        what: "write",
        file: file.to_owned(),
        cause,
    };
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    let mut beside = tempfile::Builder::new()
        .prefix(".forewarn-")
        .tempfile_in(folder)
        .map_err(io)?;
    beside.write_all(bytes).map_err(io)?;
    beside.as_file().sync_all().map_err(io)?;
    // temporary files are private; results are as readable as any new file
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o644);
        beside.as_file().set_permissions(open).map_err(io)?;
    }
    beside.persist(file).map_err(|error| io(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.csv");
        save(&file, b"one").unwrap();
        save(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert!(save(&folder.path().join("missing/out.csv"), b"x").is_err());
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing temporary stays");
    }

    #[test]
    fn what_is_no_model_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.csv");
        std::fs::write(&file, "a,b\n").unwrap();
        let error = load_bundle(&file).unwrap_err();
        assert!(error.to_string().contains("table.csv"), "{error}");
        let missing = load_bundle(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("cannot read"), "{missing}");
    }
}
