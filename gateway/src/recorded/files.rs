//! Which files a command reads, and where it writes what it makes of each.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 16;

/// A recording and its place below the folder that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the input folder; its name where the input is the file itself.
    pub relative: PathBuf,
}

/// What `--input` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The recordings, by path.
    pub files: Vec<InputFile>,
    /// Whether a folder was named.
    pub is_folder: bool,
}

/// What is wrong with `--input`.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("there is no {} file in {}", endings.join(" or "), path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// How a recording ends.
        endings: &'static [&'static str],
    },
}

/// How tables end.
const TABLES: &[&str] = &[".csv", ".csv.gz"];

fn is_recording(path: &Path, endings: &[&str]) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

impl Inputs {
    /// The file, or every `.csv` and `.csv.gz` below the folder.
    ///
    /// # Errors
    /// It cannot be read, or holds nothing.
    pub fn find(path: &Path) -> Result<Inputs, InputsError> {
        Inputs::find_ending(path, TABLES)
    }

    /// The file, or every file below the folder whose name ends so, in lower case.
    ///
    /// # Errors
    /// It cannot be read, or holds nothing.
    pub fn find_ending(path: &Path, endings: &'static [&'static str]) -> Result<Inputs, InputsError> {
        let unreadable = |source| InputsError::Unreadable {
            path: path.to_owned(),
            source,
        };
        if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            let relative = path.file_name().map(PathBuf::from).unwrap_or_default();
            let path = path.to_owned();
            return Ok(Inputs {
                files: vec![InputFile { path, relative }],
                is_folder: false,
            });
        }
        let mut files = Vec::new();
        gather(path, Path::new(""), MAX_DEPTH, endings, &mut files)?;
        files.sort_by(|a, b| a.relative.cmp(&b.relative));
        if files.is_empty() {
            let path = path.to_owned();
            return Err(InputsError::Empty { path, endings });
        }
        Ok(Inputs { files, is_folder: true })
    }
}

fn gather(
    folder: &Path,
    below: &Path,
    depth: usize,
    endings: &[&str],
    files: &mut Vec<InputFile>,
) -> Result<(), InputsError> {
    let unreadable = |source| InputsError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let relative = below.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            if depth > 0 {
                gather(&path, &relative, depth - 1, endings, files)?;
            }
        } else if is_recording(&path, endings) {
            files.push(InputFile { path, relative });
        }
    }
    Ok(())
}

/// Where the output of a file goes: the same path below the output folder, ending in `.csv` without `.gz`. For a single
/// input file the output is that file, unless it is a folder or ends as one.
pub fn output_for(output: &Path, inputs: &Inputs, file: &InputFile) -> PathBuf {
    let names_folder = output.is_dir() || output.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR);
    if !inputs.is_folder && !names_folder {
        return output.to_owned();
    }
    let relative = file.relative.to_string_lossy();
    let plain = if relative.to_ascii_lowercase().ends_with(".gz") {
        &relative[..relative.len() - 3]
    } else {
        &relative
    };
    output.join(plain)
}

/// Writes a file that is there whole or not at all: beside its place first, then renamed; folders are made.
///
/// # Errors
/// Of the disk, or of `write`.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = BufWriter::with_capacity(256 * 1024, File::create(&part)?);
    write(&mut file)?;
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?;
    std::fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_mirrored_without_gz() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("valve")).expect("makes");
        for name in ["b.csv", "valve/0.csv.gz", "windows.json"] {
            std::fs::write(at(name), "x").expect("writes");
        }
        let inputs = Inputs::find(folder.path()).expect("reads");
        let outputs: Vec<PathBuf> = inputs
            .files
            .iter()
            .map(|f| output_for(Path::new("out"), &inputs, f))
            .collect();
        assert_eq!(outputs, [PathBuf::from("out/b.csv"), PathBuf::from("out/valve/0.csv")]);
    }

    #[test]
    fn a_single_file_goes_where_it_is_told() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.csv.gz");
        std::fs::write(&path, "x").expect("writes");
        let inputs = Inputs::find(&path).expect("reads");
        let of = |output: &Path| output_for(output, &inputs, &inputs.files[0]);
        assert_eq!(of(Path::new("scores.csv")), Path::new("scores.csv"));
        assert_eq!(of(folder.path()), folder.path().join("a.csv"));
        assert_eq!(of(Path::new("new/")), Path::new("new/a.csv"));
    }

    #[test]
    fn an_empty_folder_is_named() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let problem = Inputs::find(folder.path()).expect_err("empty");
        assert!(problem.to_string().starts_with("there is no .csv or .csv.gz file in"));
    }
}
