//! `forewarn drill`: rehearses an event against a running gateway.

use super::model::ask_gateway;
use super::output::output;
use crate::clock::Clock;
use crate::drill::{Ask, Course, Phase, Report, Scenario};
use anyhow::{Context, bail};
use device_sim::link::{MqttTarget, Password};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Simulated machines whose sites begin with `drill-` publish to the gateway as real ones do; what should follow is waited for and
timed. Nothing is told to receivers without `drills = true`, and no figure of the review counts it.

  forewarn drill --list
  forewarn drill --scenario device_fault
  forewarn drill --scenario mass_failure --mqtt gateway:1883 --user drill --report drill.html

Where users are set up, FOREWARN_TOKEN is a token that may look, acknowledge alarms and work on tickets; FOREWARN_DRILL_PASSWORD is
the machines' password. Exit codes: 0 all in time; 1 something was slow or missed, or the drill could not be carried out.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// One that comes along (see --list), or a file of one's own.
    #[arg(long, required_unless_present = "list")]
    scenario: Option<String>,
    /// What there is, what each shows, when each kind was last drilled and what is due.
    #[arg(long)]
    list: bool,
    /// Where the gateway's pages are.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "FOREWARN_GATEWAY")]
    gateway: String,
    /// Where machines connect.
    #[arg(long, default_value = "127.0.0.1:1883")]
    mqtt: String,
    /// User name of the machines; `{site}` and `{device}` stand for theirs.
    #[arg(long)]
    user: Option<String>,
    /// Also writes the report as a page to keep.
    #[arg(long)]
    report: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

struct Api(String);

impl Ask for Api {
    async fn ask(&self, path: &str, body: Option<Value>) -> Result<Value, String> {
        let (method, body) = match body {
            None => (Method::GET, None),
            Some(body) => (Method::POST, Some(("application/json", body.to_string().into_bytes()))),
        };
        ask_gateway(&self.0, method, path, body)
            .await
            .map_err(|error| format!("{error:#}"))
    }
}

fn scenario(name: &str) -> anyhow::Result<Scenario> {
    let mut shipped = Scenario::shipped();
    if let Some(place) = shipped.iter().position(|scenario| scenario.name == name) {
        return Ok(shipped.swap_remove(place));
    }
    if !Path::new(name).exists() {
        let known: Vec<&str> = shipped.iter().map(|scenario| scenario.name.as_str()).collect();
        bail!("{name} is neither a file nor one of {}", known.join(", "));
    }
    let text = std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
    Scenario::parse(&text).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))
}

/// When a kind was last drilled, as the gateway knows.
fn last_of(drills: &Value, kind: &str) -> String {
    let known = drills["kinds"].as_array().into_iter().flatten();
    let known = known.into_iter().find(|k| k["kind"] == kind);
    let Some(at) = known.and_then(|k| k["last_at"].as_str()) else {
        return "never".to_owned();
    };
    let is_good = known.is_some_and(|k| k["was_good"] == true);
    format!("{at}, {}", if is_good { "all in time" } else { "with findings" })
}

async fn list(gateway: &str) -> anyhow::Result<ExitCode> {
    let drills = Api(gateway.to_owned()).ask("drills", None).await;
    for scenario in Scenario::shipped() {
        writeln!(
            output(),
            "{:14} {:13} {}\n{:28} shows: {}",
            scenario.name,
            scenario.kind,
            scenario.title,
            "",
            scenario.shows
        )?;
        if let Ok(drills) = &drills {
            writeln!(output(), "{:28} last drilled: {}", "", last_of(drills, &scenario.kind))?;
        }
    }
    match &drills {
        Ok(drills) => {
            let said = |key: &str| drills[key].as_str().unwrap_or_default();
            let state = match drills["is_due"] == true {
                true => "due, there was none yet in this period",
                false => "next",
            };
            writeln!(output(), "\n{state}: {}, before {}", said("next"), said("due_by"))?;
        }
        Err(problem) => eprintln!("when each was last drilled is not known: {problem}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The gateway writes down that the drill was held, so that it can say what is due.
async fn remember(gateway: &str, report: &Report) {
    let body = json!({
        "scenario": report.scenario, "kind": report.kind, "began_at": report.began_at, "is_good": report.is_good(),
        "conclusion": report.conclusion(),
    });
    if let Err(problem) = Api(gateway.to_owned()).ask("drills", Some(body)).await {
        eprintln!("the gateway does not write the drill down: {problem}");
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Some(name) = arguments.scenario.as_ref().filter(|_| !arguments.list) else {
        return list(&arguments.gateway).await;
    };
    let scenario = scenario(name)?;
    let (host, port) = arguments
        .mqtt
        .rsplit_once(':')
        .context("--mqtt is host:port, such as 127.0.0.1:1883")?;
    let now = Clock::System.now();
    let course = Course {
        report: Report::new(&scenario, &arguments.gateway, now),
        api: Api(arguments.gateway.clone()),
        mqtt: MqttTarget {
            host: host.to_owned(),
            port: port.parse().with_context(|| format!("{port} is no port"))?,
            user: arguments.user.clone(),
            password: std::env::var("FOREWARN_DRILL_PASSWORD").ok().map(Password::new),
            tls: None,
        },
        scenario,
        phase: Phase::Prepare,
        say: |what| eprintln!("{what} …"),
    };
    let report = course.run(now).await?;
    remember(&arguments.gateway, &report).await;
    if let Some(path) = &arguments.report {
        std::fs::write(path, report.page()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report)? + "\n",
        false => report.text(),
    };
    output().write_all(text.as_bytes())?;
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
