use super::*;
use proptest::prelude::*;

/// What a stream says: what each call printed and logged, and in which order what came.
fn heard<'a>(
    keeps_json: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<String>, Nonsense> {
    let mut reader = Reader::new(keeps_json);
    let mut heard: Vec<(String, Vec<u8>)> = Vec::new();
    for piece in pieces {
        reader.push(piece, |event| {
            let (what, bytes): (String, &[u8]) = match event {
                Event::Printed(number, bytes) => (format!("{number} prints "), bytes),
                Event::Yielded(number, bytes) => (format!("{number} yields "), bytes),
                Event::Logged(number, bytes) => (format!("{number} logs "), bytes),
                Event::ItemEnded(number) => (format!("{number} item"), b""),
                Event::Returned { number, is_null } => (format!("{number} ends {is_null}"), b""),
                Event::Failed(number, status) => (format!("{number} fails {status}"), b""),
            };
            match heard.last_mut() {
                Some((last, text)) if *last == what && what.ends_with("s ") => {
                    text.extend_from_slice(bytes);
                }
                _ => heard.push((what, bytes.to_vec())),
            }
            Ok(())
        })?;
        assert!(reader.head.len() <= LONGEST_HEAD);
        if let State::Raw(_, value) = &reader.state {
            assert!(value.kept.len() <= 2, "{value:?}");
        }
    }
    assert!(matches!(reader.state, State::Head) && reader.head.is_empty());
    Ok(heard
        .into_iter()
        .map(|(what, text)| what + &String::from_utf8(text).unwrap())
        .collect())
}

const STREAM: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"result":{"a": [1, "}"]}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":2,"result":"a\n\u00fc}"}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":3,"result":null}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"item","params":{"id":4,"item":[]}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"item","params":{"id":4,"item":"b"}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"item","params":{"id":4,"item":null}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"log","params":{"id":4,"text":"::progress 1\n"}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":4,"result":7}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":18446744073709551615,"error":{"code":3,"message":"exit"}}"#,
    "\n",
);

#[test]
fn messages_say_what_calls_print_and_how_they_end() {
    let told = [
        r#"1 prints {"a": [1, "}"]}"#,
        "1 ends false",
        "2 prints a\nü}",
        "2 ends false",
        "3 ends true",
        "4 yields []",
        "4 item",
        "4 yields b",
        "4 item",
        "4 yields null",
        "4 item",
        "4 logs ::progress 1\n",
        "4 prints 7",
        "4 ends false",
        "18446744073709551615 fails 3",
    ];
    assert_eq!(heard(false, [STREAM.as_bytes()]).unwrap(), told);
    let as_json = heard(true, [STREAM.as_bytes()]).unwrap();
    assert_eq!(as_json[2], r#"2 prints "a\n\u00fc}""#);
    assert_eq!(as_json[7], r#"4 yields "b""#);
}

#[test]
fn nonsense_is_known_at_once() {
    for (line, says) in [
        ("hello\n", "`hello` is no answer"),
        ("\n", "`` is no answer"),
        (
            r#"{"jsonrpc":"2.0","id":x"#,
            r#"`{"jsonrpc":"2.0","id":x` is no answer"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":,"result":1}"#,
            r#"`{"jsonrpc":"2.0","id":,"result":1}` is no answer"#,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1\n",
            "an answer is not whole",
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"a\"x\n",
            "an answer is not whole",
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":nothing}\n",
            "an answer is not whole",
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"b{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n",
            "an answer is not whole",
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"method\":\"item\",\"params\":{\"id\":1,\"item\":[1}}\n",
            "an answer is not whole",
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":0}}\n",
            "an answer is not whole",
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":900}}\n",
            "an answer is not whole",
        ),
    ] {
        let error = heard(false, [line.as_bytes()]).unwrap_err();
        assert_eq!(error.to_string(), says, "{line}");
        assert!(heard(false, line.as_bytes().chunks(1)).is_err(), "{line}");
    }
    let endless = [b"{\"jsonrpc\":\"2.0\",\"id\":".as_slice(), &[b'1'; 200]].concat();
    assert!(heard(false, endless.chunks(7)).is_err());
    let long = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}",
        "x".repeat(2000)
    );
    assert!(heard(false, long.as_bytes().chunks(100)).is_err());
}

proptest! {
    #[test]
    fn how_the_stream_is_cut_changes_nothing(
        cuts in proptest::collection::vec(0..STREAM.len(), 0..12),
        keeps_json: bool,
    ) {
        let mut cuts = cuts;
        cuts.extend([0, STREAM.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &STREAM.as_bytes()[ends[0]..ends[1]]);
        let whole = heard(keeps_json, [STREAM.as_bytes()]).unwrap();
        prop_assert_eq!(&heard(keeps_json, pieces).unwrap(), &whole);
        prop_assert_eq!(&heard(keeps_json, STREAM.as_bytes().chunks(1)).unwrap(), &whole);
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..STREAM.len()) {
        let mut reader = Reader::new(false);
        let stream = [&STREAM.as_bytes()[..at], &bytes].concat();
        for piece in stream.chunks(7) {
            if reader.push(piece, |_| Ok(())).is_err() {
                break;
            }
        }
    }
}
