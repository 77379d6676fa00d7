//! The `forewarn` program as a child process.

use crate::wait::wait_for;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a gateway may take until it is ready.
pub const READY_WITHIN: Duration = Duration::from_secs(30);

/// A program of this workspace. `cargo test --workspace` builds the programs beside the tests.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in target/PROFILE/deps");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: build it with `cargo build --workspace`",
        path.display()
    );
    path
}

/// A gateway that runs; killed when dropped.
pub struct RunningGateway {
    child: Child,
    lines: Receiver<String>,
    /// Where devices connect; none if it has no listener.
    pub mqtt: Option<SocketAddr>,
    /// Where they connect by TLS; none if it has no such port.
    pub mqtts: Option<SocketAddr>,
    /// Where pages and API are.
    pub http: Option<SocketAddr>,
    /// How long it took until it was ready.
    pub ready_after: Duration,
}

/// How a gateway is started.
pub struct GatewaySetup {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl GatewaySetup {
    /// A folder of its own; `config` is TOML. Data is kept in `data` within the folder. Ports in the file should be 0.
    pub fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("forewarn.toml"), config).expect("configuration written");
        GatewaySetup {
            folder,
            environment: Vec::new(),
        }
    }

    /// Lays a variable over the configuration, such as `FOREWARN__DATA`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(n, _)| n != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable back.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(n, _)| n != name);
    }

    /// The folder with the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The command for this folder, with the environment set.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("forewarn"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("FOREWARN__DATA", self.data())
            .env("FOREWARN__WEB__BIND", "127.0.0.1:0");
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        command
    }

    /// Starts `forewarn run` and waits until it is ready. Logs go to `gateway.log` in the folder, appended.
    pub fn start(&self) -> RunningGateway {
        self.try_start()
            .expect("the gateway ends before it is ready; see gateway.log")
    }

    /// As [`GatewaySetup::start`], but none if the program ends before it is ready (a failpoint, a wrong configuration).
    pub fn try_start(&self) -> Option<RunningGateway> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("gateway.log"));
        let began = Instant::now();
        let mut child = self
            .command(&["run", "--config", "forewarn.toml"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("log file"))
            .spawn()
            .expect("forewarn starts");
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let (mut mqtt, mut mqtts, mut http) = (None, None, None);
        let is_ready = wait_for("the gateway to be ready", READY_WITHIN, || match lines.try_recv() {
            Ok(line) => {
                if let Some(address) = line.strip_prefix("mqtt: ") {
                    mqtt = address.parse().ok();
                }
                if let Some(address) = line.strip_prefix("mqtts: ") {
                    mqtts = address.parse().ok();
                }
                if let Some(address) = line.strip_prefix("dashboard: http://") {
                    http = address.parse().ok();
                }
                (line == "ready").then_some(true)
            }
            Err(_) => child.try_wait().expect("a child can be asked").map(|_| false),
        });
        is_ready.then(|| RunningGateway {
            child,
            lines,
            mqtt,
            mqtts,
            http,
            ready_after: began.elapsed(),
        })
    }

    /// What was logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("gateway.log")).unwrap_or_default()
    }

    /// Runs a command to its end and returns its standard output.
    ///
    /// # Panics
    /// If it fails.
    pub fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("forewarn starts");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl RunningGateway {
    /// As a power cut.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it ends");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Politely, and waits.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill exists");
        let status = wait_for("the gateway to stop", Duration::from_secs(30), || {
            self.child.try_wait().expect("a child can be asked")
        });
        assert!(status.success(), "it stopped with {status}");
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("Linux says it");
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number")
            * 1024
    }

    /// The listener's port.
    pub fn mqtt_port(&self) -> u16 {
        self.mqtt.expect("it has a listener").port()
    }

    /// A further line of its standard output, if there is one.
    pub fn line(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }
}

impl Drop for RunningGateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
