//! `icons` of a tool.

use crate::config::decode::{Given, Problems};
use crate::config::document::{self, IconDeclaration, ThemeChoice};
use crate::config::schema::Wire;
use crate::diagnostic::Diagnostic;
use crate::tool::{Icon, IconTheme};

/// Icons of one tool at most: every client gets them with every list.
const MOST: usize = 8;

/// The longest address, in bytes; a picture may stand in it.
const LONGEST_SRC: usize = 16 * 1024;

/// The icons, without those that are refused.
pub(super) fn resolve(declared: &document::Tool, problems: &mut Problems) -> Vec<Icon> {
    let given = declared.icons.iter().flat_map(|list| &list.0);
    if let Some(first_too_many) = given.clone().nth(MOST) {
        problems.push(
            Diagnostic::error(
                first_too_many.span,
                format!("a tool has at most {MOST} icons"),
            )
            .hint("every client gets them with every list of tools"),
        );
    }
    given
        .take(MOST)
        .filter_map(|given| icon(given, problems))
        .collect()
}

fn icon(given: &Given<IconDeclaration>, problems: &mut Problems) -> Option<Icon> {
    let Some(src) = &given.src else {
        if given.lacks("src") {
            problems.push(
                Diagnostic::error(given.span, "an icon needs a `src`")
                    .hint("for example `src: https://example.com/icon.png`"),
            );
        }
        return None;
    };
    let reported = problems.len();
    if src.text.len() > LONGEST_SRC {
        problems.push(
            Diagnostic::error(
                src.span,
                format!("`src` is longer than {LONGEST_SRC} bytes"),
            )
            .hint("give the address of the picture instead of the picture"),
        );
    } else if !is_address(&src.text) {
        problems.push(
            Diagnostic::error(
                src.span,
                "`src` must be an https or http URL, or a `data:image/...;base64,` one",
            )
            .hint("clients refuse any other"),
        );
    }
    if let Some(kind) = &given.mime_type
        && !is_image_type(&kind.text)
    {
        problems.push(
            Diagnostic::error(kind.span, "`mime_type` must be the type of a picture")
                .hint("for example `image/png` or `image/svg+xml`"),
        );
    }
    let sizes = given.sizes.iter().flat_map(|list| &list.0);
    for size in sizes.clone().filter(|size| !is_size(&size.text)) {
        problems.push(
            Diagnostic::error(size.span, "a size must be like `48x48`, or `any`")
                .hint("`any` is for pictures that scale, such as SVG"),
        );
    }
    (problems.len() == reported).then(|| Icon {
        src: src.text.clone(),
        mime_type: given.mime_type.as_ref().map(|given| given.text.clone()),
        sizes: sizes.map(|size| size.text.clone()).collect(),
        theme: given.theme.as_ref().map(|given| match given.value {
            ThemeChoice::Light => IconTheme::Light,
            ThemeChoice::Dark => IconTheme::Dark,
        }),
    })
}

/// Whether clients take it (2025-11-25, "Icons": they refuse other schemes than these).
fn is_address(src: &str) -> bool {
    if let Some(data) = src.strip_prefix("data:") {
        let Some((kind, picture)) = data.split_once(";base64,") else {
            return false;
        };
        let digits = picture.trim_end_matches('=');
        let is_digit = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        return is_image_type(kind)
            && !digits.is_empty()
            && picture.len().is_multiple_of(4)
            && picture.len() - digits.len() <= 2
            && digits.bytes().all(is_digit);
    }
    let url = url::Url::parse(src);
    url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        && !src.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_image_type(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
    text.strip_prefix("image/")
        .is_some_and(|kind| !kind.is_empty() && kind.bytes().all(is_plain))
}

fn is_size(text: &str) -> bool {
    let is_length = |part: &str| part.parse::<u16>().is_ok_and(|length| length > 0);
    text == "any"
        || text
            .split_once('x')
            .is_some_and(|(width, height)| is_length(width) && is_length(height))
}
