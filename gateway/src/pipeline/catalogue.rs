//! The models in force and in shadow: profiles, each made into an engine once; devices with limits of their own get an
//! engine of their own. Swapped while the gateway runs.

use super::releases::Releases;
use crate::ingest::directory::Directory;
use crate::store::rows::ModelRow;
use domain::checked::Problem;
use domain::profile::{parse, shipped};
use domain::registry::{DeviceEntry, with_overrides};
use domain::{DeviceIndex, DeviceKey, MetricIndex, MetricName, ModelVersion, Names, Profile};
use models::Engine;
use models::bundled::Bundled;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// A mistake in a file, with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The file.
    pub file: PathBuf,
    /// What is wrong in it.
    pub problem: Problem,
}

impl std::fmt::Display for FileProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.problem.line {
            Some(line) => write!(f, "{}:{line}: ", self.file.display())?,
            None => write!(f, "{}: ", self.file.display())?,
        }
        match self.problem.path.as_str() {
            "" => f.write_str(&self.problem.message),
            path => write!(f, "{path}: {}", self.problem.message),
        }
    }
}

/// The shipped profiles and those of a folder; one of the same name takes the place of a shipped one.
///
/// # Errors
/// Every mistake of every file.
pub fn load_profiles(folder: Option<&Path>) -> Result<Vec<Profile>, Vec<FileProblem>> {
    let mut profiles: BTreeMap<String, Profile> = shipped::all().into_iter().map(|p| (p.id.clone(), p)).collect();
    let mut problems = Vec::new();
    let Some(folder) = folder else {
        return Ok(profiles.into_values().collect());
    };
    let wrong = |file: &Path, message: String| FileProblem {
        file: file.to_owned(),
        problem: Problem::at("", message),
    };
    let files = match std::fs::read_dir(folder) {
        Ok(entries) => {
            let mut files: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
            files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
            files.sort();
            files
        }
        Err(error) => {
            return Err(vec![wrong(
                folder,
                format!("cannot read the folder of profiles: {error}"),
            )]);
        }
    };
    for file in files {
        match std::fs::read_to_string(&file) {
            Err(error) => problems.push(wrong(&file, format!("cannot read the profile: {error}"))),
            Ok(text) => match parse(&text) {
                Ok(profile) => {
                    profiles.insert(profile.id.clone(), profile);
                }
                Err(found) => problems.extend(found.into_iter().map(|problem| FileProblem {
                    file: file.clone(),
                    problem,
                })),
            },
        }
    }
    if problems.is_empty() {
        Ok(profiles.into_values().collect())
    } else {
        Err(problems)
    }
}

/// A model version ready to judge: the engine of its profile, and one for each device with limits of its own.
#[derive(Debug)]
pub struct Release {
    version: ModelVersion,
    engine: Arc<Engine>,
    own: BTreeMap<DeviceKey, Arc<Engine>>,
    bundled: Option<Arc<Bundled>>,
}

impl Release {
    /// Makes the engines. A device whose own limits this profile does not have gets the profile's.
    pub fn new(
        version: ModelVersion,
        profile: Arc<Profile>,
        bundled: Option<Arc<Bundled>>,
        directory: &Directory,
    ) -> Release {
        let mut intern = |name: &MetricName| {
            directory
                .metric_or_register(name.as_str())
                .unwrap_or(MetricIndex(u32::MAX))
        };
        let mut engine_of = |profile| {
            let engine = Engine::new(profile, &mut intern).named(version.clone());
            Arc::new(match &bundled {
                Some(bundled) => engine.with_bundled(bundled, &mut intern),
                None => engine,
            })
        };
        let mut own = BTreeMap::new();
        for entry in entries_with_own(directory, &profile.id) {
            let key = DeviceKey {
                site: entry.site.clone(),
                device: entry.device.clone(),
            };
            match with_overrides(&profile, entry) {
                Ok(changed) => {
                    own.insert(key, engine_of(Arc::new(changed)));
                }
                Err(problem) => tracing::error!(%version, device = %key, %problem, "own limits are not in force"),
            }
        }
        let engine = engine_of(profile);
        Release {
            version,
            engine,
            own,
            bundled,
        }
    }

    /// Its name.
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// Its profile, without limits of single devices.
    pub fn profile(&self) -> Arc<Profile> {
        self.engine.shared_profile()
    }

    /// The trained models that judge beside its rules, if any.
    pub fn bundled(&self) -> Option<Arc<Bundled>> {
        self.bundled.clone()
    }

    fn engine_of(&self, key: &DeviceKey) -> Arc<Engine> {
        self.own.get(key).unwrap_or(&self.engine).clone()
    }
}

/// Why a profile cannot judge the devices of the registry.
pub fn problems_with_registry(profile: &Profile, directory: &Directory) -> Vec<Problem> {
    let of = |entry: &DeviceEntry| {
        let problem = with_overrides(profile, entry).err()?;
        let message = format!(
            "the registry has it for {}/{}: {}",
            entry.site, entry.device, problem.message
        );
        Some(Problem::at(problem.path, message))
    };
    entries_with_own(directory, &profile.id).filter_map(of).collect()
}

fn entries_with_own<'a>(directory: &'a Directory, profile: &'a str) -> impl Iterator<Item = &'a DeviceEntry> {
    let entries = directory.registry().device.iter();
    entries.filter(move |d| d.profile == profile && (d.impact.is_some() || !d.limits.is_empty()))
}

/// What judges the devices now, and what runs beside it.
#[derive(Debug, Default)]
struct Judging {
    in_force: BTreeMap<String, Arc<Release>>,
    shadow: BTreeMap<String, Arc<Release>>,
    /// All that ever judged or ran beside while this program runs or its journal reaches back, by name.
    known: BTreeMap<ModelVersion, Arc<Release>>,
}

/// The models in force and in shadow. Changed by the commit thread only; shards see by [`Catalogue::generation`] that
/// something changed.
#[derive(Debug)]
pub struct Catalogue {
    files: BTreeMap<String, Arc<Release>>,
    judging: RwLock<Judging>,
    generation: AtomicU64,
}

impl Catalogue {
    /// Makes the engines of the profile files, which are in force until something else is; the registry was checked against
    /// them before.
    pub fn new(profiles: Vec<Profile>, directory: &Directory) -> Self {
        let release = |profile: Profile| {
            let version = ModelVersion::of_file(&profile.id, profile.version);
            (
                profile.id.clone(),
                Arc::new(Release::new(version, Arc::new(profile), None, directory)),
            )
        };
        let files: BTreeMap<_, _> = profiles.into_iter().map(release).collect();
        let judging = Judging {
            in_force: files.clone(),
            shadow: BTreeMap::new(),
            known: files.values().map(|r| (r.version.clone(), r.clone())).collect(),
        };
        Catalogue {
            files,
            judging: RwLock::new(judging),
            generation: AtomicU64::new(1),
        }
    }

    fn judging(&self) -> RwLockReadGuard<'_, Judging> {
        self.judging.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Grows with every change.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// A release that may be named in checkpoints and in the journal.
    pub fn know(&self, release: Arc<Release>) {
        let mut judging = self.judging.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        judging.known.insert(release.version.clone(), release);
    }

    /// A release by name.
    pub fn known(&self, version: &ModelVersion) -> Option<Arc<Release>> {
        self.judging().known.get(version).cloned()
    }

    /// From now on the devices of a profile are judged by `in_force`, or by its file, and watched by `shadow`, if any.
    pub fn put(&self, profile: &str, in_force: Option<Arc<Release>>, shadow: Option<Arc<Release>>) {
        let mut judging = self.judging.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for release in in_force.iter().chain(&shadow) {
            judging.known.insert(release.version.clone(), release.clone());
        }
        if let Some(release) = in_force.or_else(|| self.files.get(profile).cloned()) {
            judging.in_force.insert(profile.to_owned(), release);
        }
        match shadow {
            Some(release) => judging.shadow.insert(profile.to_owned(), release),
            None => judging.shadow.remove(profile),
        };
        drop(judging);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// What judges a device.
    pub fn engine_of(&self, index: DeviceIndex, directory: &Directory) -> Arc<Engine> {
        let key = directory.device(index);
        let profile = directory.registry().profile_of(&key);
        let judging = self.judging();
        let release = judging
            .in_force
            .get(profile)
            .or_else(|| judging.in_force.get("generic"));
        release.expect("the generic profile is shipped").engine_of(&key)
    }

    /// What runs beside it.
    pub fn shadow_of(&self, index: DeviceIndex, directory: &Directory) -> Option<Arc<Engine>> {
        let judging = self.judging();
        if judging.shadow.is_empty() {
            return None;
        }
        let key = directory.device(index);
        let release = judging.shadow.get(directory.registry().profile_of(&key));
        release.map(|release| release.engine_of(&key))
    }

    /// A model by name, as it judges a device; none if nobody knows it any more or the device is of another kind by now.
    pub fn engine_named(
        &self,
        version: &ModelVersion,
        index: DeviceIndex,
        directory: &Directory,
    ) -> Option<Arc<Engine>> {
        let release = self.known(version)?;
        let key = directory.device(index);
        let is_of_kind = release.engine.profile().id == directory.registry().profile_of(&key);
        is_of_kind.then(|| release.engine_of(&key))
    }

    /// The profile files, by profile.
    pub fn files(&self) -> impl Iterator<Item = &Arc<Release>> {
        self.files.values()
    }

    /// What is in force for a profile.
    pub fn in_force(&self, profile: &str) -> Option<Arc<Release>> {
        self.judging().in_force.get(profile).cloned()
    }
}

/// The engines of a version that was added; none if its text, which was sound when it was added, is not so for this program.
pub fn release_of(row: &ModelRow, directory: &Directory) -> Option<Arc<Release>> {
    let bundled = match row.learned.as_deref().map(Bundled::from_bytes).transpose() {
        Ok(bundled) => bundled.map(Arc::new),
        Err(problem) => {
            tracing::error!(version = %row.version, %problem, "its trained models cannot be read; the profile file stands in");
            return None;
        }
    };
    match parse(&row.toml) {
        Ok(profile) => Some(Arc::new(Release::new(
            row.version.clone(),
            Arc::new(profile),
            bundled,
            directory,
        ))),
        Err(problems) => {
            let problem = problems.first().map(ToString::to_string).unwrap_or_default();
            tracing::error!(version = %row.version, problem, "a model cannot be read; the profile file stands in");
            None
        }
    }
}

/// Makes what the releases say come true for the devices of a profile.
pub fn put_in_force(catalogue: &Catalogue, releases: &Releases, profile: &str, directory: &Directory) {
    let ready = |row: &ModelRow| catalogue.known(&row.version).or_else(|| release_of(row, directory));
    let in_force = releases.in_force(profile).and_then(ready);
    let shadow = releases.shadow(profile).and_then(ready);
    let name = |release: &Option<Arc<Release>>| release.as_ref().map(|r| r.version().to_string());
    tracing::info!(profile, in_force = name(&in_force), shadow = name(&shadow), "models");
    catalogue.put(profile, in_force, shadow);
}
