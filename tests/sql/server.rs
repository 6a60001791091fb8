//! A PostgreSQL of the tests' own: a folder, a port and a password of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use crate::support::skipped;

/// The password, which must appear in no message. A URL has to spell its last character in another way.
pub(crate) const PASSWORD: &str = "hunter2-secret/";

const PASSWORD_IN_URL: &str = "hunter2-secret%2F";

const START_WITHIN: Duration = Duration::from_mins(1);

/// A server and its data. A shell looks after it: when the pipe to the shell closes, as it does however the tests end,
/// the server is stopped and the folder removed.
pub(crate) struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    pub(crate) port: u16,
    keeper: Option<Child>,
}

/// Stops the server when told so or left alone; removes the folder only in the second case.
const KEEPER: &str = r#"
"$@" >>"$FOLDER/log" 2>&1 &
server=$!
read -r word
kill -INT $server
wait $server
[ "$word" = stop ] || rm -rf "$FOLDER"
"#;

/// The server all tests share; `None` where there is no PostgreSQL, which is said.
pub(crate) async fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let cluster = tokio::task::spawn_blocking(|| {
        SHARED.get_or_init(|| {
            let mut cluster = Cluster::new()?;
            cluster.start();
            Some(cluster)
        })
    });
    let cluster = cluster.await.unwrap().as_ref();
    if cluster.is_none() {
        skipped("there is no PostgreSQL to start here");
    }
    cluster
}

impl Cluster {
    /// Makes the data of a server that does not run yet.
    pub(crate) fn new() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new()
            .prefix("runner-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        std::fs::write(folder.join("password"), PASSWORD).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        if is_root() {
            let owned = Command::new("chown")
                .arg("-R")
                .arg("postgres")
                .arg(&folder)
                .status();
            if !owned.is_ok_and(|status| status.success()) {
                return None;
            }
        }
        let made = command(&programs.join("initdb"))
            .args(["--auth=scram-sha-256", "--username=tester", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C"])
            .arg("--pwfile")
            .arg(folder.join("password"))
            .arg("--pgdata")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        Some(Self {
            folder,
            programs,
            port,
            keeper: None,
        })
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&mut self) {
        let server = command(&self.programs.join("postgres"));
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=90"])
            .env("FOLDER", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.keeper = Some(keeper.spawn().unwrap());
        let until = Instant::now() + START_WITHIN;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it; its data stays.
    pub(crate) fn stop(&mut self) {
        use std::io::Write as _;
        let mut keeper = self.keeper.take().unwrap();
        keeper.stdin.take().unwrap().write_all(b"stop\n").unwrap();
        keeper.wait().unwrap();
    }

    /// An address of it. Connections call themselves `name` and use the schema of that name.
    pub(crate) fn url(&self, name: &str) -> String {
        format!(
            "postgres://tester:{PASSWORD_IN_URL}@127.0.0.1:{}/postgres?sslmode=disable&application_name={name}&options[search_path]={name},public",
            self.port
        )
    }

    /// A connection of the test's own.
    pub(crate) async fn connect(&self) -> PgConnection {
        let url = self.url("witness");
        let until = Instant::now() + START_WITHIN;
        loop {
            match PgConnection::connect(&url).await {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A schema with these tables; its name.
    pub(crate) async fn schema(&self, tables: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = self.connect().await;
        let text = format!("CREATE SCHEMA {name}; SET search_path = {name}, public; {tables}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(text))
            .execute(&mut connection)
            .await
            .unwrap();
        name
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Without a word, so that the folder goes, too.
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            drop(keeper.wait());
        } else {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A program of PostgreSQL, which refuses to run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

/// The folder with the newest server there is.
fn programs() -> Option<PathBuf> {
    let has_server =
        |folder: &PathBuf| folder.join("postgres").exists() && folder.join("initdb").exists();
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| has_server(folder))
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, folder)| folder);
    newest.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(has_server)
    })
}
