//! How many publishes a second the listener takes when the pipeline behind it costs nothing.

use super::testing::*;
use super::tests::{TELEMETRY, config, hello};
use super::*;

/// Not a test of correctness: prints publishes per second. Run with
/// `cargo test --release -p gateway --lib -- --ignored --nocapture listener_throughput`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn listener_throughput() {
    const LINKS: usize = 4;
    const BLOCKS: usize = 1_000;
    const PER_BLOCK: u16 = 250;
    let counters = Arc::new(ListenerCounters::default());
    let hub = Hub::new(vec![], HubLimits::default(), counters.clone());
    for is_v5 in [false, true] {
        let listener = Listener::bind(&config(), Swallow, hub.clone(), counters.clone())
            .await
            .unwrap();
        let address = listener.local_addr();
        let (stop, shutdown) = watch::channel(false);
        let serving = tokio::spawn(listener.run(shutdown));
        let started = Instant::now();
        let links = (0..LINKS).map(|link| {
            // The generator gets threads of its own.
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                let client_id = format!("load-{link}");
                stream.write_all(&connect(&hello(is_v5, &client_id))).unwrap();
                let mut header = [0; 2];
                stream.read_exact(&mut header).unwrap();
                stream.read_exact(&mut vec![0; usize::from(header[1])]).unwrap();
                let block = |first: u16| -> Vec<u8> {
                    (first..first + PER_BLOCK)
                        .flat_map(|id| publish(is_v5, TELEMETRY, 1, id, &[b'x'; 194]))
                        .collect()
                };
                let blocks: Vec<Vec<u8>> = (0..4).map(|number| block(1 + number * PER_BLOCK)).collect();
                let mut acks = vec![0; 4 * usize::from(PER_BLOCK)];
                for number in 0..BLOCKS {
                    stream.write_all(&blocks[number % 4]).unwrap();
                    if number >= 3 {
                        stream.read_exact(&mut acks).unwrap();
                    }
                }
                for _ in 0..3 {
                    stream.read_exact(&mut acks).unwrap();
                }
            })
        });
        let links: Vec<_> = links.collect();
        tokio::task::spawn_blocking(|| links.into_iter().for_each(|link| link.join().unwrap()))
            .await
            .unwrap();
        let total = (LINKS * BLOCKS * usize::from(PER_BLOCK)) as f64;
        let version = if is_v5 { "5" } else { "3.1.1" };
        println!(
            "MQTT {version}: {:.0} publishes/s with the generator on the same cores",
            total / started.elapsed().as_secs_f64()
        );
        stop.send(true).unwrap();
        serving.await.unwrap();
    }
}

/// A pipeline that does nothing and is durable at once.
#[derive(Clone)]
struct Swallow;

struct Swallowing(bool);

struct Swallowed;

impl crate::intake::Receipt for Swallowed {
    fn is_durable(&self) -> bool {
        true
    }
}

impl crate::intake::Intake for Swallowing {
    type Receipt = Swallowed;

    fn push(&mut self, packet: crate::intake::Packet<'_>) {
        std::hint::black_box(packet);
        self.0 = true;
    }

    async fn submit(&mut self) -> Option<Swallowed> {
        std::mem::take(&mut self.0).then_some(Swallowed)
    }

    fn throttled_until(&self) -> Option<Instant> {
        None
    }
}

impl Intakes for Swallow {
    type Intake = Swallowing;

    fn open(&self, _wake: Arc<tokio::sync::Notify>) -> Swallowing {
        Swallowing(false)
    }
}
