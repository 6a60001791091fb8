//! What a caller says of the trace its call belongs to (W3C Trace Context and Baggage).

/// The longest trace parent, in bytes: later versions of the format may be longer than the 55 of today's.
const MAX_PARENT: usize = 128;

/// The longest trace state, in bytes: what everybody has to hand on at least (Trace Context, section 3.3.1.5).
const MAX_STATE: usize = 512;

/// The longest baggage, in bytes: what everybody has to hand on at least (Baggage, section 3.3.2).
const MAX_BAGGAGE: usize = 8192;

/// The trace a call belongs to, as far as what was said of it is sound. It is handed on and read by nobody here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    parent: Option<String>,
    state: Option<String>,
    baggage: Option<String>,
}

impl TraceContext {
    /// Keeps what is well-formed and not too long. A state without its parent says nothing, so it goes with it.
    pub fn new(parent: Option<&str>, state: Option<&str>, baggage: Option<&str>) -> Self {
        let parent = parent.filter(|text| is_parent(text));
        let state = state.filter(|text| parent.is_some() && is_list(text, MAX_STATE));
        let baggage = baggage.filter(|text| is_list(text, MAX_BAGGAGE));
        Self {
            parent: parent.map(str::to_owned),
            state: state.map(str::to_owned),
            baggage: baggage.map(str::to_owned),
        }
    }

    /// What there is, by the names of the HTTP headers. As environment variables they are in capitals.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("traceparent", &self.parent),
            ("tracestate", &self.state),
            ("baggage", &self.baggage),
        ]
        .into_iter()
        .filter_map(|(name, text)| text.as_deref().map(|text| (name, text)))
    }
}

/// Version, trace, span and flags, in lower-case hexadecimal (Trace Context, section 3.2).
fn is_parent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next_is = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let is_sound = next_is(2) && next_is(32) && next_is(16) && next_is(2);
    let is_all = |from: usize, to: usize, digit: char| text[from..to].chars().all(|c| c == digit);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    is_sound
        && text.len() <= MAX_PARENT
        && text.bytes().all(is_plain)
        && (!text.starts_with("00") || text.len() == 55)
        && !is_all(0, 2, 'f')
        && !is_all(3, 35, '0')
        && !is_all(36, 52, '0')
}

/// Members with a `=` each, with commas between them, in printable ASCII.
fn is_list(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        && text.split(',').all(|member| {
            let member = member.trim();
            // Empty members are allowed between the others.
            member.is_empty() || member.find('=').is_some_and(|at| at > 0)
        })
        && text.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_sound_is_kept() {
        let trace = TraceContext::new(Some(PARENT), Some("a=1, b=2"), Some("user=7;p=1"));
        let pairs: Vec<_> = trace.pairs().collect();
        assert_eq!(
            pairs,
            [
                ("traceparent", PARENT),
                ("tracestate", "a=1, b=2"),
                ("baggage", "user=7;p=1")
            ]
        );
        let later = format!("01{}-more", &PARENT[2..]);
        assert!(is_parent(&later));
    }

    #[test]
    fn a_parent_that_is_none_is_dropped_with_its_state() {
        for wrong in [
            "",
            "00-abc-def-01",
            "00-\n",
            "() { :; }",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            &format!("{PARENT}-more"),
            &format!("01{}-{}", &PARENT[2..], "x".repeat(MAX_PARENT)),
            &format!("01{}-$(x)", &PARENT[2..]),
        ] {
            let trace = TraceContext::new(Some(wrong), Some("a=1"), None);
            assert_eq!(trace.pairs().count(), 0, "{wrong:?}");
        }
    }

    #[test]
    fn lists_are_bounded_and_printable() {
        let kept = |state: &str, baggage: &str| {
            let trace = TraceContext::new(Some(PARENT), Some(state), Some(baggage));
            trace.pairs().count() - 1
        };
        let long = |length: usize| format!("a={}", "x".repeat(length - 2));
        assert_eq!(kept(&long(512), &long(8192)), 2);
        assert_eq!(kept(&long(513), &long(8193)), 0);
        for wrong in ["", "a", "=1", "a=1,b", "a=\n", "a=\0", "a=é", ","] {
            assert_eq!(kept(wrong, wrong), 0, "{wrong:?}");
        }
        assert_eq!(kept("a=1,,b=2", "a=1,"), 2);
    }
}
