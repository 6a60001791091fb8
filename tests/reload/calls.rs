//! What a reload does to calls and limits.

use std::time::Duration;

use tokio::time::sleep;

use crate::world::{World, call, exists, said, tool};

/// A tool `t` that marks its start, waits until it may go on, and prints `word`.
fn waiting(word: &str, max_parallel: u32) -> String {
    let shell = format!("touch started.$$; while [ ! -e go ]; do sleep 0.02; done; echo {word}");
    let limits = format!("concurrency: {{max_parallel: {max_parallel}}},");
    format!("tools:\n{}", tool("t", &shell, &limits))
}

fn started(world: &World) -> usize {
    let folder = world.config().parent().unwrap().to_owned();
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("started."))
        .count()
}

async fn until_started(world: &World, count: usize) {
    crate::world::soon("calls start", async || started(world) >= count).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(started(world), count);
}

fn go(world: &World) {
    std::fs::write(world.path("go"), "").unwrap();
}

#[tokio::test]
async fn calls_that_run_or_wait_keep_the_tool_they_came_with() {
    let world = World::new(&waiting("old", 1));
    let server = world.serve(&[]);
    let running = call(&server, "t");
    until_started(&world, 1).await;
    let queued = call(&server, "t");
    sleep(Duration::from_millis(200)).await;
    world.save(&waiting("new", 1));
    said(&server, "1 changed").await;
    let later = call(&server, "t");
    go(&world);
    assert_eq!(running.await.unwrap(), "old");
    assert_eq!(queued.await.unwrap(), "old");
    assert_eq!(later.await.unwrap(), "new");
    exists(&world.path("go")).await;
}

#[tokio::test]
async fn a_call_of_a_tool_that_is_gone_ends_as_it_would_have() {
    let world = World::new(&waiting("old", 1));
    let server = world.serve(&[]);
    let running = call(&server, "t");
    until_started(&world, 1).await;
    let queued = call(&server, "t");
    sleep(Duration::from_millis(200)).await;
    world.save(&crate::world::tools(&["other"]));
    said(&server, "1 added, 1 removed").await;
    go(&world);
    assert_eq!(running.await.unwrap(), "old");
    assert_eq!(queued.await.unwrap(), "old");
}

#[tokio::test]
async fn changed_places_count_what_runs_already() {
    let world = World::new(&waiting("x", 1));
    let server = world.serve(&[]);
    let calls: Vec<_> = (0..4).map(|_| call(&server, "t")).collect();
    until_started(&world, 1).await;
    world.save(&waiting("x", 3));
    said(&server, "1 changed").await;
    until_started(&world, 3).await;
    // With one place, three running calls leave none: the fourth starts when all of them are gone.
    world.save(&waiting("y", 1));
    sleep(Duration::from_millis(800)).await;
    until_started(&world, 3).await;
    go(&world);
    for call in calls {
        assert_eq!(call.await.unwrap(), "x");
    }
}

/// The answer of a tool that caches and prints something else at each run.
async fn kept(server: &crate::support::Server) -> String {
    call(server, "kept").await.unwrap()
}

#[tokio::test]
async fn answers_are_kept_while_their_tool_is_the_same() {
    let kept_tool = |more: &str| tool("kept", &format!("date +%s%N{more}"), "cache: true,");
    let world = World::new(&format!("tools:\n{}", kept_tool("")));
    let server = world.serve(&[]);
    let first = kept(&server).await;
    assert_eq!(kept(&server).await, first);
    let other = tool("other", "other", "");
    world.save(&format!("tools:\n{other}{}", kept_tool("")));
    said(&server, "1 added").await;
    assert_eq!(kept(&server).await, first, "another tool changed");
    world.save(&format!("tools:\n{other}{}", kept_tool(" # new")));
    said(&server, "1 changed").await;
    assert_ne!(kept(&server).await, first, "the tool itself changed");
}
