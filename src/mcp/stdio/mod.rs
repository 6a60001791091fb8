//! The protocol over standard input and output.
//!
//! Standard output carries the protocol and nothing else; logs go to standard error.

mod batches;
mod transport;

use std::sync::Arc;

use rmcp::serve_server;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use self::transport::LineTransport;
use super::Handler;
use crate::runner::Runner;

/// Why serving on standard input and output ended early.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The client's first words were not those of the protocol.
    #[error("the client did not begin as the protocol asks")]
    Handshake(#[from] Box<rmcp::service::ServerInitializeError>),
    /// A bug of ours.
    #[error("the connection's task failed")]
    Task(#[from] tokio::task::JoinError),
}

/// Serves one client on `input` and `output` until the input ends or `stop` is cancelled. When the input ends,
/// `stop` is cancelled too: the client is gone, and its calls with it.
///
/// # Errors
/// When the handshake breaks off; an input that ends before it began is no error.
pub async fn serve<R, W>(
    input: R,
    output: W,
    runner: Arc<Runner>,
    stop: CancellationToken,
) -> Result<(), StdioError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let transport = LineTransport::new(input, output, stop.clone());
    let serving = async {
        let running = serve_server(Handler::new(runner), transport)
            .await
            .map_err(Box::new)?;
        running.waiting().await?;
        Ok(())
    };
    tokio::select! {
        result = serving => if stop.is_cancelled() { Ok(()) } else { result },
        () = stop.cancelled() => Ok(()),
    }
}
