//! Lines that a thread of their own writes.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait to be written.
const MOST_WAITING: usize = 4096;

/// Bytes of them.
const MOST_BYTES: usize = 16 << 20;

/// Lines that a thread of their own writes, so that whoever has something to say never waits for a full pipe or a
/// slow disk. What finds no room, or cannot be written, is counted as lost. Clones share everything.
#[derive(Clone, Debug)]
pub struct Lines {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    lost: AtomicU64,
    /// Bytes that wait.
    waiting: AtomicUsize,
}

#[derive(Debug)]
enum Message {
    /// A line, with its end.
    Line(Vec<u8>),
    /// Tell when everything before is written.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Starts the thread. `trouble` is told of the first line that is lost because `sink` refuses it.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        name: &str,
        sink: impl Write + Send + 'static,
        trouble: impl FnOnce(&std::io::Error) + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start_pausing(name, sink, Duration::ZERO, trouble)
    }

    /// The same with a thread that rests for `pause` after it has written all there was: lines that come meanwhile are
    /// written together, and whoever hands them over wakes nobody. The first line after a silence is written at once.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start_pausing(
        name: &str,
        sink: impl Write + Send + 'static,
        pause: Duration,
        trouble: impl FnOnce(&std::io::Error) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            receiver,
            shared: Arc::clone(&shared),
            sink,
            pause,
            is_rested: true,
            is_torn: false,
        };
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || writer.run(Some(trouble)))?;
        Ok(Self { sender, shared })
    }

    /// Hands a line over, end included. `false` where it is lost because too much waits already.
    pub fn write(&self, line: Vec<u8>) -> bool {
        let bytes = line.len();
        let waiting = self.shared.waiting.fetch_add(bytes, Ordering::Relaxed);
        let has_room = waiting + bytes <= MOST_BYTES;
        if has_room && self.sender.try_send(Message::Line(line)).is_ok() {
            return true;
        }
        self.shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
        self.shared.lost.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// How many lines were lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Waits until what was handed over is written, but not longer than `patience`. Blocks; meant for the end of
    /// the program. Whether all of it was written.
    pub fn flush(&self, patience: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(5);
        let (sender, written) = sync_channel(1);
        let mut message = Message::Flush(sender);
        let mut left = patience;
        loop {
            match self.sender.try_send(message) {
                Ok(()) => return written.recv_timeout(left).is_ok(),
                Err(TrySendError::Full(back)) if left > STEP => message = back,
                Err(_) => return false,
            }
            thread::sleep(STEP);
            left = left.saturating_sub(STEP);
        }
    }
}

/// The thread's part.
struct Writer<W> {
    receiver: Receiver<Message>,
    shared: Arc<Shared>,
    sink: W,
    /// How long it rests after it has written.
    pause: Duration,
    is_rested: bool,
    /// Whether the latest line may stand there in part.
    is_torn: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self, mut trouble: Option<impl FnOnce(&std::io::Error)>) {
        while let Ok(message) = self.next() {
            let result = match message {
                Message::Line(line) => self.write(&line),
                Message::Flush(written) => {
                    let flushed = self.sink.flush();
                    // Whoever asked may have stopped waiting.
                    written.try_send(()).unwrap_or_default();
                    flushed
                }
            };
            if let Err(error) = result
                && let Some(trouble) = trouble.take()
            {
                trouble(&error);
            }
        }
    }

    /// The next message; what is written so far is flushed before a wait.
    fn next(&mut self) -> Result<Message, std::sync::mpsc::RecvError> {
        loop {
            match self.receiver.try_recv() {
                Ok(message) => {
                    self.is_rested = false;
                    return Ok(message);
                }
                Err(TryRecvError::Empty) if !self.is_rested => {
                    // Its error comes back with the next line.
                    drop(self.sink.flush());
                    thread::sleep(self.pause);
                    self.is_rested = true;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                    drop(self.sink.flush());
                    let message = self.receiver.recv();
                    self.is_rested = false;
                    return message;
                }
            }
        }
    }

    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.shared.waiting.fetch_sub(line.len(), Ordering::Relaxed);
        // A line that was cut off must not swallow the next one.
        let mended = if self.is_torn {
            self.sink.write_all(b"\n")
        } else {
            Ok(())
        };
        let written = mended.and_then(|()| self.sink.write_all(line));
        self.is_torn = written.is_err();
        if written.is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    /// Keeps what is written, and waits for a word before each write where it is told to.
    struct Sink {
        text: Arc<Mutex<Vec<u8>>>,
        gate: Option<Receiver<()>>,
        fails: bool,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(gate) = &self.gate {
                gate.recv().unwrap_or_default();
            }
            if self.fails {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.text.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order() {
        let text = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink {
            text: Arc::clone(&text),
            gate: None,
            fails: false,
        };
        let lines = Lines::start("test", sink, |_| {}).unwrap();
        for number in 0..100 {
            assert!(lines.write(format!("{number}\n").into_bytes()));
        }
        assert!(lines.flush(Duration::from_secs(10)));
        let expected: String = (0..100)
            .flat_map(|number| [number.to_string(), "\n".to_owned()])
            .collect();
        assert_eq!(
            String::from_utf8(text.lock().unwrap().clone()).unwrap(),
            expected
        );
        assert_eq!(lines.lost(), 0);
    }

    #[test]
    fn lines_that_come_in_a_pause_are_written_in_order() {
        let text = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink {
            text: Arc::clone(&text),
            gate: None,
            fails: false,
        };
        let pause = Duration::from_millis(3);
        let sink = std::io::BufWriter::new(sink);
        let lines = Lines::start_pausing("test", sink, pause, |_| {}).unwrap();
        let mut expected = String::new();
        for number in 0..40 {
            let line = format!("{number}\n");
            expected.push_str(&line);
            assert!(lines.write(line.into_bytes()));
            if number % 5 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(lines.flush(Duration::from_secs(10)));
        let written = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        assert_eq!(written, expected);
    }

    #[test]
    fn nobody_waits_for_a_sink_that_is_stuck() {
        let (_open, gate) = channel();
        let sink = Sink {
            text: Arc::default(),
            gate: Some(gate),
            fails: false,
        };
        let lines = Lines::start("test", sink, |_| {}).unwrap();
        let handed = 2 * MOST_WAITING as u64;
        let kept = (0..handed).filter(|_| lines.write(b"x\n".to_vec())).count() as u64;
        // One more than may wait is in the hands of the writer.
        assert!((MOST_WAITING as u64..=MOST_WAITING as u64 + 1).contains(&kept));
        assert_eq!(lines.lost(), handed - kept);
        assert!(!lines.flush(Duration::from_millis(20)));
        assert!(!lines.write(vec![b'x'; MOST_BYTES + 1]));
    }

    #[test]
    fn trouble_is_told_once_and_counted_each_time() {
        let (told, heard) = channel();
        let sink = Sink {
            text: Arc::default(),
            gate: None,
            fails: true,
        };
        let lines = Lines::start("test", sink, move |error| {
            told.send(error.kind()).unwrap();
        })
        .unwrap();
        for _ in 0..3 {
            lines.write(b"x\n".to_vec());
        }
        lines.flush(Duration::from_secs(10));
        assert_eq!(lines.lost(), 3);
        drop(lines);
        assert_eq!(heard.iter().count(), 1);
    }
}
