//! The least server that the same SDK makes: one tool that spawns `/bin/echo`, and nine that answer at once. No limits,
//! no queue, no timeout, nothing watched: what it costs, everything on this SDK costs. This program itself serves it,
//! when it is started with the word for it.

use std::sync::Arc;

use axum::Router;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use tokio::process::Command;

use super::subject::Recipe;

/// Starts the server, with a port behind it, or what stands for standard input and output.
const WORD: &str = "--minimal-server";
const ON_STDIO: &str = "stdio";

/// How it is started.
pub(crate) fn recipe() -> Recipe {
    let program = std::env::current_exe().expect("its own name");
    Recipe {
        name: "the least server of the SDK",
        program: program.display().to_string(),
        on_port: vec![WORD.to_owned(), "PORT".to_owned()],
        on_stdio: vec![WORD.to_owned(), ON_STDIO.to_owned()],
    }
}

/// Serves, where this process was started to.
pub(crate) fn serve_if_asked() {
    let mut words = std::env::args().skip_while(|word| word != WORD).skip(1);
    let Some(place) = words.next() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    if place == ON_STDIO {
        runtime.block_on(on_stdio());
    } else {
        runtime.block_on(on_port(place.parse().expect("a port")));
    }
    std::process::exit(0);
}

async fn on_stdio() {
    let service = Minimal.serve(stdio()).await.expect("it begins");
    service.waiting().await.expect("it serves");
}

async fn on_port(port: u16) {
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
        let names = (1..10).map(|number| format!("nothing_{number}"));
        let tools = names.chain(["echo".to_owned()]).map(|name| {
            let mut schema = JsonObject::new();
            schema.insert("type".to_owned(), "object".into());
            Tool::new(name, "Says hi", Arc::new(schema))
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = if request.name == "echo" {
            #[expect(clippy::disallowed_methods, reason = "the least that spawns")]
            let output = Command::new("/bin/echo").arg("hi").output().await;
            String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned()
        } else {
            "hi".to_owned()
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}
