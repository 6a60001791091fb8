//! Pages of a list, cut out of the stored output of one run.
//!
//! The last stage of a call: whatever carried it out, and also where its answer was kept, the list it gave is stored once,
//! and each further page is read from there. Nothing runs for a further page, and it takes no place and no token.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::answer::Answer;
use super::stored_list::StoredList;
use crate::store::{ItemPage, ItemsError, ItemsWanted, ListShape, NoList, ReadError, Store};
use crate::tool::{
    Call, Failure, FailureCode, Lack, LackUnit, Output, OutputFormat, OutputId, OutputRules,
    PageRequest, PageRules, StoredOutput,
};

/// How long a disk gets to take a list that was short enough for memory.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// How often a list is stored at most: what was stored for another call may have made way for something else.
const WRITES: u32 = 2;

/// What JSON needs around an item, in bytes.
const SEPARATOR: usize = 1;

/// Cuts pages. Reading happens on threads that are counted.
pub(super) struct Pages {
    store: Store,
    threads: Arc<Semaphore>,
}

/// A call of a tool that pages, with what it needs to be answered.
#[derive(Clone, Copy)]
struct Asked<'a> {
    call: &'a Call,
    rules: &'a PageRules,
    request: &'a PageRequest,
}

impl<'a> Asked<'a> {
    fn of(call: &'a Call) -> Option<Self> {
        Some(Self {
            call,
            rules: call.tool.paging.as_ref()?,
            request: call.page.as_ref()?,
        })
    }

    fn output(&self) -> &'a OutputRules {
        &self.call.tool.output
    }

    /// How the tool itself writes lists.
    fn printed_shape(&self) -> ListShape {
        if self.output().format == OutputFormat::Jsonl {
            ListShape::Lines
        } else {
            ListShape::Array
        }
    }

    fn wanted(&self) -> ItemsWanted {
        ItemsWanted {
            offset: self.request.offset,
            most: self.request.size,
            bytes: self.output().inline_bytes,
        }
    }
}

impl Pages {
    /// Pages of what is in `store`, read on as many threads at once as `threads` has permits.
    pub(super) const fn new(store: Store, threads: Arc<Semaphore>) -> Self {
        Self { store, threads }
    }

    /// The page of a stored result that `call` asks for; `None` where it wants the tool to run.
    pub(super) async fn stored(&self, call: &Call) -> Option<Answer> {
        let asked = Asked::of(call)?;
        let id = asked.request.result_id.as_deref()?;
        let read = tokio::select! {
            read = self.read(asked, id, None) => read.map_err(|error| unread(asked, &error)),
            () = call.cancel.cancelled() => {
                Err(Failure::new(FailureCode::Cancelled, "the call was cancelled"))
            }
        };
        let page = read.and_then(|page| checked(asked, page));
        let mut answer = Answer::failed(call, Failure::new(FailureCode::Internal, ""));
        let id = OutputId::parse(id);
        answer.result = page.map(|page| shown(asked, &page, id.as_ref(), &mut answer.warnings));
        Some(answer)
    }

    /// The first page of what a run gave, where that is a list; anything else stays as it is.
    pub(super) async fn first(&self, call: &Call, mut answer: Answer) -> Answer {
        let Some(asked) = Asked::of(call) else {
            return answer;
        };
        answer.result = match answer.result {
            Ok(output) if !output.is_mcp_result => {
                self.cut(asked, output, &answer.list, &mut answer.warnings)
                    .await
            }
            other => other,
        };
        answer
    }

    async fn cut(
        &self,
        asked: Asked<'_>,
        output: Output,
        list: &StoredList,
        warnings: &mut Vec<String>,
    ) -> Result<Output, Failure> {
        if let Some(page) = whole(asked, &output) {
            return Ok(shown(asked, &page, None, warnings));
        }
        if let Some(stored) = output.stored.clone().filter(StoredOutput::is_whole) {
            let shape = asked.printed_shape();
            match self.read(asked, stored.id.as_str(), Some(shape)).await {
                Ok(page) => {
                    let page = checked(asked, page)?;
                    return Ok(shown(asked, &page, Some(&stored.id), warnings));
                }
                // A kept answer may outlive the file.
                Err(ItemsError::Read(ReadError::Unknown)) if output.structured.is_some() => {}
                Err(error) => return no_pages(asked, output, &error, warnings),
            }
        }
        let lack = output.missing();
        match output.structured {
            Some(Value::Array(items)) => {
                Box::pin(self.keep(asked, items, lack, list, warnings)).await
            }
            _ => no_pages(asked, output, &NoList::SomethingElse.into(), warnings),
        }
    }

    /// Stores a list that is in memory, as far as it is, where it is not stored yet, and gives its first page.
    async fn keep(
        &self,
        asked: Asked<'_>,
        items: Vec<Value>,
        lack: Option<Lack>,
        list: &StoredList,
        warnings: &mut Vec<String>,
    ) -> Result<Output, Failure> {
        // Whoever gets the answer later has half of its time at least to read on.
        let fresh = self.store.expiry() / 2;
        let mut problem = String::new();
        for _ in 0..WRITES {
            let id = match list.id(fresh, self.write(asked, &items)).await {
                Ok(id) => id,
                Err(why) => {
                    problem = why;
                    break;
                }
            };
            match self.read(asked, id.as_str(), Some(ListShape::Array)).await {
                Ok(page) => {
                    let page = checked(asked, page)?;
                    return Ok(Output {
                        lack,
                        ..shown(asked, &page, Some(&id), warnings)
                    });
                }
                Err(error) => problem = error.to_string(),
            }
            list.forget(&id);
        }
        let found = lack.map_or(items.len() as u64, |lack| lack.total);
        let page = from_memory(asked, items, found);
        let rest = page.next_offset.map_or_else(
            || "all items are in this answer".to_owned(),
            |next| format!("the {} items after these cannot be had", page.total - next),
        );
        warnings.push(format!("no pages could be kept ({problem}): {rest}"));
        let lack = page.next_offset.map(|given| Lack {
            given,
            total: found,
            unit: LackUnit::Items,
        });
        Ok(Output {
            lack,
            ..shown(asked, &page, None, warnings)
        })
    }

    async fn write(&self, asked: Asked<'_>, items: &[Value]) -> Result<OutputId, String> {
        let owner = asked.call.output_owner();
        let mut sink = self.store.begin(owner, asked.call.tool.name.clone())?;
        let text = serde_json::to_vec(items).map_err(|error| error.to_string())?;
        sink.push(text);
        let receipt = sink.finish(Instant::now() + STORED_WITHIN).await;
        let stored = receipt.output.filter(StoredOutput::is_whole);
        match (stored, receipt.problem) {
            (Some(stored), None) => Ok(stored.id),
            (_, problem) => Err(problem.unwrap_or_else(|| "not all of it was stored".to_owned())),
        }
    }

    /// Reads a page; of a result that was not read before, whose shape is told, where its items are is found first.
    async fn read(
        &self,
        asked: Asked<'_>,
        id: &str,
        unread: Option<ListShape>,
    ) -> Result<ItemPage, ItemsError> {
        let gone = || ItemsError::Read(std::io::Error::other("the reading thread failed").into());
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.map_err(|_| gone())?;
        let (store, id, wanted) = (self.store.clone(), id.to_owned(), asked.wanted());
        let (tool, owner) = (
            asked.call.tool.name.clone(),
            asked.call.context.owner.clone(),
        );
        let reading = spawn_blocking(move || {
            let _thread = thread;
            if let Some(shape) = unread {
                store.find_items(&id, &owner, shape, wanted.bytes)?;
            }
            store.items(&id, &owner, &tool, wanted)
        });
        reading.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// The whole list as one page, where it is short enough for one.
fn whole(asked: Asked<'_>, output: &Output) -> Option<ItemPage> {
    let items = output.structured.as_ref()?.as_array()?;
    let total = items.len() as u64;
    (!output.is_cut && total <= asked.request.size).then(|| ItemPage {
        items: items.clone(),
        total,
        ..ItemPage::default()
    })
}

/// What an answer can hold of a list that could not be stored: all that memory has of the `total` items, where that is no
/// more than any answer may have or the caller takes it all the same, else a page.
fn from_memory(asked: Asked<'_>, items: Vec<Value>, total: u64) -> ItemPage {
    let lengths: Vec<usize> = items
        .iter()
        .map(|item| item.to_string().len() + SEPARATOR)
        .collect();
    let inline = asked.output().inline_bytes;
    let mut page = ItemPage {
        total,
        ..ItemPage::default()
    };
    page.items = items;
    if lengths.iter().sum::<usize>() > inline && !asked.call.context.takes_all {
        let most = usize::try_from(asked.request.size).unwrap_or(usize::MAX);
        page.items.truncate(fitting(&lengths, inline).min(most));
    }
    let count = page.items.len() as u64;
    page.next_offset = (count < total).then_some(count);
    page
}

/// How many of the first items fit in so many bytes.
fn fitting(lengths: &[usize], bytes: usize) -> usize {
    let mut left = bytes;
    let fits = |length: &&usize| match left.checked_sub(**length) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    lengths.iter().take_while(fits).count()
}

/// A page as the answer to a call.
fn shown(
    asked: Asked<'_>,
    page: &ItemPage,
    id: Option<&OutputId>,
    warnings: &mut Vec<String>,
) -> Output {
    let mut object = Map::new();
    object.insert("items".into(), json!(page.items));
    object.insert("total".into(), page.total.into());
    object.insert("offset".into(), page.offset.into());
    object.insert("has_more".into(), page.next_offset.is_some().into());
    if let Some(id) = id {
        if let Some(next) = page.next_offset {
            object.insert("next_offset".into(), next.into());
        }
        object.insert("result_id".into(), id.as_str().into());
        if !page.too_large.is_empty() {
            object.insert("too_large".into(), too_large(page, id));
            warnings.push(format!(
                "{} of these items are larger than `output.inline_bytes` ({}): `too_large` says where each can be read",
                page.too_large.len(),
                asked.output().inline_bytes
            ));
        }
    }
    let structured = Value::Object(object);
    Output {
        text: structured.to_string(),
        structured: Some(structured),
        list: id.cloned(),
        ..Output::default()
    }
}

/// Where the items can be read that no page can hold.
fn too_large(page: &ItemPage, id: &OutputId) -> Value {
    let listed = page.too_large.iter().map(|item| {
        let uri = format!(
            "{}{id}?offset={}&limit={}",
            StoredOutput::URI_PREFIX,
            item.start,
            item.bytes
        );
        json!({"index": item.index, "bytes": item.bytes, "byte_offset": item.start, "uri": uri})
    });
    listed.collect()
}

/// Holds the items of a page against the tool's schema: of a list that was too long for memory, nobody has.
fn checked(asked: Asked<'_>, page: ItemPage) -> Result<ItemPage, Failure> {
    let Some(schema) = &asked.rules.items else {
        return Ok(page);
    };
    let items = Value::Array(page.items);
    let violations = schema.violations(&items);
    if let Some(first) = violations.first() {
        let message = format!(
            "the items from {} on break the tool's schema: {}: {}",
            page.offset, first.pointer, first.message
        );
        return Err(Failure::new(FailureCode::OutputInvalid, message)
            .remediation("mend the script, or `output.schema`, so that they agree")
            .with("offset", page.offset));
    }
    let items = match items {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    Ok(ItemPage { items, ..page })
}

/// The answer where no page can be cut: what the tool gave, as far as an answer holds it.
fn no_pages(
    asked: Asked<'_>,
    mut output: Output,
    error: &ItemsError,
    warnings: &mut Vec<String>,
) -> Result<Output, Failure> {
    let rules = asked.output();
    let is_promised = rules.schema.is_some() || rules.format != OutputFormat::Auto;
    // A promise of JSON could not be held against what was too long for memory.
    if is_promised && output.is_cut && output.structured.is_none() {
        let failure = match error {
            ItemsError::NoList(NoList::Broken { at, .. }) => Failure::new(
                FailureCode::OutputInvalid,
                format!("the output is not JSON: {error}"),
            )
            .remediation("the script must print one JSON value on standard output and anything else to standard error")
            .with("byte", *at),
            _ => Failure::new(
                FailureCode::OutputTooLarge,
                format!(
                    "printed more than the {} bytes allowed, and no pages can be cut: {error}",
                    rules.max_bytes
                ),
            )
            .remediation("let the tool give a list, ask for less, or raise `output.max_bytes`"),
        };
        return Err(failure.with("stdout", output.text).stored(output.stored));
    }
    warnings.push(format!("no pages were cut of the result: {error}"));
    if output.is_cut && !is_promised {
        // It was kept for its pages; a megabyte of JSON would undo the cut.
        output.structured = None;
    }
    Ok(output)
}

/// Why there is no further page.
fn unread(asked: Asked<'_>, error: &ItemsError) -> Failure {
    let tool = &asked.call.tool.name;
    let invalid = |pointer: &str, message: String| {
        Failure::new(FailureCode::InvalidArguments, message.clone()).with(
            "violations",
            vec![json!({"pointer": pointer, "message": message})],
        )
    };
    match error {
        ItemsError::Read(ReadError::Unknown) => invalid(
            "/result_id",
            format!("`{tool}` has no stored result of this id: it may have expired, or belong to another tool or client"),
        )
        .remediation(format!("call `{tool}` again without `result_id` and `offset`")),
        ItemsError::PastTheEnd { .. } => invalid("/offset", error.to_string())
            .remediation("use the `next_offset` of the answer before; where `has_more` is false there is none"),
        ItemsError::Read(_) | ItemsError::NoList(_) => {
            Failure::new(FailureCode::Internal, error.to_string())
        }
    }
}
