//! Which changes of a file are served, and what is said of them.

use std::fs;

use serde_json::json;
use tokio::time::sleep;

use crate::world::{A_WHILE, World, list, names, said, soon, tools};

#[tokio::test]
async fn a_file_saved_in_place_or_by_rename_is_served() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    world.save(&tools(&["a", "b"]));
    soon("in place", async || names(&server).await == ["a", "b"]).await;
    world.replace(&tools(&["c", "b"]));
    soon("by rename", async || names(&server).await == ["c", "b"]).await;
    said(&server, "gantz.yaml: 2 tools, 1 added, 1 removed").await;
    let reports = server.said().matches("reloaded ").count();
    assert_eq!(reports, 2, "{}", server.said());
}

#[tokio::test]
async fn a_touched_file_is_nothing_new() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    world.replace(&tools(&["a"]));
    sleep(A_WHILE).await;
    assert_eq!(server.said().matches("reloaded").count(), 0);
}

#[tokio::test]
async fn a_broken_file_is_reported_and_the_tools_stay() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    world.save("tools:\n  - {name: a, script: {command: echo}}\n");
    said(
        &server,
        "gantz.yaml was not reloaded; what was served before still is",
    )
    .await;
    assert!(
        server.said().contains("gantz.yaml:2:12"),
        "{}",
        server.said()
    );
    assert!(server.said().contains("`description`"), "{}", server.said());
    assert_eq!(names(&server).await, ["a"]);
    world.save(&tools(&["a", "b"]));
    soon("the mended file", async || {
        names(&server).await == ["a", "b"]
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_gone_is_reported_and_the_tools_stay() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    fs::remove_file(world.config()).unwrap();
    sleep(A_WHILE).await;
    said(&server, "cannot read").await;
    assert_eq!(names(&server).await, ["a"]);
    world.save(&tools(&["a"]));
    said(&server, "gantz.yaml: 1 tool, none different").await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_once() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    let origins = "server: {host: localhost, allowed_origins: ['https://x.example:443']}\n";
    world.save(&format!("{origins}{}", tools(&["a"])));
    said(&server, "`server.host` changed: this needs a restart").await;
    said(
        &server,
        "`server.allowed_origins` changed: this needs a restart",
    )
    .await;
    world.save(&format!("{origins}{}", tools(&["a", "b"])));
    said(&server, "1 added").await;
    assert_eq!(
        server.said().matches("restart").count(),
        2,
        "{}",
        server.said()
    );
}

#[tokio::test]
async fn a_changed_environment_file_counts_as_well() {
    let world = World::new(&format!(
        "{}env: {{GREETING: '${{GREETING}}'}}\n",
        tools(&["a"])
    ));
    fs::write(world.path("secrets"), "GREETING=one\n").unwrap();
    let secrets = world.path("secrets");
    let server = world.serve(&["--env-file", secrets.to_str().unwrap()]);
    fs::write(secrets, "GREETING=two\n").unwrap();
    said(&server, "gantz.yaml: 1 tool, 1 changed").await;
}

#[tokio::test]
async fn a_list_is_fresh_for_seconds_only() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    let list = list(&server).await;
    assert_eq!(
        (&list["ttlMs"], &list["cacheScope"]),
        (&json!(5000), &json!("private"))
    );
}
