//! The tools a caller may use.

use std::sync::Arc;

/// The tools a caller may use: all, which is the default, or those that a pattern names. To its caller any
/// other tool is one that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolAccess(Option<Arc<[String]>>);

impl ToolAccess {
    /// Every tool.
    pub const fn all() -> Self {
        Self(None)
    }

    /// The tools whose names match one of `patterns`, in which `*` stands for any characters, or none. Without
    /// patterns there are no tools.
    pub fn only(patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Some(patterns.into_iter().map(Into::into).collect()))
    }

    /// Whether the tool of that name may be used.
    pub fn allows(&self, tool: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, tool)))
    }

    /// Whether there may be tools that cannot be used.
    pub const fn is_limited(&self) -> bool {
        self.0.is_some()
    }
}

/// Each part between two stars takes the first place it can: a later one never leaves more room for the rest.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some((_, after)) = name.split_once(part) else {
            return false;
        };
        name = after;
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let access = ToolAccess::only(["deploy_*", "*.read", "a*b*c", "exact"]);
        for allowed in [
            "deploy_",
            "deploy_all",
            "db.read",
            "abc",
            "a-b-b-c",
            "exact",
        ] {
            assert!(access.allows(allowed), "{allowed}");
        }
        for refused in [
            "deploy",
            "undeploy_all",
            "db.reader",
            "acb",
            "Exact",
            "exact2",
            "",
        ] {
            assert!(!access.allows(refused), "{refused}");
        }
    }

    #[test]
    fn no_limit_and_no_tools_are_not_the_same() {
        assert!(ToolAccess::all().allows("anything"));
        assert!(!ToolAccess::only(Vec::<String>::new()).allows("anything"));
        assert!(ToolAccess::only(["*"]).allows("anything"));
    }

    /// What a star means, in the plainest words.
    fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], _) => name.is_empty(),
            ([b'*', rest @ ..], _) => {
                (0..=name.len()).any(|skipped| by_definition(rest, &name[skipped..]))
            }
            ([first, rest @ ..], [given, others @ ..]) => {
                first == given && by_definition(rest, others)
            }
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_they_are_defined_to(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(
                matches(&pattern, &name),
                by_definition(pattern.as_bytes(), name.as_bytes())
            );
        }
    }
}
