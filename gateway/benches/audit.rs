//! What lines of the audit trail cost a commit, and how fast the chain is verified.
//!
//! `cargo bench -p gateway --bench audit [-- COMMITS]`: commits of one journal entry of 64 KiB, as some hundred devices make them, with 0, 1, 10
//! and 100 lines, in turns so that all meet the same machine.

use domain::Timestamp;
use gateway::store::Store;
use gateway::store::audit::ChainState;
use gateway::store::rows::AuditRow;
use std::time::{Duration, Instant};

const LINES: [u64; 4] = [0, 1, 10, 100];

fn line(n: u64) -> AuditRow {
    AuditRow {
        id: 0,
        at: Timestamp(1_760_000_000_000 + n as i64),
        actor: "otto".to_owned(),
        action: "alarm.acknowledge".to_owned(),
        subject: format!("alarm/north/pump-{}/bearing_wear/{n}", n % 1_000),
        detail: "{\"note\":\"on my way, parts are ordered\"}".to_owned(),
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn main() {
    let commits: usize = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(500);
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let entry: Vec<u8> = (0..65_536u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut whole = LINES.map(|_| Vec::with_capacity(commits));
    let mut writing = LINES.map(|_| Vec::with_capacity(commits));
    let mut n = 0;
    for _ in 0..commits {
        for (place, lines) in LINES.into_iter().enumerate() {
            let rows: Vec<AuditRow> = (n..n + lines).map(line).collect();
            n += lines;
            let began = Instant::now();
            let commit = store.begin().expect("begins");
            commit.journal(&entry, 100, Timestamp(0)).expect("written");
            let lines_began = Instant::now();
            for row in &rows {
                commit.audit(row).expect("written");
            }
            writing[place].push(lines_began.elapsed());
            let position = commit.finish().expect("commits");
            store.committed(position);
            whole[place].push(began.elapsed());
        }
    }
    println!("lines  commit, median  of which lines");
    for (place, lines) in LINES.into_iter().enumerate() {
        let (whole, writing) = (median(&mut whole[place]), median(&mut writing[place]));
        println!("{lines:>5}  {whole:>11.1} µs  {writing:>11.1} µs");
    }
    let began = Instant::now();
    let state = store.reader().expect("reads").verify_audit(|_, _| {}).expect("reads");
    let ChainState::Whole { lines, .. } = state else {
        panic!("the chain is whole: {state:?}");
    };
    let each = began.elapsed().as_secs_f64() * 1e6 / lines as f64;
    println!("verified {lines} lines, {each:.2} µs each");
}
