//! `forewarn backup` and `forewarn restore`: state first, then history, so that history never lacks what the journal has
//! let go. The copy holds everything that was acknowledged when it began.

use super::DataFolder;
use super::output::output;
use crate::history;
use crate::store::{FILE_NAME, Reader, Store};
use anyhow::Context;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HISTORY: &str = "history.db";
/// Files beside the databases that belong to a backup.
const FOLDERS: [&str; 2] = ["influxdb", crate::attachments::FOLDER];

#[derive(Debug, clap::Args)]
pub(super) struct BackupArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// The folder to make; must not exist or be empty.
    #[arg(long)]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// The backup.
    #[arg(long)]
    from: PathBuf,
    #[command(flatten)]
    folder: DataFolder,
}

fn make_empty(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let is_empty = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .next()
        .is_none();
    anyhow::ensure!(
        is_empty,
        "{} is not empty; nothing was overwritten, give a new folder",
        folder.display()
    );
    Ok(())
}

fn copy_folders(from: &Path, to: &Path) -> anyhow::Result<()> {
    for folder in FOLDERS.iter().map(|f| from.join(f)).filter(|f| f.is_dir()) {
        let target = to.join(folder.file_name().expect("joined with a name"));
        std::fs::create_dir_all(&target)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            std::fs::copy(entry.path(), target.join(entry.file_name()))
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Copies both databases; history may be missing in a folder that never recorded.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_empty(to)?;
    copy_folders(from, to)?;
    eprintln!("copying {FILE_NAME}");
    Reader::open(&from.join(FILE_NAME))?.backup_to(&to.join(FILE_NAME))?;
    if from.join(HISTORY).exists() {
        eprintln!("copying {HISTORY}");
        history::backup(&from.join(HISTORY), &to.join(HISTORY))?;
    }
    Ok(())
}

pub(super) fn backup(arguments: &BackupArguments) -> anyhow::Result<ExitCode> {
    copy(&arguments.folder.data, &arguments.to)?;
    writeln!(output(), "{}", arguments.to.display())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(arguments: &RestoreArguments) -> anyhow::Result<ExitCode> {
    copy(&arguments.from, &arguments.folder.data)?;
    let store = Store::open(&arguments.folder.data).context("the backup was copied but cannot be opened")?;
    writeln!(
        output(),
        "{}: position {}",
        arguments.folder.data.display(),
        store.last_position()
    )?;
    Ok(ExitCode::SUCCESS)
}
