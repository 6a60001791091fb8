//! A bug of ours is answered, and the server goes on.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use rmcp::ErrorData;

/// Answers for `work` that panics. The SDK would leave its request without an answer for ever.
pub(super) async fn answered<T>(
    work: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let message = "a bug of the runner ended this request; the server goes on";
            Err(ErrorData::internal_error(message, None))
        })
}

#[cfg(test)]
mod tests {
    use rmcp::model::ErrorCode;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let broken = answered(async { panic!("as a bug would") });
        let answer: Result<(), ErrorData> = broken.await;
        assert_eq!(answer.unwrap_err().code, ErrorCode::INTERNAL_ERROR);
    }
}
