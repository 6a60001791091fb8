//! Where a placeholder stands in JSON that an author wrote by hand.

/// What the text before a place says about that place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct JsonPlace {
    /// The text looks like a JSON document: it starts with `{` or `[` and has a quote.
    pub(super) looks_like_json: bool,
    /// A string is open here.
    pub(super) inside_string: bool,
}

impl JsonPlace {
    /// The place right after `before`, in a text that is JSON when `whole` looks like it.
    /// Places of placeholders in either are any character that JSON gives no meaning.
    pub(super) fn after(before: &str, whole: &str) -> Self {
        Self::of(before, looks_like_json(whole))
    }

    /// The place right after `before`, in a text that is JSON for certain.
    pub(super) fn within(before: &str) -> Self {
        Self::of(before, true)
    }

    fn of(before: &str, looks_like_json: bool) -> Self {
        let mut inside_string = false;
        // In prose a quote says something about its own line only.
        let line = before.rsplit('\n').next().unwrap_or_default();
        let mut characters = if looks_like_json { before } else { line }.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => inside_string = !inside_string,
                '\\' if inside_string => {
                    characters.next();
                }
                _ => {}
            }
        }
        Self {
            looks_like_json,
            inside_string,
        }
    }
}

/// Whether the text was meant as JSON: an object or a list that holds a quoted string.
pub(super) fn looks_like_json(text: &str) -> bool {
    let text = text.trim();
    let object = text.starts_with('{') && text.ends_with('}') && text.contains(':');
    let list = text.starts_with('[') && text.ends_with(']');
    (object || list) && text.contains('"')
}
