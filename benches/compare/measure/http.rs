//! Calls over HTTP: one kept connection for each caller, and as little of a client as will do, so that the server is what
//! is measured: one thread, requests written beforehand, and of an answer only its length and what it must hold are read.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use super::subject::{self, Subject};
use super::{Load, Used, Work};

/// A connection to a server.
struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a request and reads its answer to the end. Its body stays in `read`, from the place that is given.
    async fn exchange(&mut self, request: &[u8]) -> io::Result<usize> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let begin = loop {
            self.more().await?;
            if let Some(place) = find(&self.read, b"\r\n\r\n") {
                break place + 4;
            }
        };
        match length(&self.read[..begin]) {
            Some(length) => {
                while self.read.len() < begin + length {
                    self.more().await?;
                }
            }
            // In chunks, the last of which is empty.
            None => {
                while !self.read.ends_with(b"0\r\n\r\n") {
                    self.more().await?;
                }
            }
        }
        Ok(begin)
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The length of the body that follows a head, where the head says it.
fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))?;
    let text = std::str::from_utf8(&line[NAME.len()..]).ok()?;
    text.trim().parse().ok()
}

fn find(text: &[u8], sought: &[u8]) -> Option<usize> {
    text.windows(sought.len())
        .position(|window| window == sought)
}

fn framed(port: u16, method: &str, name: Option<&str>, body: &str) -> Vec<u8> {
    let name = name.map_or_else(String::new, |name| format!("Mcp-Name: {name}\r\n"));
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: {method}\r\n{name}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Whether a server lists its tools.
pub(crate) async fn answers(port: u16) -> bool {
    let body = subject::request(0, "tools/list", "");
    let asked = async {
        let mut connection = Connection::open(port).await?;
        let begin = connection
            .exchange(&framed(port, "tools/list", None, &body))
            .await?;
        Ok::<_, io::Error>(find(&connection.read[begin..], br#""tools":["#).is_some())
    };
    asked.await.unwrap_or(false)
}

/// One call, and the size of its answer.
pub(crate) async fn once(subject: &Subject, work: &Work) -> usize {
    let mut connection = Connection::open(subject.port).await.expect("it listens");
    let request = request(subject, work);
    let begin = connection.exchange(&request).await.expect("it answers");
    check(work, &connection.read[begin..]);
    connection.read.len() - begin
}

fn request(subject: &Subject, work: &Work) -> Vec<u8> {
    let params = subject::call(work.tool, work.arguments);
    let body = subject::request(1, "tools/call", &params);
    framed(subject.port, "tools/call", Some(work.tool), &body)
}

fn check(work: &Work, body: &[u8]) {
    let is_right = find(body, work.expected.as_bytes()).is_some();
    assert!(is_right, "{}: {}", work.tool, String::from_utf8_lossy(body));
}

/// `callers` connections, each calling again as soon as it has its answer.
pub(crate) async fn load(
    subject: &Subject,
    work: &Work,
    callers: usize,
    duration: Duration,
) -> Load {
    once(subject, work).await;
    let (port, request, work) = (subject.port, request(subject, work), work.clone());
    let (begin, used) = (Instant::now(), Used::by(subject));
    let all = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .expect("a runtime")
            .block_on(calls(port, request, work, callers, begin + duration))
    };
    let latencies = spawn_blocking(all).await.expect("no caller fails");
    Load::of(&latencies, begin.elapsed(), &used.since(subject))
}

async fn calls(
    port: u16,
    request: Vec<u8>,
    work: Work,
    callers: usize,
    end: Instant,
) -> Histogram<u64> {
    let mut loops = JoinSet::new();
    for _ in 0..callers {
        let (request, work) = (request.clone(), work.clone());
        loops.spawn(async move {
            let mut connection = Connection::open(port).await.expect("it listens");
            let mut latencies = super::latencies();
            let mut sent = Instant::now();
            while sent < end {
                let body = connection.exchange(&request).await.expect("it answers");
                check(&work, &connection.read[body..]);
                let answered = Instant::now();
                latencies.saturating_record(super::micros(answered - sent));
                sent = answered;
            }
            latencies
        });
    }
    let mut latencies: Histogram<u64> = super::latencies();
    while let Some(one) = loops.join_next().await {
        latencies
            .add(one.expect("no caller fails"))
            .expect("one range");
    }
    latencies
}
