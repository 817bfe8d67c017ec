//! TLS to the server: by rustls, with its `ring` provider named here, so that no other part of the process decides.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::error::RedisConnectError;

/// Whom to trust, and as whom to come.
pub(crate) struct Tls {
    connector: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts what the system trusts, or only the authorities in a PEM file; and comes with the certificate and the key
    /// in two PEM files, if there are any.
    pub(crate) fn new(authorities: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Self, RedisConnectError> {
        let roots = match authorities {
            Some(path) => roots_of(certificates(path)?),
            None => roots_of(rustls_native_certs::load_native_certs().certs),
        };
        if roots.is_empty() {
            let place = authorities.map_or("the system's store".into(), |path| path.display().to_string());
            return Err(RedisConnectError::invalid(format!("{place} has no certificate of an authority to trust")));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(RedisConnectError::invalid)?
            .with_root_certificates(roots);
        let config = match identity {
            Some((certificate, key)) => {
                let parsed = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
                config.with_client_auth_cert(certificates(certificate)?, parsed).map_err(RedisConnectError::invalid)?
            }
            None => config.with_no_client_auth(),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Speaks TLS to the server of this name, or IP address, which its certificate has to be for.
    pub(crate) async fn over(&self, stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.connector.connect(name, stream).await
    }
}

fn roots_of(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // One that does not parse is left out: systems have some.
    roots.add_parsable_certificates(certificates);
    roots
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RedisConnectError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?;
    certificates.collect::<Result<_, _>>().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> RedisConnectError {
    RedisConnectError::invalid(format!("{} is no PEM file that can be read: {error}", path.display()))
}
