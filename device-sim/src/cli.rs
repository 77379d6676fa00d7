//! The command line of `device-sim`: words, defaults, checks of arguments. Does nothing itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use device_sim::catalogue::MachineKind;
use device_sim::spec::{FleetSpec, RandomFaults, SiteSpec};

const EXAMPLES: &str = "\
Examples:
  device-sim list
  device-sim describe pump
  device-sim run --machines pump=3,elevator=2 --mqtt 127.0.0.1:1883 --site plant --faults 2 --speed 60 --truth truth.json
  device-sim run --spec fleet.toml --mqtt broker.example:8883 --ca ca.pem --user '{site}/{device}'
  device-sim replay --csv machine_temperature.csv --site plant --device m1 --mqtt 127.0.0.1:1883
  device-sim replay --csv door_4hz.csv.gz --interval 0.25 --site tower --device door-1 --json

Exit codes:
  0  done, everything confirmed
  1  could not be done: file, broker, row
  2  wrong arguments or fleet spec
  3  ended with messages that the broker has not confirmed";

/// Simulated machines that wear out, and recorded ones, published over MQTT.
#[derive(Debug, Parser)]
#[command(name = "device-sim", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a fleet of simulated machines until Ctrl-C or the end of --duration
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Publish a recorded CSV as one device
    #[command(after_help = EXAMPLES)]
    Replay(ReplayArgs),
    /// Machines and their faults, a line each
    List,
    /// Metrics, faults and a sample payload of a machine
    Describe {
        /// pump, elevator or air_conditioner
        #[arg(value_parser = machine)]
        machine: MachineKind,
    },
}

/// Where the messages go.
#[derive(Debug, Args)]
pub struct MqttArgs {
    /// Broker or gateway
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1883", value_parser = host_port)]
    pub mqtt: (String, u16),
    /// User name; {site} and {device} stand for the device
    #[arg(long)]
    pub user: Option<String>,
    /// Password; better in the environment than on the command line
    #[arg(long, env = "DEVICE_SIM_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// PEM file of the CA that signed the broker's certificate; turns TLS on
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file of the client certificate
    #[arg(long, value_name = "FILE", requires_all = ["ca", "key"])]
    pub cert: Option<PathBuf>,
    /// PEM file of the client key
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

/// `device-sim run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Fleet spec (TOML)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["machines", "site", "faults"])]
    pub spec: Option<PathBuf>,
    /// How many of each machine: pump=3,elevator=2,air_conditioner=1
    #[arg(long, value_name = "LIST", value_parser = machines, required_unless_present = "spec")]
    pub machines: Option<Machines>,
    /// Site of the machines
    #[arg(long, default_value = "plant")]
    pub site: String,
    /// How many machines get a random fault, with first signs after 10-120 machine minutes and 1-4 hours to failure
    #[arg(long, default_value_t = 0)]
    pub faults: u32,
    /// Everything random comes from here [default: that of the spec, or 1]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Machine seconds per second, or `max`: as fast as confirmed [default: that of the spec, or 1]
    #[arg(long, value_parser = speed)]
    pub speed: Option<Speed>,
    /// Machine time to run: 90s, 30m, 12h, 7d [default: until Ctrl-C]
    #[arg(long, value_parser = duration)]
    pub duration: Option<Duration>,
    /// Machine time at the start, RFC 3339 [default: that of the spec, or now]
    #[arg(long, value_parser = rfc3339_ms)]
    pub start: Option<i64>,
    /// Write what breaks and when to this JSON file
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Connections [default: one per device up to 50, else 50 shared]
    #[arg(long)]
    pub connections: Option<usize>,
    /// Print the result as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Where to.
    #[command(flatten)]
    pub mqtt: MqttArgs,
}

/// `device-sim replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// CSV file with a header, plain or gzip
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// Site id
    #[arg(long)]
    pub site: String,
    /// Device id
    #[arg(long)]
    pub device: String,
    /// Time column, or `none` for row numbers [default: found by name, then by values that look like dates]
    #[arg(long, value_name = "COL")]
    pub time: Option<String>,
    /// Field delimiter: one character, or `tab` [default: found among , ; and tab]
    #[arg(long, value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// Seconds between rows where there is no time column
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    pub interval: f64,
    /// Time of the first row where there is no time column, RFC 3339 [default: 2024-01-01T00:00:00Z]
    #[arg(long, value_parser = rfc3339_ms)]
    pub start: Option<i64>,
    /// Recorded seconds per second, or `max`: as fast as confirmed
    #[arg(long, default_value = "max", value_parser = speed)]
    pub speed: Speed,
    /// Unconfirmed messages on the wire
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub window: u16,
    /// Print the result as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Where to.
    #[command(flatten)]
    pub mqtt: MqttArgs,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// Times real time.
    Factor(f64),
    /// As fast as confirmed.
    Max,
}

/// How many of each machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines(Vec<(MachineKind, u32)>);

impl RunArgs {
    /// The fleet that the arguments ask for without a spec file.
    pub fn fleet_spec(&self, start_ms: i64) -> FleetSpec {
        let Machines(machines) = self.machines.clone().unwrap_or(Machines(Vec::new()));
        let count = |kind| {
            machines
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, count)| count)
                .sum()
        };
        let site = SiteSpec {
            name: self.site.clone(),
            pump: count(MachineKind::Pump),
            elevator: count(MachineKind::Elevator),
            air_conditioner: count(MachineKind::AirConditioner),
        };
        let mut spec = FleetSpec::of_site(1, start_ms, site);
        if self.faults > 0 {
            let (onset_min, pf_min) = ([10.0, 120.0], [60.0, 240.0]);
            spec.random_faults = Some(RandomFaults {
                count: self.faults,
                onset_min,
                pf_min,
            });
        }
        spec
    }
}

fn machine(text: &str) -> Result<MachineKind, String> {
    let ids = MachineKind::ALL.map(MachineKind::id).join(", ");
    MachineKind::parse(text).ok_or_else(|| format!("machines are {ids}"))
}

fn machines(text: &str) -> Result<Machines, String> {
    let one = |item: &str| {
        let (kind, count) = item
            .split_once('=')
            .ok_or_else(|| format!("`{item}` is not like pump=3"))?;
        let count = count
            .trim()
            .parse::<u32>()
            .map_err(|_| format!("`{count}` is no number of machines"))?;
        Ok((machine(kind.trim())?, count))
    };
    text.split(',').map(one).collect::<Result<_, String>>().map(Machines)
}

fn host_port(text: &str) -> Result<(String, u16), String> {
    let text = text.strip_prefix("mqtt://").unwrap_or(text);
    let (host, port) = text.rsplit_once(':').ok_or("must be HOST:PORT")?;
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        Err("must be HOST:PORT".to_owned())
    } else {
        Ok((host.to_owned(), port))
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse::<f64>()
        .ok()
        .filter(|value| value.is_finite() && *value > 0.0)
}

fn speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed::Max),
        _ => positive(text)
            .map(Speed::Factor)
            .ok_or_else(|| "must be a factor above 0, or max".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    positive(text).ok_or_else(|| "must be seconds above 0".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not like 90s, 30m, 12h or 7d");
    let unit_s = match text.chars().last() {
        Some('s') => 1.0,
        Some('m') => 60.0,
        Some('h') => 3600.0,
        Some('d') => 86_400.0,
        _ => return Err(wrong()),
    };
    let count = positive(&text[..text.len() - 1]).ok_or_else(wrong)?;
    Duration::try_from_secs_f64(count * unit_s).map_err(|_| wrong())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => Err("must be one ASCII character, or tab".to_owned()),
    }
}

fn rfc3339_ms(text: &str) -> Result<i64, String> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| "must be like 2026-01-05T08:00:00Z".to_owned())?;
    Ok(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_are_read_in_their_usual_forms() {
        assert_eq!(host_port("[::1]:1883"), Ok(("::1".to_owned(), 1883)));
        assert_eq!(host_port("mqtt://h:1"), Ok(("h".to_owned(), 1)));
        assert!(host_port("h").is_err() && host_port(":1").is_err());
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert!(duration("5").is_err() && duration("").is_err() && duration("-1s").is_err());
        assert_eq!((speed("max"), speed("60")), (Ok(Speed::Max), Ok(Speed::Factor(60.0))));
        assert!(speed("0").is_err());
        let expected = vec![(MachineKind::Pump, 3), (MachineKind::AirConditioner, 1)];
        assert_eq!(machines("pump=3, ac=1"), Ok(Machines(expected)));
        assert!(machines("boiler=1").is_err() && machines("pump").is_err());
        assert_eq!((delimiter("tab"), delimiter(";")), (Ok(b'\t'), Ok(b';')));
    }
}
