//! The load: publishes a plan open-loop through the official client. Each event goes out at its own
//! intended instant, whatever became of those before; latencies count from there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use google_cloud_pubsub::client::Publisher;
use google_cloud_pubsub::model::Message;
use google_cloud_pubsub::publisher::PublishFuture;
use hdrhistogram::Histogram;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use windtunnel_model::{AckId, EventBatch, EventTime, Origin, Span};
use windtunnel_simulator::{
    CanonicalEvent, Expect, Ledger, PlannedEvent, StreamDigest, Workload, fingerprint, id_hash,
};
use windtunnel_stages::decode::decode;
use windtunnel_stages::privacy::Privacy;
use windtunnel_stages::validate::validate;

use crate::clock::RunClock;
use crate::latency::{histogram, record};

/// Publishes that wait for their acknowledgement at the most: four seconds of 50,000 a second. Beyond
/// it the generator waits, and its lag says so.
const IN_FLIGHT_MAX: usize = 200_000;

/// Bytes of one message at the most: what Pub/Sub takes in a request, with room for attributes.
const PUBLISH_BYTES_MAX: usize = 9_000_000;

/// What the load came to.
#[derive(Debug)]
pub struct LoadResult {
    /// Digest of the stream, in hexadecimal.
    pub digest: String,
    /// From the intended instant to the client, in microseconds.
    pub send_lag: Histogram<u64>,
    /// From the intended instant to the acknowledgement, in microseconds.
    pub publish: Histogram<u64>,
    /// How long the sending took.
    pub elapsed: Duration,
}

/// Publishes a workload to a topic until it is over or `stop`; every attempt is entered in the ledger.
pub async fn blow(
    workload: &Workload,
    publisher: &Publisher,
    ledger: &Arc<Mutex<Ledger>>,
    clock: RunClock,
    stop: &CancellationToken,
) -> LoadResult {
    blow_private(workload, publisher, ledger, clock, stop, None).await
}

/// The same against a pipeline that redacts: the ledger expects what redaction leaves.
pub async fn blow_private(
    workload: &Workload,
    publisher: &Publisher,
    ledger: &Arc<Mutex<Ledger>>,
    clock: RunClock,
    stop: &CancellationToken,
    privacy: Option<&Privacy>,
) -> LoadResult {
    let room = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let (outcomes, receiver) = mpsc::channel(IN_FLIGHT_MAX);
    let collector = tokio::spawn(collect(receiver, Arc::clone(ledger), clock));
    let mut digest = StreamDigest::default();
    let mut send_lag = histogram();
    for mut event in workload.plan() {
        let intended = Duration::from_nanos(event.intended_ns);
        if clock.elapsed() < intended {
            tokio::select! {
                () = sleep_until(clock.at(intended)) => {}
                () = stop.cancelled() => break,
            }
        } else if stop.is_cancelled() {
            break;
        }
        digest.update(&event);
        if let Some(privacy) = privacy {
            expect_redacted(&mut event, privacy);
        }
        ledger.lock().unwrap_or_else(PoisonError::into_inner).record(&event);
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        record(&mut send_lag, clock.elapsed().saturating_sub(intended));
        if event.body.len() > PUBLISH_BYTES_MAX {
            ledger.lock().unwrap_or_else(PoisonError::into_inner).refused(event.ordinal);
            continue;
        }
        let message = Message::new().set_attributes(event.attributes()).set_data(event.body);
        let outcome = Outcome {
            ordinal: event.ordinal,
            intended,
            future: publisher.publish(message),
            _permit: permit,
        };
        if outcomes.send(outcome).await.is_err() {
            break;
        }
    }
    let elapsed = clock.elapsed();
    publisher.flush().await;
    drop(outcomes);
    let publish = collector.await.unwrap_or_else(|_| histogram());
    LoadResult { digest: digest.hex(), send_lag, publish, elapsed }
}

/// Changes what must become of an event to what redaction leaves of it: its id and its fingerprint. What
/// was no event for the sake of a field that is taken away is one then.
fn expect_redacted(event: &mut PlannedEvent, privacy: &Privacy) {
    let mut message = windtunnel_model::Message {
        ack: AckId(0),
        data: event.body.clone(),
        publish_time: EventTime(0),
        origin: Origin::Pubsub {
            message_id: String::new(),
            attributes: event
                .attributes()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
        },
    };
    privacy.redact(&mut message);
    let mut batch = EventBatch::for_messages(vec![message]);
    let Ok(it) = decode(&mut batch, 0) else { return };
    if validate(&batch, &it).is_err() {
        return;
    }
    let text = |span: Option<Span>| span.map(|span| batch.text(span));
    let canonical = CanonicalEvent {
        event_id: batch.text(it.event_id),
        event_time_micros: it.event_time.0,
        event_type: batch.text(it.event_type),
        device_id: batch.text(it.device_id),
        user_id: text(it.user_id),
        page_url: text(it.page_url),
        referrer: text(it.referrer),
        value: it.value,
        temperature: it.temperature,
        humidity: it.humidity,
        battery: it.battery,
    };
    let (new_id, content) = (id_hash(canonical.event_id), fingerprint(&canonical));
    match &mut event.expect {
        Expect::Row { id, fingerprint, .. } | Expect::Copy { id, fingerprint } => {
            (*id, *fingerprint) = (new_id, content);
        }
        expect @ Expect::Reject(_) => {
            *expect = Expect::Row { id: new_id, fingerprint: content, late: false };
        }
    }
}

struct Outcome {
    ordinal: u64,
    intended: Duration,
    future: PublishFuture,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

/// Awaits the outcomes in the order of sending: batches are acknowledged nearly in that order, so
/// waiting for the oldest first holds nothing up.
async fn collect(
    mut outcomes: mpsc::Receiver<Outcome>,
    ledger: Arc<Mutex<Ledger>>,
    clock: RunClock,
) -> Histogram<u64> {
    let mut publish = histogram();
    while let Some(outcome) = outcomes.recv().await {
        let result = outcome.future.await;
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => {
                record(&mut publish, clock.elapsed().saturating_sub(outcome.intended));
                ledger.acknowledged(outcome.ordinal);
            }
            Err(error) => {
                tracing::warn!(%error, "publish of event {} failed", outcome.ordinal);
                ledger.refused(outcome.ordinal);
            }
        }
    }
    publish
}
