//! The connections all requests share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Names a file of further certificates to trust, as OpenSSL and curl read it.
const MORE_ROOTS: &str = "SSL_CERT_FILE";

/// Idle connections kept for each host.
const IDLE: usize = 32;

/// How long an idle connection is kept: less than most servers and balancers do, so that few requests meet one
/// that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// Why there can be no connections.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// The file with further certificates.
    #[error("the certificates in `{}` (`{MORE_ROOTS}`) cannot be used: {reason}", path.display())]
    Roots { path: PathBuf, reason: String },
    /// Anything else.
    #[error("the HTTP client cannot be made: {0}")]
    Other(String),
}

impl ClientError {
    pub(super) const fn remediation(&self) -> &'static str {
        match self {
            Self::Roots { .. } => "mend or unset `SSL_CERT_FILE` and start the runner again",
            Self::Other(_) => "look at the proxy variables of the runner's environment",
        }
    }
}

/// A client that keeps connections, speaks HTTP/1.1 and 2, asks for compressed answers, and goes through the proxies
/// that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name. Redirects are not its business. Reads files.
pub(super) fn build() -> Result<Client, ClientError> {
    let other = |error: &dyn std::fmt::Display| ClientError::Other(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| other(&error))?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(|error| other(&error))
}

/// Mozilla's list, which is part of the program, and what `SSL_CERT_FILE` adds.
fn roots() -> Result<RootCertStore, ClientError> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let Some(path) = std::env::var_os(MORE_ROOTS).filter(|path| !path.is_empty()) else {
        return Ok(roots);
    };
    let path = PathBuf::from(path);
    let failed = |reason: String| ClientError::Roots {
        path: path.clone(),
        reason,
    };
    let certificates =
        CertificateDer::pem_file_iter(&path).map_err(|error| failed(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        // A system's file may hold some that are too old to be understood; the others still count.
        drop(roots.add(certificate));
    }
    Ok(roots)
}
