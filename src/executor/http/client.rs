//! The connections all requests share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

/// Names a file of further certificates to trust, as OpenSSL and curl read it.
const MORE_ROOTS: &str = "SSL_CERT_FILE";

/// Idle connections kept for each host.
const IDLE: usize = 32;

/// How long an idle connection is kept: less than most servers and balancers do, so that few requests meet one
/// that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// Times to connect of which connections are kept: more than files have classes of timeouts.
const MOST_TIMES: usize = 16;

/// Connections, kept apart by how long one may take to come about.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<VecDeque<(Option<Duration>, Made)>>);

/// A client, made when it is first needed.
type Made = Arc<OnceCell<Client>>;

impl Clients {
    /// The connections of requests that have `connect` to get one. Past [`MOST_TIMES`] those first made make way, and end
    /// with the last request that uses them.
    pub(super) async fn get(&self, connect: Option<Duration>) -> Result<Client, ClientError> {
        let made = self.made(connect);
        let client = made.get_or_try_init(|| async {
            let building = tokio::task::spawn_blocking(move || build(connect));
            building.await.unwrap_or(Err(ClientError::Bug))
        });
        client.await.cloned()
    }

    fn made(&self, connect: Option<Duration>) -> Made {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = all.iter().find(|(time, _)| *time == connect) {
            return Arc::clone(made);
        }
        if all.len() == MOST_TIMES {
            all.pop_front();
        }
        let made = Made::default();
        all.push_back((connect, Arc::clone(&made)));
        made
    }
}

/// Why there can be no connections.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// The file with further certificates.
    #[error("the certificates in `{}` (`{MORE_ROOTS}`) cannot be used: {reason}", path.display())]
    Roots { path: PathBuf, reason: String },
    /// Anything else.
    #[error("the HTTP client cannot be made: {0}")]
    Other(String),
    /// The thread that was to make them.
    #[error("making the HTTP client failed")]
    Bug,
}

impl ClientError {
    pub(super) const fn remediation(&self) -> &'static str {
        match self {
            Self::Roots { .. } => "mend or unset `SSL_CERT_FILE` and start the runner again",
            Self::Other(_) | Self::Bug => "look at the proxy variables of the runner's environment",
        }
    }
}

/// A client that keeps connections, speaks HTTP/1.1 and 2, asks for compressed answers, and goes through the proxies
/// that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name. Redirects are not its business. Reads files.
fn build(connect: Option<Duration>) -> Result<Client, ClientError> {
    let other = |error: &dyn std::fmt::Display| ClientError::Other(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| other(&error))?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = match connect {
        Some(connect) => Client::builder().connect_timeout(connect),
        None => Client::builder(),
    };
    builder
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_of_the_latest_times_are_kept() {
        let clients = Clients::default();
        let first = clients.made(None);
        assert!(Arc::ptr_eq(&first, &clients.made(None)));
        for seconds in 1..=MOST_TIMES as u64 {
            clients.made(Some(Duration::from_secs(seconds)));
        }
        assert_eq!(clients.0.lock().unwrap().len(), MOST_TIMES);
        assert!(!Arc::ptr_eq(&first, &clients.made(None)));
        clients.get(None).await.unwrap();
    }
}
