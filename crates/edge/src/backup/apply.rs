//! Puts a backup that lies ready in place of a running edge's state, and takes it back when it does not
//! run.

use super::restore::{RestoreError, Restored};
use super::swap::{Swap, old_files};
use crate::app::Shared;
use crate::store::StoreError;

/// Everybody's changes wait meanwhile; polling goes on. All sessions end.
pub async fn apply(app: &Shared, restored: &Restored) -> Result<(), RestoreError> {
    let _door = app.configuration.close_door().await;
    let _accounts = app.accounts.close_door().await;
    let swap = Swap::of(&app.data);
    let places = restored.places.clone();
    let (going, disk) = (swap.clone(), app.env.disk.clone());
    exchange(app, move |shared| {
        let old = old_files(&*disk, &shared.data);
        shared.store.replace(|| going.place(&*disk, old, places), || going.back(&*disk))
    })
    .await
    .map_err(RestoreError::Store)?;
    app.configuration.start_anew().await;
    read_tables(app);
    let Some(problem) = app.configuration.problem() else {
        let disk = app.env.disk.clone();
        let confirmed = tokio::task::spawn_blocking(move || swap.confirm(&*disk)).await;
        if !matches!(confirmed, Ok(Ok(()))) {
            // It is confirmed at the next start.
            tracing::warn!("the state before the restore could not be removed yet");
        }
        return Ok(());
    };
    tracing::error!(cause = problem.cause, "what was restored does not run and is taken back");
    let disk = app.env.disk.clone();
    exchange(app, move |shared| {
        let again = swap.clone();
        shared.store.replace(|| swap.back(&*disk), || again.back(&*disk))
    })
    .await
    .map_err(RestoreError::Store)?;
    app.configuration.start_anew().await;
    read_tables(app);
    Err(RestoreError::NotRunning(problem.cause))
}

/// Exchanges the files while nobody uses them, and has everybody read them anew.
async fn exchange(
    app: &Shared,
    swap: impl FnOnce(&Shared) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    let shared = app.clone();
    let exchanged = tokio::task::spawn_blocking(move || {
        shared.secrets.replaced(|| shared.certificates.replaced(|| swap(&shared)))?;
        shared.accounts.reload()
    });
    exchanged.await.expect("exchanging files does not panic")
}

/// Their files may be others now.
fn read_tables(app: &Shared) {
    let shelf = app.lookups.shelf();
    for table in shelf.list() {
        shelf.refresh(&table.checked.name);
    }
}
