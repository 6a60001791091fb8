//! Stored outputs as resources of the protocol, and how an answer points to one.

use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, ContentBlock, ListResourceTemplatesResult, ListResourcesResult, MetaObject,
    ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::revision::Revision;
use crate::store::{Page, ReadError, Store};
use crate::tool::{OutputId, Owner, StoredOutput};

/// Where the handle of a stored output stands in a result's `_meta`.
const OUTPUT: &str = "runner/output";

/// Where a part of a stored output says in its `_meta` what part it is.
const PAGE: &str = "runner/page";

/// Resources in one page of `resources/list`.
const LISTED: usize = 500;

/// Bytes of a resource that are read at once, where the address says no less.
const READ_AT_ONCE: usize = 256 * 1024;

const PLAIN_TEXT: &str = "text/plain";

/// Points to the whole output from an answer that lacks a part of it.
pub(super) fn attach(
    result: &mut CallToolResult,
    stored: &StoredOutput,
    has_reader: bool,
    expiry: Duration,
    revision: &Revision,
) {
    let (id, uri) = (&stored.id, stored.uri());
    let amount = if stored.is_whole() {
        format!("All {} bytes", stored.bytes)
    } else {
        format!("The first {} of {} bytes", stored.bytes, stored.total)
    };
    let way = if has_reader {
        format!(
            "read on with the tool `read_output`, for example {{\"id\": \"{id}\", \"offset\": 0}}, or find lines with its `grep`"
        )
    } else {
        "read on as a resource; where `server.builtin_tools` lists it, the tool `read_output` reads it too".to_owned()
    };
    let minutes = expiry.as_secs() / 60;
    result.content.push(ContentBlock::text(format!(
        "[runner] {amount} that were printed are stored for {minutes} minutes as {uri}: {way}."
    )));
    if revision.has_resource_links() {
        let link = Resource::new(uri, "output")
            .with_description("All that the tool printed")
            .with_mime_type(PLAIN_TEXT)
            .with_size(stored.bytes);
        result.content.push(ContentBlock::resource_link(link));
    }
    let meta = result.meta.get_or_insert_with(MetaObject::default);
    meta.insert(OUTPUT.to_owned(), stored.to_json());
}

/// The outputs of `owner`, oldest first, after the one that `cursor` names.
pub(super) fn list(
    store: &Store,
    owner: &Owner,
    cursor: Option<&str>,
) -> Result<ListResourcesResult, ErrorData> {
    let outputs = store.list(owner);
    let ids = outputs.iter().map(|output| &output.id);
    let offset = match cursor {
        None => 0,
        Some(cursor) => OutputId::parse(cursor)
            .map(|last| place_after(&last, ids))
            .ok_or_else(|| {
                ErrorData::invalid_params("`cursor` is not one this server gave out", None)
            })?,
    };
    let listed = outputs.iter().skip(offset).take(LISTED).map(|output| {
        let uri = format!("{}{}", StoredOutput::URI_PREFIX, output.id);
        Resource::new(uri, format!("output of {}", output.tool))
            .with_mime_type(PLAIN_TEXT)
            .with_size(output.bytes)
    });
    let mut page = ListResourcesResult::with_all_items(listed.collect());
    let last = outputs.get(offset + LISTED - 1);
    let has_more = offset + LISTED < outputs.len();
    page.next_cursor = last.filter(|_| has_more).map(|last| last.id.to_string());
    Ok(page)
}

/// The place after `last`. Outputs go while a client turns pages, the oldest first: where `last` is gone, those
/// before it are, and none is passed over from the beginning.
fn place_after<'a>(last: &OutputId, mut ids: impl Iterator<Item = &'a OutputId>) -> usize {
    ids.position(|id| id == last).map_or(0, |place| place + 1)
}

/// The one template: an output, or a part of it.
pub(super) fn templates() -> ListResourceTemplatesResult {
    let uri = format!("{}{{id}}{{?offset,limit}}", StoredOutput::URI_PREFIX);
    let template = ResourceTemplate::new(uri, "stored output")
        .with_description("What a tool printed when it was too long for its answer: at most `limit` bytes from `offset` on")
        .with_mime_type(PLAIN_TEXT);
    ListResourceTemplatesResult::with_all_items(vec![template])
}

/// Reads what `uri` names, for `owner`.
pub(super) async fn read(
    store: &Store,
    owner: Owner,
    uri: String,
) -> Result<ReadResourceResult, ErrorData> {
    let Some(wanted) = Wanted::parse(&uri) else {
        return Err(not_found(&uri, &ReadError::Unknown));
    };
    let store = store.clone();
    let page = spawn_blocking(move || store.page(&wanted.id, &owner, wanted.offset, wanted.limit))
        .await
        .map_err(|_| ErrorData::internal_error("reading the output failed", None))?
        .map_err(|error| not_found(&uri, &error))?;
    let mut meta = MetaObject::default();
    meta.insert(PAGE.to_owned(), page_json(&page));
    let contents = ResourceContents::TextResourceContents {
        uri,
        mime_type: Some(PLAIN_TEXT.to_owned()),
        text: page.text,
        meta: Some(meta),
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

/// What part of an output a page is.
fn page_json(page: &Page) -> serde_json::Value {
    json!({"offset": page.offset, "next_offset": page.next_offset, "total_bytes": page.total})
}

/// The SDK gives the error the code that the client's revision has for it.
fn not_found(uri: &str, error: &ReadError) -> ErrorData {
    match error {
        ReadError::Unknown => {
            ErrorData::resource_not_found(error.to_string(), Some(json!({"uri": uri})))
        }
        ReadError::PastTheEnd { .. } => ErrorData::invalid_params(error.to_string(), None),
        ReadError::Unreadable(_) => ErrorData::internal_error(error.to_string(), None),
    }
}

/// The part of an output that an address names.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    id: String,
    offset: u64,
    limit: usize,
}

impl Wanted {
    fn parse(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix(StoredOutput::URI_PREFIX)?;
        let (id, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut wanted = Self {
            id: id.to_owned(),
            offset: 0,
            limit: READ_AT_ONCE,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("offset", figure) => wanted.offset = figure.parse().ok()?,
                ("limit", figure) => wanted.limit = figure.parse::<usize>().ok()?.min(READ_AT_ONCE),
                _ => return None,
            }
        }
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_is_passed_over_when_others_go_between_two_pages() {
        let ids: Vec<_> = (0..4).filter_map(|_| OutputId::random()).collect();
        assert_eq!(place_after(&ids[1], ids.iter()), 2);
        assert_eq!(place_after(&ids[1], ids[1..].iter()), 1);
        assert_eq!(place_after(&ids[1], ids[2..].iter()), 0);
    }

    #[test]
    fn an_address_names_an_output_or_a_part_of_it() {
        let wanted =
            |uri| Wanted::parse(uri).map(|wanted| (wanted.id, wanted.offset, wanted.limit));
        assert_eq!(
            wanted("runner://outputs/ab"),
            Some(("ab".into(), 0, READ_AT_ONCE))
        );
        assert_eq!(
            wanted("runner://outputs/ab?offset=7&limit=9"),
            Some(("ab".into(), 7, 9))
        );
        assert_eq!(
            wanted("runner://outputs/ab?limit=99999999"),
            Some(("ab".into(), 0, READ_AT_ONCE))
        );
        for wrong in [
            "file:///etc/passwd",
            "runner://outputs/a?x=1",
            "runner://outputs/a?offset=-1",
            "runner://outputs/a?offset",
        ] {
            assert_eq!(wanted(wrong), None, "{wrong}");
        }
    }
}
