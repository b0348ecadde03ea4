//! Pub/Sub as a source: streaming pull through the official client, in micro-batches. The client keeps
//! the leases of everything that is not acknowledged. On stop, what was not handed over goes back at
//! once, and pending acks are sent before the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use google_cloud_pubsub::client::Subscriber;
use google_cloud_pubsub::subscriber::ShutdownBehavior;
use google_cloud_pubsub::subscriber::handler::Handler;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use windtunnel_model::{AckId, EventTime, Message, Origin};

use crate::limits::{BATCH_LINGER, BATCH_MESSAGES, LEASE, OUTSTANDING_MESSAGES_MAX};

type Handlers = Arc<Mutex<HashMap<AckId, Handler>>>;

/// Pulls until `stop`, then waits until the engine has let go of `acks`, and gives the rest back.
///
/// # Errors
/// The subscription cannot be pulled (it does not exist, permission denied).
pub(crate) async fn run(
    subscriber: Subscriber,
    subscription: String,
    batches: mpsc::Sender<Vec<Message>>,
    acks: mpsc::Receiver<Vec<AckId>>,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut stream = subscriber
        .subscribe(&subscription)
        .set_max_outstanding_messages(OUTSTANDING_MESSAGES_MAX)
        .set_max_lease_extension(LEASE)
        .set_shutdown_behavior(ShutdownBehavior::NackImmediately)
        .build();
    let shutdown = stream.shutdown_token();
    let handlers: Handlers = Handlers::default();
    let acker = tokio::spawn(acknowledge(acks, Arc::clone(&handlers)));
    let mut next_id = 0;
    let pulled = loop {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => break Ok(()),
            next = stream.next() => next,
        };
        let mut batch = Vec::new();
        let mut keep = |(message, handler), batch: &mut Vec<Message>| {
            next_id += 1;
            let ack = AckId(next_id);
            handlers.lock().unwrap_or_else(PoisonError::into_inner).insert(ack, handler);
            batch.push(convert(ack, message));
        };
        match first {
            None => break Ok(()),
            Some(Err(error)) => break Err(format!("{subscription}: {error}")),
            Some(Ok(delivery)) => keep(delivery, &mut batch),
        }
        let until = Instant::now() + BATCH_LINGER;
        while batch.len() < BATCH_MESSAGES {
            match timeout_at(until, stream.next()).await {
                Ok(Some(Ok(delivery))) => keep(delivery, &mut batch),
                // The end and errors come again at the next turn.
                Ok(None | Some(Err(_))) | Err(_) => break,
            }
        }
        tokio::select! {
            biased;
            sent = batches.send(batch) => if sent.is_err() { break Ok(()) },
            () = stop.cancelled() => break Ok(()),
        }
    };
    drop(batches);
    // The engine drops its end when it has drained; only then are all its acks here.
    let _finished = acker.await;
    shutdown.shutdown().await;
    pulled
}

async fn acknowledge(mut acks: mpsc::Receiver<Vec<AckId>>, handlers: Handlers) {
    while let Some(ids) = acks.recv().await {
        let mut handlers = handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if let Some(handler) = handlers.remove(&id) {
                handler.ack();
            }
        }
    }
}

fn convert(ack: AckId, message: google_cloud_pubsub::model::Message) -> Message {
    let publish_time = message.publish_time.map_or(EventTime(0), |time| {
        EventTime(time.seconds() * 1_000_000 + i64::from(time.nanos()) / 1_000)
    });
    let attributes: BTreeMap<String, String> = message.attributes.into_iter().collect();
    Message {
        ack,
        data: message.data,
        publish_time,
        origin: Origin::Pubsub { message_id: message.message_id, attributes },
    }
    .published_first()
}
