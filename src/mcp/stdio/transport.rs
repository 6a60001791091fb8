//! One JSON-RPC message a line, in both directions.
//!
//! The SDK has a transport of its own for this. Ours differs where a client that errs, or one that leaves,
//! deserves better: a line that is no message is answered instead of dropped, a notification ahead of the
//! first request is skipped instead of ending the server, and the end of the input is told at once.

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::batches::{Batches, Outgoing};
use crate::mcp::in_flight::InFlight;
use crate::mcp::{array, malformed, tasks};

/// The longest message, in bytes; the same as the largest body over HTTP.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// Answers that may wait for a client that is slow to read. Past it nothing more is read from it, so that only
/// what is under way can add to them.
const UNWRITTEN: usize = 256;

/// Lines that wait in the writer's own queue; the others wait where they were made.
const QUEUED: usize = 64;

/// Messages as lines on a reader and a writer.
pub(super) struct LineTransport<R, W> {
    reader: BufReader<R>,
    /// The bytes of a line that has not ended yet; outlives a cancelled `receive`.
    line: Vec<u8>,
    /// Whether the line has outgrown [`MAX_LINE`] and its rest is being skipped.
    skipping: bool,
    /// Whether a request has been seen; what comes before the first one and expects no answer is skipped.
    begun: bool,
    /// Messages that came with the one before them; at most [`array::MOST`], since reading waits for them.
    more: VecDeque<ClientJsonRpcMessage>,
    batches: Batches,
    /// Refusals of ours that wait to be written; at most one, since reading waits for it.
    refusal: Option<Value>,
    /// Lines on their way to the writer, which has a task of its own: a sender that is cancelled half-way
    /// cannot leave half a line. `None` once closed.
    lines: Option<mpsc::Sender<Line>>,
    /// How many of them are not written yet.
    unwritten: watch::Sender<usize>,
    writing: JoinHandle<io::Result<()>>,
    in_flight: InFlight,
    ended: CancellationToken,
    writer: PhantomData<fn() -> W>,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> LineTransport<R, W> {
    /// A transport that cancels `ended` when the input ends, or when the output cannot be written to any more, and
    /// `written` when all that was said is written or cannot be.
    pub(super) fn new(
        reader: R,
        writer: W,
        ended: CancellationToken,
        written: CancellationToken,
    ) -> Self {
        let (lines, queued) = mpsc::channel(QUEUED);
        Self {
            reader: BufReader::with_capacity(64 * 1024, reader),
            line: Vec::new(),
            skipping: false,
            begun: false,
            more: VecDeque::new(),
            batches: Batches::default(),
            refusal: None,
            lines: Some(lines),
            unwritten: watch::Sender::new(0),
            writing: tokio::spawn(write_lines(writer, queued, ended.clone(), written)),
            in_flight: InFlight::default(),
            ended,
            writer: PhantomData,
        }
    }

    /// The next whole line, or why there is none. Safe to cancel: what was read stays in `self.line`.
    async fn next_line(&mut self) -> io::Result<Read> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(Read::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if !self.skipping && self.line.len() + taken <= MAX_LINE {
                self.line.extend_from_slice(&available[..taken]);
            } else {
                self.skipping = true;
                self.line.clear();
            }
            self.reader.consume(taken);
            if newline.is_some() {
                return Ok(if std::mem::take(&mut self.skipping) {
                    Read::TooLong
                } else {
                    Read::Whole
                });
            }
        }
    }

    /// Reads a message out of the whole line in `self.line`; a line that holds none leaves a refusal.
    fn message(&mut self) -> Option<ClientJsonRpcMessage> {
        let line = std::mem::take(&mut self.line);
        let text = line.trim_ascii();
        if text.is_empty() {
            return None;
        }
        if array::is_array(text) && self.batches.are_served() {
            // What can be answered at once goes out before the messages go on: only one refusal waits at a time.
            self.refusal = self.take_apart(text);
            return None;
        }
        match serde_json::from_slice(&tasks::marked(text)) {
            Err(_) => self.refusal = Some(malformed::answer(text)),
            Ok(message) => match self.admit(message, text.len()) {
                Err(refusal) => self.refusal = Some(refusal),
                Ok(message) => return self.begun.then_some(message),
            },
        }
        None
    }

    /// Counts a request among those under way.
    ///
    /// # Errors
    /// The refusal of one that has no place there.
    fn admit(
        &mut self,
        mut message: ClientJsonRpcMessage,
        length: usize,
    ) -> Result<ClientJsonRpcMessage, Value> {
        if let ClientJsonRpcMessage::Request(request) = &mut message {
            self.begun = true;
            if let Err(refused) = self.in_flight.enter(request, length) {
                let (code, id) = (refused.code.0, request.id.clone().into_json_value());
                return Err(malformed::error(code, &refused.message, &id));
            }
        }
        Ok(message)
    }

    /// Takes an array of messages apart. What can be answered at once is, when nothing else is missing.
    fn take_apart(&mut self, text: &[u8]) -> Option<Value> {
        if !self.batches.has_room() {
            let why = "too many arrays of messages are under way; read their answers first";
            return Some(malformed::error(malformed::OVERLOADED, why, &Value::Null));
        }
        let messages = match array::split(text) {
            Ok(messages) => messages,
            Err(refusal) => return Some(refusal),
        };
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for message in messages {
            match self.admit_part(&message) {
                Err(refusal) => answers.push(refusal),
                Ok(message) => {
                    if let ClientJsonRpcMessage::Request(request) = &message {
                        requests.push(request.id.clone());
                    }
                    self.more.push_back(message);
                }
            }
        }
        self.batches.open(requests, answers)
    }

    fn admit_part(&mut self, message: &Value) -> Result<ClientJsonRpcMessage, Value> {
        if let Some(refusal) = array::refusal(message) {
            return Err(refusal);
        }
        let text = message.to_string();
        match serde_json::from_str(&text) {
            Err(_) => Err(malformed::answer(text.as_bytes())),
            Ok(message) => self.admit(message, text.len()),
        }
    }

    /// Notes a request that the client calls off: an array does not wait for it.
    fn note_call_off(&mut self, message: &ClientJsonRpcMessage) {
        if let ClientJsonRpcMessage::Notification(notification) = message
            && let ClientNotification::CancelledNotification(cancelled) = &notification.notification
            && let Some(id) = &cancelled.params.request_id
            && let Some(answers) = self.batches.called_off(id)
        {
            self.refusal = Some(answers);
        }
    }

    async fn write_refusal(&mut self) -> io::Result<()> {
        if let Some(refusal) = &self.refusal {
            let line = Line::new(refusal.to_string().into_bytes(), &self.unwritten);
            enqueue(self.lines.clone(), line).await?;
            self.refusal = None;
        }
        Ok(())
    }

    /// Waits while the client leaves too many answers unread. Without a client the writer ends, and so does this.
    async fn until_answers_are_read(&mut self) {
        let mut unwritten = self.unwritten.subscribe();
        // An error says that the sender is gone, which is a part of `self`.
        drop(unwritten.wait_for(|count| *count < UNWRITTEN).await);
    }

    async fn receive_message(&mut self) -> io::Result<Option<ClientJsonRpcMessage>> {
        loop {
            self.write_refusal().await?;
            self.until_answers_are_read().await;
            if let Some(message) = self.more.pop_front() {
                return Ok(Some(message));
            }
            match self.next_line().await? {
                Read::End => return Ok(None),
                Read::TooLong => {
                    let message = format!("the message is longer than {MAX_LINE} bytes");
                    let error =
                        malformed::error(malformed::INVALID_REQUEST, &message, &Value::Null);
                    self.refusal = Some(error);
                }
                Read::Whole => {
                    if let Some(message) = self.message() {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }
}

/// What came of reading.
enum Read {
    Whole,
    TooLong,
    End,
}

/// A message on its way to the writer, counted among the unwritten ones until it is dropped.
struct Line {
    text: Vec<u8>,
    unwritten: watch::Sender<usize>,
}

impl Line {
    fn new(text: Vec<u8>, unwritten: &watch::Sender<usize>) -> Self {
        unwritten.send_modify(|count| *count += 1);
        let unwritten = unwritten.clone();
        Self { text, unwritten }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.unwritten.send_modify(|count| *count -= 1);
    }
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let lines = self.lines.clone();
        let text = match self.batches.outgoing(&message) {
            Outgoing::Alone => serde_json::to_vec(&message).map(Some),
            Outgoing::Together(answers) => serde_json::to_vec(&answers).map(Some),
            Outgoing::Held => Ok(None),
        };
        let line = text.map(|text| text.map(|text| Line::new(text, &self.unwritten)));
        async move {
            match line? {
                Some(line) => enqueue(lines, line).await,
                None => Ok(()),
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let message = self.receive_message().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "standard input cannot be read");
            None
        });
        match &message {
            Some(message) => self.note_call_off(message),
            None => self.ended.cancel(),
        }
        message
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.lines = None;
        (&mut self.writing).await.map_err(io::Error::other)?
    }
}

async fn enqueue(lines: Option<mpsc::Sender<Line>>, line: Line) -> io::Result<()> {
    let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "standard output is closed");
    lines
        .ok_or_else(closed)?
        .send(line)
        .await
        .map_err(|_| closed())
}

/// Writes lines until the last sender is gone. When the reader is, `ended` is told: a client that reads no
/// answers is as good as gone.
async fn write_lines<W: AsyncWrite + Unpin>(
    writer: W,
    queued: mpsc::Receiver<Line>,
    ended: CancellationToken,
    written: CancellationToken,
) -> io::Result<()> {
    let _told = written.drop_guard();
    let written = write_until_closed(writer, queued).await;
    if written.is_err() {
        ended.cancel();
    }
    written
}

async fn write_until_closed<W: AsyncWrite + Unpin>(
    mut writer: W,
    mut queued: mpsc::Receiver<Line>,
) -> io::Result<()> {
    while let Some(mut line) = queued.recv().await {
        line.text.push(b'\n');
        writer.write_all(&line.text).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, duplex};

    const PING: &str = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;

    /// What is received, what is answered, and whether the end was told, for an input.
    async fn exchange(input: Vec<u8>) -> (usize, Vec<Value>, bool) {
        let (near, mut far) = duplex(64 * 1024);
        let ended = CancellationToken::new();
        let written = CancellationToken::new();
        let input = io::Cursor::new(input);
        let mut transport = LineTransport::new(input, near, ended.clone(), written.clone());
        let mut received = 0;
        while transport.receive().await.is_some() {
            received += 1;
        }
        transport.close().await.unwrap();
        written.cancelled().await;
        drop(transport);
        let mut answers = String::new();
        far.read_to_string(&mut answers).await.unwrap();
        let answers = answers
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (received, answers, ended.is_cancelled())
    }

    #[tokio::test]
    async fn whole_lines_are_messages_and_the_end_is_told() {
        let (received, answers, ended) = exchange(format!("{PING}\r\n\n{PING}\n").into()).await;
        assert_eq!((received, answers.len(), ended), (2, 0, true));
    }

    #[tokio::test]
    async fn a_line_that_is_no_message_is_answered() {
        let input = format!("nonsense\n{{\"id\":3}}\n[{PING}]\n{PING}\n");
        let (received, answers, _) = exchange(input.into()).await;
        let codes: Vec<_> = answers
            .iter()
            .map(|a| (a["error"]["code"].as_i64(), a["id"].clone()))
            .collect();
        assert_eq!(received, 1);
        assert_eq!(
            codes,
            [
                (Some(-32700), Value::Null),
                (Some(-32600), json!(3)),
                (Some(-32600), Value::Null)
            ]
        );
    }

    #[tokio::test]
    async fn a_line_past_the_bound_is_refused_and_skipped() {
        let mut input = vec![b'x'; MAX_LINE + 10];
        input.extend_from_slice(format!("\n{PING}\n").as_bytes());
        let (received, answers, _) = exchange(input).await;
        assert_eq!(received, 1);
        assert_eq!(
            answers[0]["error"]["message"],
            "the message is longer than 4194304 bytes"
        );
    }

    #[tokio::test]
    async fn a_notification_ahead_of_the_first_request_is_skipped() {
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let (received, answers, _) = exchange(format!("{notification}\n{PING}\n").into()).await;
        assert_eq!((received, answers.len()), (1, 0));
    }
}
