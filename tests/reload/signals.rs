//! SIGHUP, and the option not to watch.

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::support::{RUNNER, Server};
use crate::world::{A_WHILE, World, names, said, soon, tools};

pub(crate) fn send(server: &Server, signal: Signal) {
    let pid = Pid::from_raw(server.pid().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn unwatched_a_file_is_reloaded_on_sighup_only() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&["--no-watch"]);
    world.save(&tools(&["a", "b"]));
    sleep(A_WHILE).await;
    assert_eq!(names(&server).await, ["a"]);
    send(&server, Signal::HUP);
    soon("SIGHUP", async || names(&server).await == ["a", "b"]).await;
    said(&server, "gantz.yaml: 2 tools, 1 added").await;
}

#[tokio::test]
async fn sighup_reloads_a_file_that_is_the_same() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    send(&server, Signal::HUP);
    said(&server, "gantz.yaml: 1 tool, none different").await;
}

/// Starts the program on a terminal of its own, closes that, and prints how the program ended.
const CLOSE_THE_TERMINAL: &str = r"
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b''
while b'listening' not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
for _ in range(50):
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        print('ended', os.waitstatus_to_exitcode(status))
        sys.exit()
    time.sleep(0.1)
os.kill(pid, 9)
print('still there')
";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the program is started on a terminal"
)]
fn a_server_ends_with_its_terminal() {
    let world = World::new(&tools(&["a"]));
    let config = world.config();
    let output = std::process::Command::new("python3")
        .args(["-c", CLOSE_THE_TERMINAL, RUNNER, "serve", "--port", "0"])
        .arg(config)
        .output()
        .unwrap();
    let (stdout, stderr) = crate::support::texts(&output);
    assert_eq!(stdout, "ended 0\n", "{stderr}");
}
