//! The configuration: defaults ← file ← `FOREWARN__SECTION__KEY` in the environment. Every mistake is reported at once,
//! with file, line and path; keys nobody knows are mistakes.

use crate::broker::BrokerConfig;
use crate::history;
use crate::ingest::IngestConfig;
use crate::ingest::directory::DevicesConfig;
use crate::listener::{HubLimits, ListenerConfig};
use crate::outbound::OutboundConfig;
use crate::pipeline::catalogue::{FileProblem, load_profiles};
use crate::pipeline::commit::StoreConfig;
use crate::review::monthly::ReportsConfig;
use crate::secret::Secret;
use crate::web::WebConfig;
use alerting::dispatch::Roster;
use alerting::policy::{AlertingConfig, Policy};
use alerting::stock::Parts;
use domain::checked::{Problem, from_tree, locate, tree_of};
use domain::registry::Registry;
use domain::{Millis, Profile, Topology};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What all names in the environment begin with.
pub const ENVIRONMENT_PREFIX: &str = "FOREWARN__";

/// The whole configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept.
    pub data: PathBuf,
    /// Devices connect here. Absent: only if there is no broker either is there a listener, with the defaults.
    pub listener: Option<ListenerConfig>,
    /// A broker of the site's own.
    pub broker: Option<BrokerConfig>,
    /// Subscribers of the listener.
    pub subscribers: HubLimits,
    /// How messages are taken in.
    pub ingest: IngestConfig,
    /// Who may come in.
    pub devices: DevicesConfig,
    /// State and journal.
    pub store: StoreConfig,
    /// The embedded history.
    pub history: HistorySection,
    /// A copy of the history in InfluxDB 2.
    pub influxdb: Option<InfluxSection>,
    /// Alarms, risk, tickets and their clocks.
    pub alerting: AlertingConfig,
    /// Whom to send.
    pub dispatch: DispatchSection,
    /// Reviews of past months.
    pub reports: ReportsConfig,
    /// Webhooks.
    pub outbound: OutboundConfig,
    /// Pages and API.
    pub web: WebConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data: PathBuf::from("forewarn-data"),
            listener: None,
            broker: None,
            subscribers: HubLimits::default(),
            dispatch: DispatchSection::default(),
            reports: ReportsConfig::default(),
            ingest: IngestConfig::default(),
            devices: DevicesConfig::default(),
            store: StoreConfig::default(),
            history: HistorySection::default(),
            influxdb: None,
            alerting: AlertingConfig::default(),
            outbound: OutboundConfig::default(),
            web: WebConfig::default(),
        }
    }
}

/// Whom to send.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DispatchSection {
    /// The file of engineers (`[[engineer]]`); none: nobody is proposed.
    pub engineers: Option<PathBuf>,
    /// The file of parts (`[[part]]`); none: no stock is kept.
    pub parts: Option<PathBuf>,
}

/// The embedded history.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistorySection {
    /// Memory for rows that wait for their chunk.
    pub buffer_mib: usize,
    /// No row waits longer than this.
    pub seal_after_s: u64,
    /// How long every reading is kept, from its arrival.
    pub raw_days: u32,
    /// How long minutes are kept.
    pub minutes_days: u32,
    /// How long hours are kept.
    pub hours_days: u32,
}

impl Default for HistorySection {
    fn default() -> Self {
        HistorySection {
            buffer_mib: 64,
            seal_after_s: 600,
            raw_days: 30,
            minutes_days: 365,
            hours_days: 3_650,
        }
    }
}

impl HistorySection {
    /// As the store wants it.
    pub fn store_config(&self, folder: &Path) -> history::HistoryConfig {
        history::HistoryConfig {
            buffer_bytes: self.buffer_mib << 20,
            seal_after: Millis::seconds(self.seal_after_s as i64),
            keep_raw: Millis::days(i64::from(self.raw_days)),
            keep_minutes: Millis::days(i64::from(self.minutes_days)),
            keep_hours: Millis::days(i64::from(self.hours_days)),
            ..history::HistoryConfig::new(folder.join("history.db"))
        }
    }
}

/// A copy of the history in InfluxDB 2.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfluxSection {
    /// `http://host:8086`.
    pub url: String,
    /// The organisation.
    pub org: String,
    /// The bucket.
    pub bucket: String,
    /// A token that may write to the bucket; better given as `FOREWARN__INFLUXDB__TOKEN`.
    pub token: Secret,
    /// First part of each line.
    #[serde(default = "telemetry")]
    pub measurement: String,
    /// Lines in a request.
    #[serde(default = "five_thousand")]
    pub lines_per_batch: usize,
    /// No line waits longer for its batch.
    #[serde(default = "one_second")]
    pub batch_age_ms: u64,
}

fn telemetry() -> String {
    "telemetry".into()
}

fn five_thousand() -> usize {
    5_000
}

fn one_second() -> u64 {
    1_000
}

impl InfluxSection {
    /// As the writer wants it.
    pub fn writer_config(&self) -> history::InfluxConfig {
        history::InfluxConfig {
            measurement: self.measurement.clone(),
            lines_per_batch: self.lines_per_batch,
            batch_age: Duration::from_millis(self.batch_age_ms),
            ..history::InfluxConfig::new(&self.url, &self.org, &self.bucket, self.token.clone())
        }
    }
}

/// The configuration, checked, with the files it names.
#[derive(Debug, Clone)]
pub struct Checked {
    /// As written.
    pub config: Config,
    /// The policy of alarms and tickets.
    pub policy: Policy,
    /// The profiles in force.
    pub profiles: Vec<Profile>,
    /// The registry.
    pub registry: Registry,
    /// Who can be sent.
    pub roster: Roster,
}

impl Checked {
    /// The defaults, for a gateway without a file.
    pub fn of(config: Config) -> Result<Checked, Vec<FileProblem>> {
        check(config, Path::new("(built in)"), "")
    }
}

/// Reads and checks a configuration file with the environment laid over it.
///
/// # Errors
/// Every mistake in it and in the files it names.
pub fn load(file: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Checked, Vec<FileProblem>> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let problem = Problem::at("", format!("cannot read the configuration: {error}"));
        vec![FileProblem {
            file: file.to_owned(),
            problem,
        }]
    })?;
    let in_file = |problems: Vec<Problem>| {
        let wrap = |problem| FileProblem {
            file: file.to_owned(),
            problem,
        };
        problems.into_iter().map(wrap).collect::<Vec<_>>()
    };
    let tree = tree_of(&text).map_err(|p| in_file(vec![p]))?;
    let tree = lay_over(tree, environment).map_err(|p| in_file(vec![p]))?;
    match from_tree::<Config>(tree.clone()) {
        Ok(mut config) => {
            relative_to(file.parent().unwrap_or(Path::new(".")), &mut config);
            check(config, file, &text)
        }
        Err(mut problems) => {
            // what has the right shape is still checked, so that all mistakes come at once
            let mut elsewhere = Vec::new();
            if let Some(mut config) = without(tree, &problems) {
                problems.extend(meaning(&config));
                relative_to(file.parent().unwrap_or(Path::new(".")), &mut config);
                elsewhere = named_files(&config).problems;
            }
            locate(&text, &mut problems);
            let mut problems = in_file(problems);
            problems.extend(elsewhere);
            Err(in_order(problems))
        }
    }
}

/// The defaults with the environment laid over them.
///
/// # Errors
/// Every mistake in the environment and in the files it names.
pub fn of_environment(environment: impl Iterator<Item = (String, String)>) -> Result<Checked, Vec<FileProblem>> {
    let file = Path::new("(environment)");
    let wrap = |problem| FileProblem {
        file: file.to_owned(),
        problem,
    };
    let tree = lay_over(Value::Object(serde_json::Map::new()), environment).map_err(|p| vec![wrap(p)])?;
    let config = from_tree(tree).map_err(|problems| problems.into_iter().map(wrap).collect::<Vec<_>>())?;
    check(config, file, "")
}

/// Paths in a file are relative to the file.
fn relative_to(folder: &Path, config: &mut Config) {
    let fix = |path: &mut PathBuf| *path = folder.join(&*path);
    fix(&mut config.data);
    config.devices.registry.iter_mut().for_each(fix);
    config.devices.profiles.iter_mut().for_each(fix);
    config.dispatch.engineers.iter_mut().for_each(fix);
    config.dispatch.parts.iter_mut().for_each(fix);
    if let Some(tls) = config.listener.as_mut().and_then(|l| l.tls.as_mut()) {
        fix(&mut tls.cert);
        fix(&mut tls.key);
        tls.client_ca.iter_mut().for_each(fix);
    }
    if let Some(broker) = &mut config.broker {
        [&mut broker.ca, &mut broker.cert, &mut broker.key]
            .into_iter()
            .flatten()
            .for_each(fix);
    }
}

/// `FOREWARN__LISTENER__BIND=…` takes the place of `listener.bind`. The `config` crate reads numbers and booleans as such.
fn lay_over(tree: Value, environment: impl Iterator<Item = (String, String)>) -> Result<Value, Problem> {
    let ours = environment
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .collect();
    let source = config::Environment::with_prefix("FOREWARN")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .source(Some(ours));
    let wrong = |error: config::ConfigError| Problem::at("", format!("the environment does not fit: {error}"));
    let overlay = config::Config::builder().add_source(source).build().map_err(wrong)?;
    let overlay: Value = overlay.try_deserialize().map_err(wrong)?;
    let mut tree = tree;
    merge(&mut tree, overlay);
    Ok(tree)
}

fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// The configuration without what has the wrong shape; none if what is left makes none.
fn without(mut tree: Value, problems: &[Problem]) -> Option<Config> {
    for problem in problems {
        let (parent, key) = problem.path.rsplit_once('.').unwrap_or(("", &problem.path));
        let at = parent
            .split('.')
            .filter(|p| !p.is_empty())
            .try_fold(&mut tree, |t, step| t.get_mut(step));
        if let Some(Value::Object(map)) = at {
            map.remove(key);
        }
    }
    from_tree(tree).ok()
}

fn within(section: &'static str) -> impl Fn(Problem) -> Problem {
    move |p: Problem| Problem {
        path: format!("{section}.{}", p.path),
        ..p
    }
}

/// What is wrong beyond its shape.
fn meaning(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut section = |name: &str, found: Vec<(String, String)>| {
        problems.extend(
            found
                .into_iter()
                .map(|(path, message)| Problem::at(format!("{name}.{path}"), message)),
        );
    };
    if let Some(listener) = &config.listener {
        section("listener", listener.problems());
    }
    if let Some(broker) = &config.broker {
        section("broker", broker.problems());
    }
    problems.extend(config.alerting.problems().into_iter().map(within("alerting")));
    problems.extend(config.outbound.problems());
    problems.extend(config.web.problems().into_iter().map(within("web")));
    let mut at_least = |path: &str, value: f64, least: f64| {
        if value < least {
            problems.push(Problem::at(path, format!("is {value}, must be at least {least}")));
        }
    };
    at_least(
        "ingest.future_tolerance_ms",
        config.ingest.future_tolerance_ms as f64,
        0.0,
    );
    at_least("ingest.reorder_window_ms", config.ingest.reorder_window_ms as f64, 0.0);
    at_least("ingest.messages_per_second", config.ingest.messages_per_second, 0.0);
    at_least("ingest.burst", config.ingest.burst, 1.0);
    at_least("history.buffer_mib", config.history.buffer_mib as f64, 1.0);
    at_least("history.raw_days", f64::from(config.history.raw_days), 1.0);
    at_least(
        "store.checkpoint_every_ms",
        config.store.checkpoint_every_ms as f64,
        100.0,
    );
    if let Some(influx) = &config.influxdb
        && let Err(error) = history::InfluxPort::new(influx.writer_config())
    {
        problems.push(Problem::at("influxdb", error.to_string()));
    }
    problems
}

fn check(config: Config, file: &Path, text: &str) -> Result<Checked, Vec<FileProblem>> {
    let mut problems = meaning(&config);
    locate(text, &mut problems);
    let mut problems: Vec<FileProblem> = problems
        .into_iter()
        .map(|problem| FileProblem {
            file: file.to_owned(),
            problem,
        })
        .collect();
    let files = named_files(&config);
    problems.extend(files.problems);
    let policy = config.alerting.check();
    let policy = policy.map(|policy| policy.with_topology(Topology::of(&files.registry)));
    if let Ok(policy) = &policy {
        let unreleased = files
            .profiles
            .iter()
            .flat_map(|profile| policy.alarms.unreleased(profile));
        let found = unreleased.chain(policy.contradictions()).map(within("alerting"));
        let mut found: Vec<Problem> = found.collect();
        locate(text, &mut found);
        problems.extend(found.into_iter().map(|problem| FileProblem {
            file: file.to_owned(),
            problem,
        }));
    }
    match (policy, problems.is_empty()) {
        (Ok(mut policy), true) => {
            policy.parts = files.parts;
            Ok(Checked {
                config,
                policy,
                profiles: files.profiles,
                registry: files.registry,
                roster: files.roster,
            })
        }
        (Ok(_) | Err(_), _) => Err(in_order(problems)),
    }
}

/// By file and line, each once.
fn in_order(mut problems: Vec<FileProblem>) -> Vec<FileProblem> {
    problems.sort_by(|a, b| (&a.file, &a.problem).cmp(&(&b.file, &b.problem)));
    problems.dedup();
    problems
}

/// What the files hold that a configuration names.
struct NamedFiles {
    profiles: Vec<Profile>,
    registry: Registry,
    roster: Roster,
    parts: Parts,
    problems: Vec<FileProblem>,
}

fn named_files(config: &Config) -> NamedFiles {
    let mut problems = Vec::new();
    let loaded = load_profiles(config.devices.profiles.as_deref());
    let are_all_known = loaded.is_ok();
    let profiles = loaded.unwrap_or_else(|found| {
        problems.extend(found);
        domain::profile::shipped::all()
    });
    let mut registry = Registry::default();
    if let Some(path) = &config.devices.registry {
        let in_registry = |problem| FileProblem {
            file: path.clone(),
            problem,
        };
        match std::fs::read_to_string(path) {
            Err(error) => problems.push(in_registry(Problem::at(
                "",
                format!("cannot read the registry: {error}"),
            ))),
            Ok(text) => match Registry::parse(&text) {
                Err(found) => problems.extend(found.into_iter().map(in_registry)),
                Ok(read) => {
                    let mut found = read.problems(&profiles.iter().collect::<Vec<_>>());
                    // a profile that cannot be read is not one that does not exist
                    found.retain(|p| are_all_known || !p.message.starts_with("there is no profile"));
                    locate(&text, &mut found);
                    problems.extend(found.into_iter().map(in_registry));
                    registry = read;
                }
            },
        }
    }
    let mut roster = Roster::default();
    if let Some(path) = &config.dispatch.engineers {
        let read = std::fs::read_to_string(path)
            .map_err(|error| vec![Problem::at("", format!("cannot read the engineers: {error}"))]);
        match read.and_then(|text| Roster::parse(&text)) {
            Ok(read) => roster = read,
            Err(found) => problems.extend(found.into_iter().map(|problem| FileProblem {
                file: path.clone(),
                problem,
            })),
        }
    }
    let mut parts = Parts::default();
    if let Some(path) = &config.dispatch.parts {
        let read = std::fs::read_to_string(path)
            .map_err(|error| vec![Problem::at("", format!("cannot read the parts: {error}"))]);
        match read.and_then(|text| Parts::parse(&text, &roster)) {
            Ok(read) => parts = read,
            Err(found) => problems.extend(found.into_iter().map(|problem| FileProblem {
                file: path.clone(),
                problem,
            })),
        }
    }
    NamedFiles {
        profiles,
        registry,
        roster,
        parts,
        problems,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_mistakes_are_five_lines() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("forewarn.toml");
        let text = "dta = \"x\"\n[listener]\nbind = \"nowhere\"\nwindow = 0\n[outbound]\n[[outbound.webhook]]\nname = \"desk\"\nurl = \"ftp://x\"\n[ingest]\nburst = \"many\"\n";
        std::fs::write(&file, text).expect("written");
        let problems = load(&file, std::iter::empty()).expect_err("five mistakes");
        let seen: Vec<_> = problems
            .iter()
            .map(|p| (p.problem.line, p.problem.path.as_str()))
            .collect();
        let expected = [
            (Some(1), "dta"),
            (Some(3), "listener.bind"),
            (Some(4), "listener.window"),
            (Some(8), "outbound.webhook[0].url"),
            (Some(10), "ingest.burst"),
        ];
        assert_eq!(seen, expected, "{problems:#?}");
        assert!(
            problems
                .iter()
                .all(|p| p.to_string().starts_with(&file.display().to_string()))
        );
    }

    #[test]
    fn mistakes_in_the_file_of_engineers_are_told_with_its_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("forewarn.toml");
        std::fs::write(&file, "[dispatch]\nengineers = \"engineers.toml\"\n").expect("written");
        let engineers = folder.path().join("engineers.toml");
        std::fs::write(&engineers, "[[engineer]]\nname = \"li\"\nlatitude = 3.0\n").expect("written");
        let problems = load(&file, std::iter::empty()).expect_err("half a place");
        let told: Vec<_> = problems.iter().map(|p| (&p.file, p.problem.path.as_str())).collect();
        assert_eq!(told, [(&engineers, "engineer[0].latitude")]);
        std::fs::write(&engineers, "[[engineer]]\nname = \"li\"\n").expect("written");
        let checked = load(&file, std::iter::empty()).expect("fine");
        assert_eq!(checked.roster.engineers()[0].name, "li");
    }

    #[test]
    fn mistakes_in_the_file_of_parts_are_told_with_its_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("written");
            file
        };
        let file = write(
            "forewarn.toml",
            "[dispatch]\nengineers = \"engineers.toml\"\nparts = \"parts.toml\"\n",
        );
        write("engineers.toml", "[[engineer]]\nname = \"li\"\nvan = { seal = 2 }\n");
        let parts = write("parts.toml", "[[part]]\nnumber = \"seal\"\nlead_time_days = 0\n");
        let problems = load(&file, std::iter::empty()).expect_err("no time at all");
        let told: Vec<_> = problems
            .iter()
            .map(|p| (&p.file, p.problem.line, p.problem.path.as_str()))
            .collect();
        assert_eq!(told, [(&parts, Some(3), "part[0].lead_time_days")]);
        write("parts.toml", "[[part]]\nnumber = \"seal\"\nlead_time_days = 9\n");
        let checked = load(&file, std::iter::empty()).expect("fine");
        assert_eq!(checked.policy.parts.opening().values().collect::<Vec<_>>(), [&2]);
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("forewarn.toml");
        std::fs::write(&file, "[ingest]\nshards = 1\n").expect("written");
        let set = [
            ("FOREWARN__INGEST__SHARDS".to_owned(), "3".to_owned()),
            ("FOREWARN__DATA".to_owned(), "elsewhere".to_owned()),
        ];
        let checked = load(&file, set.into_iter()).expect("fine");
        assert_eq!(checked.config.ingest.shards, 3);
        assert_eq!(checked.config.data, folder.path().join("elsewhere"));
        let wrong = [("FOREWARN__INGEST__SHRDS".to_owned(), "3".to_owned())];
        assert_eq!(
            load(&file, wrong.into_iter()).expect_err("unknown")[0].problem.path,
            "ingest.shrds"
        );
    }
}
