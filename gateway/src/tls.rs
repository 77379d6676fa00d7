//! rustls set-up shared by the device listener and the broker client: loads certificate, key and CA files (PEM), every error naming the file.
//! Always ring, never the process-wide default provider. Verifies nothing itself: that is rustls' work.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where Linux and BSD distributions keep the bundle of public certificate authorities; the first that exists is used.
const SYSTEM_CA_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing, unreadable or not PEM.
    #[error("cannot read {what} from {}", path.display())]
    Read {
        /// Certificate chain, private key or CA.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The file is PEM but holds no certificate.
    #[error("no certificate in {} (expected PEM with BEGIN CERTIFICATE)", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A CA certificate that cannot be used.
    #[error("cannot use CA certificate of {}", path.display())]
    BadCa {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// Certificate and key do not belong together, or are of a kind we cannot use.
    #[error("cannot use certificate {} with key {}", cert.display(), key.display())]
    BadIdentity {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// The client certificate check cannot be built.
    #[error("cannot check client certificates against {}", path.display())]
    Verifier {
        /// The CA file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::server::VerifierBuilderError,
    },
    /// No CA given and the system has none where we look.
    #[error("no CA file given and no system bundle found (looked at {SYSTEM_CA_BUNDLES:?})")]
    NoSystemCa,
    /// ring offers no protocol version we ask for.
    #[error("cannot set up TLS versions")]
    Versions(#[source] rustls::Error),
}

/// Whether devices show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates<'a> {
    /// None is asked for.
    NotAsked,
    /// Asked for; one signed by this CA is accepted, and so is none.
    Optional(&'a Path),
    /// Required, signed by this CA.
    Required(&'a Path),
}

/// Server side: our certificate chain and key, and what is asked of clients.
pub fn server_config(cert: &Path, key: &Path, clients: ClientCertificates<'_>) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, private) = (load_certificates("certificate", cert)?, load_key(key)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?;
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Optional(ca) => builder.with_client_cert_verifier(client_verifier(ca, &provider, false)?),
        ClientCertificates::Required(ca) => builder.with_client_cert_verifier(client_verifier(ca, &provider, true)?),
    };
    let config = builder
        .with_single_cert(chain, private)
        .map_err(|source| TlsError::BadIdentity {
            cert: cert.to_owned(),
            key: key.to_owned(),
            source,
        })?;
    Ok(Arc::new(config))
}

/// Client side: whom we trust (a CA file, or the system's bundle) and who we are.
pub fn client_config(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match ca {
        Some(path) => load_roots(path)?,
        None => {
            let bundle = SYSTEM_CA_BUNDLES.iter().map(Path::new).find(|path| path.exists());
            load_roots(bundle.ok_or(TlsError::NoSystemCa)?)?
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(load_certificates("client certificate", cert)?, load_key(key)?)
            .map_err(|source| TlsError::BadIdentity {
                cert: cert.to_owned(),
                key: key.to_owned(),
                source,
            })?,
    };
    Ok(Arc::new(config))
}

/// A check of client certificates against the CAs of a file.
fn client_verifier(
    ca: &Path,
    provider: &Arc<rustls::crypto::CryptoProvider>,
    is_required: bool,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(load_roots(ca)?), provider.clone());
    if !is_required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|source| TlsError::Verifier {
        path: ca.to_owned(),
        source,
    })
}

fn load_certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Read {
        what,
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { path: path.to_owned() });
    }
    Ok(certificates)
}

fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::Read {
        what: "private key",
        path: path.to_owned(),
        source,
    })
}

fn load_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in load_certificates("CA certificates", path)? {
        roots.add(certificate).map_err(|source| TlsError::BadCa {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(roots)
}

/// The subject's common name of a certificate in DER, if it has one. Only for certificates that rustls has verified: this walks the
/// structure of RFC 5280 section 4.1 and trusts nothing else.
pub fn subject_common_name(der: &[u8]) -> Option<String> {
    const SEQUENCE: u8 = 0x30;
    const SET: u8 = 0x31;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const VERSION: u8 = 0xa0;
    const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03]; // 2.5.4.3
    const TEXT_TAGS: [u8; 3] = [0x0c, 0x13, 0x16]; // UTF8String, PrintableString, IA5String

    let (certificate, _) = der_element(der, SEQUENCE)?;
    let (mut rest, _) = der_element(certificate, SEQUENCE)?;
    if let Some((_, after)) = der_element(rest, VERSION) {
        rest = after;
    }
    for tag in [0x02, SEQUENCE, SEQUENCE, SEQUENCE] {
        // serial number, signature algorithm, issuer, validity
        (_, rest) = der_element(rest, tag)?;
    }
    let (mut subject, _) = der_element(rest, SEQUENCE)?;
    while let Some((names, after)) = der_element(subject, SET) {
        subject = after;
        let (attribute, _) = der_element(names, SEQUENCE)?;
        let (oid, value) = der_element(attribute, OBJECT_IDENTIFIER)?;
        if oid == COMMON_NAME {
            let (text, _) = TEXT_TAGS.iter().find_map(|tag| der_element(value, *tag))?;
            return String::from_utf8(text.to_vec()).ok();
        }
    }
    None
}

/// Content of the first element, which must have this tag, and what follows it.
fn der_element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let count = usize::from(length & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(common_name: &str) -> CertificateDer<'static> {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Lift Works");
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, common_name);
        parameters
            .self_signed(&rcgen::KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .clone()
    }

    #[test]
    fn the_common_name_is_found_in_a_certificate() {
        assert_eq!(
            subject_common_name(&certificate("site-a/lift-1")),
            Some("site-a/lift-1".to_owned())
        );
        assert_eq!(subject_common_name(&certificate("升降机")), Some("升降机".to_owned()));
    }

    #[test]
    fn a_cut_certificate_has_no_name_and_does_no_harm() {
        let whole = certificate("x");
        for end in 0..whole.len().min(120) {
            assert_eq!(subject_common_name(&whole[..end]), None);
        }
    }

    #[test]
    fn errors_name_the_file() {
        let missing = Path::new("/nonexistent/server.pem");
        let error = server_config(missing, missing, ClientCertificates::NotAsked).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read certificate from /nonexistent/server.pem"
        );
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("ca.pem");
        std::fs::write(&empty, "nothing here").unwrap();
        let error = client_config(Some(&empty), None).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}
