//! Runs cases and judges each as its call ends.

use std::io::Read as _;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::judge::{Came, judge};
use super::verdict::Mismatch;
use super::{Case, State, Verdict};
use crate::batch::{self, CallResult, Plan, RunnerCaller, Watch};
use crate::runner::Runner;
use crate::store::Store;
use crate::telemetry::Redactor;
use crate::tool::{CallContext, FailureCode, Owner, StoredOutput};

/// Calls that have ended and wait for their verdict.
const UNJUDGED: usize = 64;

/// The longest output that is judged whole, in bytes; of a longer one, what an answer would hold.
const MAX_JUDGED: u64 = 64 * 1024 * 1024;

/// Runs `cases` on `runner`, all side by side as its tools' limits allow, and tells each verdict as it is found.
/// What `hidden` knows is in none of them. After a cancel the cases that have not ended are [`State::NotRun`].
/// Returns the verdicts in the order of the cases.
pub async fn run(
    cases: Vec<Case>,
    runner: Arc<Runner>,
    hidden: Redactor,
    cancel: CancellationToken,
    mut judged: impl FnMut(&Verdict),
) -> Vec<Verdict> {
    let plan = Plan::independent(cases.iter().enumerate().map(|(index, case)| {
        let params = case.case.input.clone();
        (index.to_string(), case.tool.clone(), params)
    }));
    let (completed, mut completions) = mpsc::channel::<Arc<CallResult>>(UNJUDGED);
    let watch = Watch {
        cancel: cancel.clone(),
        completed: Some(completed),
    };
    let context = CallContext {
        client: "runner test".to_owned(),
        // Whoever runs the cases has written them.
        is_confirmed: true,
        ..CallContext::default()
    };
    let store = runner.store().clone();
    let running = batch::run(plan, Arc::new(RunnerCaller::new(runner, context)), watch);
    let judging = async {
        let cases: Arc<[Case]> = cases.into();
        let hidden = Arc::new(hidden);
        let mut verdicts: Vec<Option<Verdict>> = vec![None; cases.len()];
        while let Some(result) = completions.recv().await {
            let index = result.call_id.parse::<usize>().ok();
            let Some(index) = index.filter(|index| *index < cases.len()) else {
                continue;
            };
            let was_cut = cancel.is_cancelled();
            let (cases, hidden, store) = (Arc::clone(&cases), Arc::clone(&hidden), store.clone());
            // Outputs can be large, and comparing them takes its time.
            let verdict = tokio::task::spawn_blocking(move || {
                verdict(&cases[index], &result, was_cut, &store, &hidden)
            });
            if let Ok(verdict) = verdict.await {
                judged(&verdict);
                verdicts[index] = Some(verdict);
            }
        }
        verdicts.into_iter().flatten().collect()
    };
    tokio::join!(running, judging).1
}

fn verdict(
    case: &Case,
    result: &CallResult,
    was_cut: bool,
    store: &Store,
    hidden: &Redactor,
) -> Verdict {
    let ended = &result.ended;
    let ran = ended.timing.ran;
    let (stored, code) = match &ended.result {
        Ok(output) => (output.stored.as_ref(), None),
        Err(failure) => (failure.stored.as_ref(), Some(failure.code)),
    };
    if was_cut && code == Some(FailureCode::Cancelled) {
        return Verdict::of(case, ran, State::NotRun);
    }
    let stored = stored.and_then(|stored| whole(store, stored));
    let mismatches: Vec<Mismatch> = judge(&case.case.expect, &Came::new(ended, stored, hidden));
    let state = if mismatches.is_empty() {
        State::Passed
    } else {
        State::Failed(mismatches)
    };
    Verdict::of(case, ran, state)
}

/// All that was printed, from the file it is in.
fn whole(store: &Store, stored: &StoredOutput) -> Option<String> {
    if stored.bytes > MAX_JUDGED || !stored.is_whole() {
        return None;
    }
    let (file, bytes) = store.open(stored.id.as_str(), &Owner::Bearer).ok()?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
