//! The writer against a server that refuses, one that is away, and a real one (`victoria-metrics`) where it is installed.

use super::*;
use crate::history::tests::Fleet;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::{DeviceIndex, MetricIndex, Sample};
use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

const TOKEN: &str = "a-very-secret-token";
const START_MS: i64 = 1_732_250_000_000;

#[derive(Clone, Default)]
struct FakeJournal {
    entries: Arc<Mutex<Vec<Vec<OwnedMessage>>>>,
    newer: Arc<tokio::sync::Notify>,
}

impl FakeJournal {
    fn push(&self, messages: Vec<OwnedMessage>) {
        self.entries.lock().expect("lock").push(messages);
        self.newer.notify_waiters();
    }
}

impl JournalSource for FakeJournal {
    async fn read_after(&self, position: u64, _: usize) -> Result<Vec<(u64, Vec<OwnedMessage>)>, SourceError> {
        let entries = self.entries.lock().expect("lock");
        Ok((1..)
            .zip(entries.iter().cloned())
            .skip(position as usize)
            .take(7)
            .collect())
    }

    async fn wait_newer(&self, position: u64) {
        loop {
            let newer = self.newer.notified();
            if self.entries.lock().expect("lock").len() as u64 > position {
                return;
            }
            newer.await;
        }
    }
}

#[derive(Clone, Default)]
struct FakePositions(Arc<Mutex<(u64, Vec<String>)>>);

impl PositionStore for FakePositions {
    fn load(&mut self) -> Result<u64, SourceError> {
        Ok(self.0.lock().expect("lock").0)
    }
    fn save_position(&mut self, position: u64) -> Result<(), SourceError> {
        self.0.lock().expect("lock").0 = position;
        Ok(())
    }
    fn set_aside(&mut self, line: &str, _: &str) -> Result<(), SourceError> {
        self.0.lock().expect("lock").1.push(line.to_owned());
        Ok(())
    }
}

/// Takes a batch only if none of its lines is refused, like a server that answers 400.
#[derive(Clone)]
struct FakeServer {
    taken: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<u16>>>,
    refuses: fn(&str) -> bool,
}

impl FakeServer {
    async fn start(refuses: fn(&str) -> bool, answers: &[u16]) -> (Self, String) {
        let server = FakeServer {
            taken: Arc::default(),
            answers: Arc::new(Mutex::new(answers.to_vec())),
            refuses,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let router = axum::Router::new()
            .route("/api/v2/write", axum::routing::post(take))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }
}

async fn take(State(server): State<FakeServer>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    assert_eq!(headers["authorization"], format!("Token {TOKEN}"));
    let mut answers = server.answers.lock().expect("lock");
    if !answers.is_empty() {
        return (
            StatusCode::from_u16(answers.remove(0)).expect("a status"),
            "not now".to_owned(),
        );
    }
    match body.lines().find(|line| (server.refuses)(line)) {
        Some(line) => (StatusCode::BAD_REQUEST, format!("cannot take {line}")),
        None => {
            server
                .taken
                .lock()
                .expect("lock")
                .extend(body.lines().map(str::to_owned));
            (StatusCode::NO_CONTENT, String::new())
        }
    }
}

fn message(device: u32, index: i64) -> OwnedMessage {
    let sample = |m: u32| Sample {
        metric: MetricIndex(m),
        value: index as f64 + f64::from(m) / 4.0,
    };
    OwnedMessage {
        device: DeviceIndex(device),
        measured_at: Timestamp(START_MS + index * 1_000),
        samples: vec![sample(0), sample(1)],
    }
}

fn port(url: &str) -> InfluxPort {
    let config = InfluxConfig {
        lines_per_batch: 50,
        batch_age: Duration::from_millis(20),
        timeout: Duration::from_secs(5),
        retry_first: Duration::from_millis(10),
        retry_max: Duration::from_millis(80),
        ..InfluxConfig::new(url, "org", "bucket", Secret::new(TOKEN))
    };
    InfluxPort::new(config).expect("checked")
}

struct Running {
    status: watch::Receiver<InfluxStatus>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<(), SourceError>>,
}

fn start(url: &str, journal: &FakeJournal, positions: &FakePositions) -> Running {
    let clock = Arc::new(|| Timestamp(7));
    let writer =
        InfluxWriter::new(port(url), journal.clone(), positions.clone(), Arc::new(Fleet), clock).expect("loaded");
    let (stop, stopped) = watch::channel(false);
    Running {
        status: writer.status(),
        stop,
        task: tokio::spawn(writer.run(stopped)),
    }
}

impl Running {
    async fn until(&mut self, condition: impl FnMut(&InfluxStatus) -> bool) -> InfluxStatus {
        let found = tokio::time::timeout(Duration::from_secs(30), self.status.wait_for(condition)).await;
        found.expect("in time").expect("still running").clone()
    }

    async fn end(self) {
        self.stop.send(true).expect("still running");
        self.task.await.expect("no panic").expect("no error");
    }
}

#[tokio::test]
async fn refused_lines_end_alone_and_all_others_arrive() {
    let (server, url) = FakeServer::start(|line| line.contains("device=d3") && line.contains("m0=13,"), &[]).await;
    let (journal, positions) = (FakeJournal::default(), FakePositions::default());
    for i in 0..20 {
        journal.push((0..10).map(|d| message(d, i)).collect());
    }
    let mut running = start(&url, &journal, &positions);
    let status = running.until(|status| status.position == 20).await;
    assert_eq!(
        (status.lines_written, status.lines_refused, &status.state),
        (199, 1, &InfluxState::Healthy)
    );
    running.end().await;
    let taken = server.taken.lock().expect("lock");
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 199);
    let (position, aside) = positions.0.lock().expect("lock").clone();
    assert_eq!(position, 20);
    assert_eq!(aside, ["telemetry,device=d3,site=site m0=13,m1=13.25 1732250013000"]);
}

#[tokio::test]
async fn a_server_that_refuses_everything_from_the_start_is_a_mistake_in_the_configuration() {
    let (_, url) = FakeServer::start(|_| true, &[]).await;
    let (journal, positions) = (FakeJournal::default(), FakePositions::default());
    journal.push((0..100).map(|i| message(0, i)).collect());
    let mut running = start(&url, &journal, &positions);
    let status = running
        .until(|status| matches!(status.state, InfluxState::Misconfigured { .. }))
        .await;
    assert_eq!((status.lines_refused, status.position), (0, 0));
    running.end().await;
    assert_eq!(positions.0.lock().expect("lock").1.len(), 0, "nothing is set aside");
}

#[tokio::test]
async fn busy_and_misconfigured_are_told_apart_and_both_are_waited_out() {
    for (answers, is_misconfigured) in [(&[503, 429, 500][..], false), (&[401, 403, 404], true)] {
        let (server, url) = FakeServer::start(|_| false, &answers.repeat(3)).await;
        let (journal, positions) = (FakeJournal::default(), FakePositions::default());
        journal.push(vec![message(0, 0)]);
        let mut running = start(&url, &journal, &positions);
        let status = running.until(|status| status.state != InfluxState::Healthy).await;
        match &status.state {
            InfluxState::Misconfigured { since, advice, .. } => {
                assert!(
                    is_misconfigured && *since == Timestamp(7) && advice.contains("token"),
                    "{status:?}"
                );
            }
            InfluxState::Retrying { last_error, .. } => assert!(!is_misconfigured && last_error.contains("503")),
            InfluxState::Healthy => panic!("waited for another"),
        }
        assert!(!format!("{status:?}").contains(TOKEN));
        let status = running.until(|status| status.position == 1).await;
        assert_eq!(
            (status.state, status.failures, status.lines_written),
            (InfluxState::Healthy, 9, 1)
        );
        running.end().await;
        assert_eq!(server.taken.lock().expect("lock").len(), 1);
    }
}

#[tokio::test]
async fn stopping_while_the_server_is_away_keeps_the_position_and_the_next_run_brings_everything() {
    let (journal, positions) = (FakeJournal::default(), FakePositions::default());
    for i in 0..30 {
        journal.push(vec![message(0, i)]);
    }
    // A port that was just free: nobody answers there.
    let mut running = start(&format!("http://127.0.0.1:{}", free_port()), &journal, &positions);
    running
        .until(|status| matches!(status.state, InfluxState::Retrying { attempts: 3.., .. }))
        .await;
    running.end().await;
    assert_eq!(positions.0.lock().expect("lock").0, 0);
    let (server, url) = FakeServer::start(|_| false, &[]).await;
    let mut running = start(&url, &journal, &positions);
    running.until(|status| status.position == 30).await;
    running.end().await;
    assert_eq!(server.taken.lock().expect("lock").len(), 30);
}

#[test]
fn the_token_is_never_printed() {
    let port = port("http://127.0.0.1:1");
    assert!(!format!("{port:?} {:?}", port.config).contains(TOKEN));
    let bad = InfluxPort::new(InfluxConfig::new("http://h", "o", "b", Secret::new("a token\n"))).expect_err("refused");
    assert!(!format!("{bad} {bad:?}").contains("a token"));
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let make = |url: &str, org: &str| InfluxPort::new(InfluxConfig::new(url, org, "b", Secret::new(TOKEN))).map(|_| ());
    assert!(make("http://h:8086", "o").is_ok());
    assert!(matches!(make("h:8086", "o"), Err(InfluxConfigError::Url { .. })));
    assert!(matches!(make("ftp://h", "o"), Err(InfluxConfigError::Url { .. })));
    assert!(matches!(
        make("http://h", ""),
        Err(InfluxConfigError::Name { field: "org" })
    ));
    assert!(matches!(
        make("http://h", "a\nb"),
        Err(InfluxConfigError::Name { field: "org" })
    ));
}

#[test]
fn waits_double_up_to_the_longest_and_never_exceed_it() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (first, max) = (Duration::from_millis(500), Duration::from_secs(60));
    for attempt in 1..100 {
        let full = first.saturating_mul(2u32.saturating_pow(attempt - 1)).min(max);
        let wait = back_off(attempt, first, max, &mut random);
        assert!(wait <= full && wait >= full / 2, "{attempt}: {wait:?}");
    }
}

#[test]
fn position_files_survive_and_start_at_zero() {
    let folder = tempfile::tempdir().expect("folder");
    let mut files = PositionFiles::new(folder.path());
    assert_eq!(files.load().expect("none yet"), 0);
    files.save_position(42).expect("saved");
    files.set_aside("line", "why").expect("kept");
    assert_eq!(PositionFiles::new(folder.path()).load().expect("saved"), 42);
    let kept = std::fs::read_to_string(folder.path().join("influx-refused.txt")).expect("kept");
    assert_eq!(kept, "# why\nline\n");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port()
}

/// The real server; stopped politely, because it keeps the last seconds in RAM.
struct VictoriaMetrics(Child);

impl VictoriaMetrics {
    async fn start(folder: &std::path::Path, port: u16) -> Option<Self> {
        let child = Command::new("victoria-metrics")
            .arg(format!("-storageDataPath={}", folder.display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .args([
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",
                "-loggerLevel=ERROR",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = VictoriaMetrics(child);
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("victoria-metrics does not listen");
    }

    fn stop(mut self) {
        Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()
            .expect("asked to stop");
        self.0.wait().expect("stopped");
    }
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.0
                .kill()
                .and_then(|()| self.0.wait())
                .map(|_| ())
                .unwrap_or_default();
        }
    }
}

/// Every stored point as (series, milliseconds, value).
async fn exported(port: u16) -> BTreeSet<(String, i64, u64)> {
    let get = async |path: &str| {
        let answer = reqwest011::get(format!("http://127.0.0.1:{port}{path}"))
            .await
            .expect("answers");
        answer.text().await.expect("text")
    };
    get("/internal/force_flush").await;
    let mut points = BTreeSet::new();
    for line in get("/api/v1/export?match[]={__name__=~%22telemetry_.%2B%22}")
        .await
        .lines()
    {
        let series: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let labels = &series["metric"];
        let name = format!("{}/{}/{}", labels["site"], labels["device"], labels["__name__"]).replace('"', "");
        let (times, values) = (
            series["timestamps"].as_array().expect("times"),
            series["values"].as_array().expect("values"),
        );
        for (at, value) in times.iter().zip(values) {
            let value = value.as_f64().expect("a number").to_bits();
            assert!(
                points.insert((name.clone(), at.as_i64().expect("a number"), value)),
                "once"
            );
        }
    }
    points
}

#[tokio::test]
async fn a_real_server_has_every_point_even_after_an_outage() {
    let (folder, port) = (tempfile::tempdir().expect("folder"), free_port());
    let Some(server) = VictoriaMetrics::start(folder.path(), port).await else {
        println!("skipped: victoria-metrics is not installed");
        return;
    };
    let (journal, positions) = (FakeJournal::default(), FakePositions::default());
    let mut running = start(&format!("http://127.0.0.1:{port}"), &journal, &positions);
    let mut expected = BTreeSet::new();
    let mut feed = |entries: std::ops::Range<i64>| {
        for i in entries {
            let messages: Vec<_> = (0..20).map(|d| message(d, i)).collect();
            for m in &messages {
                for s in &m.samples {
                    let name = format!("site/d{}/telemetry_m{}", m.device.0, s.metric.0);
                    expected.insert((name, m.measured_at.as_millis(), s.value.to_bits()));
                }
            }
            journal.push(messages);
        }
    };
    feed(0..50);
    running.until(|status| status.position == 50).await;
    server.stop();
    feed(50..100);
    running
        .until(|status| matches!(status.state, InfluxState::Retrying { attempts: 2.., .. }))
        .await;
    let server = VictoriaMetrics::start(folder.path(), port).await.expect("starts again");
    feed(100..150);
    let status = running.until(|status| status.position == 150).await;
    assert_eq!((status.state, status.lines_refused), (InfluxState::Healthy, 0));
    running.end().await;
    let mut found = exported(port).await;
    let patience = Instant::now();
    while found.len() < expected.len() && patience.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        found = exported(port).await;
    }
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "bit for bit");
    server.stop();
}
