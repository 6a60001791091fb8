//! Systems without subreapers: the same face, and nothing behind it.

use super::Swept;

/// What a call leaves behind; here nobody knows.
#[derive(Debug)]
pub struct Ward(());

/// Announces a call that carries `mark`.
pub fn watch(_mark: &str) -> Ward {
    Ward(())
}

impl Ward {
    /// Tells the leader of the call's process group, and the inode numbers of the pipes for its output.
    pub fn led_by(&mut self, _leader: u32, _outputs: [u64; 2]) {}

    /// Finds nothing.
    #[expect(
        clippy::unused_async,
        reason = "elsewhere there is something to wait for"
    )]
    pub async fn sweep(&mut self) -> Swept {
        Swept::default()
    }
}

/// Waits for ever.
pub async fn lost() {
    std::future::pending::<()>().await;
}
