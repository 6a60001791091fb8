//! A runner with tools that speak to a [`Service`].

use std::path::Path;
use std::sync::Arc;

use runner::config::{Env, LoadError, LoadOptions, Loaded, load_text};
use runner::runner::Runner;
use runner::tool::{CallContext, Failure, FailureCode, Outcome, Output};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::service::Service;
use crate::support::calls::call_as;

/// What `${TOKEN}` stands for: it must appear in no message.
pub(crate) const TOKEN: &str = "hunter2-token";

pub(crate) struct World {
    pub(crate) runner: Arc<Runner>,
    pub(crate) service: Service,
}

/// Loads tools; `SERVICE` in the text is the address of the service.
pub(crate) fn load(text: &str, service: &str) -> Result<Loaded, LoadError> {
    let options = LoadOptions {
        env: Env::from_pairs([
            ("TOKEN", TOKEN),
            ("BASE", &format!("http://{service}")),
            ("BRACES", "{{v}}${TOKEN}"),
        ]),
        ..LoadOptions::default()
    };
    let text = text.replace("SERVICE", service);
    load_text(Path::new("gantz.yaml"), text, Path::new("/"), &options)
}

impl World {
    pub(crate) async fn new(tools: &str) -> Self {
        let service = Service::start().await;
        let loaded = load(tools, &service.address.to_string())
            .unwrap_or_else(|error| panic!("{}", error.render(false)));
        Self {
            runner: Arc::new(Runner::new(loaded.catalog)),
            service,
        }
    }

    /// A world with one tool `t` that takes any text under the names in `takes`.
    pub(crate) async fn one(takes: &[&str], rest: &str) -> Self {
        Self::new(&one(takes, rest)).await
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

    pub(crate) async fn call(&self, arguments: Value) -> Output {
        self.outcome(arguments).await.result.unwrap()
    }

    /// The failure of a call, which holds no secret.
    pub(crate) async fn failure(&self, arguments: Value) -> Failure {
        let outcome = self.outcome(arguments).await;
        let failure = outcome.result.unwrap_err();
        let whole = failure.envelope().to_string();
        assert!(!whole.contains(TOKEN), "{whole}");
        failure
    }

    /// The code of a call's failure.
    pub(crate) async fn code(&self, arguments: Value) -> FailureCode {
        self.failure(arguments).await.code
    }

    pub(crate) async fn nothing(&self) -> Output {
        self.call(Value::Object(Map::new())).await
    }
}

/// The text of a file with one tool `t`.
pub(crate) fn one(takes: &[&str], rest: &str) -> String {
    let parameters: Vec<String> = takes
        .iter()
        .map(|name| format!("{{ name: {name} }}"))
        .collect();
    format!(
        "tools:\n  - name: t\n    description: T\n    parameters: [{}]\n    {rest}\n",
        parameters.join(", ")
    )
}
