//! Output that an answer cannot hold is kept whole, whatever becomes of its script.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::store::{Pattern, Store, StoreLimits};
use runner::tool::{FailureCode, Owner, StoredOutput};
use tempfile::TempDir;

use crate::support::{Draft, bash, python, sh};

fn store_with(limits: StoreLimits) -> (TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(Some(root.path().join("state")), limits);
    (root, store)
}

fn store() -> (TempDir, Store) {
    store_with(StoreLimits::default())
}

/// All of a stored output, page by page.
fn read(store: &Store, stored: &StoredOutput) -> String {
    let (mut text, mut offset) = (String::new(), Some(0));
    while let Some(at) = offset {
        let page = store
            .page(stored.id.as_str(), &Owner::Bearer, at, 50_000)
            .unwrap();
        text.push_str(&page.text);
        offset = page.next_offset;
    }
    text
}

fn numbers(to: u64) -> String {
    (1..=to).fold(String::new(), |text, number| text + &format!("{number}\n"))
}

fn small(mut draft: Draft, max_bytes: usize, inline_bytes: usize) -> Draft {
    (draft.output.max_bytes, draft.output.inline_bytes) = (max_bytes, inline_bytes);
    draft
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root.join("state")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

#[tokio::test]
async fn every_byte_is_stored_whether_memory_held_it_or_not() {
    let (_root, store) = store();
    for max_bytes in [1 << 20, 10_000, 4096] {
        let run = small(sh("seq 1 20000"), max_bytes, 4096)
            .run_storing(store.clone())
            .await;
        let output = run.result.unwrap();
        assert!(output.text.starts_with("1\n2\n") && output.text.ends_with("19999\n20000\n"));
        let stored = output.stored.unwrap();
        assert!(stored.is_whole());
        assert_eq!(read(&store, &stored), numbers(20_000));
        assert!(run.warnings.is_empty(), "{:?}", run.warnings);
    }
}

#[tokio::test]
async fn nothing_is_created_for_what_an_answer_holds() {
    let (root, store) = store();
    let run = small(sh("seq 1 100"), 4096, 4096)
        .run_storing(store.clone())
        .await;
    assert_eq!(run.result.unwrap().stored, None);
    assert!(!root.path().join("state").exists());
}

#[tokio::test]
async fn a_timeout_a_cancel_and_a_crash_keep_what_was_printed() {
    let (_root, store) = store();
    let hang = small(sh("seq 1 20000; exec sleep 600"), 8192, 4096).timeout(Duration::from_secs(1));
    let cancelled = small(sh("seq 1 20000; exec sleep 600"), 8192, 4096);
    let cancel = cancelled.cancel.clone();
    tokio::spawn(async move {
        // The call before this one takes a second.
        tokio::time::sleep(Duration::from_secs(3)).await;
        cancel.cancel();
    });
    let crash = small(sh("seq 1 20000; kill -9 $$"), 8192, 4096);
    let exit = small(sh("seq 1 20000; exit 3"), 8192, 4096);
    for (draft, code) in [
        (hang, FailureCode::Timeout),
        (cancelled, FailureCode::Cancelled),
        (crash, FailureCode::KilledBySignal),
        (exit, FailureCode::ExitStatus),
    ] {
        let failure = draft.run_storing(store.clone()).await.result.unwrap_err();
        assert_eq!(failure.code, code);
        assert_eq!(
            read(&store, failure.stored.as_ref().unwrap()),
            numbers(20_000),
            "{code:?}"
        );
        let handle = &failure.envelope()["error"]["data"]["output"];
        assert_eq!(handle["total_bytes"], numbers(20_000).len());
    }
}

#[tokio::test]
async fn json_that_is_too_large_can_be_read_all_the_same() {
    let (_root, store) = store();
    let mut draft = small(python("print('[' + '1,' * 10000 + '1]')"), 8192, 4096);
    draft.output.format = runner::tool::OutputFormat::Json;
    let failure = draft.run_storing(store.clone()).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputTooLarge);
    let text = read(&store, failure.stored.as_ref().unwrap());
    let value: Vec<u8> = serde_json::from_str(&text).unwrap();
    assert_eq!(value.len(), 10_001);
}

#[tokio::test]
async fn past_the_quota_the_beginning_is_stored_and_the_rest_is_told() {
    let (_root, store) = store_with(StoreLimits {
        quota: 100_000,
        ..StoreLimits::default()
    });
    let run = small(sh("seq 1 100000"), 8192, 4096)
        .run_storing(store.clone())
        .await;
    let stored = run.result.unwrap().stored.unwrap();
    let whole = numbers(100_000);
    assert_eq!((stored.bytes, stored.total), (100_000, whole.len() as u64));
    assert_eq!(read(&store, &stored), whole[..100_000]);
    assert!(
        run.warnings[1].contains("only the first 100000 are stored"),
        "{:?}",
        run.warnings
    );
}

#[tokio::test]
async fn without_a_place_to_write_output_is_cut_and_that_is_told() {
    let blocked = tempfile::NamedTempFile::new().unwrap();
    for (store, reason) in [
        (Store::default(), "there is no state directory"),
        (
            Store::new(Some(blocked.path().join("state")), StoreLimits::default()),
            "nothing can be written in",
        ),
    ] {
        let run = small(sh("seq 1 20000"), 8192, 4096)
            .run_storing(store)
            .await;
        let output = run.result.unwrap();
        assert!(output.stored.is_none() && output.text.contains("bytes left out"));
        assert!(run.warnings[0].contains("left out"), "{:?}", run.warnings);
        assert!(run.warnings[1].contains(reason), "{:?}", run.warnings);
    }
}

#[tokio::test]
async fn one_folder_for_each_instance_and_none_at_the_end() {
    let (root, first) = store();
    let second = Store::new(Some(root.path().join("state")), StoreLimits::default());
    let of = |store: &Store| small(sh("seq 1 20000"), 8192, 4096).run_storing(store.clone());
    let stored = of(&first).await.result.unwrap().stored.unwrap();
    of(&second).await.result.unwrap();
    assert_eq!(folders(root.path()).len(), 2);
    second.close();
    assert_eq!(folders(root.path()).len(), 1);
    assert_eq!(read(&first, &stored), numbers(20_000));
    let run = of(&second).await;
    assert!(
        run.warnings[1].contains("the runner is stopping"),
        "{:?}",
        run.warnings
    );
    first.close();
    assert_eq!(folders(root.path()).len(), 0);
    assert!(
        first
            .page(stored.id.as_str(), &Owner::Bearer, 0, 100)
            .is_err()
    );
}

#[tokio::test]
async fn lines_are_found_with_their_places() {
    let (_root, store) = store();
    let run = small(sh("seq 1 20000"), 8192, 4096)
        .run_storing(store.clone())
        .await;
    let stored = run.result.unwrap().stored.unwrap();
    let pattern = Pattern::parse("^1999[89]$").unwrap();
    let found = store
        .search(stored.id.as_str(), &Owner::Bearer, 0, 1000, &pattern)
        .unwrap();
    let place = numbers(19_997).len();
    assert_eq!(
        found.text,
        format!("{place}: 19998\n{}: 19999\n", place + 6)
    );
    assert_eq!(found.next_offset, None);
}

#[tokio::test]
async fn many_at_once_do_not_mix() {
    let (_root, store) = store();
    let runs = (1..=12).map(|number| {
        let script = format!("yes {number} | head -n 200000");
        small(bash(&script), 8192, 4096).run_storing(store.clone())
    });
    let runs = futures::future::join_all(runs).await;
    for (number, run) in (1..=12).zip(runs) {
        let stored = run.result.unwrap().stored.unwrap();
        assert!(
            read(&store, &stored) == format!("{number}\n").repeat(200_000),
            "{number}"
        );
    }
}
