//! Dead-letter and late objects: whole objects under fixed names, so writing one again is harmless.

use std::sync::Arc;

use google_cloud_storage::client::Storage;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use windtunnel_runtime::command::{FatalError, Input, ObjectCommand};

use crate::limits::{BACKOFF, BACKOFF_MAX, OBJECTS_IN_FLIGHT};

/// Carries commands out until their channel closes.
pub(crate) async fn run(
    storage: Storage,
    bucket: String,
    mut commands: mpsc::Receiver<ObjectCommand>,
    inputs: mpsc::Sender<Input>,
) {
    let room = Arc::new(Semaphore::new(OBJECTS_IN_FLIGHT));
    let mut writes = JoinSet::new();
    while let Some(command) = commands.recv().await {
        while writes.try_join_next().is_some() {}
        let (storage, bucket, inputs, room) =
            (storage.clone(), bucket.clone(), inputs.clone(), Arc::clone(&room));
        writes.spawn(async move {
            let Ok(_permit) = room.acquire_owned().await else { return };
            let result = write_object(&storage, &bucket, &command).await;
            let _ended = inputs.send(Input::ObjectWritten { name: command.name, result }).await;
        });
    }
    while writes.join_next().await.is_some() {}
}

/// Writes one object, again and again while the failure is not the caller's.
///
/// # Errors
/// The service refuses the object for good: the bucket does not exist, permission denied.
#[tracing::instrument(skip_all, fields(object = %command.name))]
pub(crate) async fn write_object(
    storage: &Storage,
    bucket: &str,
    command: &ObjectCommand,
) -> Result<(), FatalError> {
    let mut pause = BACKOFF;
    loop {
        let written = storage
            .write_object(
                format!("projects/_/buckets/{bucket}"),
                command.name.to_string(),
                command.content.clone(),
            )
            .set_content_type("application/x-ndjson")
            .send_buffered()
            .await;
        let Err(error) = written else { return Ok(()) };
        if is_refused(&error) {
            let message = format!("cannot write gs://{bucket}/{}: {error}", command.name);
            return Err(FatalError { service: "Cloud Storage", message });
        }
        tracing::warn!(%error, "writing gs://{bucket}/{} failed, again", command.name);
        sleep(pause).await;
        pause = (pause * 2).min(BACKOFF_MAX);
    }
}

/// Whether a failure is the caller's, so that trying again is of no use.
pub(crate) fn is_refused(error: &google_cloud_gax::error::Error) -> bool {
    error.http_status_code().is_some_and(|code| (400..500).contains(&code) && code != 429)
}
