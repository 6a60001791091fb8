//! Secrets that a file spells out, hidden where its lines are shown.
//!
//! Reports quote the lines of a file, into logs too, and most of all of a file that does not parse. So this goes by what
//! lines look like: it knows keys whose values are secrets and passwords in URLs, and rather hides too much. Each sign
//! is replaced by one of as many bytes, so that every place stays where it is.

use std::ops::Range;

/// Keys whose values are secrets.
const KEYS: [&str; 4] = ["token", "tokens", "bearer_tokens", "authorization"];

/// What other keys with secrets end in.
const ENDINGS: [&str; 6] = [
    "_token", "-token", "password", "secret", "api_key", "api-key",
];

/// The text with every secret hidden: as long, in the same lines. Takes time in proportion to the text.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open = Open::Nothing;
    for line in text.split_inclusive('\n') {
        let mut hidden = Vec::new();
        open = hidden_in(line, open, &mut hidden);
        passwords(line, &mut hidden);
        hidden.sort_by_key(|range| range.start);
        let mut shown = 0;
        for range in hidden {
            let start = range.start.max(shown);
            out.push_str(&line[shown..start]);
            shown = range.end.max(start);
            hide(&line[start..shown], &mut out);
        }
        out.push_str(&line[shown..]);
    }
    out
}

/// What a line may go on with.
#[derive(Clone, Copy)]
enum Open {
    Nothing,
    /// Lines deeper than this column are the secret's.
    Text(usize),
    /// Items of a list, deeper than this column or with a dash at it: secrets, unless they have keys of their own.
    Items(usize),
}

/// Notes what is to be hidden in a line, and gives what the next one may go on with.
fn hidden_in(line: &str, open: Open, hidden: &mut Vec<Range<usize>>) -> Open {
    let content = content(line);
    if content.is_empty() {
        return open;
    }
    let indent = content.start;
    match open {
        Open::Text(column) if indent > column => {
            hidden.push(content);
            return open;
        }
        Open::Items(column)
            if indent > column || (indent == column && line[indent..].starts_with('-')) =>
        {
            let item = &line[content.clone()];
            if !item.contains([':', '{']) {
                let dash = item.len() - item.trim_start_matches(['-', ' ']).len();
                listed(&line[..content.end], indent + dash, hidden);
                return open;
            }
            // A list goes on behind an item with keys.
            return match keyed(line, &content, hidden) {
                Open::Nothing => open,
                inner => inner,
            };
        }
        _ => {}
    }
    keyed(line, &content, hidden)
}

/// The line without the blanks around it.
fn content(line: &str) -> Range<usize> {
    let start = line.len() - line.trim_start().len();
    start..line.trim_end().len().max(start)
}

/// Notes the values of the secret keys of a line.
fn keyed(line: &str, content: &Range<usize>, hidden: &mut Vec<Range<usize>>) -> Open {
    let line = &line[..content.end];
    let mut at = content.start;
    let mut is_in_flow = false;
    while let Some(colon) = line[at..].find(':').map(|found| at + found) {
        let before = &line[at..colon];
        is_in_flow |= before.contains(['{', '[']);
        at = colon + 1;
        let name = before.trim_end_matches(['"', '\'']);
        let is_quoted = name.len() < before.len();
        let key_signs = name
            .bytes()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let start = name.len() - key_signs.count();
        let key = &name[start..];
        let is_key = is_quoted || line[at..].is_empty() || line[at..].starts_with([' ', '\t']);
        if !is_key || !is_secret(key) {
            continue;
        }
        let column = colon - before.len() + start;
        let from = at + line[at..].len() - line[at..].trim_start().len();
        let deeper = if is_in_flow { content.start } else { column };
        match value(line, from, is_in_flow, hidden) {
            Value::Ended(end) => at = end,
            Value::Text => return Open::Text(deeper),
            Value::Items => return Open::Items(deeper),
        }
    }
    Open::Nothing
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    KEYS.contains(&key.as_str()) || ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// How a value goes on.
enum Value {
    /// It ends in its line, there.
    Ended(usize),
    Text,
    Items,
}

/// Notes a value that begins at `from`.
fn value(line: &str, from: usize, is_in_flow: bool, hidden: &mut Vec<Range<usize>>) -> Value {
    let text = &line[from..];
    match text.chars().next() {
        None | Some('#') => Value::Items,
        Some('|' | '>') => Value::Text,
        Some('{') => Value::Ended(from),
        Some('[') => {
            let end = text.find([']', ':', '{']).map(|found| from + found);
            if end.is_some_and(|end| !line[end..].starts_with(']')) {
                return Value::Ended(from);
            }
            listed(&line[..end.unwrap_or(line.len())], from, hidden);
            end.map_or(Value::Items, Value::Ended)
        }
        Some(quote @ ('"' | '\'')) => {
            let end = closing(&text[1..], quote).map(|found| from + 1 + found);
            hidden.push(from + 1..end.unwrap_or(line.len()));
            end.map_or(Value::Text, |end| Value::Ended(end + 1))
        }
        Some(_) => {
            let end = from + plain_end(text, is_in_flow);
            hidden.push(from..end);
            Value::Ended(end)
        }
    }
}

/// Where the quote is closed.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, sign)| {
        let is_end = sign == quote && !is_escaped;
        is_escaped = quote == '"' && sign == '\\' && !is_escaped;
        is_end.then_some(at)
    })
}

/// Where a value without quotes ends: at a comment, and between brackets where the entry does.
fn plain_end(text: &str, is_in_flow: bool) -> usize {
    let end = text.find(" #").unwrap_or(text.len());
    let mut depth = 0_usize;
    let ended = text[..end].char_indices().find(|(_, sign)| match sign {
        '{' => {
            depth += 1;
            false
        }
        '}' if depth > 0 => {
            depth -= 1;
            false
        }
        ',' | '}' | ']' => is_in_flow,
        _ => false,
    });
    ended.map_or(end, |(at, _)| at)
}

/// Notes the items of a list up to the end of `line`, without what stands between them.
fn listed(line: &str, from: usize, hidden: &mut Vec<Range<usize>>) {
    let is_between = |sign: char| matches!(sign, '[' | ']' | ',' | '"' | '\'' | ' ' | '\t');
    let mut at = from;
    for item in line[from..].split(is_between) {
        hidden.push(at..at + item.len());
        // All that stands between is one byte long.
        at += item.len() + 1;
    }
}

/// Notes the passwords of the URLs of a line.
fn passwords(line: &str, hidden: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(found) = line[at..].find("://") {
        let scheme = &line[at..at + found];
        let is_web = scheme.ends_with("http") || scheme.ends_with("https");
        let start = at + found + 3;
        let is_end = |sign: char| sign.is_whitespace() || matches!(sign, '"' | '\'' | '`');
        let url = &line[start..];
        let url = &url[..url.find(is_end).unwrap_or(url.len())];
        // Where a password has signs that end a host, it is a password all the same; in addresses of the web an `@`
        // behind the host is more likely.
        let host = url.find(['/', '?', '#']).filter(|_| is_web);
        let authority = &url[..host.unwrap_or(url.len())];
        if let (Some(colon), Some(end)) = (authority.find(':'), authority.rfind('@'))
            && colon < end
        {
            hidden.push(start + colon + 1..start + end);
        }
        if let Some(query) = url.find("password=") {
            let from = query + "password=".len();
            let length = url[from..].find('&').unwrap_or(url.len() - from);
            hidden.push(start + from..start + from + length);
        }
        at = start + url.len();
    }
}

/// Hides a text, without the names of variables in it: what they stand for is not there to be seen.
fn hide(text: &str, out: &mut String) {
    let mut rest = text;
    for scheme in ["Bearer ", "Basic "] {
        if let Some(credentials) = rest.strip_prefix(scheme) {
            out.push_str(scheme);
            rest = credentials;
        }
    }
    // Behind the last brace none is looked for.
    let closed = text.rfind('}').map_or(usize::MAX, |at| text.len() - at);
    while let Some(sign) = rest.chars().next() {
        if rest.starts_with("${")
            && rest.len() >= closed
            && let Some(end) = rest.find('}')
        {
            let variable = &rest[..=end];
            let name = variable.find(":-").map_or(end + 1, |found| found + 2);
            out.push_str(&variable[..name]);
            if name <= end {
                out.extend(variable[name..end].chars().map(star));
                out.push('}');
            }
            rest = &rest[end + 1..];
            continue;
        }
        out.push(star(sign));
        rest = &rest[sign.len_utf8()..];
    }
}

/// A sign that takes as many bytes, and a column.
const fn star(sign: char) -> char {
    match sign.len_utf8() {
        1 => '*',
        2 => '\u{b7}',
        3 => '\u{2217}',
        _ => '\u{1d7cc}',
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_hidden_however_they_are_written() {
        for (written, shown) in [
            ("token: abc # the first", "token: *** # the first"),
            ("token: \"a\\\"b\" ", "token: \"****\" "),
            (
                "- { name: c, token: abc, tolls: [x] }",
                "- { name: c, token: ***, tolls: [x] }",
            ),
            (
                "{\"name\":\"c\",\"token\":\"abc\"}",
                "{\"name\":\"c\",\"token\":\"***\"}",
            ),
            ("token: ${TOKEN}", "token: ${TOKEN}"),
            ("{ token: x${A}y, b: 1 }", "{ token: *${A}*, b: 1 }"),
            ("token: ${TOKEN:-abc}", "token: ${TOKEN:-***}"),
            ("token: \"abc\ntools: 1", "token: \"***\ntools: 1"),
            ("tokens: [abc, 'de']", "tokens: [***, '**']"),
            (
                "bearer_tokens:\n  - abc\n  - name: c\n    token: d\n  - e\nport: 1",
                "bearer_tokens:\n  - ***\n  - name: c\n    token: *\n  - *\nport: 1",
            ),
            ("tokens:\n- abc\nport: 1", "tokens:\n- ***\nport: 1"),
            (
                "- token: |\n    abc\n\n    de\n  name: c",
                "- token: |\n    ***\n\n    **\n  name: c",
            ),
            ("Authorization: Bearer abc", "Authorization: Bearer ***"),
            ("token: { type: string }", "token: { type: string }"),
            ("max_tokens: 5", "max_tokens: 5"),
            ("token: aéz", "token: *\u{b7}*"),
            (
                "url: postgres://ada:p:w/d@h:1/x",
                "url: postgres://ada:*****@h:1/x",
            ),
            (
                "url: \"postgres://ada:${PW}@h/x\"",
                "url: \"postgres://ada:${PW}@h/x\"",
            ),
            (
                "url: postgres://h/x?password=abc&a=b",
                "url: postgres://h/x?password=***&a=b",
            ),
            ("url: http://h:80/@me", "url: http://h:80/@me"),
            ("url: https://ada:pw@h:80/", "url: https://ada:**@h:80/"),
        ] {
            assert_eq!(masked(written), shown, "{written}");
        }
    }

    proptest! {
        #[test]
        fn every_place_stays_where_it_is(text in "([a-z:@/ \"'\\[\\]{}#,$|-]|token: |tokens:|://|é|→|🦀|\n|\r\n){0,60}") {
            let shown = masked(&text);
            prop_assert_eq!(shown.len(), text.len());
            let starts = |text: &str| text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(starts(&shown), starts(&text));
            let breaks = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(breaks(&shown), breaks(&text));
        }
    }
}
