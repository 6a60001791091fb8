//! Where a list is stored that several calls are answered with.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::tool::OutputId;

/// Where a list is stored, so that it is stored once for all calls that get the same answer. Clones are one; the default
/// one remembers nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredList(Option<Arc<Mutex<Slot>>>);

/// The id, once the first who needs it has stored the list, and when that was.
type Slot = Arc<OnceCell<(OutputId, Instant)>>;

impl StoredList {
    /// One that remembers.
    pub(super) fn shared() -> Self {
        Self(Some(Arc::default()))
    }

    /// The id of the list, which `write` stores where nobody has, or not within `fresh`. Of several at one time one
    /// writes, and the others wait for it.
    pub(super) async fn id(
        &self,
        fresh: Duration,
        write: impl Future<Output = Result<OutputId, String>>,
    ) -> Result<OutputId, String> {
        let slot = self.slot(|(_, at)| at.elapsed() < fresh);
        let written = slot.get_or_try_init(|| async { Ok((write.await?, Instant::now())) });
        written.await.map(|(id, _)| id.clone())
    }

    /// Forgets an id that opens nothing any more.
    pub(super) fn forget(&self, gone: &OutputId) {
        self.slot(|(id, _)| id != gone);
    }

    /// The slot; an empty one, where what is in it does not do.
    fn slot(&self, does: impl FnOnce(&(OutputId, Instant)) -> bool) -> Slot {
        let Some(shared) = &self.0 else {
            return Slot::default();
        };
        let mut slot = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.get().is_some_and(|stored| !does(stored)) {
            *slot = Slot::default();
        }
        Arc::clone(&slot)
    }
}

impl PartialEq for StoredList {
    /// Whether both are the same place.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const FRESH: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_list_is_stored_once_until_it_is_old_or_gone() {
        let (list, writes) = (StoredList::shared(), AtomicUsize::new(0));
        let write = || async {
            sleep(Duration::from_secs(1)).await;
            writes.fetch_add(1, Ordering::SeqCst);
            OutputId::random().ok_or_else(String::new)
        };
        let same = list.clone();
        let ids = join_all((0..5).map(|_| same.id(FRESH, write()))).await;
        assert!(ids.iter().all(|id| id == &ids[0]));
        assert_eq!(writes.load(Ordering::SeqCst), 1);
        list.forget(&OutputId::random().unwrap());
        assert_eq!(list.id(FRESH, write()).await, ids[0]);
        list.forget(ids[0].as_ref().unwrap());
        let second = list.id(FRESH, write()).await;
        assert_ne!(second, ids[0]);
        sleep(FRESH).await;
        assert_ne!(list.id(FRESH, write()).await, second);
        assert_eq!(writes.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_could_not_be_stored_is_tried_again_and_the_default_remembers_nothing() {
        let list = StoredList::shared();
        let failed = list.id(FRESH, async { Err("full".to_owned()) }).await;
        assert_eq!(failed, Err("full".to_owned()));
        let write = || async { OutputId::random().ok_or_else(String::new) };
        assert!(list.id(FRESH, write()).await.is_ok());
        let none = StoredList::default();
        assert_ne!(none.id(FRESH, write()).await, none.id(FRESH, write()).await);
    }
}
