//! Who may come in and what they may touch: certificates, passwords, topics, and that secrets stay secret.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, SubscribeReasonCode, TlsConfiguration, Transport};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tests::gateway::GatewaySetup;
use tests::http::Balance;
use tests::wait::wait_for;

const SOON: Duration = Duration::from_secs(10);

/// A certificate authority and what it signed, as PEM.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Authority {
            issuer: CertifiedIssuer::self_signed(params, key).expect("signed"),
        }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Certificate and key for a server at 127.0.0.1, or for a client of this name.
    fn issue(&self, common_name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }
}

fn tls(ca: &str, identity: Option<&(String, String)>) -> Transport {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).expect("PEM"))
        .expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM"),
            )
            .expect("a pair"),
    };
    Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config)))
}

/// What a client gets when it connects and then subscribes and publishes there.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Not let in, or the TLS handshake failed.
    Refused,
    /// Let in; whether it may subscribe to this filter, and whether its message was acknowledged.
    In { may_subscribe: bool, is_stored: bool },
}

const IN: Outcome = Outcome::In {
    may_subscribe: true,
    is_stored: true,
};
const IN_VAIN: Outcome = Outcome::In {
    may_subscribe: false,
    is_stored: false,
};

async fn try_out(mut options: MqttOptions, filter: &str, topic: &str) -> Outcome {
    options.set_keep_alive(Duration::from_secs(5));
    let (client, mut link) = AsyncClient::new(options, 10);
    let ends = tokio::time::timeout(SOON, async {
        match link.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) if ack.code == rumqttc::ConnectReturnCode::Success => {}
            Ok(_) | Err(_) => return Outcome::Refused,
        }
        client.subscribe(filter, QoS::AtLeastOnce).await.expect("room");
        let mut may_subscribe = false;
        loop {
            match link.poll().await {
                Ok(Event::Incoming(Packet::SubAck(ack))) => {
                    may_subscribe = matches!(ack.return_codes.first(), Some(SubscribeReasonCode::Success(_)));
                    let reading = r#"{"metrics":{"v":1}}"#;
                    client
                        .publish(topic, QoS::AtLeastOnce, false, reading)
                        .await
                        .expect("room");
                }
                Ok(Event::Incoming(Packet::PubAck(_))) => {
                    return Outcome::In {
                        may_subscribe,
                        is_stored: true,
                    };
                }
                Ok(_) => {}
                Err(_) => {
                    return Outcome::In {
                        may_subscribe,
                        is_stored: false,
                    };
                }
            }
        }
    });
    ends.await.expect("an answer in time")
}

fn client(name: &str, port: u16) -> MqttOptions {
    MqttOptions::new(name, "127.0.0.1", port)
}

/// The hash of a password by the program's own command.
fn hash(password: &str) -> String {
    let setup = GatewaySetup::new("");
    let mut child = setup
        .command(&["hash-password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("forewarn starts");
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{password}").expect("written");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let hash = String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned();
    assert!(hash.starts_with("$argon2id$") && !hash.contains(password), "{hash}");
    hash
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_a_certificate_says_who_a_device_is() {
    let (ours, foreign) = (Authority::new("ours"), Authority::new("somebody else's"));
    let setup = GatewaySetup::new(
        "[listener]\nbind = \"127.0.0.1:0\"\n[listener.tls]\nbind = \"127.0.0.1:0\"\ncert = \"server.crt\"\nkey = \"server.key\"\nclient_ca = \"ca.crt\"\n",
    );
    let (certificate, key) = ours.issue("gateway", ExtendedKeyUsagePurpose::ServerAuth);
    write(setup.folder(), "ca.crt", &ours.pem());
    write(setup.folder(), "server.crt", &certificate);
    write(setup.folder(), "server.key", &key);
    let gateway = setup.start();
    let port = gateway.mqtts.expect("it has a TLS port").port();
    let device = |authority: &Authority, name: &str| authority.issue(name, ExtendedKeyUsagePurpose::ClientAuth);
    let own = "forewarn/hamburg/pump-1/telemetry";
    let own_alarms = "forewarn/hamburg/pump-1/alarm";
    let attempt = async |identity: Option<&(String, String)>, trusted: &Authority, filter: &str, topic: &str| {
        let mut options = client("c", port);
        options.set_transport(tls(&trusted.pem(), identity));
        try_out(options, filter, topic).await
    };
    let pump = device(&ours, "hamburg/pump-1");
    assert_eq!(attempt(Some(&pump), &ours, own_alarms, own).await, IN);
    // its neighbour's topics, all topics, and those of its whole site are not its own
    for (filter, topic) in [
        ("forewarn/hamburg/pump-2/alarm", "forewarn/hamburg/pump-2/telemetry"),
        ("#", "forewarn/hamburg/pump-10/telemetry"),
        ("forewarn/hamburg/#", "forewarn/berlin/pump-1/telemetry"),
        ("forewarn/+/pump-1/alarm", "forewarn/hamburg/telemetry"),
        ("$SYS/#", "$SYS/x"),
        ("$share/g/forewarn/hamburg/pump-1/alarm", "hamburg/pump-1/telemetry"),
    ] {
        assert_eq!(
            attempt(Some(&pump), &ours, filter, topic).await,
            IN_VAIN,
            "{filter} {topic}"
        );
    }
    // a certificate for a site
    let site = device(&ours, "hamburg");
    assert_eq!(
        attempt(
            Some(&site),
            &ours,
            "forewarn/hamburg/+/alarm",
            "forewarn/hamburg/pump-3/telemetry"
        )
        .await,
        IN
    );
    // no certificate, one of another authority, one whose name gives no right; and we must not be somebody else either
    assert_eq!(attempt(None, &ours, own_alarms, own).await, Outcome::Refused);
    assert_eq!(
        attempt(Some(&device(&foreign, "hamburg/pump-1")), &ours, own_alarms, own).await,
        Outcome::Refused
    );
    assert_eq!(
        attempt(Some(&device(&ours, "a/b/c")), &ours, own_alarms, own).await,
        Outcome::Refused
    );
    assert_eq!(attempt(Some(&pump), &foreign, own_alarms, own).await, Outcome::Refused);
    // plain MQTT does not speak on that port
    assert_eq!(try_out(client("plain", port), own_alarms, own).await, Outcome::Refused);

    let balance = Balance::scrape(gateway.http.expect("it has pages"));
    assert_eq!((balance.outcome("stored"), balance.outcome("quarantined")), (2, 0));
    assert_eq!(balance.by_reason("rejected"), [("acl_denied".to_owned(), 6)].into());
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_what_is_its_own_and_nothing_else() {
    const PASSWORD: &str = "correct horse battery staple";
    let hash = hash(PASSWORD);
    let user =
        |name: &str, more: &str| format!("[[listener.users]]\nname = \"{name}\"\npassword_hash = \"{hash}\"\n{more}");
    let config = format!(
        "[listener]\nbind = \"127.0.0.1:0\"\nanonymous_loopback = false\n{}{}{}",
        user("hamburg/pump-1", ""),
        user("bridge", "site = \"hamburg\"\n"),
        user("app", "topics = [\"forewarn/+/+/alarm\"]\n"),
    );
    let mut setup = GatewaySetup::new(&config);
    setup.set("FOREWARN_LOG", "debug");
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    let attempt = async |user: Option<(&str, &str)>, filter: &str, topic: &str| {
        let mut options = client("c", port);
        if let Some((name, password)) = user {
            options.set_credentials(name, password);
        }
        try_out(options, filter, topic).await
    };
    let (alarm, telemetry) = ("forewarn/hamburg/pump-1/alarm", "forewarn/hamburg/pump-1/telemetry");
    let pump = Some(("hamburg/pump-1", PASSWORD));
    assert_eq!(attempt(pump, alarm, telemetry).await, IN);
    assert_eq!(
        attempt(
            pump,
            "forewarn/hamburg/pump-2/alarm",
            "forewarn/hamburg/pump-2/telemetry"
        )
        .await,
        IN_VAIN
    );
    assert_eq!(
        attempt(pump, "forewarn/#", "forewarn/hamburg/pump-11/telemetry").await,
        IN_VAIN
    );
    assert_eq!(
        attempt(
            Some(("bridge", PASSWORD)),
            "forewarn/hamburg/#",
            "forewarn/hamburg/pump-7/telemetry"
        )
        .await,
        IN
    );
    assert_eq!(
        attempt(Some(("app", PASSWORD)), "forewarn/+/+/alarm", telemetry).await,
        Outcome::In {
            may_subscribe: true,
            is_stored: false
        }
    );
    for wrong in [
        Some(("hamburg/pump-1", "wrong")),
        Some(("hamburg/pump-1", "")),
        Some(("nobody", PASSWORD)),
        None,
    ] {
        assert_eq!(attempt(wrong, alarm, telemetry).await, Outcome::Refused, "{wrong:?}");
    }
    gateway.stop();
    for (what, secret) in [("a password", PASSWORD), ("a hash", hash.as_str())] {
        assert!(!setup.log().contains(secret), "{what} stands in the log");
    }
}

/// An address of this machine that is not loopback, if it has one.
fn own_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // sends nothing: only asks which address would be used
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(address) if !address.ip().is_loopback() => Some(*address.ip()),
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_from_elsewhere_needs_a_name() {
    let Some(address) = own_address() else {
        eprintln!("SKIPPED: this machine has no address but loopback");
        return;
    };
    let setup = GatewaySetup::new("[listener]\nbind = \"0.0.0.0:0\"\n");
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    assert!(TcpStream::connect((address, port)).is_ok(), "it listens there too");
    let from_elsewhere = MqttOptions::new("c", address.to_string(), port);
    let topic = "forewarn/hamburg/pump-1/telemetry";
    assert_eq!(try_out(from_elsewhere, "forewarn/#", topic).await, Outcome::Refused);
    assert_eq!(try_out(client("c", port), "forewarn/#", topic).await, IN);
    gateway.stop();
}

#[test]
fn pages_for_others_need_tokens_and_show_none() {
    const TOKEN: &str = "an-operators-token-0123456789";
    let setup = GatewaySetup::new(&format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[[web.tokens]]\nname = \"ann\"\nrole = \"viewer\"\ntoken = \"{TOKEN}\"\n"
    ));
    let gateway = setup.start();
    let http = gateway.http.expect("it has pages");
    let (status, body) = tests::http::request(http, "GET", "/api/v1/devices", None);
    assert_eq!(status, 401, "{body}");
    let (status, body) = tests::http::request(http, "GET", &format!("/api/v1/devices?token={TOKEN}"), None);
    assert_ne!(status, 200, "a token in an address would stand in logs: {body}");
    wait_for("the gateway to have logged", SOON, || {
        setup.log().contains("listening").then_some(())
    });
    assert!(!setup.log().contains(TOKEN));
    gateway.stop();

    // without tokens and users nobody is let near, this machine neither
    let mut open = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n[web]\nbind = \"0.0.0.0:0\"\n");
    open.set("FOREWARN__WEB__BIND", "0.0.0.0:0");
    let gateway = open.start();
    let (status, body) = tests::http::request(gateway.http.expect("it has pages"), "GET", "/api/v1/devices", None);
    assert_eq!(status, 503, "{body}");
}
