//! A value as a person is shown it: as itself where it is plain, else in quotes, nothing in it unseen, and not too
//! long.

/// The characters of a value as they are shown, quotes included where they are needed.
pub(super) fn characters(value: &str, written: Option<char>) -> Vec<String> {
    if written.is_none() && is_plain(value) {
        return value.chars().map(String::from).collect();
    }
    let quote = written.unwrap_or('"');
    let mut shown: Vec<String> = value
        .chars()
        .map(|c| match c {
            '\\' => "\\\\".to_owned(),
            c if c == quote => format!("\\{c}"),
            c => seen(c),
        })
        .collect();
    if written.is_none() {
        shown.insert(0, quote.into());
        shown.push(quote.into());
    }
    shown
}

/// Whether a value is one word that nobody takes for a sentence: a name, a number, a path, an address.
fn is_plain(value: &str) -> bool {
    let ends_a_sentence = value.ends_with(['.', ':', ',']);
    !value.is_empty()
        && !ends_a_sentence
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || "/\\._-@:+=,~%#&".contains(c))
}

/// How many characters are shown.
pub(super) fn length(characters: &[String]) -> usize {
    characters.iter().map(|shown| shown.chars().count()).sum()
}

/// How many characters each value may have: what short ones leave is the long ones'.
pub(super) fn share(room: usize, mut lengths: Vec<usize>) -> usize {
    lengths.sort_unstable();
    let mut left = room;
    let mut share = usize::MAX;
    for (taken, length) in lengths.iter().enumerate() {
        share = left / (lengths.len() - taken);
        if *length > share {
            return share;
        }
        left -= length;
    }
    share
}

/// The beginning and the end of a value that is too long, and how much of it is not shown: what a long path or
/// command does often stands at its end.
pub(super) fn without_middle(characters: &[String], share: usize) -> String {
    let sign = |hidden: usize| format!("[… {hidden} characters …]");
    let room = share.saturating_sub(sign(characters.len()).chars().count());
    let head = fitting(characters.iter(), room.div_ceil(2));
    let tail = fitting(characters[head..].iter().rev(), room / 2);
    let end = characters.len() - tail;
    let mut text = characters[..head].concat();
    text.push_str(&sign(end - head));
    text.push_str(&characters[end..].concat());
    text
}

/// How many of the first characters fit into `room`.
fn fitting<'a>(characters: impl Iterator<Item = &'a String>, room: usize) -> usize {
    let mut left = room;
    characters
        .take_while(|shown| {
            let length = shown.chars().count();
            let fits = length <= left;
            left = left.saturating_sub(length);
            fits
        })
        .count()
}

/// A character as it is seen: escaped, where it has no shape of its own or changes how others are seen.
fn seen(c: char) -> String {
    let is_unseen = c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(u32::from(c),
            // Soft hyphen, joiners and marks of direction, separators and invisible operators.
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164
            // Selectors of variants, the byte order mark, fillers, annotations and tags.
            | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF);
    if is_unseen {
        c.escape_default().to_string()
    } else {
        c.into()
    }
}
