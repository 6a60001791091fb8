//! How a statement ends before its last row: on the server, too.

use std::time::Duration;

use futures::future::join_all;
use runner::tool::FailureCode;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::{World, nothing, one};

const PATIENCE: Duration = Duration::from_mins(1);

const ENDLESS: &str = "query: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n'";

/// Waits until as many statements run on the server.
async fn until_active(world: &World, wanted: i64) {
    let waiting = async {
        while world.active().await != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .expect("the server gets there");
}

/// Waits until nothing of the runner's runs.
async fn until_free(world: &World) {
    let waiting = async {
        while world.runner.load().running > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .expect("the place comes back");
}

#[tokio::test]
async fn a_timeout_ends_the_statement_on_the_server() {
    let tools = one("", "timeout: 300ms, query: 'SELECT pg_sleep(600)'");
    let Some(world) = World::postgres("", &tools).await else {
        return;
    };
    let failure = world.failure(nothing()).await;
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.message, "`t` was ended after its timeout of 300 ms");
    until_free(&world).await;
    assert_eq!(world.active().await, 0);
    // The next call gets a sound connection.
    let failure = world.failure(nothing()).await;
    assert_eq!(failure.code, FailureCode::Timeout);
}

/// A runner that is killed can stop nothing, but its server notices that the client is gone.
#[tokio::test]
async fn a_killed_runner_leaves_no_statement_behind() {
    let tools = one("", "timeout: 9m, query: 'SELECT pg_sleep(500)'");
    let Some(world) = World::postgres("", &tools).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = format!("databases: {{ db: {{ url: \"${{DATABASE_URL}}\" }} }}\n{tools}");
    std::fs::write(folder.path().join("gantz.yaml"), file).unwrap();
    let mut child = crate::support::command(folder.path(), &["call", "t"])
        .env("DATABASE_URL", world.url())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until_active(&world, 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    until_active(&world, 0).await;
}

#[tokio::test]
async fn the_server_knows_the_timeout_too() {
    let tools = one("", "timeout: 7s, query: SHOW statement_timeout");
    let Some(world) = World::postgres("", &tools).await else {
        return;
    };
    let rows = world.rows(nothing()).await;
    let told = rows[0]["statement_timeout"].as_str().unwrap().to_owned();
    let millis: u64 = told
        .trim_end_matches("ms")
        .trim_end_matches('s')
        .parse()
        .unwrap();
    assert!((6000..=7500).contains(&millis) || millis == 7, "{told}");
}

#[tokio::test]
async fn a_call_that_is_called_off_stops_its_statement() {
    for query in [
        "query: 'SELECT pg_sleep(600)'",
        ENDLESS,
        "read_only: false, query: 'SELECT count(*) FROM generate_series(1, 100000000000)'",
    ] {
        let Some(world) = World::postgres("", &one("", query)).await else {
            return;
        };
        let cancel = CancellationToken::new();
        let off = async {
            until_active(&world, 1).await;
            cancel.cancel();
            Instant::now()
        };
        let (outcome, cancelled) =
            tokio::join!(world.call_tool("t", json!({}), cancel.clone()), off);
        assert_eq!(outcome.result.unwrap_err().code, FailureCode::Cancelled);
        until_active(&world, 0).await;
        assert!(cancelled.elapsed() < PATIENCE);
        until_free(&world).await;
        // Nobody waits any more: the same.
        let dropped = timeout(Duration::from_millis(300), world.outcome(nothing())).await;
        assert!(dropped.is_err());
        until_active(&world, 0).await;
        until_free(&world).await;
    }
}

#[tokio::test]
async fn sqlite_stops_a_statement_without_end() {
    for sql in [ENDLESS.to_owned(), format!("read_only: false, {ENDLESS}")] {
        let world = World::sqlite("", &one("", &sql)).await;
        let cancel = CancellationToken::new();
        let off = async {
            sleep(Duration::from_millis(200)).await;
            cancel.cancel();
        };
        let called = world.call_tool("t", json!({}), cancel.clone());
        let (outcome, ()) = timeout(PATIENCE, async { tokio::join!(called, off) })
            .await
            .unwrap();
        assert_eq!(outcome.result.unwrap_err().code, FailureCode::Cancelled);
        until_free(&world).await;
    }
    let quick = one("", &format!("timeout: 200ms, {ENDLESS}"));
    let world = World::sqlite("", &quick).await;
    for _ in 0..3 {
        assert_eq!(world.failure(nothing()).await.code, FailureCode::Timeout);
    }
    until_free(&world).await;
}

#[tokio::test]
async fn a_runner_that_stops_does_not_wait_for_a_query_that_only_reads() {
    let tools = one("", ENDLESS) + "    kill_grace: 10m\n    timeout: 10m\n";
    let world = World::sqlite("", &tools).await;
    let stopping = async {
        while world.runner.load().running == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        world.runner.drain().await
    };
    let both = async { tokio::join!(world.failure(nothing()), stopping) };
    let (failure, stragglers) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert!(failure.message.contains("stopping"), "{failure:?}");
    assert!(stragglers.is_empty());
}

#[tokio::test]
async fn no_more_connections_are_used_than_there_may_be() {
    let tools = one("", "query: 'SELECT pg_sleep(0.2), pg_backend_pid() AS pid'")
        + "    concurrency: { max_parallel: 20 }\nconcurrency: { max_parallel: 20 }\n";
    let Some(world) = World::pooled("", &tools, "{ max_size: 3 }").await else {
        return;
    };
    let calls = join_all((0..20).map(|_| world.rows(nothing())));
    let most = async {
        let crate::world::Place::Postgres(cluster, schema) = &world.place else {
            unreachable!()
        };
        let mut witness = cluster.connect().await;
        let (mut most, mut waited, mut used) = (0, 0, 0);
        for _ in 0..40 {
            let seen: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1",
            )
            .bind(schema)
            .fetch_one(&mut witness)
            .await
            .unwrap();
            most = most.max(seen);
            let figures = world
                .runner
                .exposition(&runner::tool::ToolAccess::default());
            let figure = |state: &str| -> u64 {
                let line =
                    format!("runner_database_connections{{database=\"db\",state=\"{state}\"}} ");
                figures
                    .lines()
                    .find_map(|found| found.strip_prefix(line.as_str()))
                    .map_or(0, |text| text.parse().unwrap())
            };
            waited = waited.max(figure("waiting"));
            used = used.max(figure("in_use"));
            sleep(Duration::from_millis(20)).await;
        }
        (most, waited, used)
    };
    let (rows, (most, waited, used)) = tokio::join!(calls, most);
    let mut processes: Vec<String> = rows.iter().map(|rows| rows[0]["pid"].to_string()).collect();
    processes.sort();
    processes.dedup();
    assert_eq!(processes.len(), 3, "{processes:?}");
    assert_eq!(most, 3);
    assert!(waited > 0 && used == 3, "{waited} {used}");
}

#[tokio::test]
async fn a_changed_address_opens_connections_of_its_own_and_running_calls_stay() {
    let tools = one(
        "",
        "query: \"SELECT current_setting('application_name') AS name, pg_sleep(0.5)\"",
    );
    let Some(world) = World::postgres("", &tools).await else {
        return;
    };
    let crate::world::Place::Postgres(cluster, _) = &world.place else {
        unreachable!()
    };
    let first = world.schema().to_owned();
    let second = cluster.schema("").await;
    let reload = async {
        until_active(&world, 1).await;
        let catalog = crate::world::load(
            &tools,
            &cluster.url(&second),
            "{}",
            std::path::Path::new("/"),
        );
        world.runner.reload(catalog);
    };
    let (rows, ()) = tokio::join!(world.rows(nothing()), reload);
    assert_eq!(rows[0]["name"], json!(first));
    assert_eq!(world.rows(nothing()).await[0]["name"], json!(second));
    let waiting = async {
        let mut witness = cluster.connect().await;
        loop {
            let left: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1",
            )
            .bind(&first)
            .fetch_one(&mut witness)
            .await
            .unwrap();
            if left == 0 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .expect("the connections to the older address are closed");
}
