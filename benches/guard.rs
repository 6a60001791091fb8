//! What the guard costs: at the start of the program, and for each call. Prints only; `cargo bench --bench guard`.
#![expect(clippy::print_stdout, reason = "figures are all it is for")]

use std::time::Duration;

use runner::guard;
use tokio::time::Instant;

const CALLS: u32 = 100_000;

fn main() {
    let begin = Instant::now();
    guard::enter(|line| println!("{line}")).expect("a guard");
    println!("{:<34} {:>10.1?}", "start, in the runner", begin.elapsed());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        report("a call that left nothing", CALLS, calls(CALLS).await);
        // An adopted child that belongs to a call that goes on: the guard is asked every time.
        let _other = adopted();
        report(
            "a call while another's child is adopted",
            CALLS / 10,
            calls(CALLS / 10).await,
        );
    });
}

async fn calls(count: u32) -> Duration {
    let begin = Instant::now();
    for number in 0..count {
        let mut ward = guard::watch("bench");
        ward.led_by(number, [0; 2]);
        assert_eq!(ward.sweep().await, guard::Swept::default());
    }
    begin.elapsed()
}

/// A running call whose child was orphaned.
fn adopted() -> guard::Ward {
    let ward = guard::watch("other");
    #[expect(
        clippy::disallowed_methods,
        reason = "a process that leaves another behind"
    )]
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", "sleep 30 &"])
        .env(guard::MARK_VARIABLE, "other")
        .status();
    assert!(status.is_ok_and(|status| status.success()));
    ward
}

fn report(name: &str, count: u32, took: Duration) {
    println!("{name:<34} {:>10.1?}", took / count);
}
