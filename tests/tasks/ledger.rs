//! The ledger in this process, with limits and a clock of the test's own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runner::store::{Store, StoreLimits};
use runner::tasks::{
    Ending, Entry, Fault, Ledger, LedgerError, NewTask, Status, TaskLimits, Unavailable,
};
use runner::tool::{CallId, Failure, FailureCode, Owner, Tape, ToolName};
use serde_json::{Map, json};
use sqlx::Connection;

use crate::served::LONG;

pub(crate) fn store(root: &Path) -> Store {
    Store::new(Some(root.to_owned()), StoreLimits::default())
}

pub(crate) fn new(owner: Owner) -> NewTask {
    NewTask {
        owner,
        tool: ToolName::parse("t").unwrap(),
        call: CallId::random(),
        ttl: None,
        poll: Duration::from_secs(1),
        tape: Tape::default(),
    }
}

pub(crate) fn completed(text: &str) -> Ending {
    let mut result = Map::new();
    result.insert("text".to_owned(), json!(text));
    Ending::Completed(result)
}

async fn created(ledger: &Ledger) -> Entry {
    ledger.create(new(Owner::Bearer)).await.unwrap()
}

/// Creates a task and ends it.
async fn ended(ledger: &Ledger, text: &str) -> String {
    let entry = created(ledger).await;
    let id = entry.task().id.as_str().to_owned();
    entry.end(completed(text), None, None).await;
    id
}

async fn is_there(ledger: &Ledger, id: &str) -> bool {
    match ledger.get(id, &Owner::Bearer).await {
        Ok(_) => true,
        Err(Unavailable::Unknown) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_task_is_kept_for_its_time_after_its_end_and_no_longer() {
    static NOW: AtomicU64 = AtomicU64::new(1_000_000);
    fn clock() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::SeqCst))
    }
    let pass = |seconds| NOW.fetch_add(seconds, Ordering::SeqCst);
    let root = tempfile::tempdir().unwrap();
    let limits = TaskLimits::default();
    let ledger = Ledger::open_with(&store(root.path()), "s", limits, clock)
        .await
        .unwrap();
    let slow = created(&ledger).await;
    let id = slow.task().id.as_str().to_owned();
    let short = NewTask {
        ttl: Some(Duration::from_mins(1)),
        ..new(Owner::Bearer)
    };
    let short = ledger.create(short).await.unwrap();
    let short_id = short.task().id.as_str().to_owned();
    assert_eq!(short.task().ttl, Duration::from_mins(1));
    short.end(completed("x"), None, None).await;
    pass(59);
    assert!(is_there(&ledger, &short_id).await);
    pass(1);
    assert!(!is_there(&ledger, &short_id).await);
    // A task that works is never too old, and its result stays for its whole time.
    pass(100_000);
    ledger.expire().await.unwrap();
    let at_work = ledger.get(&id, &Owner::Bearer).await.unwrap();
    assert_eq!(at_work.status, Status::Working);
    assert_eq!(at_work.ttl, Duration::from_secs(100_060 + 3600));
    slow.end(completed("late"), None, None).await;
    pass(3599);
    ledger.expire().await.unwrap();
    assert!(is_there(&ledger, &id).await);
    pass(1);
    assert!(!is_there(&ledger, &id).await);
    ledger.expire().await.unwrap();
    assert!(!is_there(&ledger, &id).await);
    ledger.close().await;
}

#[tokio::test]
async fn a_timer_removes_what_has_expired() {
    static NOW: AtomicU64 = AtomicU64::new(1_000_000);
    fn clock() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::SeqCst))
    }
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let ledger = Ledger::open_with(&store, "s", TaskLimits::default(), clock)
        .await
        .unwrap();
    let slow = created(&ledger).await;
    let young = slow.task().id.as_str().to_owned();
    ended(&ledger, "old").await;
    NOW.fetch_add(3600, Ordering::SeqCst);
    slow.end(completed("young"), None, None).await;
    assert_eq!(rows(root.path()).await.len(), 2, "nobody has looked yet");
    // Its ticks are half a second apart, and each 120th of them looks.
    tokio::time::pause();
    for _ in 0..121 {
        tokio::time::advance(Duration::from_millis(501)).await;
    }
    tokio::time::resume();
    eventually("the old one is gone", async || {
        rows(root.path()).await == [young.clone()]
    })
    .await;
    ledger.close().await;
}

/// The ids of the tasks that are written down.
async fn rows(root: &Path) -> Vec<String> {
    let servers = std::fs::read_dir(root.join("tasks")).unwrap();
    let server = servers.map(|entry| entry.unwrap().path()).next().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(server.join("tasks.db"));
    let mut database = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let rows = sqlx::query_scalar("SELECT id FROM tasks ORDER BY number");
    rows.fetch_all(&mut database).await.unwrap()
}

async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !done().await {
        assert!(begun.elapsed() < LONG, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_oldest_ended_task_makes_room_and_one_at_work_never_does() {
    let root = tempfile::tempdir().unwrap();
    let limits = TaskLimits {
        tasks: 3,
        ..TaskLimits::default()
    };
    let ledger = Ledger::open_with(&store(root.path()), "s", limits, SystemTime::now)
        .await
        .unwrap();
    let at_work = created(&ledger).await;
    let first = ended(&ledger, "first").await;
    let second = ended(&ledger, "second").await;
    let third = created(&ledger).await;
    assert!(!is_there(&ledger, &first).await && is_there(&ledger, &second).await);
    let fourth = created(&ledger).await;
    assert!(!is_there(&ledger, &second).await);
    let refused = ledger.create(new(Owner::Bearer)).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::QueueFull);
    assert_eq!(
        refused.message,
        "all 3 tasks of this server are under way, and it keeps no more"
    );
    assert!(refused.retry_after.is_some());
    for entry in [at_work, third, fourth] {
        let found = ledger.get(entry.task().id.as_str(), &Owner::Bearer).await;
        assert_eq!(found.unwrap().status, Status::Working);
    }
    ledger.close().await;
}

#[tokio::test]
async fn results_past_the_quota_push_out_the_oldest() {
    let root = tempfile::tempdir().unwrap();
    let limits = TaskLimits {
        quota: 2500,
        ..TaskLimits::default()
    };
    let ledger = Ledger::open_with(&store(root.path()), "s", limits, SystemTime::now)
        .await
        .unwrap();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(ended(&ledger, &"x".repeat(1000)).await);
    }
    let mut there = Vec::new();
    for id in &ids {
        there.push(is_there(&ledger, id).await);
    }
    assert_eq!(there, [false, false, true, true]);
    ledger.close().await;
}

#[tokio::test]
async fn an_end_is_final_and_names_are_bound() {
    let root = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&store(root.path()), "s").await.unwrap();
    let ann = Owner::Client("ann".into());
    let entry = ledger.create(new(ann.clone())).await.unwrap();
    let id = entry.task().id.as_str().to_owned();
    for other in [Owner::Bearer, Owner::Client("bob".into())] {
        let refused = ledger.get(&id, &other).await.unwrap_err();
        assert!(matches!(refused, Unavailable::Unknown));
        assert!(ledger.cancel(&id, &other).await.is_err());
    }
    assert!(!entry.called_off().is_cancelled());
    entry.tell(&"é".repeat(5000));
    let message = ledger.get(&id, &ann).await.unwrap().message.unwrap();
    assert_eq!(message.chars().count(), 1000, "messages are bounded");
    ledger.cancel(&id, &ann).await.unwrap();
    assert!(entry.called_off().is_cancelled());
    let fault = Fault {
        code: -32603,
        message: "no".to_owned(),
        data: None,
    };
    entry.end(Ending::Failed(fault), Some("no"), None).await;
    let task = ledger.get(&id, &ann).await.unwrap();
    assert_eq!(task.status, Status::Failed);
    ledger.cancel(&id, &ann).await.unwrap();
    assert_eq!(ledger.get(&id, &ann).await.unwrap(), task);
    for wrong in [
        "",
        "x",
        "../../etc/passwd",
        &"A".repeat(32),
        &"0".repeat(33),
    ] {
        assert!(ledger.get(wrong, &ann).await.is_err(), "{wrong}");
    }
    ledger.close().await;
}

#[tokio::test]
async fn servers_have_tasks_of_their_own_and_runners_of_one_share_them() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let one = Ledger::open(&store, "/a/gantz.yaml").await.unwrap();
    let same = Ledger::open(&store, "/a/gantz.yaml").await.unwrap();
    let other = Ledger::open(&store, "/b/gantz.yaml").await.unwrap();
    let entry = created(&one).await;
    let id = entry.task().id.as_str();
    assert!(is_there(&same, id).await && !is_there(&other, id).await);
    let third = Ledger::open(&store, "/a/gantz.yaml").await.unwrap();
    let found = third.get(id, &Owner::Bearer).await.unwrap();
    assert_eq!(found.status, Status::Working, "its runner lives");
    for ledger in [one, same, other, third] {
        ledger.close().await;
    }
}

#[tokio::test]
async fn what_its_runner_left_at_work_has_failed_for_the_next() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let one = Ledger::open(&store, "s").await.unwrap();
    let other = Ledger::open(&store, "s").await.unwrap();
    let entry = created(&one).await;
    let id = entry.task().id.as_str().to_owned();
    drop(entry);
    one.close().await;
    assert_eq!(
        other.get(&id, &Owner::Bearer).await.unwrap().status,
        Status::Working
    );
    drop(one);
    // The lock went with the ledger; who asks settles it.
    let task = other.get(&id, &Owner::Bearer).await.unwrap();
    assert_eq!(task.status, Status::Failed);
    other.close().await;
}

#[tokio::test]
async fn without_a_place_there_is_no_ledger() {
    let nowhere = Store::new(None, StoreLimits::default());
    let error = Ledger::open(&nowhere, "s").await.unwrap_err();
    assert!(matches!(error, LedgerError::Nowhere));
    let none = Ledger::default();
    assert!(!none.is_open());
    let refused: Failure = none.create(new(Owner::Bearer)).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::Internal);
}
