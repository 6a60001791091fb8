//! A query of a database: which, where, and how much of its answer is given back.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::Secrets;
use super::template::{Dialect, SqlTemplate};

/// A query to run.
#[derive(Debug, PartialEq)]
pub struct Sql {
    /// Where it runs.
    pub database: Arc<Database>,
    /// What runs.
    pub queries: SqlQueries,
    /// Rows given back at most, of each query.
    pub max_rows: NonZeroU32,
    /// Whether the database lets it only read.
    pub read_only: bool,
}

/// One query, or several side by side.
#[derive(Debug, PartialEq)]
pub enum SqlQueries {
    /// The answer is a list of its rows.
    One(SqlTemplate),
    /// The answer is an object of lists, by the names of the queries.
    Several(IndexMap<String, SqlQuery>),
}

/// One of several queries.
#[derive(Debug, PartialEq)]
pub struct SqlQuery {
    /// Its statement.
    pub template: SqlTemplate,
    /// The column by whose values its rows are put together with those of the other queries. Either all have one, or
    /// none.
    pub group_by: Option<String>,
}

/// A database and the connections to it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Database {
    /// Its name in the file.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// How its connections are kept.
    pub pool: PoolRules,
    /// Whether a tool may write to it.
    pub is_written: bool,
    /// What no message may show.
    pub secrets: Secrets,
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// A file, or memory where there is none.
    Sqlite {
        /// The file's absolute path.
        path: Option<PathBuf>,
        /// Whether a file that is not there is made.
        create: bool,
        /// Whether the file is opened for reading only.
        read_only: bool,
    },
    /// A server.
    Postgres(ConnectionUrl),
}

/// The address of a database, which may hold a password: it is shown nowhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConnectionUrl(String);

/// How connections are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolRules {
    /// Connections kept open, once there were as many.
    pub min_size: u32,
    /// Connections at most.
    pub max_size: NonZeroU32,
    /// How long one that is not used is kept.
    pub max_idle_time: Duration,
    /// One that was not used for so long is tried before it is used again.
    pub health_check_interval: Duration,
}

impl Default for PoolRules {
    /// Up to 10 connections, none when idle for 5 minutes, tried after 30 seconds.
    fn default() -> Self {
        Self {
            min_size: 0,
            max_size: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            max_idle_time: Duration::from_mins(5),
            health_check_interval: Duration::from_secs(30),
        }
    }
}

impl ConnectionUrl {
    /// Keeps an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address with its password, for whoever connects.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionUrl(..)")
    }
}

impl Database {
    /// How it reads SQL.
    pub const fn dialect(&self) -> Dialect {
        self.location.dialect()
    }

    /// What kind of database it is, for people.
    pub const fn kind(&self) -> &'static str {
        match self.location {
            Location::Sqlite { .. } => "SQLite",
            Location::Postgres(_) => "PostgreSQL",
        }
    }
}

impl Location {
    /// How the database there reads SQL.
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl SqlQueries {
    /// Every statement, with its name where there are several.
    pub fn statements(&self) -> Box<dyn Iterator<Item = (Option<&str>, &SqlTemplate)> + Send + '_> {
        match self {
            Self::One(template) => Box::new(std::iter::once((None, template))),
            Self::Several(queries) => Box::new(
                queries
                    .iter()
                    .map(|(name, query)| (Some(name.as_str()), &query.template)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_no_debug_output() {
        let database = Database {
            name: "app".to_owned(),
            location: Location::Postgres(ConnectionUrl::new("postgres://u:hunter2@h/d")),
            pool: PoolRules::default(),
            is_written: false,
            secrets: Secrets::default(),
        };
        assert!(!format!("{database:?}").contains("hunter2"));
    }
}
