//! What the server says against a statement.

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::executor::sql::pool::reason;
use crate::executor::sql::trouble::{Refusal, Trouble};

/// From an error to what is said of it; `place` finds line and column of a character of what was sent.
pub(super) fn trouble(
    error: &sqlx::Error,
    place: &dyn Fn(usize) -> Option<(usize, usize)>,
) -> Trouble {
    let sqlx::Error::Database(database) = error else {
        return Trouble::Lost(reason(error));
    };
    let Some(said) = database.try_downcast_ref::<PgDatabaseError>() else {
        return Trouble::Lost(reason(error));
    };
    let code = said.code();
    let position = match said.position() {
        Some(PgErrorPosition::Original(position)) => place(position),
        _ => None,
    };
    if code.starts_with("57P") {
        // The server is going down, or somebody has ended the connection.
        return Trouble::Lost(said.message().to_owned());
    }
    Trouble::Refused(Box::new(Refusal {
        message: said.message().to_owned(),
        code: Some(code.to_owned()),
        detail: said.detail().map(str::to_owned),
        hint: said.hint().map(str::to_owned),
        place: position,
        // Class 40 is a transaction that lost against another (deadlocks among them), 53 a lack of resources.
        is_transient: code.starts_with("40") || code.starts_with("53"),
        remediation: remediation(code),
        is_timeout: code == "57014",
    }))
}

fn remediation(code: &str) -> Option<&'static str> {
    Some(match code {
        "25006" => "the query writes, and the tool may only read: `read_only: false` lets it write",
        "42P18" | "42P08" | "42804" | "42883" => {
            "where the database cannot tell the type of a value, write it into the query: `CAST({{name}} AS integer)`"
        }
        "22P02" | "22007" | "22008" | "22003" => {
            "call again with a value of the type the column has"
        }
        "42501" => "the user in the `url` may not do this in the database",
        _ => return None,
    })
}
