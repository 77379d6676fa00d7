//! Programs of others: found or not, started on free ports, killed when dropped.

use crate::wait::wait_for;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Whether a program is there; says so when it is not, so that a test that then returns is seen to be skipped.
///
/// With `FOREWARN_TESTS_REQUIRE_ALL=1` (set by the script that installs them all) a missing program is a failure.
pub fn is_installed(name: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .stdout(Stdio::null())
        .status();
    let is_there = found.is_ok_and(|s| s.success());
    if !is_there {
        assert!(
            std::env::var_os("FOREWARN_TESTS_REQUIRE_ALL").is_none(),
            "{name} is not installed"
        );
        eprintln!("SKIPPED: {name} is not installed");
    }
    is_there
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

/// A Mosquitto on a port of its own; killed when dropped.
pub struct Mosquitto {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Mosquitto {
    /// Starts it and waits until it listens. With `persistence` it keeps sessions and queues in `folder` across restarts;
    /// `extra` is appended to its configuration.
    pub fn start(folder: &Path, port: u16, persistence: bool, extra: &str) -> Mosquitto {
        let config = format!(
            // started as root it would become another user, who cannot write to the folder
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nmax_inflight_messages 100\nmax_queued_messages 100000\n\
             persistence {persistence}\npersistence_location {}/\nautosave_interval 1\n{extra}\n",
            folder.display()
        );
        let file = folder.join("mosquitto.conf");
        std::fs::write(&file, config).expect("configuration written");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("mosquitto.log"))
            .expect("log file");
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(&file)
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("mosquitto starts");
        wait_for("mosquitto to listen", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Mosquitto { child, port }
    }

    /// As a power cut.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it ends");
    }

    /// Politely: it saves what it keeps.
    pub fn stop(mut self) {
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill exists");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
