//! Requests of the protocol, answered; `call` owns the path of a call.

mod call;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
    CompleteRequestMethod, CompleteRequestParams, CompleteResult, CustomRequest, CustomResult,
    ErrorCode, GetTaskParams, GetTaskResult, Implementation, JsonObject, ListPromptsRequestMethod,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    MetaObject, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, SubscriptionFilter, TASKS_EXTENSION_ID, Tool as McpTool,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

pub(super) use self::call::answered;
use super::builtin::{self, Builtins};
use super::caller::{may_list, owner, tool_access};
use super::confirm::Asking;
use super::list_changes::ListChanges;
use super::revision::Revision;
use super::{client, convert, outputs, panics, tasks};
use crate::runner::Runner;

/// The key of `_meta` under which a result names the server (2026-07-28, "Result Metadata").
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Where a result has what is beside the point.
const META: &str = "_meta";

/// Tools in one page of `tools/list`.
const PAGE: usize = 500;

/// How much of an unknown method's name is repeated to the caller, in characters.
const LONGEST_SHOWN: usize = 64;

/// How long a list of tools may be taken as fresh, in milliseconds (2026-07-28, `ttlMs`). A saved file is served
/// within half a second, and subscribers are told; five seconds bound how far behind the others are, and still
/// spare a client that lists the tools before each step of a model most of its requests. The scope is private:
/// what a list shows may depend on who asks.
const FRESH_MS: u64 = 5000;

/// Answers the requests of one connection, or of all that make no connection of their own.
pub struct Handler {
    runner: Arc<Runner>,
    builtins: Builtins,
    list_changes: ListChanges,
    asking: Asking,
    /// Whether the client has said that it is ready. Who says so again and again is told once all the same.
    is_ready: AtomicBool,
}

impl Handler {
    /// A handler that runs its calls on `runner`, and tells its clients when the tools change. Needs a runtime
    /// of tokio around it.
    pub fn new(runner: Arc<Runner>) -> Self {
        Self {
            list_changes: ListChanges::of(&runner),
            is_ready: AtomicBool::new(false),
            builtins: Builtins::new(),
            asking: Asking::new(),
            runner,
        }
    }

    /// The same for one more connection. Cheap.
    #[must_use]
    pub fn for_connection(&self) -> Self {
        Self {
            runner: Arc::clone(&self.runner),
            builtins: self.builtins.clone(),
            list_changes: self.list_changes.clone(),
            asking: self.asking.for_connection(),
            is_ready: AtomicBool::new(false),
        }
    }

    fn implementation(&self) -> Implementation {
        let catalog = self.runner.catalog();
        let version = catalog
            .version
            .clone()
            .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
        Implementation::new(catalog.name.clone(), version)
    }

    /// The `_meta` that says who answers (2026-07-28, "Server Info").
    fn signed(&self, meta: Option<MetaObject>) -> MetaObject {
        let mut meta = meta.unwrap_or_default();
        let implementation = serde_json::json!(self.implementation());
        meta.insert(SERVER_INFO.to_owned(), implementation);
        meta
    }

    fn complete_result(&self, mut result: CallToolResult) -> CallToolResponse {
        result.meta = Some(self.signed(result.meta.take()));
        result.into()
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_tool_list_changed()
            .build();
        if self.runner.tasks().is_open() {
            let extensions = capabilities.extensions.get_or_insert_default();
            extensions.insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
        }
        let mut info = ServerConfig::new(capabilities).with_server_info(self.implementation());
        info.instructions
            .clone_from(&self.runner.catalog().description);
        info
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let catalog = self.runner.catalog();
        let revision = Revision::of(context.protocol_version());
        let access = tool_access(&context);
        let visible: Vec<_> = catalog.visible_to(&access).collect();
        let offset = offset(request.and_then(|request| request.cursor), visible.len())?;
        let mut tools: Vec<_> = visible
            .iter()
            .skip(offset)
            .take(PAGE)
            .map(|tool| convert::tool(tool, catalog.describe_limits, &revision))
            .collect();
        let next = offset + PAGE;
        let is_last = next >= visible.len();
        if is_last {
            tools.extend(builtin::served(&catalog).map(|tool| builtin::shown(tool, &revision)));
        }
        let mut page = ListToolsResult::with_all_items(tools);
        page.next_cursor = (!is_last).then(|| next.to_string());
        page.meta = Some(self.signed(None));
        if revision.is_stateless() {
            page = page
                .with_ttl_ms(FRESH_MS)
                .with_cache_scope(CacheScope::Private);
        }
        Ok(page)
    }

    /// Of what can be subscribed to, the list of tools is all that changes here.
    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        Box::pin(self.list_changes.listen(&subscription, &self.runner)).await
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // Only the handshake of the sessions' era leaves a client known to its connection; a later one
        // subscribes instead.
        let is_known = context.peer.peer_info().is_some();
        if is_known && !self.is_ready.swap(true, Ordering::Relaxed) {
            self.list_changes.add(context.peer);
        }
    }

    /// What the SDK compares the headers of a call with; built-in tools have no such parameters.
    fn get_tool(&self, name: &str) -> Option<McpTool> {
        let catalog = self.runner.catalog();
        let tool = catalog.get(name);
        tool.filter(|_| client::may_be_told_of(name))
            .map(|tool| convert::tool_of_headers(tool))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // The SDK moves the future of a request from place to place before it runs: a large one is better boxed.
        panics::answered(Box::pin(self.call(request, &context))).await
    }

    // The SDK answers these with empty lists although nothing of the kind is served, which the conformance
    // suite refuses: a server without a capability does not know its methods.

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let mut page = if may_list(&context) {
            outputs::list(self.runner.store(), &owner(&context), cursor.as_deref())?
        } else {
            ListResourcesResult::default()
        };
        page.cache_scope = whose(&context);
        page.meta = Some(self.signed(None));
        Ok(page)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut page = outputs::templates();
        page.meta = Some(self.signed(None));
        Ok(page)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = outputs::read(self.runner.store(), owner(&context), request.uri);
        let mut result = Box::pin(read).await?;
        result.cache_scope = whose(&context);
        result.meta = Some(self.signed(result.meta.take()));
        Ok(result.into())
    }

    // The SDK asks for the capability before these are called.

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let owner = owner(&context);
        let getting = tasks::get(self.runner.tasks(), &request.task_id, &owner);
        let mut result = panics::answered(Box::pin(getting)).await?;
        result.meta = Some(self.signed(result.meta.take()));
        Ok(result)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let owner = owner(&context);
        let updating = tasks::update(self.runner.tasks(), &request.task_id, &owner);
        panics::answered(Box::pin(updating)).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let owner = owner(&context);
        let cancelling = tasks::cancel(self.runner.tasks(), &request.task_id, &owner);
        panics::answered(Box::pin(cancelling)).await
    }

    /// Where the SDK sends every request it could not read: an unknown method, and a known one whose
    /// parameters are malformed. JSON-RPC 2.0 tells the two apart.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let revision = Revision::of(context.protocol_version());
        if let Some(asked) = tasks::asked(&request).filter(|_| revision.is_stateless()) {
            let owner = owner(&context);
            let listening =
                tasks::listen(&asked, &self.runner, &self.list_changes, owner, &context);
            let mut result = panics::answered(Box::pin(listening)).await?;
            result.0[META][SERVER_INFO] = serde_json::json!(self.implementation());
            return Ok(result);
        }
        let of_its_era = if revision.is_stateless() {
            STATELESS_METHODS.as_slice()
        } else {
            SESSION_METHODS.as_slice()
        };
        let mut known = KNOWN_METHODS.iter().chain(of_its_era);
        if known.any(|known| *known == request.method) {
            let message = format!("the parameters of `{}` are malformed", request.method);
            return Err(ErrorData::invalid_params(message, None));
        }
        let shown: String = request.method.chars().take(LONGEST_SHOWN).collect();
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, shown, None))
    }
}

/// Methods served in every revision; malformed parameters of these are an error of the parameters, not of the
/// method.
const KNOWN_METHODS: [&str; 5] = [
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "tools/call",
    "tools/list",
];

/// Those that 2026-07-28 has besides.
const STATELESS_METHODS: [&str; 5] = [
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
];

/// Those that only the revisions before it have.
const SESSION_METHODS: [&str; 2] = ["initialize", "ping"];

/// The place in a list of `length` tools that a cursor of ours stands for.
fn offset(cursor: Option<String>, length: usize) -> Result<usize, ErrorData> {
    let Some(cursor) = cursor else { return Ok(0) };
    cursor
        .parse()
        .ok()
        .filter(|offset| *offset < length)
        .ok_or_else(|| ErrorData::invalid_params("`cursor` is not one this server gave out", None))
}

/// Whose cache may keep what is told of outputs: the client's own. Revisions with sessions know no such hint.
fn whose(context: &RequestContext<RoleServer>) -> Option<CacheScope> {
    let revision = Revision::of(context.protocol_version());
    revision.is_stateless().then_some(CacheScope::Private)
}
