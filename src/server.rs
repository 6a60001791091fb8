//! The life of a running server: built, started, drained.
//!
//! Stopping goes in one order: no new calls, running ones are ended and answered, then the connections close.

mod access;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::{Loaded, ServerSettings};
use crate::mcp::http::auth::{Access, InvalidTokens};
use crate::mcp::http::{Hosts, HttpOptions};
use crate::mcp::stdio::StdioError;
use crate::mcp::{http, stdio};
use crate::runner::Runner;
use crate::store::Store;
use crate::tool::Catalog;

pub use self::access::{AuthError, change_access};

/// How long open connections may take to close after the last answer.
const CLOSING: Duration = Duration::from_secs(1);

/// How long a client on standard input and output may take to read its last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Where clients come from.
#[derive(Clone, Debug)]
pub enum Listen {
    /// One client on standard input and output.
    Stdio {
        /// The port of this machine that the figures are read at; 0 takes a free one.
        metrics_port: Option<u16>,
    },
    /// HTTP; what is `None` is taken from the file.
    Http {
        /// The address.
        host: Option<String>,
        /// The port; 0 takes a free one.
        port: Option<u16>,
        /// Whether an address that other machines reach will do without tokens.
        insecure: bool,
    },
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that other machines reach.
    #[error("`{0}` can be reached from other machines, and nothing here asks who calls")]
    NotLoopback(String),
    /// A name that stands for no address.
    #[error("`{0}` is no address, and no host of that name is known")]
    UnknownHost(String),
    /// The tokens that clients are asked for cannot be used.
    #[error(transparent)]
    Tokens(#[from] InvalidTokens),
    /// Somebody else listens there.
    #[error("`{0}` is in use by another program")]
    InUse(SocketAddr),
    /// Any other reason the system has.
    #[error("could not listen on `{0}`: {1}")]
    Bind(SocketAddr, io::Error),
}

impl StartError {
    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotLoopback(_) => Some(
                "set `server.auth.bearer_tokens` in the file, or serve on `127.0.0.1`; with `--insecure` \
                 everybody who can reach the address may call every tool",
            ),
            Self::Tokens(error) => Some(error.hint()),
            Self::InUse(_) => {
                Some("stop the other program, or choose a port with `--port` (0 takes a free one)")
            }
            Self::UnknownHost(_) => Some("write an address such as `127.0.0.1`"),
            Self::Bind(..) => None,
        }
    }
}

/// Why a running server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener broke.
    #[error("the HTTP server failed")]
    Http(#[from] io::Error),
    /// The connection broke.
    #[error(transparent)]
    Stdio(#[from] StdioError),
    /// A bug of ours.
    #[error("the server's task failed")]
    Task(#[from] tokio::task::JoinError),
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client left.
    ClientGone,
    /// Somebody asked for it.
    Asked,
}

/// A server that is ready to start: whatever can fail has been done.
pub struct App {
    runner: Arc<Runner>,
    bound: Bound,
}

enum Bound {
    Stdio(Option<Http>),
    Http(Http),
}

/// A listener, where it listens, and who may call there.
struct Http(TcpListener, SocketAddr, HttpOptions);

impl App {
    /// Prepares to serve `loaded`, and binds the address. What answers cannot hold is kept in `store`.
    ///
    /// # Errors
    /// When the address is not allowed or not to be had.
    pub async fn build(loaded: Loaded, listen: &Listen, store: Store) -> Result<Self, StartError> {
        let bound = match listen {
            Listen::Stdio { metrics_port: None } => Bound::Stdio(None),
            Listen::Stdio {
                metrics_port: Some(port),
            } => {
                let host = Some("127.0.0.1".to_owned());
                Bound::Stdio(Some(bind(&loaded.server, host, Some(*port), false).await?))
            }
            Listen::Http {
                host,
                port,
                insecure,
            } => Bound::Http(bind(&loaded.server, host.clone(), *port, *insecure).await?),
        };
        Ok(Self {
            runner: Arc::new(Runner::storing(loaded.catalog, store)),
            bound,
        })
    }

    /// What runs the calls.
    pub const fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }

    /// What is served.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.runner.catalog()
    }

    /// Where it listens; `None` over stdio.
    pub const fn address(&self) -> Option<SocketAddr> {
        match &self.bound {
            Bound::Stdio(_) => None,
            Bound::Http(Http(_, address, _)) => Some(*address),
        }
    }

    /// Where the figures of a runner over stdio are read.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        match &self.bound {
            Bound::Stdio(Some(Http(_, address, _))) => Some(*address),
            _ => None,
        }
    }

    /// Who may call over HTTP, or read the figures there; the client over stdio is not asked.
    pub fn access(&self) -> Access {
        match &self.bound {
            Bound::Stdio(None) => Access::open(),
            Bound::Stdio(Some(Http(_, _, options))) | Bound::Http(Http(_, _, options)) => {
                options.access.clone()
            }
        }
    }

    /// Starts to serve.
    pub fn start(self) -> Running {
        let stop = CancellationToken::new();
        let access = self.access();
        let runner = Arc::clone(&self.runner);
        let store = runner.store().clone();
        drop(spawn_blocking(move || store.clean()));
        let closing = match self.bound {
            Bound::Stdio(_) => LAST_ANSWERS,
            Bound::Http(_) => CLOSING,
        };
        let serving = match self.bound {
            Bound::Stdio(figures) => {
                if let Some(Http(listener, _, options)) = figures {
                    let (runner, stop) = (Arc::clone(&runner), stop.clone());
                    tokio::spawn(async move {
                        http::serve_figures(listener, runner, &options, stop).await;
                    });
                }
                let serving = stdio::serve(
                    tokio::io::stdin(),
                    tokio::io::stdout(),
                    runner,
                    stop.clone(),
                );
                tokio::spawn(async move { Ok(Box::pin(serving).await?) })
            }
            Bound::Http(Http(listener, _, options)) => {
                let stop = stop.clone();
                tokio::spawn(
                    async move { Ok(http::serve(listener, runner, &options, stop).await?) },
                )
            }
        };
        Running {
            runner: self.runner,
            access,
            serving,
            stop,
            closing,
        }
    }
}

async fn bind(
    settings: &ServerSettings,
    host: Option<String>,
    port: Option<u16>,
    insecure: bool,
) -> Result<Http, StartError> {
    let host = host.unwrap_or_else(|| settings.host.clone());
    let port = port.unwrap_or(settings.port);
    let address = resolve(&host, port).await?;
    let access = access::access(&host, address.ip(), settings.auth.as_ref(), insecure)?;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse(address),
        _ => StartError::Bind(address, error),
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let options = HttpOptions {
        allowed_origins: settings.allowed_origins.clone(),
        hosts: Hosts::at(address.ip(), &host),
        access,
        ..HttpOptions::default()
    };
    Ok(Http(listener, bound, options))
}

/// The address a host stands for: itself, or the first one its name has.
async fn resolve(host: &str, port: u16) -> Result<SocketAddr, StartError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    let unknown = || StartError::UnknownHost(host.to_owned());
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| unknown())?;
    found.next().ok_or_else(unknown)
}

/// A server at work.
pub struct Running {
    runner: Arc<Runner>,
    access: Access,
    serving: JoinHandle<Result<(), ServeError>>,
    stop: CancellationToken,
    /// How long open connections may take to close.
    closing: Duration,
}

/// What was left when a server had stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Calls whose processes could not be ended, by name.
    pub stragglers: Vec<String>,
}

impl Running {
    /// What runs the calls.
    pub const fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }

    /// Who may call, to be changed when the file is: see [`change_access`].
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// Waits until serving ends by itself.
    ///
    /// # Errors
    /// When it ended because something broke.
    pub async fn ended(&mut self) -> Result<Ended, ServeError> {
        tokio::select! {
            biased;
            ended = &mut self.serving => ended??,
            // The client has left, and what it asked for is still to be answered.
            () = self.stop.cancelled() => {}
        }
        Ok(Ended::ClientGone)
    }

    /// Takes no new calls, ends the running ones, and closes the connections when they are answered. Where
    /// the client has left, the running ones get a short grace only.
    pub async fn drain(self, ended: Ended) -> Drained {
        let stragglers = match ended {
            Ended::Asked => self.runner.drain().await,
            Ended::ClientGone => self.runner.abandon().await,
        };
        self.runner.tasks().close().await;
        self.stop.cancel();
        if !self.serving.is_finished() {
            let abort = self.serving.abort_handle();
            if timeout(self.closing, self.serving).await.is_err() {
                // An event stream that a client holds open has no end of its own.
                abort.abort();
            }
        }
        let store = self.runner.store().clone();
        // A disk that does not answer must not keep the server from ending; the next one cleans up.
        drop(timeout(CLOSING, spawn_blocking(move || store.close())).await);
        Drained { stragglers }
    }
}
