//! What is refused before anything runs, word for word.

use runner::batch::Plan;
use runner::tool::Failure;
use serde_json::{Value, json};

/// Each problem as `pointer: message`.
fn problems(request: Value) -> Vec<String> {
    let invalid = Plan::parse(request, false).unwrap_err();
    invalid.problems.iter().map(ToString::to_string).collect()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "so that a literal may stand there"
)]
fn calls(calls: Value) -> Value {
    json!({"calls": calls})
}

#[test]
fn a_cycle_is_spelled_out() {
    let ring = calls(json!([
        {"call_id": "start", "tool_name": "t", "depends_on": ["b"]},
        {"call_id": "a", "tool_name": "t", "depends_on": ["c"]},
        {"call_id": "b", "tool_name": "t", "params": {"x": ["${a.result.id}"]}},
        {"call_id": "c", "tool_name": "t", "depends_on": "b"},
        {"call_id": "free", "tool_name": "t"},
    ]));
    assert_eq!(
        problems(ring),
        ["/calls/1: these calls wait for each other: a -> c -> b -> a"]
    );
}

#[test]
fn every_ring_is_found_and_a_long_one_is_shortened() {
    let mut request: Vec<Value> = (0..30)
        .map(|n| json!({"call_id": format!("n{n}"), "tool_name": "t", "depends_on": [format!("n{}", (n + 1) % 30)]}))
        .collect();
    request.push(json!({"call_id": "x", "tool_name": "t", "depends_on": ["y"]}));
    request.push(json!({"call_id": "y", "tool_name": "t", "depends_on": ["x"]}));
    let found = problems(calls(json!(request)));
    assert_eq!(found.len(), 2);
    assert!(
        found[0].contains("n9 -> (10 more) -> n20 ->"),
        "{}",
        found[0]
    );
    assert!(found[0].ends_with("n29 -> n0"));
    assert_eq!(
        found[1],
        "/calls/30: these calls wait for each other: x -> y -> x"
    );
}

#[test]
fn a_ring_through_a_for_each_is_one() {
    let ring = calls(json!([
        {"call_id": "all", "tool_name": "t", "for_each": [{"x": 1}, {"x": "${sum.result}"}]},
        {"call_id": "sum", "tool_name": "t", "params": {"list": "${all.result}"}},
    ]));
    assert_eq!(
        problems(ring),
        ["/calls/0/for_each/1: these calls wait for each other: all[1] -> sum -> all -> all[1]"]
    );
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let request = json!({
        "calls": [
            {"call_id": "user", "tool_name": "t", "params": {"me": "${user.result}"}},
            {"call_id": "user", "tool_name": "t"},
            {"tool_name": "batch"},
            {"tool_name": "t", "params": {"a": {"b": ["x ${usr.result.id}", "${HOME}"]}}, "depends_on": ["call_4", "nobody"]},
            {"call_id": "a b", "tool_name": 7, "parms": {}},
            "no call",
        ],
        "dependencies": {"ghost": ["user"], "call_3": "user"},
        "max_parallel": 0, "timeout": "soon", "on_error": "panic", "more/less": 1,
    });
    assert_eq!(
        problems(request),
        [
            "/more~1less: `more/less` is no key of this: there are `calls`, `dependencies`, `max_parallel`, `timeout`, `on_error`",
            "/max_parallel: `max_parallel` is a whole number of at least 1",
            "/timeout: `timeout` is a number of seconds above 0, or a text such as \"90s\" or \"5m\"",
            "/on_error: `on_error` is `continue` or `stop`",
            "/calls/4/parms: `parms` is no key of this: there are `call_id`, `tool_name`, `params`, `depends_on`, `for_each`",
            "/calls/4/call_id: a `call_id` is 1 to 128 letters, digits and `_ - . : / @`",
            "/calls/5: a call is an object with a `tool_name` and its `params`",
            "/calls/1/call_id: `user` is the id of /calls/0 already",
            "/dependencies/ghost: no call has the id `ghost`",
            "/calls/0/params/me: `${user.result}` is the call's own result",
            "/calls/2/tool_name: a batch cannot run inside a batch: put its calls into this one",
            "/calls/3/depends_on/0: `call_4` cannot wait for itself",
            "/calls/3/depends_on/1: no call has the id `nobody`",
            "/calls/3/params/a/b/0: no call has the id `usr`; did you mean `user`?",
            "/calls/3/params/a/b/1: `${HOME}` is no reference: write `${CALL_ID.result.PATH}`, or `$${` for the text itself",
        ]
    );
}

#[test]
fn a_refusal_is_one_envelope() {
    let invalid = Plan::parse(calls(json!([])), false).unwrap_err();
    assert_eq!(
        Failure::from(invalid).envelope(),
        json!({"error": {
            "code": "INVALID_ARGUMENTS", "type": "validation",
            "message": "the batch cannot run, and nothing of it did: /calls: there is nothing to call",
            "remediation": "mend the batch and send all of it again",
            "data": {"violations": [{"pointer": "/calls", "message": "there is nothing to call"}]},
        }})
    );
    assert_eq!(
        problems(json!([])),
        ["a batch is an object with a list of `calls`"]
    );
    assert_eq!(problems(json!({})), ["`calls` is missing"]);
}

#[test]
fn ten_thousand_calls_are_the_most() {
    let call = json!({"tool_name": "t"});
    let many = calls(json!(vec![call.clone(); 10_000]));
    assert_eq!(Plan::parse(many, false).unwrap().len(), 10_000);
    let items = json!({"tool_name": "t", "for_each": vec![json!({}); 10_000]});
    assert_eq!(
        problems(calls(json!([call, items]))),
        ["/calls: 10001 calls are more than the 10000 a batch may have"]
    );
}

#[test]
fn edges_are_bounded_and_unknown_ids_stay_cheap() {
    let sources: Vec<Value> = (0..2000)
        .map(|n| json!({"call_id": format!("s{n}"), "tool_name": "t"}))
        .collect();
    let needed: Vec<String> = (0..2000).map(|n| format!("s{n}")).collect();
    let mut request = sources;
    request.push(json!({"tool_name": "t", "for_each": vec![json!({}); 501], "depends_on": needed}));
    assert_eq!(
        problems(calls(json!(request))),
        [
            "/calls: 1002000 dependencies are more than the 1000000 a batch may have; wait for a `for_each` as a whole"
        ]
    );
    let wrong: Vec<Value> = (0..5000)
        .map(|_| json!({"tool_name": "t", "depends_on": ["cal_1"]}))
        .collect();
    let found = problems(calls(json!(wrong)));
    assert_eq!(found.len(), 5000);
    assert!(found[0].ends_with("did you mean `call_1`?"), "{}", found[0]);
    assert!(
        found[10].ends_with("no call has the id `cal_1`"),
        "{}",
        found[10]
    );
}

#[test]
fn a_tool_of_the_file_may_be_named_batch() {
    let request = calls(json!([{"tool_name": "batch"}]));
    assert!(Plan::parse(request.clone(), true).is_ok());
    assert!(Plan::parse(request, false).is_err());
}
