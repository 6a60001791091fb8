//! Tasks as rows: each statement, and nothing that decides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row};

use super::task::{Ending, Status, Task, TaskId};
use crate::tool::{Owner, Printed};

type Result<T> = std::result::Result<T, Error>;

/// A task that is about to be written down.
pub(super) struct NewRow<'a> {
    pub(super) task: &'a Task,
    pub(super) owner: &'a Owner,
    pub(super) call: &'a str,
    pub(super) instance: &'a str,
}

/// A task as it is written down.
pub(super) struct Found {
    /// While it works, its `ttl` is how long it is kept after its end.
    pub(super) task: Task,
    pub(super) instance: String,
    pub(super) call: String,
    pub(super) printed: Printed,
}

/// The output of a task that its result could not hold.
pub(super) struct KeptOutput {
    /// The handle.
    pub(super) id: String,
    /// Whose it is; `None` where the handle alone opens it.
    pub(super) owner: Option<String>,
    /// The name of its file.
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) tool: String,
}

pub(super) async fn insert(to: &mut SqliteConnection, new: &NewRow<'_>) -> Result<()> {
    let task = new.task;
    sqlx::query(
        "INSERT INTO tasks (id, owner, tool, call, instance, status, created_ms, updated_ms, ttl_ms, poll_ms)
         VALUES (?, ?, ?, ?, ?, 'working', ?, ?, ?, ?)",
    )
    .bind(task.id.as_str())
    .bind(name(new.owner))
    .bind(&task.tool)
    .bind(new.call)
    .bind(new.instance)
    .bind(millis(task.created))
    .bind(millis(task.updated))
    .bind(whole(task.ttl))
    .bind(whole(task.poll))
    .execute(to)
    .await?;
    Ok(())
}

/// The task of that id, for its owner.
pub(super) async fn find(
    from: &mut SqliteConnection,
    id: &TaskId,
    owner: &Owner,
) -> Result<Option<Found>> {
    let row = sqlx::query("SELECT * FROM tasks WHERE id = ? AND owner IS ?")
        .bind(id.as_str())
        .bind(name(owner))
        .fetch_optional(from)
        .await?;
    row.map(|row| found(&row)).transpose()
}

/// The instances that have tasks which work.
pub(super) async fn instances(from: &mut SqliteConnection) -> Result<Vec<String>> {
    let rows = sqlx::query_scalar("SELECT DISTINCT instance FROM tasks WHERE status = 'working'");
    rows.fetch_all(from).await
}

/// The tasks of an instance that work.
pub(super) async fn working(from: &mut SqliteConnection, instance: &str) -> Result<Vec<Found>> {
    let rows = sqlx::query("SELECT * FROM tasks WHERE status = 'working' AND instance = ?")
        .bind(instance)
        .fetch_all(from)
        .await?;
    rows.iter().map(found).collect()
}

/// The tasks of an instance that others asked to call off.
pub(super) async fn called_off(from: &mut SqliteConnection, instance: &str) -> Result<Vec<TaskId>> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM tasks WHERE status = 'working' AND instance = ? AND cancel_requested = 1",
    )
    .bind(instance)
    .fetch_all(from)
    .await?;
    Ok(rows.iter().filter_map(|id| TaskId::parse(id)).collect())
}

pub(super) async fn ask_to_cancel(to: &mut SqliteConnection, id: &TaskId) -> Result<()> {
    sqlx::query("UPDATE tasks SET cancel_requested = 1 WHERE id = ? AND status = 'working'")
        .bind(id.as_str())
        .execute(to)
        .await?;
    Ok(())
}

/// Notes how far a task is that works.
pub(super) async fn note(
    to: &mut SqliteConnection,
    id: &TaskId,
    message: Option<&(String, SystemTime)>,
    printed: Option<&Printed>,
) -> Result<()> {
    if let Some((message, at)) = message {
        sqlx::query(
            "UPDATE tasks SET message = ?, updated_ms = ? WHERE id = ? AND status = 'working'",
        )
        .bind(message)
        .bind(millis(*at))
        .bind(id.as_str())
        .execute(&mut *to)
        .await?;
    }
    if let Some(printed) = printed {
        sqlx::query(
            "UPDATE tasks SET stdout = ?, stdout_total = ?, stderr = ? WHERE id = ? AND status = 'working'",
        )
        .bind(&printed.stdout)
        .bind(i64::try_from(printed.stdout_total).unwrap_or(i64::MAX))
        .bind(&printed.stderr)
        .bind(id.as_str())
        .execute(to)
        .await?;
    }
    Ok(())
}

/// The end of a task that works: `false` where it had ended before. `kept` is the output that goes with it.
pub(super) async fn end(
    to: &mut SqliteConnection,
    id: &TaskId,
    ending: &Ending,
    message: Option<&str>,
    kept: Option<&KeptOutput>,
    now: SystemTime,
) -> Result<bool> {
    let payload = ending.payload();
    let bytes = payload.len() as u64 + kept.map_or(0, |kept| kept.bytes);
    let done = sqlx::query(
        "UPDATE tasks SET status = ?1, message = COALESCE(?2, message), payload = ?3, bytes = ?4, output = ?5,
             output_owner = ?6, output_file = ?7, updated_ms = ?8, stdout = NULL, stderr = NULL,
             ttl_ms = ttl_ms + MAX(0, ?8 - created_ms)
         WHERE id = ?9 AND status = 'working'",
    )
    .bind(ending.status().word())
    .bind(message)
    .bind(payload)
    .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
    .bind(kept.map(|kept| kept.id.as_str()))
    .bind(kept.and_then(|kept| kept.owner.as_deref()))
    .bind(kept.map(|kept| kept.file.as_str()))
    .bind(millis(now))
    .bind(id.as_str())
    .execute(to)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the ended tasks that have been kept long enough. Returns the files that went with them.
pub(super) async fn expire(to: &mut SqliteConnection, now: SystemTime) -> Result<Vec<String>> {
    let files: Vec<Option<String>> = sqlx::query_scalar(
        "DELETE FROM tasks WHERE status <> 'working' AND created_ms + ttl_ms <= ? RETURNING output_file",
    )
    .bind(millis(now))
    .fetch_all(to)
    .await?;
    Ok(files.into_iter().flatten().collect())
}

/// How many tasks there are, and what the results of all take, in bytes.
pub(super) async fn size(from: &mut SqliteConnection) -> Result<(u64, u64)> {
    let (count, bytes): (i64, i64) =
        sqlx::query_as("SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM tasks")
            .fetch_one(from)
            .await?;
    Ok((count.unsigned_abs(), bytes.unsigned_abs()))
}

/// Removes the task that ended first, but never `except`. `None` where there is none; else the file that went with it.
pub(super) async fn remove_oldest(
    to: &mut SqliteConnection,
    except: &str,
) -> Result<Option<Option<String>>> {
    sqlx::query_scalar(
        "DELETE FROM tasks WHERE number = (
             SELECT number FROM tasks WHERE status <> 'working' AND id <> ? ORDER BY updated_ms, number LIMIT 1)
         RETURNING output_file",
    )
    .bind(except)
    .fetch_optional(to)
    .await
}

/// The outputs that ended tasks kept.
pub(super) async fn outputs(from: &mut SqliteConnection) -> Result<Vec<KeptOutput>> {
    let rows = sqlx::query(
        "SELECT output, output_owner, output_file, bytes, tool FROM tasks WHERE output_file IS NOT NULL ORDER BY number",
    )
    .fetch_all(from)
    .await?;
    let kept = |row: &SqliteRow| {
        Ok(KeptOutput {
            id: row.try_get("output")?,
            owner: row.try_get("output_owner")?,
            file: row.try_get("output_file")?,
            bytes: row.try_get::<i64, _>("bytes")?.unsigned_abs(),
            tool: row.try_get("tool")?,
        })
    };
    rows.iter().map(kept).collect()
}

fn found(row: &SqliteRow) -> Result<Found> {
    let broken = |what: &str| Error::Decode(format!("a task with a broken {what}").into());
    let id: String = row.try_get("id")?;
    let status: String = row.try_get("status")?;
    let payload: Option<String> = row.try_get("payload")?;
    let payload = payload
        .map(|text| serde_json::from_str(&text).map_err(|_| broken("payload")))
        .transpose()?;
    Ok(Found {
        task: Task {
            id: TaskId::parse(&id).ok_or_else(|| broken("id"))?,
            tool: row.try_get("tool")?,
            status: Status::parse(&status).ok_or_else(|| broken("status"))?,
            message: row.try_get("message")?,
            created: moment(row.try_get("created_ms")?),
            updated: moment(row.try_get("updated_ms")?),
            ttl: span(row.try_get("ttl_ms")?),
            poll: span(row.try_get("poll_ms")?),
            payload,
        },
        instance: row.try_get("instance")?,
        call: row.try_get("call")?,
        printed: Printed {
            stdout: row
                .try_get::<Option<Vec<u8>>, _>("stdout")?
                .unwrap_or_default(),
            stdout_total: row.try_get::<i64, _>("stdout_total")?.unsigned_abs(),
            stderr: row
                .try_get::<Option<Vec<u8>>, _>("stderr")?
                .unwrap_or_default(),
        },
    })
}

/// The client that owns a task; nobody in particular is nothing.
pub(super) fn name(owner: &Owner) -> Option<&str> {
    match owner {
        Owner::Bearer => None,
        Owner::Client(name) => Some(name),
    }
}

fn millis(moment: SystemTime) -> i64 {
    whole(moment.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn moment(millis: i64) -> SystemTime {
    UNIX_EPOCH + span(millis)
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
