//! `runner serve`: every tool of a file, live.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::configuration::{self, DEFAULT_CONFIG, ReadOptions, Unusable};
use super::exit::Exit;
use super::logging::LogFormat;
use super::state::StateOptions;
use super::terminal::Terminal;
use super::{clients, logging, reloading, runtime};
use crate::config::{Loaded, Secret};
use crate::mcp::http::endpoint_url;
use crate::reload::{Event, FileWatch, Reloader};
use crate::runner::{Journal, Runner};
use crate::server::{App, Ended, Listen, StartError, change_access};
use crate::shutdown;
use crate::tasks::Ledger;
use crate::telemetry::{Lines, Redactor, open_audit};

/// How long the last records of the audit log may take.
const LAST_RECORDS: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Serve {
    /// The file to serve
    #[arg(value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Serve one client on standard input and output instead of HTTP
    #[arg(long, conflicts_with_all = ["host", "port"])]
    stdio: bool,
    /// Address to listen on, instead of the file's
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on, instead of the file's; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Serve an address that other machines reach although the file asks for no token: whoever reaches it may
    /// call every tool
    #[arg(long, conflicts_with = "stdio")]
    insecure: bool,
    /// With --stdio: serve /metrics and /status at this port of 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", requires = "stdio")]
    metrics_port: Option<u16>,
    /// How the log on standard error is written
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// Log the arguments of calls, without what is known to be a secret
    #[arg(long)]
    log_arguments: bool,
    /// Append a line of JSON to FILE for each call
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Leave execution and limits out of the tools' descriptions
    #[arg(long)]
    no_limits_in_descriptions: bool,
    /// Do not reload the file when it changes; on Unix, SIGHUP still does
    #[arg(long)]
    no_watch: bool,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    read: ReadOptions,
}

impl Serve {
    /// Whether all that is said is to be JSON.
    pub(super) fn logs_json(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        logging::start_as("info", self.log_format);
        // Watched before it is read, so that no change falls in between.
        let watch = (!self.no_watch).then(|| FileWatch::new(self.read.files(&self.config)));
        let Some(mut loaded) = configuration::load(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        loaded.catalog.describe_limits &= !self.no_limits_in_descriptions;
        runtime::block_on(self.serve(loaded, watch, terminal))?
    }

    async fn serve(
        &self,
        loaded: Loaded,
        watch: Option<FileWatch>,
        terminal: &Terminal,
    ) -> anyhow::Result<Exit> {
        let mut signals = shutdown::Signals::listen()?;
        let reloader = self.reloader(&loaded, watch)?;
        let audit = self.audit_log()?;
        let journal = self.journal(audit.clone(), &loaded.secrets);
        let app = match App::build(loaded, &self.listen(), self.state.store()).await {
            Ok(app) => app,
            Err(error) => {
                report(&error, terminal);
                return Ok(Exit::Usage);
            }
        };
        app.runner().keep_journal(journal.clone());
        self.keep_tasks(app.runner(), terminal).await;
        self.announce(&app, terminal);
        let mut running = app.start();
        let runner = Arc::clone(running.runner());
        let access = running.access().clone();
        let asks_nobody = self.stdio && self.metrics_port.is_none();
        let kept = Arc::clone(&runner);
        let reloader = reloader.on_loaded(move |loaded| {
            if !asks_nobody {
                let auth = loaded.server.auth.as_ref();
                change_access(&access, auth).map_err(Unusable::Access)?;
            }
            kept.keep_journal(Journal {
                redactor: redactor(&loaded.secrets),
                ..journal.clone()
            });
            Ok(())
        });
        let ended = tokio::select! {
            ended = running.ended() => ended,
            () = signals.next() => Ok(Ended::Asked),
            () = self.keep_reloading(reloader, &runner, terminal) => Ok(Ended::Asked),
        };
        if let Ok(Ended::Asked) = ended {
            terminal.error("stopping: no new calls; press Ctrl-C again to end at once");
        }
        let drained = tokio::select! {
            drained = running.drain(*ended.as_ref().unwrap_or(&Ended::Asked)) => drained,
            () = signals.next() => return Ok(Exit::Failed),
        };
        for straggler in &drained.stragglers {
            terminal.error(&format!("still running when the server ended: {straggler}"));
        }
        if let Some(audit) = audit {
            finish(&audit, terminal);
        }
        ended?;
        Ok(Exit::Done)
    }

    fn audit_log(&self) -> anyhow::Result<Option<Lines>> {
        let opened = self.audit.as_deref().map(|path| {
            let opened = open_audit(path);
            opened.with_context(|| format!("could not open the audit log `{}`", path.display()))
        });
        opened.transpose()
    }

    fn journal(&self, audit: Option<Lines>, secrets: &[Secret]) -> Journal {
        Journal {
            log_arguments: self.log_arguments,
            redactor: redactor(secrets),
            audit,
        }
    }

    fn reloader(
        &self,
        first: &Loaded,
        watch: Option<FileWatch>,
    ) -> anyhow::Result<Reloader<Unusable>> {
        let (config, read) = (self.config.clone(), self.read.clone());
        let describe_limits = !self.no_limits_in_descriptions;
        let reloader = Reloader::new(first, move || {
            let mut loaded = read.read(&config)?;
            loaded.catalog.describe_limits &= describe_limits;
            Ok(loaded)
        })?;
        Ok(match watch {
            Some(watch) => reloader.watching(watch),
            None => reloader,
        })
    }

    /// Reloads the file on every occasion, until nobody is there any more to serve it for.
    async fn keep_reloading(
        &self,
        mut reloader: Reloader<Unusable>,
        runner: &Arc<Runner>,
        terminal: &Terminal,
    ) {
        loop {
            let event = reloader.next(runner).await;
            reloading::report(&event, &self.config, &self.overridden(), terminal);
            self.keep_tasks(runner, terminal).await;
            if matches!(event, Event::Abandoned) {
                return;
            }
        }
    }

    /// Opens the tasks of the file, where it has tools whose calls become tasks or there are any from before.
    async fn keep_tasks(&self, runner: &Runner, terminal: &Terminal) {
        if runner.tasks().is_open() {
            return;
        }
        let catalog = runner.catalog();
        let wanted = catalog.tools().find(|tool| tool.task.makes_tasks());
        // Runners of one file share its tasks, by whatever way it is named.
        let path = fs::canonicalize(&self.config).unwrap_or_else(|_| self.config.clone());
        let name = path.to_string_lossy();
        if wanted.is_none() && !Ledger::has_been_opened(runner.store(), &name) {
            return;
        }
        match Ledger::open(runner.store(), &name).await {
            Ok(ledger) => runner.keep_tasks(ledger),
            Err(error) => {
                terminal.error(&match wanted {
                    Some(tool) => format!(
                        "warning: no call becomes a task, though `{}` asks for it: {error}",
                        tool.name
                    ),
                    None => format!("warning: the tasks of this file cannot be read: {error}"),
                });
            }
        }
    }

    /// The keys of the file that have no effect on this server.
    fn overridden(&self) -> Vec<&'static str> {
        [
            ("server.host", self.stdio || self.host.is_some()),
            ("server.port", self.stdio || self.port.is_some()),
            ("server.allowed_origins", self.stdio),
        ]
        .into_iter()
        .filter_map(|(key, is_overridden)| is_overridden.then_some(key))
        .collect()
    }

    /// The flags that hold over stdio as well.
    fn flags(&self) -> Vec<String> {
        let own = [
            (
                "--no-limits-in-descriptions",
                self.no_limits_in_descriptions,
            ),
            ("--no-watch", self.no_watch),
        ];
        let given = own.into_iter().filter(|(_, is_given)| *is_given);
        let mut flags = self.read.words();
        flags.extend(given.map(|(flag, _)| flag.to_owned()));
        flags
    }

    fn listen(&self) -> Listen {
        if self.stdio {
            Listen::Stdio {
                metrics_port: self.metrics_port,
            }
        } else {
            Listen::Http {
                host: self.host.clone(),
                port: self.port,
                insecure: self.insecure,
            }
        }
    }

    /// Says what is served, where, and what to paste into a client. On standard error: over stdio, standard
    /// output is the protocol's.
    fn announce(&self, app: &App, terminal: &Terminal) {
        let catalog = app.catalog();
        let names: Vec<&str> = catalog
            .tools()
            .take(8)
            .map(|tool| tool.name.as_str())
            .collect();
        let count = catalog.tools().len();
        let more = if count > names.len() { ", ..." } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        terminal.error(&format!(
            "{}: {count} tool{plural} ({}{more})",
            catalog.name,
            names.join(", ")
        ));
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("runner"));
        let config = std::path::absolute(&self.config).unwrap_or_else(|_| self.config.clone());
        let stdio = clients::Server::started(&catalog.name, &program, &config, self.flags());
        let stdio = stdio.common();
        if let Some(address) = app.address() {
            let url = endpoint_url(address);
            let asks_for_token = !app.access().is_open();
            if let Some(warning) = exposure(address, asks_for_token) {
                terminal.error(&format!("{warning}\n"));
            }
            terminal.error(&format!("listening on {url}\n"));
            let near = endpoint_url(on_this_machine(address));
            let client = clients::Server::running(&catalog.name, &near, asks_for_token).common();
            terminal.error(&format!("for a client over HTTP:\n{client:#}\n"));
            if near != url {
                terminal.error(
                    "on another machine, it needs the name of this one in place of the address\n",
                );
            }
            terminal.error(&format!(
                "for a client that starts it itself, over stdio:\n{stdio:#}\n"
            ));
            terminal.error(&format!(
                "for the file of a certain client: runner snippet CLIENT {}\n",
                self.config.display()
            ));
        } else {
            terminal.error(
                "serving one client on standard input and output; limits hold for this process\nalone, so use HTTP where several clients are to share them",
            );
            if let Some(address) = app.metrics_address() {
                terminal.error(&format!("figures at http://{address}/metrics and /status"));
            }
            terminal.error(&format!("for a client that starts it itself:\n{stdio:#}\n"));
        }
    }
}

fn redactor(secrets: &[Secret]) -> Redactor {
    Redactor::new(secrets.iter().map(|secret| secret.expose().to_owned()))
}

/// Waits for the last records, and says how many are missing.
fn finish(audit: &Lines, terminal: &Terminal) {
    let is_whole = audit.flush(LAST_RECORDS);
    match audit.lost() {
        0 if is_whole => {}
        0 => terminal.error("the audit log is not written to its end: the disk does not answer"),
        lost => terminal.error(&format!("the audit log lacks {lost} calls")),
    }
}

/// What to know before others reach the server.
fn exposure(address: SocketAddr, asks_for_token: bool) -> Option<String> {
    let host = address.ip();
    if host.is_loopback() {
        None
    } else if asks_for_token {
        Some(format!(
            "note: tokens travel to `{host}` as plain text; outside a network of your own put a proxy with TLS in front"
        ))
    } else {
        Some(format!(
            "warning: everybody who can reach `{host}` may call every tool, since `--insecure` was given"
        ))
    }
}

/// Where a client beside the server finds it: "any address" is none to call.
fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, address.port())
}

fn report(error: &StartError, terminal: &Terminal) {
    let hint = error.hint().map(|hint| format!("\n\nhint: {hint}"));
    terminal.error(&format!("error: {error}{}", hint.unwrap_or_default()));
}
