//! What a task is: its states, and how it can end.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::tool::SecretId;

/// Names a task: 128 random bits in hexadecimal. Whoever knows it may ask for the task, so it has to stay secret
/// among those it is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(SecretId);

impl TaskId {
    /// A fresh id; `None` where the machine's random source fails.
    pub(super) fn random() -> Option<Self> {
        SecretId::random().map(Self)
    }

    /// The id that `text` is; `None` where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        SecretId::parse(text).map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Where a task is in its life. A task begins as `Working`; every other state is its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits for its turn, or runs.
    Working,
    /// There is a result, also where that says that the tool failed.
    Completed,
    /// There is no result, and never will be.
    Failed,
    /// Its client called it off.
    Cancelled,
}

impl Status {
    /// The status as it is written down.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [
            Self::Working,
            Self::Completed,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.word() == word)
    }

    /// Whether it is the last one.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Working)
    }
}

/// Why a task has no result: an error as JSON-RPC has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Its code.
    pub code: i32,
    /// What happened.
    pub message: String,
    /// More about it.
    pub data: Option<Value>,
}

impl Fault {
    /// The error as an object.
    pub fn to_object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("code".to_owned(), json!(self.code));
        object.insert("message".to_owned(), json!(self.message));
        if let Some(data) = &self.data {
            object.insert("data".to_owned(), data.clone());
        }
        object
    }
}

/// How a task ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With a result.
    Completed(Map<String, Value>),
    /// Without one.
    Failed(Fault),
    /// Called off; with what there was until then, as a result.
    Cancelled(Map<String, Value>),
}

impl Ending {
    /// The status it leads to.
    pub const fn status(&self) -> Status {
        match self {
            Self::Completed(_) => Status::Completed,
            Self::Failed(_) => Status::Failed,
            Self::Cancelled(_) => Status::Cancelled,
        }
    }

    /// What is kept of it.
    pub(super) fn payload(&self) -> String {
        let object = match self {
            Self::Completed(result) | Self::Cancelled(result) => result.clone(),
            Self::Failed(fault) => fault.to_object(),
        };
        Value::Object(object).to_string()
    }
}

/// A task as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The tool it calls.
    pub tool: String,
    /// Where it is in its life.
    pub status: Status,
    /// How far it is, or why it ended as it did, in words.
    pub message: Option<String>,
    /// When it was created.
    pub created: SystemTime,
    /// When its status or message last changed.
    pub updated: SystemTime,
    /// How long it is kept for certain, from its creation. Grows while the task works: a result stays for its whole
    /// time, however long it took.
    pub ttl: Duration,
    /// How often it is worth asking.
    pub poll: Duration,
    /// The result, or the error; what there was until then of a task that was called off.
    pub payload: Option<Map<String, Value>>,
}
