//! The profiles in force, each made into an engine once; devices with limits of their own get an engine of their own.

use crate::ingest::directory::Directory;
use domain::checked::Problem;
use domain::profile::{parse, shipped};
use domain::registry::with_overrides;
use domain::{DeviceIndex, MetricIndex, Names, Profile};
use models::Engine;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// The engines in force.
#[derive(Debug)]
pub struct Catalogue {
    engines: BTreeMap<String, Arc<Engine>>,
    own: BTreeMap<domain::DeviceKey, Arc<Engine>>,
}

impl Catalogue {
    /// Makes the engines; the registry was checked against the profiles before.
    pub fn new(profiles: Vec<Profile>, directory: &Directory) -> Self {
        let mut intern = |name: &domain::MetricName| {
            directory
                .metric_or_register(name.as_str())
                .unwrap_or(MetricIndex(u32::MAX))
        };
        let mut own = BTreeMap::new();
        for entry in directory
            .registry()
            .device
            .iter()
            .filter(|d| d.impact.is_some() || !d.limits.is_empty())
        {
            let found = profiles.iter().find(|p| p.id == entry.profile);
            if let Some(Ok(profile)) = found.map(|p| with_overrides(p, entry)) {
                let key = domain::DeviceKey {
                    site: entry.site.clone(),
                    device: entry.device.clone(),
                };
                own.insert(key, Arc::new(Engine::new(Arc::new(profile), &mut intern)));
            }
        }
        let engines = profiles
            .into_iter()
            .map(|p| (p.id.clone(), Arc::new(Engine::new(Arc::new(p), &mut intern))))
            .collect();
        Catalogue { engines, own }
    }

    /// The engine of a device.
    pub fn engine_of(&self, index: DeviceIndex, directory: &Directory) -> Arc<Engine> {
        let key = directory.device(index);
        if let Some(engine) = self.own.get(&key) {
            return engine.clone();
        }
        let profile = directory.registry().profile_of(&key);
        let engine = self.engines.get(profile).or_else(|| self.engines.get("generic"));
        engine.expect("the generic profile is shipped").clone()
    }

    /// The profiles in force, by name.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.engines.values().map(|e| e.profile())
    }
}
