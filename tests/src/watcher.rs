//! Somebody who follows MQTT topics: a client on a thread of its own that remembers what came.

use crate::wait::wait_for;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One message as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Its topic.
    pub topic: String,
    /// Its JSON.
    pub message: Value,
    /// It was there before the subscription.
    pub is_retained: bool,
}

/// A subscriber; gone when dropped.
pub struct Watcher {
    client: Client,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Watcher {
    /// Subscribes at QoS 1 and waits until the broker has confirmed. With a `session`, the broker keeps what comes while we
    /// are away.
    pub fn start(client_id: &str, port: u16, session: bool, filters: &[&str]) -> Watcher {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options
            .set_keep_alive(Duration::from_secs(30))
            .set_clean_session(!session);
        let (client, mut link) = Client::new(options, 16);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let confirmed = Arc::new(Mutex::new(0));
        let (log, confirms) = (heard.clone(), confirmed.clone());
        std::thread::spawn(move || {
            for event in link.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let message = serde_json::from_slice(&publish.payload).expect("we publish JSON");
                        let (topic, is_retained) = (publish.topic, publish.retain);
                        log.lock().expect("no test thread panics with it").push(Heard {
                            topic,
                            message,
                            is_retained,
                        });
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        *confirms.lock().expect("no test thread panics with it") += 1
                    }
                    Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
                    Err(_) => return,
                }
            }
        });
        for filter in filters {
            client.subscribe(*filter, QoS::AtLeastOnce).expect("the client runs");
        }
        wait_for("the subscriptions", Duration::from_secs(10), || {
            (*confirmed.lock().expect("no test thread panics with it") == filters.len()).then_some(())
        });
        Watcher { client, heard }
    }

    /// What came so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no test thread panics with it").clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.client.disconnect().ok();
    }
}
