//! A device that never forgets: publishes numbered readings at QoS 1, keeps each until its PUBACK, sends the rest again
//! after every loss of the link, and knows at the end which were acknowledged.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::watch;

/// One message to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
}

/// Publishes all messages in order, at most `window` unacknowledged at a time, however often the link is lost, and calls
/// `acknowledged` with the number of each message when its PUBACK came. Ends when all are acknowledged.
///
/// `port` is asked at every connect, because a gateway that was killed may come back elsewhere; none: not there yet.
pub async fn publish_all(
    client_id: &str,
    messages: &[Outgoing],
    window: usize,
    port: impl Fn() -> Option<u16>,
    acknowledged: impl FnMut(usize),
) {
    let (_open, allowed) = watch::channel(usize::MAX);
    publish_paced(client_id, messages, window, port, allowed, acknowledged).await;
}

/// As [`publish_all`], but message number `n` is sent only once `allowed` is above `n`.
pub async fn publish_paced(
    client_id: &str,
    messages: &[Outgoing],
    window: usize,
    port: impl Fn() -> Option<u16>,
    mut allowed: watch::Receiver<usize>,
    mut acknowledged: impl FnMut(usize),
) {
    let mut next = 0;
    while next < messages.len() {
        let Some(port) = port() else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options
            .set_clean_session(true)
            .set_keep_alive(Duration::from_secs(5))
            .set_inflight(window as u16);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut link) = AsyncClient::new(options, window * 2);
        let (unsent, publisher) = (&messages[next..], client.clone());
        let first = next;
        let feed = async {
            for (number, message) in (first..).zip(unsent) {
                let is_sent = async {
                    allowed.wait_for(|n| *n > number).await.ok()?;
                    publisher
                        .publish(&message.topic, QoS::AtLeastOnce, false, message.payload.clone())
                        .await
                        .ok()
                };
                if is_sent.await.is_none() {
                    break;
                }
            }
            // never ready, so that polling the link is never cut short
            std::future::pending::<()>().await;
        };
        let mut feed = std::pin::pin!(feed);
        let mut waiting = VecDeque::new();
        loop {
            let polled = tokio::select! {
                () = &mut feed => continue,
                polled = link.poll() => polled,
            };
            match polled {
                Ok(Event::Outgoing(rumqttc::Outgoing::Publish(id))) => waiting.push_back(id),
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    // our listener and Mosquitto acknowledge in order
                    assert_eq!(waiting.pop_front(), Some(ack.pkid), "acknowledgements come in order");
                    acknowledged(next);
                    next += 1;
                    if next == messages.len() {
                        client.try_disconnect().ok();
                        link.poll().await.ok();
                        return;
                    }
                }
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    break;
                }
            }
        }
    }
}

/// A telemetry message of wire v1 with one metric.
pub fn telemetry(site: &str, device: &str, ts_ms: i64, seq: u64, metric: &str, value: f64) -> Outgoing {
    Outgoing {
        topic: format!("forewarn/{site}/{device}/telemetry"),
        payload: format!(r#"{{"ts":{ts_ms},"seq":{seq},"boot":"t1","metrics":{{"{metric}":{value}}}}}"#).into_bytes(),
    }
}
