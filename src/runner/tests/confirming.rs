//! No call without the word of a person that its tool asks for, whatever the way it came.

use super::*;
use crate::tool::template::QuestionTemplate;
use crate::tool::{ConfirmFallback, Confirmation};

fn asking(fallback: ConfirmFallback) -> Tool {
    let parameters = Parameters::new([], json!({"type": "object"}));
    let question = QuestionTemplate::compile("Sure?", &parameters).unwrap();
    Tool {
        confirmation: Some(Confirmation::new(question.template, fallback)),
        cache: Some(CacheRules {
            ttl: 60 * SECOND,
            shared: false,
        }),
        ..tool()
    }
}

fn numbered(run: usize) -> (Duration, Result<Output, Failure>) {
    (SECOND, text(&run.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_call_without_the_word_is_refused_also_where_an_answer_is_kept() {
    let bench = Bench::new(asking(ConfirmFallback::Refuse), numbered);
    for _ in 0..2 {
        let outcome = bench.runner.call(bench.call()).await;
        let refused = outcome.result.unwrap_err();
        assert_eq!(refused.code, FailureCode::ConfirmationRequired);
        assert_eq!(outcome.timing.attempts, 0);
        let mut confirmed = bench.call();
        confirmed.context.is_confirmed = true;
        assert_eq!(bench.runner.call(confirmed).await.result, text("1"));
    }
    let counters = bench.runner.engine.metrics.operation("fetch");
    assert_eq!(counters.questions.of("refused"), 2);
    assert_eq!(counters.rejections.of("CONFIRMATION_REQUIRED"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_file_may_allow_it() {
    let bench = Bench::new(asking(ConfirmFallback::Allow), numbered);
    let outcome = bench.runner.call(bench.call()).await;
    assert_eq!(outcome.result, text("1"));
    let counters = bench.runner.engine.metrics.operation("fetch");
    assert_eq!(counters.questions.of("allowed"), 1);
}
