//! StreamingPull: one task a stream, woken by the subscription's bell, bounded by the limits of the
//! first request. Headers go out before the first message, as clients expect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use windtunnel_protos::pubsub::streaming_pull_response::SubscriptionProperties;
use windtunnel_protos::pubsub::{ReceivedMessage, StreamingPullRequest, StreamingPullResponse};

use super::Shared;
use super::grpc::status_of;
use crate::broker::{BrokerError, Delivery, Limits, StreamId};
use crate::clock::now_micros;
use crate::limits::{
    ACK_DEADLINE_SECONDS, RESPONSE_BYTES_MAX, RESPONSE_MESSAGES_MAX, STREAM_BUFFER,
};

pub(super) type Responses = ReceiverStream<Result<StreamingPullResponse, Status>>;

static NEXT_STREAM: AtomicU64 = AtomicU64::new(1);

struct Pull {
    shared: Arc<Shared>,
    subscription: String,
    incarnation: u64,
    stream: StreamId,
    limits: Limits,
    lease_micros: i64,
}

/// Opens a stream: reads the first request and starts delivery.
pub(super) async fn open(
    shared: Arc<Shared>,
    mut requests: Streaming<StreamingPullRequest>,
) -> Result<Responses, Status> {
    let first = requests
        .message()
        .await?
        .ok_or_else(|| Status::invalid_argument("the stream ended before its first request"))?;
    let seconds = first.stream_ack_deadline_seconds;
    if !ACK_DEADLINE_SECONDS.contains(&seconds) {
        let text =
            format!("Invalid stream_ack_deadline_seconds given: {seconds}; it must be 10 to 600.");
        return Err(Status::invalid_argument(text));
    }
    let limit = |value: i64| usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    let incarnation = {
        let broker = shared.broker();
        broker.subscription(&first.subscription).map_err(status_of)?.backlog.incarnation()
    };
    let pull = Pull {
        subscription: first.subscription.clone(),
        incarnation,
        stream: StreamId(NEXT_STREAM.fetch_add(1, Ordering::Relaxed)),
        limits: Limits {
            messages: RESPONSE_MESSAGES_MAX,
            bytes: RESPONSE_BYTES_MAX,
            outstanding_messages: limit(first.max_outstanding_messages),
            outstanding_bytes: limit(first.max_outstanding_bytes),
        },
        lease_micros: i64::from(seconds) * 1_000_000,
        shared,
    };
    pull.take(&first)?;
    let (responses, receiver) = mpsc::channel(STREAM_BUFFER);
    let pull = Arc::new(pull);
    tokio::spawn(deliver(Arc::clone(&pull), responses.clone()));
    tokio::spawn(listen(pull, requests, responses));
    Ok(ReceiverStream::new(receiver))
}

async fn deliver(pull: Arc<Pull>, responses: mpsc::Sender<Result<StreamingPullResponse, Status>>) {
    let properties = StreamingPullResponse {
        subscription_properties: Some(SubscriptionProperties {
            exactly_once_delivery_enabled: false,
            message_ordering_enabled: false,
        }),
        ..StreamingPullResponse::default()
    };
    if responses.send(Ok(properties)).await.is_err() {
        return;
    }
    let bell = pull.shared.bell(&pull.subscription);
    loop {
        // The bell is armed before looking, so that nothing rung in between is missed.
        let rung = bell.notified();
        tokio::pin!(rung);
        rung.as_mut().enable();
        let deliveries = match pull.pull() {
            Ok(deliveries) => deliveries,
            Err(error) => {
                let _closed = responses.send(Err(status_of(error))).await;
                return;
            }
        };
        if deliveries.is_empty() {
            tokio::select! {
                () = rung => continue,
                () = responses.closed() => break,
                () = pull.shared.stop.cancelled() => {
                    let _closed = responses.send(Err(Status::unavailable("the emulator stops"))).await;
                    break;
                }
            }
        }
        pull.shared.leased();
        let received_messages = deliveries.into_iter().map(received).collect();
        let response =
            StreamingPullResponse { received_messages, ..StreamingPullResponse::default() };
        if responses.send(Ok(response)).await.is_err() {
            break;
        }
    }
    if let Ok(subscription) = pull.shared.broker().subscription_mut(&pull.subscription) {
        subscription.backlog.close_stream(pull.stream);
    }
}

/// Later requests carry acks and lease changes, or nothing at all to keep the stream alive.
async fn listen(
    pull: Arc<Pull>,
    mut requests: Streaming<StreamingPullRequest>,
    responses: mpsc::Sender<Result<StreamingPullResponse, Status>>,
) {
    loop {
        tokio::select! {
            () = responses.closed() => return,
            request = requests.message() => match request {
                Ok(Some(request)) => {
                    if let Err(status) = pull.take(&request) {
                        let _closed = responses.send(Err(status)).await;
                        return;
                    }
                }
                Ok(None) | Err(_) => return,
            }
        }
    }
}

impl Pull {
    fn pull(&self) -> Result<Vec<Delivery>, BrokerError> {
        let mut broker = self.shared.broker();
        let subscription = broker.subscription_mut(&self.subscription)?;
        if subscription.backlog.incarnation() != self.incarnation {
            return Err(BrokerError::NotFound(self.subscription.clone()));
        }
        Ok(subscription.backlog.pull(self.stream, self.limits, self.lease_micros, now_micros()))
    }

    fn take(&self, request: &StreamingPullRequest) -> Result<(), Status> {
        if !request.ack_ids.is_empty() {
            self.shared.ack(&self.subscription, &request.ack_ids).map_err(status_of)?;
        }
        if request.modify_deadline_ack_ids.len() != request.modify_deadline_seconds.len() {
            return Err(Status::invalid_argument(
                "modify_deadline_ack_ids and modify_deadline_seconds differ in length",
            ));
        }
        for (ack_id, seconds) in
            request.modify_deadline_ack_ids.iter().zip(&request.modify_deadline_seconds)
        {
            let ack_ids = std::slice::from_ref(ack_id);
            self.shared
                .modify_deadline(&self.subscription, ack_ids, *seconds)
                .map_err(status_of)?;
        }
        Ok(())
    }
}

/// A delivery as the wire has it; the attempt is 0 without a dead-letter policy.
pub(super) fn received(delivery: Delivery) -> ReceivedMessage {
    ReceivedMessage {
        ack_id: delivery.ack_id,
        message: Some(delivery.stored.message.clone()),
        delivery_attempt: 0,
    }
}
