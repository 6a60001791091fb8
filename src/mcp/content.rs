//! Content blocks as each revision of the protocol carries them.

use rmcp::model::{ContentBlock, IconTheme as McpTheme};

use super::revision::Revision;
use crate::tool::{Icon, IconTheme};

/// A block as `revision` can carry it. What it cannot becomes a text that says what was there: a client that meets
/// an unknown kind of block refuses the whole result.
pub(super) fn carried(block: ContentBlock, revision: &Revision) -> ContentBlock {
    match block {
        ContentBlock::Audio(audio) if !revision.has_audio() => ContentBlock::text(format!(
            "[runner] a sound ({}, {} characters of base64) is left out: revisions of the protocol before 2025-03-26 carry none",
            audio.mime_type,
            audio.data.len()
        )),
        ContentBlock::ResourceLink(link) if !revision.has_resource_links() => {
            let name = link.title.unwrap_or(link.name);
            let description = link.description.map(|text| format!(" ({text})"));
            let description = description.unwrap_or_default();
            ContentBlock::text(format!("{name}{description}: {}", link.uri))
        }
        ContentBlock::ResourceLink(mut link) if !revision.has_icons() => {
            link.icons = None;
            ContentBlock::ResourceLink(link)
        }
        block => block,
    }
}

/// A picture in the protocol's words.
pub(super) fn icon(icon: &Icon) -> rmcp::model::Icon {
    let mut shown = rmcp::model::Icon::new(icon.src.clone());
    shown.mime_type.clone_from(&icon.mime_type);
    shown.sizes = (!icon.sizes.is_empty()).then(|| icon.sizes.clone());
    shown.theme = icon.theme.map(|theme| match theme {
        IconTheme::Light => McpTheme::Light,
        IconTheme::Dark => McpTheme::Dark,
    });
    shown
}
