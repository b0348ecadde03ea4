//! The preprocessing function as a real HTTP service: takes a push subscription's requests (or
//! CloudEvents that carry the same message), completes the event, publishes it, and only then answers.
//! A message that cannot be completed becomes one dead-letter object under a name of its own, so that a
//! retry writes the same bytes to the same name.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use google_cloud_pubsub::client::Publisher;
use google_cloud_storage::client::Storage;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use windtunnel_model::{ATTRIBUTE_SOURCE_MESSAGE_ID, AckId, EventTime, Message, Origin, Reject};
use windtunnel_runtime::command::ObjectCommand;
use windtunnel_stages::preprocess::preprocess;
use windtunnel_stages::privacy::Privacy;

use crate::endpoints::{ConnectError, Endpoints};
use crate::limits::{FUNCTION_IN_FLIGHT, PUSH_BYTES_MAX};
use crate::objects::write_object;

/// What the function is set up with.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// The topic that it publishes to, by its resource name.
    pub topic: String,
    /// The bucket of its dead letters.
    pub bucket: String,
    /// What is taken out of messages before they are published or stored.
    pub privacy: Option<Arc<Privacy>>,
}

struct Function {
    config: FunctionConfig,
    publisher: Publisher,
    storage: Storage,
    room: Semaphore,
}

#[derive(Deserialize)]
struct PushMessage {
    #[serde(default)]
    data: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    // The service sends both spellings at once, other senders one of them.
    #[serde(rename = "messageId", default)]
    message_id: String,
    #[serde(rename = "message_id", default)]
    message_id_snake: String,
    #[serde(rename = "publishTime", default)]
    publish_time: String,
    #[serde(rename = "publish_time", default)]
    publish_time_snake: String,
}

/// Serves until `stop`.
///
/// # Errors
/// The publisher or the storage client cannot be made.
pub async fn serve(
    listener: TcpListener,
    endpoints: &Endpoints,
    config: FunctionConfig,
    stop: CancellationToken,
) -> Result<(), ConnectError> {
    let function = Arc::new(Function {
        publisher: endpoints.publisher(&config.topic).await?,
        storage: endpoints.storage().await?,
        room: Semaphore::new(FUNCTION_IN_FLIGHT),
        config,
    });
    let app = Router::new()
        .route("/", post(handle))
        .layer(DefaultBodyLimit::max(PUSH_BYTES_MAX))
        .with_state(function);
    tokio::select! {
        // Serving on a bound listener ends only when it is dropped.
        _ended = axum::serve(listener, app).into_future() => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}

async fn handle(State(function): State<Arc<Function>>, body: Bytes) -> (StatusCode, String) {
    let Ok(_permit) = function.room.try_acquire() else {
        return (StatusCode::TOO_MANY_REQUESTS, "too many requests under way".to_owned());
    };
    let privacy = function.config.privacy.as_deref();
    let mut message = match parse(&body) {
        Ok(message) => message,
        Err(error) => {
            // The reason may quote the body, and whoever pushed may write it to a log.
            let error = privacy.map_or(error, |_| "the body is no push request".to_owned());
            return (StatusCode::BAD_REQUEST, error);
        }
    };
    if let Some(privacy) = privacy {
        privacy.redact(&mut message);
    }
    let done = match decide(&message) {
        Handled::Publish { data, attributes } => function.publish(data, attributes).await,
        Handled::Store(object) => function.store(&object).await,
    };
    match done {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        // Pub/Sub tries again; nothing is acknowledged before it is somewhere.
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

impl Function {
    async fn publish(
        &self,
        data: Bytes,
        attributes: BTreeMap<String, String>,
    ) -> Result<(), String> {
        let message =
            google_cloud_pubsub::model::Message::new().set_data(data).set_attributes(attributes);
        self.publisher.publish(message).await.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn store(&self, object: &ObjectCommand) -> Result<(), String> {
        write_object(&self.storage, &self.config.bucket, object)
            .await
            .map_err(|error| error.to_string())
    }
}

/// What has to be done for one raw message before its push may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Publish the completed event.
    Publish {
        /// The event's JSON.
        data: Bytes,
        /// The raw message's attributes, and its id.
        attributes: BTreeMap<String, String>,
    },
    /// Write the dead letter.
    Store(ObjectCommand),
}

/// Decides what becomes of one raw message: a function of the message alone, the same on every retry.
#[must_use]
pub fn decide(message: &Message) -> Handled {
    let event = match preprocess(message) {
        Ok(event) => event,
        Err(reject) => return Handled::Store(dead_letter(&reject)),
    };
    let mut attributes = match &message.origin {
        Origin::Pubsub { attributes, .. } => attributes.clone(),
        Origin::File { .. } => BTreeMap::new(),
    };
    attributes.insert(ATTRIBUTE_SOURCE_MESSAGE_ID.to_owned(), message.message_id());
    Handled::Publish { data: event.into(), attributes }
}

fn dead_letter(reject: &Reject) -> ObjectCommand {
    let mut line = Vec::new();
    reject.write_json_line(&mut line);
    let name = object_name(&reject.message.publish_identity());
    ObjectCommand { name: name.into(), content: line.into() }
}

/// A publish identity is a client's text: only letters that are safe in a name stay as they are.
fn object_name(identity: &str) -> String {
    let mut name = String::from("failed_events/preprocess/");
    for byte in identity.bytes().take(300) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            byte => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name + ".jsonl"
}

/// The message of a push request, of a CloudEvent around it (`data.message`), or of its data alone.
///
/// # Errors
/// What is wrong with the body.
pub fn parse(body: &[u8]) -> Result<Message, String> {
    let mut body: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    if body.get("data").is_some_and(Value::is_object) {
        body = body["data"].take();
    }
    let message = body.get_mut("message").ok_or("the body has no message")?.take();
    let message = PushMessage::deserialize(message)
        .map_err(|error| format!("the message is not a Pub/Sub message: {error}"))?;
    let data = STANDARD
        .decode(&message.data)
        .map_err(|error| format!("message.data is not base64: {error}"))?;
    let first = |camel: String, snake: String| if camel.is_empty() { snake } else { camel };
    let message_id = first(message.message_id, message.message_id_snake);
    if message_id.is_empty() {
        return Err("the message has no messageId".to_owned());
    }
    let publish_time = match first(message.publish_time, message.publish_time_snake).as_str() {
        "" => EventTime(0),
        time => EventTime::parse(time).map_err(|error| format!("publishTime: {error}"))?,
    };
    Ok(Message {
        ack: AckId(0),
        data: data.into(),
        publish_time,
        origin: Origin::Pubsub { message_id, attributes: message.attributes },
    }
    .published_first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn push_requests_and_cloud_events_carry_the_same_message() {
        let message = json!({
            "data": "aGk=", "attributes": { "k": "v" }, "messageId": "7", "message_id": "7",
            "publishTime": "2024-01-01T12:00:00Z", "publish_time": "2024-01-01T12:00:00Z",
        });
        let mut snake = message.clone();
        snake.as_object_mut().unwrap().retain(|key, _| key != "messageId" && key != "publishTime");
        let push = json!({ "message": message, "subscription": "s" });
        let event = json!({ "specversion": "1.0", "data": { "message": message } });
        for body in [push, event, json!({ "message": snake })] {
            let message = parse(body.to_string().as_bytes()).unwrap();
            assert_eq!(&message.data[..], b"hi");
            assert_eq!(message.message_id(), "7");
            assert_eq!(message.publish_time, EventTime(1_704_110_400_000_000));
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_a_reason() {
        for body in
            ["", "[]", "{}", r#"{"message":{}}"#, r#"{"message":{"messageId":"1","data":"?"}}"#]
        {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn names_of_objects_are_safe() {
        assert_eq!(object_name("a-1"), "failed_events/preprocess/a-1.jsonl");
        assert_eq!(object_name("../x"), "failed_events/preprocess/%2e%2e%2fx.jsonl");
    }
}
