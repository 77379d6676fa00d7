//! Rules about the project's own files that no compiler keeps: which crate may use which, who may name an outside product,
//! what documents and examples promise. Reads files of the repository; starts nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Files longer than this fail; past [`ASK_FROM`] they are listed, because two things may live there.
const MOST_LINES: usize = 900;
const ASK_FROM: usize = 600;

/// Who may use whom. A crate below must not know one above; `models` and `alerting` must not know each other.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("models", &["domain"]),
    ("alerting", &["domain"]),
    ("dashboards", &["domain"]),
    ("device-sim", &["domain"]),
    ("gateway", &["domain", "models", "alerting", "dashboards", "device-sim"]),
    (
        "tests",
        &["domain", "models", "alerting", "dashboards", "device-sim", "gateway"],
    ),
];

/// Outside products, as code names them, and the only files that may. A name ending in `/` is a folder.
const DOORS: [(&str, &[&str]); 5] = [
    (
        "rumqttc",
        &[
            "gateway/src/broker.rs",
            "gateway/src/broker/",
            "device-sim/src/link.rs",
            "device-sim/tests/",
            "tests/",
        ],
    ),
    ("mqtt_protocol_core", &["gateway/src/listener/"]),
    ("rusqlite", &["gateway/src/store/", "gateway/src/history/", "tests/"]),
    ("influxdb2", &["gateway/src/history/influx.rs"]),
    (
        "reqwest011",
        &["gateway/src/history/influx.rs", "gateway/src/history/influx_tests.rs"],
    ),
];

/// Crates that compute and never act.
const PURE: [&str; 4] = ["domain", "models", "alerting", "dashboards"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parse(path: &str) -> Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder, as paths from the root with `/`; what is built or hidden is left out.
fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry can be read").path();
            let name = path
                .file_name()
                .expect("an entry has a name")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    open.push(path);
                }
            } else {
                let from_root = path.strip_prefix(root()).expect("below the root");
                found.push(from_root.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for (member, _) in MAY_USE {
        // this file names what it forbids
        let files = files_below(member)
            .into_iter()
            .filter(|f| f.ends_with(".rs") && f != "tests/tests/structure.rs");
        sources.extend(files.map(|f| (f.clone(), read(&f))));
    }
    assert!(sources.len() > 100, "the sources were not found");
    sources
}

/// Lines of code with their numbers: without comments, which may speak of anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a line has a name as a word of its own.
fn names(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(is_part)
            && !line[at + name.len()..].chars().next().is_some_and(is_part)
    })
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// The packages that a manifest depends on, with the kind of dependency: also for tests, for the build, for one platform.
fn dependencies(manifest: &Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut collect = |table: &Table, at: &str| {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(list) = table.get(kind).and_then(Value::as_table) else {
                continue;
            };
            for (name, value) in list {
                let package = value.get("package").and_then(Value::as_str).unwrap_or(name);
                found.push((package.to_owned(), format!("{at}{kind}")));
            }
        }
    };
    collect(manifest, "");
    for (platform, table) in manifest.get("target").and_then(Value::as_table).into_iter().flatten() {
        collect(
            table.as_table().expect("a platform has a table"),
            &format!("target.{platform}."),
        );
    }
    found
}

#[test]
fn arrows_point_down() {
    let workspace = parse("Cargo.toml");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("a workspace has members");
    let members: Vec<&str> = members.iter().filter_map(Value::as_str).collect();
    let known: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let mut sorted = (members.clone(), known.clone());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1, "a new crate needs a line in MAY_USE");
    let mut broken = Vec::new();
    for (member, may_use) in MAY_USE {
        for (package, kind) in dependencies(&parse(&format!("{member}/Cargo.toml"))) {
            if known.contains(&package.as_str()) && !may_use.contains(&package.as_str()) {
                broken.push(format!("{member} must not use {package} ({kind})"));
            }
        }
    }
    assert_none("arrows point down", &broken);
}

#[test]
fn a_wrong_arrow_is_found_wherever_it_hides() {
    let manifest = "[dependencies]\nserde = \"1\"\n[dev-dependencies]\nup = { package = \"gateway\", path = \"../gateway\" }\n\
                    [target.'cfg(unix)'.dependencies]\nmodels.workspace = true\n";
    let found = dependencies(&manifest.parse().expect("it is TOML"));
    let packages: Vec<&str> = found.iter().map(|(package, _)| package.as_str()).collect();
    assert_eq!(packages, ["serde", "gateway", "models"]);
}

#[test]
fn each_outside_product_has_one_door() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        for (product, doors) in DOORS {
            let may = doors
                .iter()
                .any(|door| file == *door || (door.ends_with('/') && file.starts_with(door)));
            if may {
                continue;
            }
            broken.extend(
                code(&text)
                    .filter(|(_, line)| names(line, product))
                    .map(|(n, _)| format!("{file}:{n} names {product}")),
            );
        }
    }
    assert_none("each outside product has one door", &broken);
}

#[test]
fn only_the_edge_has_errors_without_a_type() {
    let may = [
        "gateway/src/main.rs",
        "gateway/src/app.rs",
        "gateway/src/commands/",
        "gateway/examples/",
        "device-sim/src/main.rs",
        "tests/",
    ];
    let mut broken = Vec::new();
    for (file, text) in sources() {
        let is_edge = may
            .iter()
            .any(|m| file == *m || (m.ends_with('/') && file.starts_with(m)));
        if !is_edge {
            broken.extend(
                code(&text)
                    .filter(|(_, line)| names(line, "anyhow"))
                    .map(|(n, _)| format!("{file}:{n}")),
            );
        }
    }
    assert_none(
        "anyhow is for main, app and commands; elsewhere an error is an enum",
        &broken,
    );
}

#[test]
fn pure_crates_ban_clocks_and_every_ban_has_its_reason() {
    let mut broken = Vec::new();
    for (member, _) in MAY_USE {
        let path = format!("{member}/clippy.toml");
        let table = parse(&path);
        let mut banned = Vec::new();
        for list in ["disallowed-methods", "disallowed-types", "disallowed-macros"] {
            for ban in table.get(list).and_then(Value::as_array).into_iter().flatten() {
                let what = ban.get("path").and_then(Value::as_str).unwrap_or_default();
                banned.push(what.to_owned());
                if ban.get("reason").and_then(Value::as_str).is_none_or(str::is_empty) {
                    broken.push(format!("{path}: {what} is banned without a reason"));
                }
            }
        }
        if PURE.contains(&member) {
            let clocks = ["std::time::Instant::now", "std::time::SystemTime::now"];
            let missing = clocks.iter().filter(|clock| !banned.iter().any(|b| b == *clock));
            broken.extend(missing.map(|clock| format!("{path} does not ban {clock}")));
        }
    }
    parse("clippy.toml");
    assert_none("pure crates have no clock", &broken);
}

#[test]
fn files_stay_short_enough_to_read() {
    let (mut long, mut broken) = (Vec::new(), Vec::new());
    for (file, text) in sources() {
        let lines = text.lines().count();
        if lines > MOST_LINES {
            broken.push(format!("{file}: {lines} lines"));
        } else if lines > ASK_FROM {
            long.push(format!("{file}: {lines} lines"));
        }
    }
    println!(
        "past {ASK_FROM} lines, do two things live there?\n  {}",
        long.join("\n  ")
    );
    assert_none("no file is longer than MOST_LINES", &broken);
}

#[test]
fn every_file_says_what_it_is_for() {
    let is_part = |file: &str| file.contains("/src/") && !file.ends_with("tests.rs");
    let silent = |(file, text): (String, String)| (is_part(&file) && !text.starts_with("//!")).then_some(file);
    let broken: Vec<String> = sources().into_iter().filter_map(silent).collect();
    assert_none("a file opens with what it is for", &broken);
}

#[test]
fn nothing_is_left_for_later() {
    let stubs = ["todo!(", "unimplemented!("];
    let mut broken = Vec::new();
    for (file, text) in sources() {
        for (n, line) in code(&text) {
            if stubs.iter().any(|stub| line.contains(stub)) || line.trim() == "#[ignore]" {
                broken.push(format!("{file}:{n}: {}", line.trim()));
            }
        }
    }
    assert_none("no stubs, and no test is ignored without its reason", &broken);
}

/// What stands in backticks, outside of blocks.
fn in_backticks(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_block = false;
    for (i, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block && !line.starts_with("    ") {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (i + 1, span.to_owned())));
        }
    }
    found
}

/// Whether a span is a path of the repository, rather than a topic, a route or a command.
fn is_path(span: &str) -> bool {
    let first = span.split('/').next().unwrap_or_default();
    let is_top = MAY_USE.iter().any(|(member, _)| *member == first) || ["docs", "scripts", ".ci"].contains(&first);
    is_top && span.contains('/') && !span.contains([' ', '{', '*', '…'])
}

#[test]
fn every_path_that_documents_name_exists() {
    let mut broken = Vec::new();
    let mut seen = 0;
    let mut documents: Vec<String> = files_below("docs").into_iter().filter(|f| f.ends_with(".md")).collect();
    documents.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned));
    for document in documents {
        for (line, span) in in_backticks(&read(&document)) {
            // in ARCHITECTURE.md whatever has a slash is a path, or stands in a block
            let strict = document == "ARCHITECTURE.md" && span.contains('/');
            if strict || is_path(&span) {
                seen += 1;
                if !root().join(&span).exists() {
                    broken.push(format!("{document}:{line}: {span}"));
                }
            }
        }
    }
    assert!(seen > 50, "the map names {seen} paths only");
    assert_none("every path that documents name exists", &broken);
}

/// Targets of links in Markdown that lead to files of the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
    let targets = ends.filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let mut documents: Vec<String> = files_below("docs").into_iter().filter(|f| f.ends_with(".md")).collect();
    documents.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned));
    for document in documents {
        let folder = root()
            .join(&document)
            .parent()
            .expect("a file lies in a folder")
            .to_owned();
        let text = read(&document);
        broken.extend(
            links(&text)
                .filter(|l| !folder.join(l).exists())
                .map(|l| format!("{document}: {l}")),
        );
    }
    assert_none("links between documents lead somewhere", &broken);
}

#[test]
fn shipped_examples_parse() {
    let examples = match root().join("docs/examples").exists() {
        true => files_below("docs/examples"),
        false => Vec::new(),
    };
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in examples.iter().filter(|f| f.ends_with(".toml")) {
        let name = Path::new(file)
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let found: Vec<String> = if name.starts_with("registry") {
            let parsed = domain::registry::Registry::parse(&read(file));
            parsed
                .err()
                .into_iter()
                .flatten()
                .map(|problem| format!("{problem:?}"))
                .collect()
        } else if name.starts_with("profile") || file.contains("/profiles/") {
            let parsed = domain::profile::parse(&read(file));
            parsed
                .err()
                .into_iter()
                .flatten()
                .map(|problem| format!("{problem:?}"))
                .collect()
        } else if name == "parts.toml" {
            let parsed = alerting::stock::Parts::parse(&read(file), &Default::default());
            parsed
                .err()
                .into_iter()
                .flatten()
                .map(|problem| problem.to_string())
                .collect()
        } else if name.starts_with("fleet") {
            device_sim::spec::FleetSpec::from_toml(&read(file))
                .err()
                .map(|error| error.to_string())
                .into_iter()
                .collect()
        } else {
            let loaded = gateway::config::load(&root().join(file), std::iter::empty());
            loaded
                .err()
                .into_iter()
                .flatten()
                .map(|problem| problem.to_string())
                .collect()
        };
        if !found.is_empty() {
            problems.insert(file.clone(), found);
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let benchmark = domain::profile::parse(&read("docs/benchmark/profile.toml"));
    assert!(benchmark.is_ok(), "{benchmark:#?}");
}

/// Blocks of TOML in Markdown whose first line is `# NAME.toml`, with their names.
fn named_toml(text: &str) -> Vec<(String, String)> {
    let blocks = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    let named = blocks.filter_map(|block| {
        let name = block.lines().next()?.strip_prefix("# ")?;
        Some((name.to_owned(), block.to_owned()))
    });
    named.collect()
}

#[test]
fn configurations_in_the_readme_have_no_mistakes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let files = named_toml(&read("README.md"));
    for (name, text) in &files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let configurations: Vec<&String> = files
        .iter()
        .map(|(name, _)| name)
        .filter(|n| n.starts_with("forewarn"))
        .collect();
    assert!(configurations.len() >= 4, "the README shows {configurations:?} only");
    for name in configurations {
        let loaded = gateway::config::load(&folder.path().join(name), std::iter::empty());
        let problems: Vec<String> = loaded
            .err()
            .into_iter()
            .flatten()
            .map(|problem| problem.to_string())
            .collect();
        assert_none(name, &problems);
    }
}
