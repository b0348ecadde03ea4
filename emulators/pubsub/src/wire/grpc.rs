//! gRPC: Publisher, Subscriber and SchemaService. Thin: every call is one step of the broker.

use std::sync::Arc;

use tokio::time::{Duration, Instant, timeout_at};
use tonic::{Request, Response, Status, Streaming};
use windtunnel_protos::pubsub::publisher_server::Publisher;
use windtunnel_protos::pubsub::schema_service_server::SchemaService;
use windtunnel_protos::pubsub::subscriber_server::Subscriber;
use windtunnel_protos::pubsub::{
    AcknowledgeRequest, CommitSchemaRequest, CreateSchemaRequest, CreateSnapshotRequest,
    DeleteSchemaRequest, DeleteSchemaRevisionRequest, DeleteSnapshotRequest,
    DeleteSubscriptionRequest, DeleteTopicRequest, DetachSubscriptionRequest,
    DetachSubscriptionResponse, GetSchemaRequest, GetSnapshotRequest, GetSubscriptionRequest,
    GetTopicRequest, ListSchemaRevisionsRequest, ListSchemaRevisionsResponse, ListSchemasRequest,
    ListSchemasResponse, ListSnapshotsRequest, ListSnapshotsResponse, ListSubscriptionsRequest,
    ListSubscriptionsResponse, ListTopicSnapshotsRequest, ListTopicSnapshotsResponse,
    ListTopicSubscriptionsRequest, ListTopicSubscriptionsResponse, ListTopicsRequest,
    ListTopicsResponse, ModifyAckDeadlineRequest, ModifyPushConfigRequest, PublishRequest,
    PublishResponse, PullRequest, PullResponse, RollbackSchemaRequest, Schema, SeekRequest,
    SeekResponse, Snapshot, StreamingPullRequest, Subscription, Topic, UpdateSnapshotRequest,
    UpdateSubscriptionRequest, UpdateTopicRequest, ValidateMessageRequest, ValidateMessageResponse,
    ValidateSchemaRequest, ValidateSchemaResponse,
};

use super::Shared;
use super::streaming::{Responses, open, received};
use crate::broker::{BrokerError, Limits, StreamId};
use crate::clock::now_micros;
use crate::limits::{
    PULL_MARGIN_MS, PULL_WAIT_MS, PULL_WAIT_MS_MAX, RESPONSE_BYTES_MAX, RESPONSE_MESSAGES_MAX,
};

#[derive(Clone)]
pub(super) struct Wire {
    shared: Arc<Shared>,
}

impl Wire {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// The one translation of the broker's errors into gRPC.
pub(super) fn status_of(error: BrokerError) -> Status {
    let text = error.to_string();
    match error {
        BrokerError::NotFound(_) => Status::not_found(text),
        BrokerError::AlreadyExists(_) => Status::already_exists(text),
        BrokerError::Invalid(_) => Status::invalid_argument(text),
        BrokerError::Unimplemented(_) => Status::unimplemented(text),
    }
}

#[tonic::async_trait]
impl Publisher for Wire {
    async fn create_topic(&self, request: Request<Topic>) -> Result<Response<Topic>, Status> {
        self.shared.create_topic(request.into_inner()).map(Response::new).map_err(status_of)
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let PublishRequest { topic, messages } = request.into_inner();
        let message_ids = self.shared.publish(&topic, messages).map_err(status_of)?;
        Ok(Response::new(PublishResponse { message_ids }))
    }

    async fn get_topic(
        &self,
        request: Request<GetTopicRequest>,
    ) -> Result<Response<Topic>, Status> {
        let broker = self.shared.broker();
        broker.topic(&request.get_ref().topic).cloned().map(Response::new).map_err(status_of)
    }

    async fn list_topics(
        &self,
        request: Request<ListTopicsRequest>,
    ) -> Result<Response<ListTopicsResponse>, Status> {
        let ListTopicsRequest { project, page_size, page_token } = request.into_inner();
        let broker = self.shared.broker();
        let (topics, next_page_token) =
            page(broker.topics(&project), |topic| &topic.name, page_size, &page_token);
        Ok(Response::new(ListTopicsResponse { topics, next_page_token }))
    }

    async fn list_topic_subscriptions(
        &self,
        request: Request<ListTopicSubscriptionsRequest>,
    ) -> Result<Response<ListTopicSubscriptionsResponse>, Status> {
        let request = request.into_inner();
        let broker = self.shared.broker();
        let mut names = broker.topic_subscriptions(&request.topic).map_err(status_of)?.to_vec();
        names.sort();
        let (subscriptions, next_page_token) =
            page(names.iter(), |name| name, request.page_size, &request.page_token);
        Ok(Response::new(ListTopicSubscriptionsResponse { subscriptions, next_page_token }))
    }

    async fn update_topic(
        &self,
        request: Request<UpdateTopicRequest>,
    ) -> Result<Response<Topic>, Status> {
        let UpdateTopicRequest { topic, update_mask } = request.into_inner();
        let paths = update_mask.unwrap_or_default().paths;
        let mut broker = self.shared.broker();
        broker.update_topic(topic.unwrap_or_default(), &paths).map(Response::new).map_err(status_of)
    }

    async fn delete_topic(
        &self,
        request: Request<DeleteTopicRequest>,
    ) -> Result<Response<()>, Status> {
        let mut broker = self.shared.broker();
        broker.delete_topic(&request.get_ref().topic).map(Response::new).map_err(status_of)
    }

    windtunnel_protos::unimplemented_methods! { "google.pubsub.v1.Publisher":
        list_topic_snapshots(ListTopicSnapshotsRequest) -> ListTopicSnapshotsResponse = "ListTopicSnapshots";
        detach_subscription(DetachSubscriptionRequest) -> DetachSubscriptionResponse = "DetachSubscription";
    }
}

#[tonic::async_trait]
impl Subscriber for Wire {
    type StreamingPullStream = Responses;

    async fn create_subscription(
        &self,
        request: Request<Subscription>,
    ) -> Result<Response<Subscription>, Status> {
        Shared::create_subscription(&self.shared, request.into_inner())
            .map(Response::new)
            .map_err(status_of)
    }

    async fn get_subscription(
        &self,
        request: Request<GetSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let broker = self.shared.broker();
        let state = broker.subscription(&request.get_ref().subscription).map_err(status_of)?;
        Ok(Response::new(state.resource.clone()))
    }

    async fn list_subscriptions(
        &self,
        request: Request<ListSubscriptionsRequest>,
    ) -> Result<Response<ListSubscriptionsResponse>, Status> {
        let ListSubscriptionsRequest { project, page_size, page_token } = request.into_inner();
        let broker = self.shared.broker();
        let (subscriptions, next_page_token) =
            page(broker.subscriptions(&project), |it| &it.name, page_size, &page_token);
        Ok(Response::new(ListSubscriptionsResponse { subscriptions, next_page_token }))
    }

    async fn update_subscription(
        &self,
        request: Request<UpdateSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let UpdateSubscriptionRequest { subscription, update_mask } = request.into_inner();
        let paths = update_mask.unwrap_or_default().paths;
        Shared::update_subscription(&self.shared, subscription.unwrap_or_default(), &paths)
            .map(Response::new)
            .map_err(status_of)
    }

    async fn delete_subscription(
        &self,
        request: Request<DeleteSubscriptionRequest>,
    ) -> Result<Response<()>, Status> {
        let name = &request.get_ref().subscription;
        self.shared.delete_subscription(name).map(Response::new).map_err(status_of)
    }

    async fn modify_ack_deadline(
        &self,
        request: Request<ModifyAckDeadlineRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        self.shared
            .modify_deadline(&request.subscription, &request.ack_ids, request.ack_deadline_seconds)
            .map(Response::new)
            .map_err(status_of)
    }

    async fn acknowledge(
        &self,
        request: Request<AcknowledgeRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        self.shared
            .ack(&request.subscription, &request.ack_ids)
            .map(Response::new)
            .map_err(status_of)
    }

    #[expect(deprecated, reason = "clients still send return_immediately")]
    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        let wait = if request.get_ref().return_immediately {
            Duration::ZERO
        } else {
            pull_wait(request.metadata().get("grpc-timeout").and_then(|value| value.to_str().ok()))
        };
        let request = request.into_inner();
        pull(&self.shared, &request.subscription, request.max_messages, wait)
            .await
            .map(Response::new)
            .map_err(status_of)
    }

    async fn streaming_pull(
        &self,
        request: Request<Streaming<StreamingPullRequest>>,
    ) -> Result<Response<Self::StreamingPullStream>, Status> {
        // Headers are due before the first request has arrived, but a wrong first request must still
        // fail the call: clients send it at once, so it is read here.
        open(Arc::clone(&self.shared), request.into_inner()).await.map(Response::new)
    }

    async fn modify_push_config(
        &self,
        request: Request<ModifyPushConfigRequest>,
    ) -> Result<Response<()>, Status> {
        let ModifyPushConfigRequest { subscription, push_config } = request.into_inner();
        Shared::modify_push_config(&self.shared, &subscription, push_config)
            .map(Response::new)
            .map_err(status_of)
    }

    windtunnel_protos::unimplemented_methods! { "google.pubsub.v1.Subscriber":
        get_snapshot(GetSnapshotRequest) -> Snapshot = "GetSnapshot";
        list_snapshots(ListSnapshotsRequest) -> ListSnapshotsResponse = "ListSnapshots";
        create_snapshot(CreateSnapshotRequest) -> Snapshot = "CreateSnapshot";
        update_snapshot(UpdateSnapshotRequest) -> Snapshot = "UpdateSnapshot";
        delete_snapshot(DeleteSnapshotRequest) -> () = "DeleteSnapshot";
        seek(SeekRequest) -> SeekResponse = "Seek";
    }
}

#[tonic::async_trait]
impl SchemaService for Wire {
    windtunnel_protos::unimplemented_methods! { "google.pubsub.v1.SchemaService":
        create_schema(CreateSchemaRequest) -> Schema = "CreateSchema";
        get_schema(GetSchemaRequest) -> Schema = "GetSchema";
        list_schemas(ListSchemasRequest) -> ListSchemasResponse = "ListSchemas";
        list_schema_revisions(ListSchemaRevisionsRequest) -> ListSchemaRevisionsResponse = "ListSchemaRevisions";
        commit_schema(CommitSchemaRequest) -> Schema = "CommitSchema";
        rollback_schema(RollbackSchemaRequest) -> Schema = "RollbackSchema";
        delete_schema_revision(DeleteSchemaRevisionRequest) -> Schema = "DeleteSchemaRevision";
        delete_schema(DeleteSchemaRequest) -> () = "DeleteSchema";
        validate_schema(ValidateSchemaRequest) -> ValidateSchemaResponse = "ValidateSchema";
        validate_message(ValidateMessageRequest) -> ValidateMessageResponse = "ValidateMessage";
    }
}

/// A unary pull: waits for messages, and answers empty when the wait is over.
pub(super) async fn pull(
    shared: &Arc<Shared>,
    subscription: &str,
    max_messages: i32,
    wait: Duration,
) -> Result<PullResponse, BrokerError> {
    let messages = usize::try_from(max_messages).unwrap_or_default();
    if messages == 0 {
        return Err(BrokerError::Invalid("max_messages must be positive.".to_owned()));
    }
    let limits = Limits {
        messages: messages.min(RESPONSE_MESSAGES_MAX),
        bytes: RESPONSE_BYTES_MAX,
        outstanding_messages: 0,
        outstanding_bytes: 0,
    };
    let until = Instant::now() + wait;
    // A bell is kept for every subscription that exists, and for no other name.
    shared.broker().subscription(subscription)?;
    let bell = shared.bell(subscription);
    loop {
        let rung = bell.notified();
        tokio::pin!(rung);
        rung.as_mut().enable();
        let deliveries = {
            let mut broker = shared.broker();
            let state = broker.subscription_mut(subscription)?;
            let lease = i64::from(state.resource.ack_deadline_seconds) * 1_000_000;
            state.backlog.pull(StreamId::default(), limits, lease, now_micros())
        };
        if !deliveries.is_empty() {
            shared.leased();
            let received_messages = deliveries.into_iter().map(received).collect();
            return Ok(PullResponse { received_messages });
        }
        if timeout_at(until, rung).await.is_err() {
            return Ok(PullResponse::default());
        }
    }
}

/// How long an empty pull waits: about a second less than the client's deadline.
fn pull_wait(grpc_timeout: Option<&str>) -> Duration {
    let millis = grpc_timeout.and_then(grpc_timeout_ms).unwrap_or(PULL_WAIT_MS + PULL_MARGIN_MS);
    let wait = millis.saturating_sub(PULL_MARGIN_MS).max(millis / 2).min(PULL_WAIT_MS_MAX);
    Duration::from_millis(wait)
}

/// `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2).
fn grpc_timeout_ms(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => value.checked_mul(3_600_000),
        "M" => value.checked_mul(60_000),
        "S" => value.checked_mul(1_000),
        "m" => Some(value),
        "u" => Some(value / 1_000),
        "n" => Some(value / 1_000_000),
        _ => None,
    }
}

/// A page of a list that is ordered by name; the token is the last name of the page before.
pub(super) fn page<'a, T: Clone + 'a>(
    items: impl Iterator<Item = &'a T>,
    name: impl Fn(&T) -> &String,
    page_size: i32,
    page_token: &str,
) -> (Vec<T>, String) {
    let size = match usize::try_from(page_size) {
        Ok(size) if size > 0 => size.min(1_000),
        _ => 1_000,
    };
    let mut rest = items.filter(|item| page_token.is_empty() || name(item).as_str() > page_token);
    let page: Vec<T> = rest.by_ref().take(size).cloned().collect();
    let token = match (rest.next(), page.last()) {
        (Some(_), Some(last)) => name(last).clone(),
        _ => String::new(),
    };
    (page, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_pull_answers_before_the_clients_deadline() {
        let cases =
            [(None, 5_000), (Some("30S"), 29_000), (Some("600m"), 300), (Some("1H"), 75_000)];
        for (timeout, expected_ms) in cases {
            assert_eq!(pull_wait(timeout), Duration::from_millis(expected_ms), "{timeout:?}");
        }
        for malformed in ["", "S", "5", "5x", "é"] {
            assert_eq!(pull_wait(Some(malformed)), Duration::from_millis(5_000), "{malformed}");
        }
    }

    #[test]
    fn pages_make_up_the_whole_list() {
        let names: Vec<String> = (0..7).map(|number| format!("n{number}")).collect();
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let (items, next) = page(names.iter(), |name| name, 3, &token);
            seen.extend(items);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(seen, names);
    }
}
