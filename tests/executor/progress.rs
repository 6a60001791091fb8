//! What a script tells while it runs.

use std::time::Duration;

use runner::tool::{FailureCode, Progress, ProgressSink};

use crate::support::{python, sh};

const STEPS: &str = r#"
import sys, time
print("starting", file=sys.stderr)
for step in range(1, 6):
    print(f"::progress {step}/5 step {step}", file=sys.stderr)
    time.sleep(0.4)
print("::warning the last step was slow", file=sys.stderr)
print("::progress five", file=sys.stderr)
sys.stderr.write("::warning without a line break")
print("done")
"#;

#[tokio::test]
async fn progress_and_warnings_are_told_and_leave_the_log() {
    let (sink, reports) = ProgressSink::new();
    let mut draft = python(&format!("{STEPS}\nsys.exit(3)"));
    draft.context.progress = sink;
    let run = draft.run().await;
    assert_eq!(
        *reports.borrow(),
        Some(Progress {
            done: 5.0,
            total: Some(5.0),
            message: Some("step 5".to_owned())
        })
    );
    assert_eq!(
        run.warnings,
        ["the last step was slow", "without a line break"]
    );
    let failure = run.result.unwrap_err();
    assert_eq!(failure.data["stderr"], "starting\n::progress five\n");
    assert_eq!(failure.data["stdout"], "done\n");
}

#[tokio::test]
async fn progress_puts_the_timeout_off() {
    let mut draft = python(STEPS).timeout(Duration::from_secs(1));
    draft.progress_extends_timeout = Some(Duration::from_mins(1));
    let run = draft.run().await;
    assert!(run.ran > Duration::from_millis(1900), "{:?}", run.ran);
    assert_eq!(run.result.unwrap().text, "done\n");
    assert!(
        run.timeout > Duration::from_millis(2400),
        "{:?}",
        run.timeout
    );

    let failure = python(STEPS)
        .timeout(Duration::from_secs(1))
        .run()
        .await
        .result
        .unwrap_err();
    assert_eq!(
        failure.code,
        FailureCode::Timeout,
        "nothing was said of progress"
    );
}

#[tokio::test]
async fn progress_puts_the_timeout_off_to_its_ceiling_and_no_further() {
    let endless = "while :; do echo '::progress 1/9' >&2; sleep 0.1; done";
    let mut draft = sh(endless).timeout(Duration::from_millis(500));
    draft.progress_extends_timeout = Some(Duration::from_millis(1500));
    let run = draft.run().await;
    assert!(run.ran >= Duration::from_millis(1500), "{:?}", run.ran);
    assert!(run.ran < Duration::from_millis(2500), "{:?}", run.ran);
    let message = run.result.unwrap_err().message;
    assert!(
        message.contains("1.5 s, the most that progress could put its timeout off"),
        "{message}"
    );
}

#[tokio::test]
async fn a_script_that_falls_silent_is_ended_its_timeout_later() {
    let mut draft =
        sh("sleep 0.5; echo '::progress 1/9' >&2; exec sleep 600").timeout(Duration::from_secs(1));
    draft.progress_extends_timeout = Some(Duration::from_mins(1));
    let run = draft.run().await;
    assert!((1400..2400).contains(&run.ran.as_millis()), "{:?}", run.ran);
    let failure = run.result.unwrap_err();
    assert_eq!(
        failure.message,
        "`subject` was ended 1 s after it last told of progress"
    );
}

#[tokio::test]
async fn a_caller_s_budget_is_a_ceiling_too() {
    let endless = "while :; do echo '::progress 1/9' >&2; sleep 0.1; done";
    let mut draft = sh(endless).timeout(Duration::from_millis(500));
    draft.progress_extends_timeout = Some(Duration::from_mins(1));
    draft.context.budget = Some(Duration::from_secs(2));
    let run = draft.run().await;
    assert!(run.ran < Duration::from_secs(2), "{:?}", run.ran);
    assert_eq!(run.result.unwrap_err().code, FailureCode::Timeout);
}

#[tokio::test]
async fn too_many_warnings_are_counted() {
    let script = "for i in $(seq 100); do echo \"::warning $i\" >&2; done";
    let warnings = sh(script).run().await.warnings;
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[20], "the script gave 80 more warnings");
}
