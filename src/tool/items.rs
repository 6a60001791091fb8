//! Where the items of a call go as they come.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Items on their way to who listens. Who reads slowly holds up the script, and loses nothing.
const UNDER_WAY: usize = 64;

/// Where each item is given, as the line of JSON it came in. The default one has no listener.
#[derive(Clone, Debug, Default)]
pub struct ItemSink(Option<mpsc::Sender<String>>);

impl ItemSink {
    /// A sink somebody listens to.
    pub fn new() -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(UNDER_WAY);
        (Self(Some(sender)), receiver)
    }

    /// Whether somebody listens.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Gives an item.
    ///
    /// # Errors
    /// The item itself, where there is no room for it now or nobody listens.
    pub fn try_send(&self, item: String) -> Result<(), TrySendError<String>> {
        match &self.0 {
            Some(sender) => sender.try_send(item),
            None => Err(TrySendError::Closed(item)),
        }
    }

    /// Waits for room for an item; `None` where nobody listens. Can be dropped at any await without a loss.
    pub async fn reserve(&self) -> Option<mpsc::Permit<'_, String>> {
        self.0.as_ref()?.reserve().await.ok()
    }
}
