//! A runner with tools that ask a database.

use std::path::Path;
use std::sync::Arc;

use runner::config::{Env, LoadOptions, load_text};
use runner::runner::Runner;
use runner::tool::{CallContext, Catalog, Failure, Outcome, Output};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::server::{self, Cluster};
use crate::support::calls::call_as;

/// Where the tools of a test ask.
pub(crate) enum Place {
    Sqlite(TempDir),
    Postgres(&'static Cluster, String),
}

pub(crate) struct World {
    pub(crate) runner: Arc<Runner>,
    pub(crate) place: Place,
}

/// The text of a file with one tool `t`.
pub(crate) fn one(parameters: &str, sql: &str) -> String {
    format!(
        "tools:\n  - name: t\n    description: T\n    parameters: [{parameters}]\n    sql: {{ database: db, {sql} }}\n"
    )
}

/// Loads a file whose database `db` is at `url`.
pub(crate) fn load(tools: &str, url: &str, pool: &str, folder: &Path) -> Catalog {
    let options = LoadOptions {
        env: Env::from_pairs([("DATABASE_URL", url)]),
        ..LoadOptions::default()
    };
    let text =
        format!("databases: {{ db: {{ url: \"${{DATABASE_URL}}\", pool: {pool} }} }}\n{tools}");
    let loaded = load_text(Path::new("gantz.yaml"), &text, folder, &options);
    loaded
        .unwrap_or_else(|error| panic!("{}", error.render(false)))
        .catalog
}

impl World {
    /// A SQLite file with `tables`, and tools that ask it.
    pub(crate) async fn sqlite(tables: &str, tools: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connect = SqliteConnectOptions::new()
            .filename(folder.path().join("db.sqlite"))
            .create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&connect).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(tables.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let catalog = load(tools, "sqlite:db.sqlite", "{}", folder.path());
        Self {
            runner: Arc::new(Runner::new(catalog)),
            place: Place::Sqlite(folder),
        }
    }

    /// A schema of PostgreSQL with `tables`, and tools that ask it; `None` without a server.
    pub(crate) async fn postgres(tables: &str, tools: &str) -> Option<Self> {
        Self::pooled(tables, tools, "{}").await
    }

    pub(crate) async fn pooled(tables: &str, tools: &str, pool: &str) -> Option<Self> {
        let cluster = server::shared().await?;
        let schema = cluster.schema(tables).await;
        let catalog = load(tools, &cluster.url(&schema), pool, Path::new("/"));
        Some(Self {
            runner: Arc::new(Runner::new(catalog)),
            place: Place::Postgres(cluster, schema),
        })
    }

    /// Both kinds, as far as they are there.
    pub(crate) async fn both(tables: &str, tools: &str) -> Vec<Self> {
        let mut worlds = vec![Self::sqlite(tables, tools).await];
        worlds.extend(Self::postgres(tables, tools).await);
        worlds
    }

    pub(crate) const fn schema(&self) -> &str {
        match &self.place {
            Place::Postgres(_, schema) => schema.as_str(),
            Place::Sqlite(_) => "",
        }
    }

    pub(crate) async fn call_tool(
        &self,
        tool: &str,
        arguments: Value,
        cancel: CancellationToken,
    ) -> Outcome {
        let context = CallContext::default();
        let ended = call_as(&self.runner, tool, arguments, context, cancel).await;
        ended.unwrap()
    }

    pub(crate) async fn outcome(&self, arguments: Value) -> Outcome {
        self.call_tool("t", arguments, CancellationToken::new())
            .await
    }

    pub(crate) async fn output(&self, arguments: Value) -> Output {
        let outcome = self.outcome(arguments).await;
        outcome
            .result
            .unwrap_or_else(|failure| panic!("{}", failure.envelope()))
    }

    /// The rows of a call.
    pub(crate) async fn rows(&self, arguments: Value) -> Value {
        serde_json::from_str(&self.output(arguments).await.text).unwrap()
    }

    /// The failure of a call, which holds no secret.
    pub(crate) async fn failure(&self, arguments: Value) -> Failure {
        let failure = self.outcome(arguments).await.result.unwrap_err();
        let whole = failure.envelope().to_string();
        assert!(!whole.contains("hunter2"), "{whole}");
        failure
    }

    /// What a query of the test's own gives, as text; read past the runner.
    pub(crate) async fn look(&self, query: &str) -> String {
        let query = AssertSqlSafe(query.to_owned());
        match &self.place {
            Place::Sqlite(folder) => {
                let connect = SqliteConnectOptions::new().filename(folder.path().join("db.sqlite"));
                let mut connection = SqliteConnection::connect_with(&connect).await.unwrap();
                let found: Option<String> = sqlx::query_scalar(query)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                found.unwrap_or_default()
            }
            Place::Postgres(cluster, schema) => {
                let mut connection = cluster.connect().await;
                sqlx::raw_sql(AssertSqlSafe(format!("SET search_path = {schema}, public")))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                let found: Option<String> = sqlx::query_scalar(query)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                found.unwrap_or_default()
            }
        }
    }

    /// Where its PostgreSQL is.
    pub(crate) fn url(&self) -> String {
        let Place::Postgres(cluster, schema) = &self.place else {
            panic!("a file has no URL");
        };
        cluster.url(schema)
    }

    /// How many statements of this test's tools run on the server.
    pub(crate) async fn active(&self) -> i64 {
        let Place::Postgres(cluster, schema) = &self.place else {
            panic!("only a server knows");
        };
        let mut connection = cluster.connect().await;
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'",
        )
        .bind(schema)
        .fetch_one(&mut connection)
        .await
        .unwrap()
    }
}

/// No arguments.
pub(crate) fn nothing() -> Value {
    json!({})
}
