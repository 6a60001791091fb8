//! One call of a worker that is kept between calls.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::output::{Capture, Kept, Recording};
use super::prepare;
use super::process::{
    Ask, BirthError, Closed, Crew, End, Ended, Given, Job, Ledger, Leftovers, Pool, Reply, Seat,
    Stops, Why,
};
use super::script::{Execution, STDERR_KEPT, ScriptExecutor, Time, judge, recording};
use super::verdict::Terms;
use crate::tool::{
    Call, Catalog, Failure, FailureCode, OutputFormat, PersistentWorker, Script, Stream, Tool,
};

/// The most pools that are kept. Past it the one that was called longest ago goes.
const MOST: usize = 32;

/// How long the ends of all workers are waited for.
const END_WITHIN: Duration = Duration::from_secs(4);

/// How often a call turns to another worker when the one it had has just ended.
const ATTEMPTS: usize = 3;

/// What a disk gets to take the last bytes of an answer.
const STORED_WITHIN: Duration = Duration::from_secs(2);

/// The workers of all tools.
#[derive(Debug, Default)]
pub(super) struct Workers {
    pools: Mutex<Pools>,
    crew: Crew,
}

#[derive(Debug, Default)]
struct Pools {
    /// By the address of their tool, which is held here, so that it is no other's.
    by_tool: HashMap<usize, Slot>,
    clock: u64,
}

struct Slot {
    tool: Arc<Tool>,
    pool: Arc<Pool>,
    /// The clock when it was called last.
    called: u64,
}

impl Workers {
    /// The pool of a tool: made at its first call, and found without a look at anything after it.
    fn of(
        &self,
        call: &Call,
        script: &Script,
        worker: &PersistentWorker,
        ledger: &Ledger,
    ) -> Result<Arc<Pool>, Failure> {
        let address = Arc::as_ptr(&call.tool).addr();
        let mut pools = self.pools();
        pools.clock += 1;
        let now = pools.clock;
        if let Some(slot) = pools.by_tool.get_mut(&address) {
            slot.called = now;
            return Ok(Arc::clone(&slot.pool));
        }
        let kind = prepare::worker_kind(call, script, worker)?;
        let prints_items = call.tool.output.format == OutputFormat::Jsonl;
        let is_alike = |slot: &&Slot| {
            slot.tool.name == call.tool.name
                && (&slot.pool.kind, &slot.pool.worker) == (&kind, worker)
                && slot.pool.prints_items == prints_items
        };
        let alike = pools.by_tool.values().find(is_alike);
        let pool = alike.map(|slot| Arc::clone(&slot.pool));
        let pool = pool.unwrap_or_else(|| {
            let counters = ledger.of(&call.tool.name);
            Pool::new(
                kind,
                worker.clone(),
                prints_items,
                counters,
                self.crew.clone(),
            )
        });
        pools.make_room();
        let slot = Slot {
            tool: Arc::clone(&call.tool),
            pool: Arc::clone(&pool),
            called: now,
        };
        pools.by_tool.insert(address, slot);
        Ok(pool)
    }

    /// Lets go of the workers of tools that `catalog` does not have any more.
    pub(super) fn keep(&self, catalog: &Catalog) {
        self.pools().retain(|slot| {
            let now = catalog.get(slot.tool.name.as_str());
            now.is_some_and(|tool| Arc::ptr_eq(tool, &slot.tool))
        });
    }

    /// Ends the calls that workers have, within this grace.
    pub(super) fn drain(&self, grace: Duration) {
        for slot in self.pools().by_tool.values() {
            slot.pool.drain(grace);
        }
    }

    /// Ends all workers, after their calls have ended, and waits for it.
    pub(super) async fn close(&self) {
        for slot in self.pools().by_tool.values() {
            slot.pool.close(true);
        }
        self.crew.stop.cancel();
        self.crew.living.close();
        if timeout(END_WITHIN, self.crew.living.wait()).await.is_err() {
            tracing::warn!("a worker does not end");
        }
    }

    /// Every statement leaves the pools whole, so a panic elsewhere does not spoil them.
    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pools {
    /// Lets go of all but those that are to be kept. A pool that two share stays for the other.
    fn retain(&mut self, is_kept: impl Fn(&Slot) -> bool) {
        let gone: Vec<Slot> = self
            .by_tool
            .extract_if(|_, slot| !is_kept(slot))
            .map(|(_, slot)| slot)
            .collect();
        for slot in gone {
            let is_shared = |other: &Slot| Arc::ptr_eq(&other.pool, &slot.pool);
            if !self.by_tool.values().any(is_shared) {
                slot.pool.close(false);
            }
        }
    }

    fn make_room(&mut self) {
        while self.by_tool.len() >= MOST {
            let oldest = self.by_tool.values().map(|slot| slot.called).min();
            self.retain(|slot| Some(slot.called) != oldest);
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

impl ScriptExecutor {
    /// Runs a call by a worker. `place` is dropped when the call has ended, or where its worker has to end with it, when
    /// that has.
    pub(super) async fn run_persistent(
        &self,
        call: &Call,
        script: &Script,
        worker: &PersistentWorker,
        time: Time,
        place: impl Send + 'static,
    ) -> Execution {
        let shared = &self.0;
        let pool = match shared.workers.of(call, script, worker, &shared.ledger) {
            Ok(pool) => pool,
            Err(failure) => return Execution::refused(failure, time.timeout),
        };
        let terms = Terms {
            timeout: time.timeout,
            extends_to: time.extends_to,
            is_callers: time.is_callers,
            program: pool.kind.program.clone(),
            working_dir: pool.kind.working_dir.clone(),
        };
        call.context.tape.rewind();
        let held = (shared.supervisors.token(), place);
        let mut job = Box::new(Job {
            number: pool.next_number(),
            line: Vec::new(),
            stdout: recording(&shared.store, call).taped(call.context.tape.clone(), Stream::Stdout),
            stderr: Recording::new(Capture::new(STDERR_KEPT.0, STDERR_KEPT.1))
                .heeding(call.context.progress.clone())
                .taped(call.context.tape.clone(), Stream::Stderr),
            says_null: call.tool.output.format == OutputFormat::Json,
            started: Instant::now(),
            timeout: time.timeout,
            extends_to: time.extends_to,
            grace: time.grace,
            entry: shared.roll.enter(call, time.grace),
            place: Box::new(held),
        });
        let until = job.started + job.timeout;
        for _ in 0..ATTEMPTS {
            let seat = match self.seat(call, &pool, until).await {
                Ok(seat) => seat,
                Err(end) => return judge(call, terms, without_worker(*job, end).await).await,
            };
            job.line = match request(call, &job) {
                Ok(line) => line,
                Err(failure) => return Execution::refused(failure, time.timeout),
            };
            let (reply, answered) = oneshot::channel();
            let given = Waiting(Some(seat.give(job, reply)));
            match given.answer(call, answered).await {
                Some(Reply::Closed(closed)) => {
                    return judge(call, terms, ended(*closed).await).await;
                }
                Some(Reply::Unheard(unheard)) => job = unheard,
                None => {
                    let failure = super::script::bug("the task of a worker failed");
                    return Execution::refused(failure, time.timeout);
                }
            }
        }
        let died = BirthError::NotLoaded {
            message: "one after the other ended before it heard of the call".to_owned(),
            printed: Vec::new(),
        };
        let end = NoSeat::Failed(died);
        judge(call, terms, without_worker(*job, end).await).await
    }

    /// A seat at a worker, for which a call may have to wait.
    async fn seat(&self, call: &Call, pool: &Arc<Pool>, until: Instant) -> Result<Seat, NoSeat> {
        let wait = match pool.ask().map_err(NoSeat::Failed)? {
            Ask::Seat(seat) => return Ok(seat),
            Ask::Wait(wait) => wait,
        };
        let mut stops = Stops {
            cancelled: Some(call.cancel.clone()),
            abandoned: None,
            draining: Some(self.0.draining.subscribe()),
        };
        tokio::select! {
            biased;
            seat = wait => match seat {
                Ok(seat) => seat.map_err(NoSeat::Failed),
                // The pool was closed.
                Err(_) => Err(NoSeat::Stopped(Why::Draining { grace: Duration::ZERO })),
            },
            why = stops.next() => Err(NoSeat::Stopped(why)),
            () = sleep_until(until) => Err(NoSeat::Stopped(Why::Timeout)),
        }
    }
}

/// Why a call has no worker.
enum NoSeat {
    Stopped(Why),
    Failed(BirthError),
}

/// A call that a worker has, and somebody waits for. Dropped, it is ended.
struct Waiting(Option<Given>);

impl Waiting {
    async fn answer(
        mut self,
        call: &Call,
        mut answered: oneshot::Receiver<Reply>,
    ) -> Option<Reply> {
        let reply = tokio::select! {
            biased;
            reply = &mut answered => reply,
            () = call.cancel.cancelled() => {
                if let Some(given) = &self.0 {
                    given.stop(Why::Cancelled);
                }
                answered.await
            }
        };
        self.0 = None;
        reply.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(given) = &self.0 {
            given.stop(Why::Abandoned);
        }
    }
}

/// The request, as one line.
fn request(call: &Call, job: &Job) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::with_capacity(512);
    write_request(&mut line, call, job).map_err(|error| {
        let message = format!("the arguments cannot be written as JSON: {error}");
        Failure::new(FailureCode::Internal, message)
    })?;
    Ok(line)
}

fn write_request(line: &mut Vec<u8>, call: &Call, job: &Job) -> io::Result<()> {
    let left = (job.started + job.timeout).saturating_duration_since(Instant::now());
    write!(
        line,
        r#"{{"jsonrpc":"2.0","id":{},"method":"call","params":{{"call_id":"{}","deadline_ms":{}"#,
        job.number,
        call.id,
        prepare::deadline_ms(left)
    )?;
    line.extend_from_slice(br#","client":"#);
    serde_json::to_writer(&mut *line, &prepare::without_nul(&call.context.client))?;
    let trace: BTreeMap<_, _> = call.context.trace.pairs().collect();
    if !trace.is_empty() {
        line.extend_from_slice(br#","trace":"#);
        serde_json::to_writer(&mut *line, &trace)?;
    }
    line.extend_from_slice(br#","arguments":"#);
    serde_json::to_writer(&mut *line, call.arguments.as_object())?;
    line.extend_from_slice(b"}}\n");
    Ok(())
}

async fn ended(closed: Closed) -> Ended {
    let by = Instant::now() + STORED_WITHIN;
    let stdout = closed.stdout.finish(by).await;
    let stderr = closed.stderr.finish(by).await;
    let mut warnings = stderr.warnings;
    warnings.extend(closed.warning);
    Ended {
        end: closed.end,
        ran: closed.ran,
        allowed: closed.allowed,
        stdout: stdout.captured,
        stderr: stderr.captured,
        kept: stdout.kept,
        lines: stdout.lines,
        warnings,
        leftovers: if closed.is_stuck {
            Leftovers::Stuck
        } else {
            Leftovers::None
        },
        swept: closed.swept,
    }
}

/// The end of a call that no worker had. Its place comes back first.
async fn without_worker(job: Job, why: NoSeat) -> Ended {
    let Job {
        stdout,
        mut stderr,
        started,
        timeout,
        entry,
        place,
        ..
    } = job;
    drop((entry, place));
    let end = match why {
        NoSeat::Stopped(why) => End::Stopped(why, None),
        NoSeat::Failed(error) => {
            if let BirthError::NotLoaded { printed, .. } = &error {
                stderr.push(printed);
            }
            End::NotStarted(error.into())
        }
    };
    let by = Instant::now() + STORED_WITHIN;
    let stdout = stdout.finish(by).await;
    Ended {
        end,
        ran: started.elapsed(),
        allowed: timeout,
        stdout: stdout.captured,
        stderr: stderr.finish(by).await.captured,
        kept: Kept::Nowhere,
        lines: stdout.lines,
        warnings: Vec::new(),
        leftovers: Leftovers::None,
        swept: 0,
    }
}
