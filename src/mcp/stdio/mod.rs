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
/// `stop` is cancelled too: the client is gone, and its calls with it. Either way what has been read is answered first:
/// calls that still run are cancelled, and this returns when their answers are written. A client that does not read
/// them holds it up for ever, so whoever waits sets a time.
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
    let written = CancellationToken::new();
    let transport = LineTransport::new(input, output, stop.clone(), written.clone());
    let result = serve_until(runner, transport, &stop).await;
    written.cancelled().await;
    if stop.is_cancelled() { Ok(()) } else { result }
}

/// Serves until the SDK is done with `transport`, which it soon is after `stop`.
async fn serve_until<R, W>(
    runner: Arc<Runner>,
    transport: LineTransport<R, W>,
    stop: &CancellationToken,
) -> Result<(), StdioError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let greeting = serve_server(Handler::new(runner), transport);
    let running = tokio::select! {
        // The end of the input ends a greeting by itself, after what it has to say.
        biased;
        greeted = greeting => greeted.map_err(Box::new)?,
        () = stop.cancelled() => return Ok(()),
    };
    let calls = running.cancellation_token();
    let ended = running.waiting();
    tokio::pin!(ended);
    tokio::select! {
        reason = &mut ended => {
            reason?;
            return Ok(());
        }
        () = stop.cancelled() => calls.cancel(),
    }
    // The SDK's own task collects the answers that are left, for some seconds.
    ended.await?;
    Ok(())
}
