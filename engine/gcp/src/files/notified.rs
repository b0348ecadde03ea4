//! Objects that Cloud Storage tells of, through a Pub/Sub subscription, instead of by listing. A notification
//! is acknowledged once everything of its object is in a checkpoint, so that none is lost and one that comes
//! twice is read once. An object that cannot be read is tried again after a pause, and its notification is
//! kept; one that is not there any more has nothing to be read.
//!
//! Invariant: acknowledgements of messages come in the order in which they were handed over, so everything
//! up to the greatest is in a checkpoint.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use google_cloud_pubsub::client::Subscriber;
use google_cloud_pubsub::model::Message as Notification;
use google_cloud_pubsub::subscriber::ShutdownBehavior;
use google_cloud_pubsub::subscriber::handler::Handler;
use google_cloud_storage::client::StorageControl;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use windtunnel_model::AckId;
use windtunnel_runtime::file_progress::FileProgress;

use super::FileReader;
use super::format::ReadError;
use super::list::{self, InputFile, ListError};
use crate::limits::{LEASE, NOTIFICATION_RETRY_PAUSE, NOTIFICATIONS_MAX};

/// What a job that is told of its objects works with.
pub(crate) struct Notified {
    pub(crate) reader: FileReader,
    pub(crate) control: StorageControl,
    pub(crate) subscriber: Subscriber,
    /// By its resource name.
    pub(crate) subscription: String,
    /// Patterns of the objects to read; none reads all.
    pub(crate) inputs: Vec<String>,
    /// After how long an object that could not be read is tried again.
    pub(crate) pause: Option<Duration>,
}

/// An object that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    bucket: String,
    name: String,
    generation: i64,
}

impl Written {
    /// What a notification tells, when it tells of an object that was written.
    fn of(notification: &Notification) -> Option<Self> {
        let attribute = |name: &str| notification.attributes.get(name).cloned();
        if attribute("eventType")? != "OBJECT_FINALIZE" {
            return None;
        }
        let generation = attribute("objectGeneration")?.parse().ok()?;
        Some(Self { bucket: attribute("bucketId")?, name: attribute("objectId")?, generation })
    }
}

/// Notifications whose objects have been handed over, until their last message is in a checkpoint.
#[derive(Debug)]
struct Waiting<H> {
    acknowledged: u64,
    handlers: Vec<(u64, H)>,
}

impl<H> Waiting<H> {
    /// A notification is done with as soon as the messages up to a number are; gives it back when they are.
    fn wait_for(&mut self, handed_over: u64, handler: H) -> Option<H> {
        if handed_over <= self.acknowledged {
            return Some(handler);
        }
        self.handlers.push((handed_over, handler));
        None
    }

    /// Messages are in a checkpoint; gives back the notifications that are done with.
    fn acknowledge(&mut self, ids: &[AckId]) -> Vec<H> {
        let greatest = ids.iter().map(|AckId(id)| *id).max().unwrap_or_default();
        self.acknowledged = self.acknowledged.max(greatest);
        let acknowledged = self.acknowledged;
        let done = self.handlers.extract_if(.., |(handed_over, _)| *handed_over <= acknowledged);
        done.map(|(_, handler)| handler).collect()
    }
}

type SharedWaiting = Arc<Mutex<Waiting<Handler>>>;

/// Reads the objects that notifications tell of until `stop`, then waits until the engine has let go of
/// `acks`, and gives the rest back.
///
/// # Errors
/// The subscription cannot be pulled, or objects could not be read to their ends.
pub(crate) async fn run(
    notified: Notified,
    mut progress: FileProgress,
    acks: mpsc::Receiver<Vec<AckId>>,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut stream = notified
        .subscriber
        .subscribe(&notified.subscription)
        .set_max_outstanding_messages(NOTIFICATIONS_MAX)
        .set_max_lease_extension(LEASE)
        .set_shutdown_behavior(ShutdownBehavior::NackImmediately)
        .build();
    let shutdown = stream.shutdown_token();
    let waiting = Arc::new(Mutex::new(Waiting { acknowledged: 0, handlers: Vec::new() }));
    let acker = tokio::spawn(acknowledge(acks, Arc::clone(&waiting)));
    let mut failed: Vec<(Written, Handler, String)> = Vec::new();
    let pause = notified.pause.unwrap_or(NOTIFICATION_RETRY_PAUSE);
    let pulled = loop {
        let due = tokio::select! {
            biased;
            () = stop.cancelled() => break Ok(()),
            () = notified.reader.batches.closed() => break Ok(()),
            next = stream.next() => match next {
                None => break Ok(()),
                Some(Err(error)) => break Err(format!("{}: {error}", notified.subscription)),
                Some(Ok((notification, handler))) => match Written::of(&notification) {
                    Some(written) => vec![(written, handler)],
                    None => {
                        handler.ack();
                        continue;
                    }
                },
            },
            () = sleep(pause), if !failed.is_empty() => {
                failed.drain(..).map(|(written, handler, _)| (written, handler)).collect()
            }
        };
        for (written, handler) in due {
            match notified.read(&written, &mut progress).await {
                Ok(()) => {
                    let handed_over = notified.reader.handed_over();
                    if let Some(handler) = lock(&waiting).wait_for(handed_over, handler) {
                        handler.ack();
                    }
                }
                Err(ReadError::Interrupted) => {}
                Err(error) => {
                    let text = format!("gs://{}/{}: {error}", written.bucket, written.name);
                    tracing::error!("{text}; it is tried again");
                    failed.push((written, handler, text));
                }
            }
        }
    };
    drop(notified);
    // The engine drops its end when it has drained; only then are all its acks here.
    let _finished = acker.await;
    let reasons: Vec<String> = failed.drain(..).map(|(_, _, reason)| reason).collect();
    shutdown.shutdown().await;
    pulled?;
    match reasons.len() {
        0 => Ok(()),
        count => Err(format!(
            "{count} objects cannot be read to their end; their notifications come again: {}",
            reasons.join("; ")
        )),
    }
}

async fn acknowledge(mut acks: mpsc::Receiver<Vec<AckId>>, waiting: SharedWaiting) {
    while let Some(ids) = acks.recv().await {
        lock(&waiting).acknowledge(&ids).into_iter().for_each(Handler::ack);
    }
}

fn lock<T>(waiting: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Notified {
    /// Reads an object to its end, what was not read of it before.
    async fn read(&self, written: &Written, progress: &mut FileProgress) -> Result<(), ReadError> {
        let Written { bucket, name, generation } = written;
        let unreadable = |error: ListError| ReadError::Columns(error.to_string());
        if !list::is_named(&self.inputs, bucket, name).map_err(unreadable)? {
            return Ok(());
        }
        let found = list::one(&self.control, bucket, name, *generation).await;
        let Some(file) = found.map_err(unreadable)? else {
            tracing::warn!("gs://{bucket}/{name} of generation {generation} is not there any more");
            return Ok(());
        };
        let InputFile { object, generation, .. } = &file;
        let done = progress.of(object, *generation);
        if done.is_finished {
            return Ok(());
        }
        let (read, ended) = self.reader.read(&file, done).await;
        progress.set(object, *generation, read);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_of_objects_that_were_written_name_them() {
        let notification = |attributes: &[(&str, &str)]| {
            let attributes = attributes.iter().map(|(key, value)| (*key, *value));
            Written::of(&Notification::new().set_attributes(attributes))
        };
        let object = [("bucketId", "b"), ("objectId", "a/c"), ("objectGeneration", "7")];
        let with = |event: &'static str| [&object[..], &[("eventType", event)]].concat();
        let expected = Written { bucket: "b".to_owned(), name: "a/c".to_owned(), generation: 7 };
        assert_eq!(notification(&with("OBJECT_FINALIZE")), Some(expected));
        assert_eq!(notification(&with("OBJECT_DELETE")), None);
        assert_eq!(notification(&object), None);
        assert_eq!(notification(&[("eventType", "OBJECT_FINALIZE")]), None);
    }

    #[test]
    fn a_notification_waits_for_everything_that_was_handed_over_before() {
        let mut waiting = Waiting { acknowledged: 0, handlers: Vec::new() };
        assert_eq!(waiting.wait_for(0, "empty"), Some("empty"));
        assert_eq!(waiting.wait_for(3, "a"), None);
        assert_eq!(waiting.wait_for(5, "b"), None);
        assert!(waiting.acknowledge(&[AckId(1), AckId(2)]).is_empty());
        assert_eq!(waiting.acknowledge(&[AckId(4), AckId(3)]), ["a"]);
        assert_eq!(waiting.wait_for(4, "c"), Some("c"));
        assert_eq!(waiting.acknowledge(&[AckId(5)]), ["b"]);
    }
}
