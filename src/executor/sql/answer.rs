//! From what the queries gave to a result.

use std::time::Duration;

use tokio::task::spawn_blocking;

use super::Done;
use crate::executor::output::interpret;
use crate::executor::script::READ_IN_PLACE;
use crate::executor::verdict::near_timeout;
use crate::tool::{Call, Failure, Output};

/// The result, and what deserves a look.
pub(super) async fn judge(
    call: &Call,
    done: Done,
    ran: Duration,
    timeout: Duration,
) -> (Result<Output, Failure>, Vec<String>) {
    let Done {
        recorded,
        mut warnings,
    } = done;
    warnings.extend(near_timeout(call, ran, timeout));
    let interpreted = if recorded.captured.total <= READ_IN_PLACE {
        interpret(&recorded.captured, &recorded.kept, None, &call.tool.output)
    } else {
        let tool = call.tool.clone();
        let read = spawn_blocking(move || {
            interpret(&recorded.captured, &recorded.kept, None, &tool.output)
        });
        match read.await {
            Ok(read) => read,
            Err(_) => return (Err(super::blame("reading the rows failed")), warnings),
        }
    };
    warnings.extend(interpreted.warnings.iter().map(|warning| of_rows(warning)));
    let result = interpreted.result.map_err(|mut failure| {
        failure.message = of_rows(&failure.message);
        if let Some(rows) = failure.data.shift_remove("stdout") {
            failure = failure.with("rows", rows);
        }
        failure
    });
    (result, warnings)
}

/// What is said of a script's output, said of rows.
fn of_rows(text: &str) -> String {
    match text.strip_prefix("printed ") {
        Some(rest) => format!("gave {rest}"),
        None => text.to_owned(),
    }
}
