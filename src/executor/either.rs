//! Hands each call to what carries out its kind.

use std::time::Duration;

use super::{
    DatabaseLoad, Execution, HttpExecutor, Running, ScriptExecutor, SqlExecutor, WarmLoad,
};
use crate::store::Store;
use crate::tool::{Action, Call, Catalog};

/// Carries out calls of every kind. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Executor {
    scripts: ScriptExecutor,
    requests: HttpExecutor,
    queries: SqlExecutor,
}

impl Executor {
    /// An executor that runs nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps in `store` what answers cannot hold.
    pub fn storing(store: Store) -> Self {
        Self {
            scripts: ScriptExecutor::storing(store.clone()),
            requests: HttpExecutor::storing(store.clone()),
            queries: SqlExecutor::storing(store),
        }
    }

    /// Carries a call out. `place` is dropped exactly once, when nothing of the call runs any more. Dropping the
    /// future ends the call.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(&self, call: &Call, place: impl Send + 'static) -> Execution {
        match &call.tool.action {
            Action::Script(_) => self.scripts.run(call, place).await,
            // Their futures are large, and every script would carry them.
            Action::Http(http) => Box::pin(self.requests.run(call, http, place)).await,
            Action::Sql(sql) => Box::pin(self.queries.run(call, sql, place)).await,
        }
    }

    /// Lets go of what only tools needed that `catalog` does not have any more.
    pub fn keep(&self, catalog: &Catalog) {
        self.scripts.keep(catalog);
        self.queries.keep(catalog);
    }

    /// The warm interpreters of each tool that had some.
    pub fn warm_loads(&self) -> Vec<WarmLoad> {
        self.scripts.warm_loads()
    }

    /// How many connections to databases there are.
    pub fn databases(&self) -> Vec<DatabaseLoad> {
        self.queries.databases()
    }

    /// Every call whose processes run, those that cannot be killed included.
    pub fn running(&self) -> Vec<Running> {
        self.scripts.running()
    }

    /// The calls whose processes were killed and live on.
    pub fn stuck(&self) -> Vec<Running> {
        self.scripts.stuck()
    }

    /// Takes no new calls and ends the running ones, with their tools' `kill_grace` but at most `grace`. Returns
    /// the processes that could not be ended.
    pub async fn drain(&self, grace: Option<Duration>) -> Vec<Running> {
        let (stragglers, (), ()) = tokio::join!(
            self.scripts.drain(grace),
            self.requests.drain(grace),
            self.queries.drain(grace)
        );
        stragglers
    }
}
