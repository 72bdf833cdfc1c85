//! Puts what a route did into the record before it is answered.

use super::refusal::Refusal;
use crate::app::App;
use tagwerk_runtime::RecordKind;

/// When it cannot be written, the answer says so; what was done stays done.
pub async fn record(app: &App, kind: RecordKind, by: &str, text: &str) -> Result<(), Refusal> {
    tracing::info!(by, text, "access");
    app.runtime.record(kind, by, text).await.map_err(|error| {
        Refusal::unavailable(
            format!("it is done, but its record could not be written: {error}"),
            "see the journal's state; the disk may be full",
        )
    })
}
