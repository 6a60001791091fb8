//! Calls over standard input and output.

use std::collections::HashMap;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::subject::{self, Subject};
use super::{Load, Used, Work};

/// `callers` calls under way, a further one sent for each answer.
pub(crate) async fn load(
    subject: &mut Subject,
    work: &Work,
    callers: usize,
    duration: Duration,
) -> Load {
    let params = subject::call(work.tool, work.arguments);
    let (mut stdin, mut lines) = subject.pipes.take().expect("it is spoken to there");
    let mut latencies = super::latencies();
    let mut sent = HashMap::new();
    let (mut begin, mut used) = (Instant::now(), Used::by(subject));
    let mut next = 1;
    loop {
        // The first call warms up and is not counted.
        let places = if next <= 2 { 1 } else { callers };
        while sent.len() < places && (begin.elapsed() < duration || next <= 2) {
            if next == 2 {
                (begin, used) = (Instant::now(), Used::by(subject));
            }
            let line = subject::request(next, "tools/call", &params) + "\n";
            stdin.write_all(line.as_bytes()).await.expect("it reads");
            sent.insert(next, Instant::now());
            next += 1;
        }
        if sent.is_empty() {
            break;
        }
        let line = lines
            .next_line()
            .await
            .expect("it lives")
            .expect("it answers");
        assert!(line.contains(work.expected), "{}: {line}", work.tool);
        let id = id(&line).unwrap_or_else(|| panic!("no id: {line}"));
        let sent = sent.remove(&id).expect("it was asked");
        if id > 1 {
            latencies.saturating_record(super::micros(sent.elapsed()));
        }
    }
    let load = Load::of(&latencies, begin.elapsed(), &used.since(subject));
    subject.pipes = Some((stdin, lines));
    load
}

fn id(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(r#""id":"#)?;
    rest.trim_start()
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}
