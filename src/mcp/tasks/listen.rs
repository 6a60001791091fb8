//! `subscriptions/listen` for tasks (SEP-2663, "Task Status Notifications").
//!
//! The SDK's filter of notifications does not know `taskIds`, and drops them. A request that names some is therefore
//! [`marked`] before the SDK reads it, so that it comes to us whole, and answered here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, CustomNotification, CustomRequest, CustomResult, GetMeta,
    ServerNotification, TaskStatusNotification, TaskStatusNotificationParams,
    ToolListChangedNotification,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::wire;
use crate::mcp::list_changes::ListChanges;
use crate::runner::Runner;
use crate::tasks::{Status, Task, TaskId};
use crate::tool::Owner;

/// The method.
const LISTEN: &str = "subscriptions/listen";

/// Where the notifications stand that the client asks for, in a request that is marked.
const MARK: &str = "runner/notifications";

/// The key of `_meta` that names the subscription of a message (2026-07-28, "Subscriptions").
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Tasks of one subscription.
const MOST: usize = 100;

/// The shortest time between two looks at what has changed.
const INTERVAL: Duration = Duration::from_millis(100);

/// How often tasks are looked at that nobody said have changed: those of another runner of the same file.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The request in `bytes`, so that the SDK hands it on as one it does not know if it asks for news of tasks. Any other
/// message stays as it is.
pub(in crate::mcp) fn marked(bytes: &[u8]) -> Cow<'_, [u8]> {
    let has = |word: &str| {
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    if !has("taskIds") || !has(LISTEN) {
        return Cow::Borrowed(bytes);
    }
    let Ok(mut message) = serde_json::from_slice::<Value>(bytes) else {
        return Cow::Borrowed(bytes);
    };
    let is_listen = message.get("method").and_then(Value::as_str) == Some(LISTEN);
    let asked = message.pointer_mut("/params/notifications");
    match asked.filter(|asked| is_listen && asked.get("taskIds").is_some()) {
        Some(asked) => {
            // No filter has a map where one says yes or no.
            *asked = json!({"toolsListChanged": {}, MARK: asked.take()});
            Cow::Owned(message.to_string().into_bytes())
        }
        None => Cow::Borrowed(bytes),
    }
}

/// The notifications that a marked request asks for; `None` for any other request.
pub(in crate::mcp) fn asked(request: &CustomRequest) -> Option<Value> {
    if request.method != LISTEN {
        return None;
    }
    let notifications = request.params.as_ref()?.get("notifications")?;
    notifications.get(MARK).cloned()
}

/// Tells a subscriber what it asked for, until it leaves or the server stops.
///
/// # Errors
/// When the client does not know tasks, asks for too many, or there are too many subscribers.
pub(in crate::mcp) async fn listen(
    asked: &Value,
    runner: &Runner,
    lists: &ListChanges,
    owner: Owner,
    context: &RequestContext<RoleServer>,
) -> Result<CustomResult, ErrorData> {
    let knows_tasks = context
        .client_capabilities()
        .is_some_and(|capabilities| capabilities.supports_tasks());
    if !knows_tasks {
        let tasks = ClientCapabilities::builder().enable_tasks().build();
        return Err(ErrorData::missing_required_client_capability(tasks));
    }
    let wanted = ids(asked)?;
    let _place = lists.place()?;
    let mut changes = runner.tasks().changes();
    let mut subscription = Subscription {
        runner,
        owner,
        context,
        told: HashMap::new(),
    };
    let tasks = subscription.known(&wanted).await;
    let wants_tools = asked.get("toolsListChanged") == Some(&Value::Bool(true));
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id.clone()).collect();
    subscription.acknowledge(&ids, wants_tools).await?;
    for task in tasks {
        subscription.tell(task).await?;
    }
    let mut lists = lists.lists();
    let mut looks = interval(LOOK_AGAIN);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let change = async {
            match &mut changes {
                Some(changes) => changes.recv().await,
                None => std::future::pending().await,
            }
        };
        let is_any = tokio::select! {
            () = context.ct.cancelled() => break,
            () = runner.stopping() => break,
            list = lists.changed(), if wants_tools => {
                if list.is_err() {
                    break;
                }
                let notice = ToolListChangedNotification::default();
                subscription.send(ServerNotification::ToolListChangedNotification(notice)).await?;
                false
            }
            change = change => match change {
                Ok(id) => ids.contains(&id),
                Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => break,
            },
            _ = looks.tick() => true,
        };
        if is_any {
            subscription.look(&ids).await?;
            tokio::select! {
                () = context.ct.cancelled() => break,
                () = sleep(INTERVAL) => {}
            }
        }
    }
    Ok(CustomResult::new(json!({
        "resultType": "complete",
        "_meta": subscription.meta(),
    })))
}

fn ids(asked: &Value) -> Result<Vec<String>, ErrorData> {
    let malformed = || ErrorData::invalid_params("`taskIds` must be a list of texts", None);
    let listed = asked.get("taskIds").and_then(Value::as_array);
    let listed = listed.ok_or_else(malformed)?;
    if listed.len() > MOST {
        let message = format!("a subscription has at most {MOST} tasks");
        return Err(ErrorData::invalid_params(message, None));
    }
    let text = |id: &Value| id.as_str().map(str::to_owned).ok_or_else(malformed);
    listed.iter().map(text).collect()
}

/// One subscriber.
struct Subscription<'a> {
    runner: &'a Runner,
    owner: Owner,
    context: &'a RequestContext<RoleServer>,
    /// What was last told of each task.
    told: HashMap<TaskId, (Status, Option<String>)>,
}

impl Subscription<'_> {
    /// Those of the tasks that are the subscriber's own.
    async fn known(&self, ids: &[String]) -> Vec<Task> {
        let mut known: Vec<Task> = Vec::new();
        for id in ids {
            if let Ok(task) = self.runner.tasks().get(id, &self.owner).await
                && !known.iter().any(|earlier| earlier.id == task.id)
            {
                known.push(task);
            }
        }
        known
    }

    async fn acknowledge(&self, ids: &[TaskId], wants_tools: bool) -> Result<(), ErrorData> {
        let ids: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
        let mut notifications = json!({ "taskIds": ids });
        if wants_tools {
            notifications["toolsListChanged"] = true.into();
        }
        let acknowledged = CustomNotification::new(
            "notifications/subscriptions/acknowledged",
            Some(json!({"notifications": notifications, "_meta": self.meta()})),
        );
        self.sent(ServerNotification::CustomNotification(acknowledged))
            .await
    }

    /// Tells of the tasks that are not as they were told last.
    async fn look(&mut self, ids: &[TaskId]) -> Result<(), ErrorData> {
        for id in ids {
            let is_over = self
                .told
                .get(id)
                .is_some_and(|(status, _)| status.is_final());
            if is_over {
                continue;
            }
            let found = self.runner.tasks().get(id.as_str(), &self.owner).await;
            if let Ok(task) = found {
                self.tell(task).await?;
            }
        }
        Ok(())
    }

    async fn tell(&mut self, task: Task) -> Result<(), ErrorData> {
        let now = (task.status, task.message.clone());
        if self.told.get(&task.id) == Some(&now) {
            return Ok(());
        }
        self.told.insert(task.id.clone(), now);
        let params = TaskStatusNotificationParams::new(wire::detailed(task));
        let notice = TaskStatusNotification::new(params);
        self.send(ServerNotification::TaskStatusNotification(notice))
            .await
    }

    async fn send(&self, mut notification: ServerNotification) -> Result<(), ErrorData> {
        let id = self.context.id.clone();
        notification.get_meta_mut().set_subscription_id(id);
        self.sent(notification).await
    }

    async fn sent(&self, notification: ServerNotification) -> Result<(), ErrorData> {
        let sending = self.context.peer.send_notification(notification);
        sending.await.map_err(|error| {
            ErrorData::internal_error(format!("the subscriber cannot be told: {error}"), None)
        })
    }

    fn meta(&self) -> Value {
        let mut meta = Map::new();
        let id = self.context.id.clone().into_json_value();
        meta.insert(SUBSCRIPTION.to_owned(), id);
        Value::Object(meta)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ClientJsonRpcMessage, ClientRequest};

    use super::*;

    fn message(notifications: &Value) -> Vec<u8> {
        json!({"jsonrpc": "2.0", "id": 1, "method": LISTEN, "params": {"notifications": notifications}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn a_marked_request_comes_to_us_whole() {
        let notifications = json!({"taskIds": ["a"], "toolsListChanged": true});
        let bytes = message(&notifications);
        let read: ClientJsonRpcMessage = serde_json::from_slice(&marked(&bytes)).unwrap();
        let ClientJsonRpcMessage::Request(request) = read else {
            panic!("{read:?}")
        };
        let ClientRequest::CustomRequest(request) = request.request else {
            panic!("the SDK knows it")
        };
        assert_eq!(asked(&request), Some(notifications));
    }

    #[test]
    fn any_other_message_stays_as_it_is() {
        for bytes in [
            message(&json!({"toolsListChanged": true})),
            b"{\"method\": \"tools/call\", \"taskIds\": \"subscriptions/listen\"}".to_vec(),
            b"taskIds subscriptions/listen".to_vec(),
        ] {
            assert_eq!(marked(&bytes), bytes.as_slice());
        }
    }

    #[test]
    fn the_tasks_of_a_subscription_are_bounded_texts() {
        let many = vec!["x"; MOST + 1];
        assert!(ids(&json!({"taskIds": many[..MOST]})).is_ok());
        for wrong in [
            json!({"taskIds": many}),
            json!({"taskIds": [7]}),
            json!({"taskIds": "x"}),
        ] {
            assert!(ids(&wrong).is_err());
        }
    }
}
