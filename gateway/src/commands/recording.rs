//! How a recording is read and what is known of it: the arguments that `score` and `backtest` share.

use crate::learning::model_file::load_bundle;
use crate::pipeline::catalogue::load_profiles;
use crate::recorded::Player;
use anyhow::Context;
use device_sim::table::{Table, TableOptions, TimeColumn};
use domain::{DeviceKey, ModelVersion, Profile};
use indicatif::{ProgressBar, ProgressStyle};
use models::bundled::Bundled;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Most columns of a recording.
const MAX_COLUMNS: usize = 20_001;

#[derive(Debug, clap::Args)]
pub(super) struct RecordingArguments {
    /// Name of the time column; without it the column is found by its name or its values.
    #[arg(long)]
    pub time: Option<String>,
    /// Columns that are not metrics, such as labels.
    #[arg(long, value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// What separates the columns, one character, or `tab`; without it it is found.
    #[arg(long, value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// A recording that is known to be normal, learned before.
    #[arg(long, conflicts_with = "train_rows")]
    pub train: Option<PathBuf>,
    /// The first so many rows of each file are known to be normal.
    #[arg(long, default_value_t = 0)]
    pub train_rows: u64,
    /// Profile of the machine: a TOML file, or the name of a shipped one.
    #[arg(long, default_value = "generic")]
    pub profile: String,
    /// A model that `train life|classes --profile` wrote, which judges beside the rules of the profile; may be given again.
    #[arg(long, value_name = "BUNDLE")]
    pub model: Vec<PathBuf>,
    #[arg(skip)]
    trained: OnceLock<Option<Bundled>>,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] => Ok(*one),
        _ => Err("one character, or `tab`, is needed".to_owned()),
    }
}

impl RecordingArguments {
    /// The trained models named, which must be of the profile.
    fn trained(&self, profile: &Profile) -> anyhow::Result<Option<&Bundled>> {
        if let Some(trained) = self.trained.get() {
            return Ok(trained.as_ref());
        }
        let bundles = self.model.iter().map(|path| load_bundle(path));
        let bundles = bundles.collect::<Result<Vec<_>, _>>()?;
        let trained = match bundles.is_empty() {
            true => None,
            false => Some(Bundled::of(bundles)?),
        };
        let problems = trained
            .as_ref()
            .map_or_else(Vec::new, |trained| trained.problems(profile));
        let list: Vec<String> = problems.iter().map(|p| format!("  {}", p.message)).collect();
        anyhow::ensure!(list.is_empty(), "the model cannot be used:\n{}", list.join("\n"));
        Ok(self.trained.get_or_init(|| trained).as_ref())
    }

    /// What judges, by the name that a gateway would give it.
    pub(super) fn version(&self, profile: &Profile) -> anyhow::Result<ModelVersion> {
        Ok(match self.trained(profile)? {
            Some(trained) => {
                let content = [profile.text.as_bytes(), trained.identity().as_bytes()].concat();
                ModelVersion::of_candidate(&profile.id, profile.version, &content)
            }
            None => ModelVersion::of_file(&profile.id, profile.version),
        })
    }

    /// The profile named.
    pub(super) fn profile(&self) -> anyhow::Result<Arc<Profile>> {
        let name = self.profile.as_str();
        let path = Path::new(name);
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the profile {name}"))?;
            return match domain::profile::parse(&text) {
                Ok(profile) => Ok(Arc::new(profile)),
                Err(problems) => {
                    let list: Vec<String> = problems.iter().map(|p| format!("  {name}: {p}")).collect();
                    anyhow::bail!("the profile has mistakes:\n{}", list.join("\n"))
                }
            };
        }
        let shipped = load_profiles(None).unwrap_or_default();
        let known: Vec<String> = shipped.iter().map(|p| p.id.clone()).collect();
        let found = shipped.into_iter().find(|p| p.id == name);
        let found = found.with_context(|| format!("there is no profile {name:?}; shipped are {}", known.join(", ")))?;
        Ok(Arc::new(found))
    }

    /// Opens a recording; columns of `more` are not metrics either.
    pub(super) fn open(&self, path: &Path) -> anyhow::Result<Table> {
        let options = TableOptions {
            delimiter: self.delimiter,
            time: self.time.clone().map_or(TimeColumn::Find, TimeColumn::Named),
            ignore: self.ignore.clone(),
            max_columns: MAX_COLUMNS,
            keeps_every_row: true,
            ..TableOptions::default()
        };
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Table::open(file, options)?)
    }

    /// A device that has learned the recording named by `--train`, or nothing.
    pub(super) fn player(&self, profile: &Arc<Profile>) -> anyhow::Result<Player> {
        let mut player = Player::new(
            profile.clone(),
            self.trained(profile)?,
            &DeviceKey::new("recorded", "device")?,
        )?;
        if let Some(normal) = &self.train {
            let table = self
                .open(normal)
                .with_context(|| format!("cannot read {}", normal.display()))?;
            for row in table {
                player.learn(&row?)?;
            }
            player.end_of_normal();
        }
        Ok(player)
    }
}

/// Does `work` on every item, on all processors, with a progress bar; results in the order of the items.
pub(super) fn on_all<T: Sync, R: Send>(items: &[T], work: impl Fn(&T, &ProgressBar) -> R + Sync) -> Vec<R> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} recordings, {elapsed}");
    let bar = ProgressBar::new(items.len() as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.tick();
    let waiting = Mutex::new(items.iter().enumerate());
    let results = Mutex::new(Vec::new());
    let one_thread = || {
        loop {
            let next = waiting.lock().unwrap_or_else(|p| p.into_inner()).next();
            let Some((place, item)) = next else { return };
            let result = work(item, &bar);
            results.lock().unwrap_or_else(|p| p.into_inner()).push((place, result));
            bar.inc(1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(one_thread);
        }
    });
    bar.finish_and_clear();
    let mut results = results.into_inner().unwrap_or_else(|p| p.into_inner());
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
