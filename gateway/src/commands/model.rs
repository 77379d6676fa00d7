//! `forewarn model list|show|shadow|promote|rollback|discard`: asks a running gateway, which is the only one that changes what
//! judges its devices.

use anyhow::{Context, bail};
use domain::Timestamp;
use models::bundle::{Bundle, BundleKind, Description, ProfileModel};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// What judges, what runs in shadow, candidates, and what is over.
    List(ListArguments),
    /// One version, and how it differs from the one in force.
    Show(ShowArguments),
    /// Runs a profile beside the one in force: its text is checked, kept and given a name.
    Shadow(ShadowArguments),
    /// Lets a version judge that runs in shadow.
    Promote(ReleaseArguments),
    /// Lets judge again what judged before.
    Rollback(ReleaseArguments),
    /// Ends a shadow, or sets a candidate aside.
    Discard(DiscardArguments),
}

#[derive(Debug, clap::Args)]
struct Door {
    /// Where the gateway's pages are. A token for it comes from the environment: FOREWARN_TOKEN.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "FOREWARN_GATEWAY")]
    gateway: String,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    door: Door,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArguments {
    /// The version, such as pump@2-1f0c9a77.
    version: String,
    /// The text of its profile instead.
    #[arg(long, conflicts_with = "json")]
    toml: bool,
    /// Also writes it to a file that another gateway takes: its profile and how it did, under a checksum.
    #[arg(long)]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShadowArguments {
    /// A profile file, a bundle, a model that `train life|classes --profile` wrote, or a version that was added before.
    profile: String,
    #[command(flatten)]
    door: Door,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArguments {
    /// The version, such as pump@2-1f0c9a77; for a rollback a profile's name will do.
    version: String,
    /// The person who stands for it; for a promotion not the one who added the version.
    #[arg(long)]
    approved_by: String,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    door: Door,
}

#[derive(Debug, clap::Args)]
pub(super) struct DiscardArguments {
    /// The version, such as pump@2-1f0c9a77.
    version: String,
    #[command(flatten)]
    door: Door,
}

impl Door {
    /// Asks; an answer that is a problem becomes the error, in its own words.
    async fn ask(&self, method: Method, path: &str, body: Option<(&'static str, Vec<u8>)>) -> anyhow::Result<Value> {
        ask_gateway(&self.gateway, method, &format!("models{path}"), body).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(body).context("cannot write the request")?;
        self.ask(Method::POST, path, Some(("application/json", body))).await
    }

    fn print(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> anyhow::Result<ExitCode> {
        let mut out = super::output::output();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(answer)?)?,
            false => write!(out, "{}", text(answer))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Only if it is a name, so that no text becomes another path.
fn checked(version: &str) -> anyhow::Result<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-');
    anyhow::ensure!(
        !version.is_empty() && version.chars().all(is_name),
        "{version:?} is no version; versions look like pump@2-1f0c9a77, see `forewarn model list`"
    );
    Ok(version)
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(ListArguments { door }) => {
            let models = door.ask(Method::GET, "", None).await?;
            door.print(&models, list)
        }
        Command::Show(ShowArguments {
            version,
            toml,
            bundle,
            door,
        }) => {
            let model = door.ask(Method::GET, &format!("/{}", checked(&version)?), None).await?;
            if let Some(path) = &bundle {
                write_bundle(&model, path)?;
            }
            match (toml, model["toml"].as_str()) {
                (true, Some(text)) => {
                    write!(super::output::output(), "{text}")?;
                    Ok(ExitCode::SUCCESS)
                }
                (true, None) => bail!("{version} is a profile file; it lies where the gateway read it"),
                (false, _) => door.print(&model, one),
            }
        }
        Command::Shadow(ShadowArguments { profile, door }) => {
            let version = match Path::new(&profile).is_file() || !profile.contains('@') {
                true => {
                    let content =
                        std::fs::read(&profile).with_context(|| format!("cannot read the profile {profile}"))?;
                    let kind = match Bundle::is_meant(&content) {
                        true => "application/octet-stream",
                        false => "application/toml",
                    };
                    let added = door.ask(Method::POST, "", Some((kind, content))).await?;
                    added["model"].as_str().unwrap_or_default().to_owned()
                }
                false => profile,
            };
            let path = format!("/{}/shadow", checked(&version)?);
            let model = door.post(&path, &json!({})).await?;
            door.print(&model, one)
        }
        Command::Promote(arguments) => release(&arguments, "promote", arguments.version.clone()).await,
        Command::Rollback(arguments) => {
            let version = match arguments.version.contains('@') {
                true => arguments.version.clone(),
                false => in_force(&arguments).await?,
            };
            release(&arguments, "rollback", version).await
        }
        Command::Discard(DiscardArguments { version, door }) => {
            let path = format!("/{}/discard", checked(&version)?);
            let model = door.post(&path, &json!({})).await?;
            door.print(&model, one)
        }
    }
}

async fn release(arguments: &ReleaseArguments, what: &str, version: String) -> anyhow::Result<ExitCode> {
    let path = format!("/{}/{what}", checked(&version)?);
    let body = json!({ "approved_by": arguments.approved_by, "reason": arguments.reason });
    let model = arguments.door.post(&path, &body).await?;
    arguments.door.print(&model, one)
}

/// The added version that judges a profile's devices.
async fn in_force(arguments: &ReleaseArguments) -> anyhow::Result<String> {
    let models = arguments.door.ask(Method::GET, "", None).await?;
    let profile = &arguments.version;
    let is_it = |m: &&Value| m["profile"] == profile.as_str() && m["state"] == "in_force" && m["origin"] == "added";
    let found = models.as_array().into_iter().flatten().find(is_it);
    let version = found.and_then(|m| m["model"].as_str()).map(str::to_owned);
    version.with_context(|| format!("the profile file of {profile} is in force; there is nothing to roll back"))
}

/// What a gateway said of a version, as one file.
fn write_bundle(model: &Value, path: &Path) -> anyhow::Result<()> {
    let Some(toml) = model["toml"].as_str() else {
        bail!("a profile file is its own bundle; it lies where the gateway read it");
    };
    let trained = model["trained"].as_array().is_some_and(|names| !names.is_empty());
    anyhow::ensure!(
        !trained,
        "trained models judge in this version; take the files that `train` wrote to the other gateway"
    );
    let instant = |value: &Value| value.as_str().and_then(Timestamp::parse_rfc3339);
    let alarms = &model["comparison"]["alarms"];
    let figures = ["live", "shadow", "both", "only_live", "only_shadow"];
    let figure = |key: &str| Some((format!("alarms_{key}"), alarms[key].as_f64()?));
    let description = Description {
        name: word(model, "profile").to_owned(),
        columns: Vec::new(),
        profile: Some(word(model, "profile").to_owned()),
        span: None,
        rows: 0,
        units: model["devices"].as_u64().unwrap_or(0),
        data_fingerprint: 0,
        figures: figures.into_iter().filter_map(figure).collect(),
        made_at: instant(&model["added"]["at"]).unwrap_or(Timestamp(0)),
    };
    let content = ProfileModel {
        toml: toml.to_owned(),
        learned: None,
    };
    let bytes = Bundle::pack(BundleKind::Profile, &content, description).and_then(|bundle| bundle.encode())?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

fn list(models: &Value) -> String {
    let mut text = format!(
        "{:32} {:10} {:>7}  {:24}  {}\n",
        "model", "state", "devices", "since", "by"
    );
    for model in models.as_array().into_iter().flatten() {
        let act = ["promoted", "added"]
            .into_iter()
            .map(|key| &model[key])
            .find(|act| act.is_object());
        let (mut since, by) = act.map_or(("", ""), |act| (word(act, "at"), word(act, "by")));
        if word(model, "state") == "shadow" {
            since = word(model, "shadow_since");
        }
        let line = format!(
            "{:32} {:10} {:>7}  {since:24}  {by}",
            word(model, "model"),
            word(model, "state"),
            model["devices"]
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn one(model: &Value) -> String {
    let mut text = format!("{}  {}\n", word(model, "model"), word(model, "state"));
    for (name, key) in [("added", "added"), ("promoted", "promoted")] {
        if let Some(act) = Some(&model[key]).filter(|act| act.is_object()) {
            text.push_str(&format!("  {name:12} {} by {}\n", word(act, "at"), word(act, "by")));
        }
    }
    for (name, key) in [
        ("approved by", "approved_by"),
        ("replaces", "replaces"),
        ("ended", "ended_at"),
    ] {
        if let Some(said) = model[key].as_str() {
            text.push_str(&format!("  {name:12} {said}\n"));
        }
    }
    for name in model["trained"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        text.push_str(&format!("  {:12} {name}\n", "trained"));
    }
    let comparison = &model["comparison"];
    if comparison.is_object() {
        text.push_str(&difference(comparison));
    }
    text
}

fn difference(comparison: &Value) -> String {
    let cut = match comparison["is_cut"] == true {
        true => " (the oldest alarms are left out)",
        false => "",
    };
    let since = word(comparison, "since");
    let mut text = format!("  in shadow    since {since}{cut}\n");
    text.push_str(&format!(
        "  {:28} {:>6} {:>7} {:>6} {:>10} {:>12}\n",
        "", "live", "shadow", "both", "only live", "only shadow"
    ));
    let mut row = |name: &str, tally: &Value| {
        let [live, shadow, both, only_live, only_shadow] =
            ["live", "shadow", "both", "only_live", "only_shadow"].map(|key| tally[key].to_string());
        text.push_str(&format!(
            "  {name:28} {live:>6} {shadow:>7} {both:>6} {only_live:>10} {only_shadow:>12}\n"
        ));
    };
    row("alarms", &comparison["alarms"]);
    row("tickets", &comparison["tickets"]);
    for mode in comparison["failure_modes"].as_array().into_iter().flatten() {
        let name = word(mode, "failure_mode");
        row(&format!("{name}, alarms"), &mode["alarms"]);
        row(&format!("{name}, tickets"), &mode["tickets"]);
    }
    for example in comparison["examples"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "  only {:6} {}/{} {} {} {}: {}\n",
            word(example, "only"),
            word(example, "site"),
            word(example, "device"),
            word(example, "failure_mode"),
            word(example, "severity"),
            word(example, "raised_at"),
            word(example, "reason")
        ));
    }
    text
}

/// Asks a running gateway at `/api/v1/{path}`; an answer that is a problem becomes the error, in its own words. The token comes
/// from the environment: FOREWARN_TOKEN.
pub(super) async fn ask_gateway(
    gateway: &str,
    method: Method,
    path: &str,
    body: Option<(&'static str, Vec<u8>)>,
) -> anyhow::Result<Value> {
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot set up an HTTP client")?;
    let url = format!("{}/api/v1/{path}", gateway.trim_end_matches('/'));
    let mut request = client.request(method, &url).header("X-Forewarn", "1");
    if let Ok(token) = std::env::var("FOREWARN_TOKEN") {
        request = request.bearer_auth(token);
    }
    if let Some((kind, body)) = body {
        request = request.header("Content-Type", kind).body(body);
    }
    let answer = request.send().await.with_context(|| {
        format!("no gateway answers at {gateway}; is it running? Another address goes with --gateway")
    })?;
    let status = answer.status();
    let body = answer
        .bytes()
        .await
        .with_context(|| format!("the answer of {url} broke off"))?;
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    for error in errors
        .iter()
        .filter_map(|e| e["detail"].as_str().zip(e["pointer"].as_str()))
    {
        eprintln!("{}: {}", error.1.trim_start_matches('/').replace('/', "."), error.0);
    }
    match body["detail"].as_str() {
        Some(_) if errors.len() > 1 => bail!("{status}: {} mistakes; nothing was changed", errors.len()),
        Some(detail) => bail!("{status}: {detail}"),
        None => bail!("{status}: {url} is no gateway of this version"),
    }
}
