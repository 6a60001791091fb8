//! The least server that the same SDK makes: ten tools that do nothing, over HTTP. This program itself serves it, when it
//! is started with the word for it.

use std::sync::Arc;

use axum::Router;
use rmcp::model::{
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::subject::Recipe;

/// Starts the server, with a port behind it.
const WORD: &str = "--minimal-server";

/// How it is started.
pub(crate) fn recipe() -> Recipe {
    let program = std::env::current_exe().expect("its own name");
    Recipe {
        name: "the least server of the SDK",
        program: program.display().to_string(),
        on_port: vec![WORD.to_owned(), "PORT".to_owned()],
        on_stdio: Vec::new(),
    }
}

/// Serves, where this process was started to.
pub(crate) fn serve_if_asked() {
    let mut words = std::env::args().skip_while(|word| word != WORD).skip(1);
    let Some(port) = words.next().and_then(|port| port.parse::<u16>().ok()) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let service = StreamableHttpService::new(
            || Ok(Minimal),
            Arc::new(LocalSessionManager::default()),
            StreamableHttpServerConfig::default().with_json_response(true),
        );
        let router = Router::new().route_service("/mcp", service);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
        axum::serve(listener.expect("a port"), router)
            .await
            .expect("it serves");
    });
    std::process::exit(0);
}

struct Minimal;

impl ServerHandler for Minimal {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = (0..10).map(|number| {
            let mut schema = JsonObject::new();
            schema.insert("type".to_owned(), "object".into());
            Tool::new(format!("tool_{number}"), "Does nothing", Arc::new(schema))
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }
}
