//! Push delivery: one task a push subscription, at the pace that [`PushPace`] says.
//! Success is 102, 200, 201, 202 or 204; anything else is tried again with the same message id.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use windtunnel_protos::pubsub::Subscription;

use super::Shared;
use super::json::push_body;
use crate::broker::{Delivery, Limits, PushPace, StreamId};
use crate::clock::now_micros;
use crate::limits::RESPONSE_BYTES_MAX;

/// Ends a subscription's delivery and starts it anew if it has an endpoint.
pub(super) fn restart(shared: &Arc<Shared>, subscription: &Subscription) {
    cancel(shared, &subscription.name);
    let endpoint = subscription.push_config.as_ref().map(|config| config.push_endpoint.clone());
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else { return };
    let stop = shared.stop.child_token();
    let mut pushes = shared.pushes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    pushes.insert(subscription.name.clone(), stop.clone());
    let deadline = u64::try_from(subscription.ack_deadline_seconds).unwrap_or(10);
    tokio::spawn(deliver(Push {
        shared: Arc::clone(shared),
        subscription: subscription.name.clone(),
        endpoint,
        timeout: Duration::from_secs(deadline),
        stop,
    }));
}

/// Ends a subscription's delivery: nothing more is sent.
pub(super) fn cancel(shared: &Shared, subscription: &str) {
    let mut pushes = shared.pushes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(stop) = pushes.remove(subscription) {
        stop.cancel();
    }
}

struct Push {
    shared: Arc<Shared>,
    subscription: String,
    endpoint: String,
    timeout: Duration,
    stop: CancellationToken,
}

async fn deliver(push: Push) {
    let push = Arc::new(push);
    let bell = push.shared.bell(&push.subscription);
    let mut pace = PushPace::default();
    let mut under_way: JoinSet<(String, bool)> = JoinSet::new();
    loop {
        let rung = bell.notified();
        tokio::pin!(rung);
        rung.as_mut().enable();
        let room = pace.room(under_way.len());
        let Some(deliveries) = push.pull(room) else { return };
        // Whatever comes while there is room goes out at once, however slow the others are.
        let has_room = deliveries.len() < room;
        for delivery in deliveries {
            under_way.spawn(Arc::clone(&push).send(delivery));
        }
        let finished = tokio::select! {
            biased;
            () = push.stop.cancelled() => return,
            Some(finished) = under_way.join_next() => finished,
            () = rung, if has_room => continue,
        };
        let Ok((ack_id, delivered)) = finished else { continue };
        push.settle(&ack_id, delivered, &mut pace);
    }
}

impl Push {
    fn pull(&self, messages: usize) -> Option<Vec<Delivery>> {
        let limits = Limits {
            messages,
            bytes: RESPONSE_BYTES_MAX,
            outstanding_messages: 0,
            outstanding_bytes: 0,
        };
        let lease = i64::try_from(self.timeout.as_micros()).ok()?.saturating_add(1_000_000);
        let mut broker = self.shared.broker();
        let backlog = &mut broker.subscription_mut(&self.subscription).ok()?.backlog;
        let deliveries = backlog.pull(StreamId::default(), limits, lease, now_micros());
        drop(broker);
        self.shared.leased();
        Some(deliveries)
    }

    async fn send(self: Arc<Self>, delivery: Delivery) -> (String, bool) {
        let body = push_body(&delivery.stored.message, &self.subscription);
        let response = self
            .shared
            .http
            .post(&self.endpoint)
            .timeout(self.timeout)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        let delivered = match response {
            Ok(response) if matches!(response.status().as_u16(), 102 | 200 | 201 | 202 | 204) => {
                true
            }
            Ok(response) => {
                tracing::warn!(status = %response.status(), "{} refused a push", self.endpoint);
                false
            }
            Err(error) => {
                tracing::warn!(%error, "{} cannot be pushed to", self.endpoint);
                false
            }
        };
        (delivery.ack_id, delivered)
    }

    fn settle(&self, ack_id: &str, delivered: bool, pace: &mut PushPace) {
        let mut broker = self.shared.broker();
        let Ok(subscription) = broker.subscription_mut(&self.subscription) else { return };
        if delivered {
            pace.delivered();
            subscription.backlog.ack([ack_id]);
        } else {
            subscription.backlog.nack(ack_id, pace.failed(), now_micros());
        }
        drop(broker);
        self.shared.leased();
    }
}
