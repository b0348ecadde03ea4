//! REST v1: what Google's admin clients, gcloud and curl send. One handler takes every path, since a
//! resource name is a path of its own with a verb behind a colon.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::Duration;

use super::Shared;
use super::grpc::{page, pull};
use super::json::{
    Fields, message_from, push_config_from, received_to, subscription_from, subscription_to,
    topic_from, topic_to,
};
use crate::broker::BrokerError;
use crate::limits::{PULL_WAIT_MS, REQUEST_BYTES_MAX};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared)
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    match answer(&shared, &method, &uri, &body).await {
        Ok(value) => axum::Json(value).into_response(),
        Err(error) => refuse(&error),
    }
}

/// The one translation of the broker's errors into HTTP.
fn refuse(error: &BrokerError) -> Response {
    let (code, status) = match error {
        BrokerError::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        BrokerError::AlreadyExists(_) => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
        BrokerError::Invalid(_) => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        BrokerError::Unimplemented(_) => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
    };
    let error = json!({ "code": code.as_u16(), "message": error.to_string(), "status": status });
    (code, axum::Json(json!({ "error": error }))).into_response()
}

async fn answer(
    shared: &Arc<Shared>,
    method: &Method,
    uri: &Uri,
    body: &Bytes,
) -> Result<Value, BrokerError> {
    let unknown = || BrokerError::Unimplemented(format!("{method} {}", uri.path()));
    let path = uri.path().strip_prefix("/v1/").ok_or_else(unknown)?;
    let (name, verb) = path.split_once(':').unwrap_or((path, ""));
    let parts: Vec<&str> = name.split('/').collect();
    let query = Query(uri.query().unwrap_or_default());
    let body = || match body.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_slice(body).map_err(|error| {
            BrokerError::Invalid(format!("Invalid JSON payload received. {error}"))
        }),
    };
    match (method.as_str(), &parts[..], verb) {
        ("PUT", ["projects", _, "topics", _], "") => {
            let topic = topic_from(body()?, name)?;
            shared.create_topic(topic).map(|topic| topic_to(&topic))
        }
        ("GET", ["projects", _, "topics", _], "") => shared.broker().topic(name).map(topic_to),
        ("PATCH", ["projects", _, "topics", _], "") => {
            let mut fields = Fields::of(body()?)?;
            let topic = topic_from(fields.take("topic").unwrap_or_default(), name)?;
            shared.broker().update_topic(topic, &fields.mask()?).map(|topic| topic_to(&topic))
        }
        ("DELETE", ["projects", _, "topics", _], "") => {
            shared.broker().delete_topic(name).map(|()| json!({}))
        }
        ("GET", ["projects", project, "topics"], "") => {
            let broker = shared.broker();
            let project = format!("projects/{project}");
            let topics = broker.topics(&project);
            let (topics, token) =
                page(topics, |topic| &topic.name, query.page_size(), &query.page_token());
            Ok(listing("topics", topics.iter().map(topic_to).collect(), token))
        }
        ("GET", ["projects", project, "topics", topic, "subscriptions"], "") => {
            let broker = shared.broker();
            let topic = format!("projects/{project}/topics/{topic}");
            let names =
                broker.topic_subscriptions(&topic)?.iter().map(|name| json!(name)).collect();
            Ok(listing("subscriptions", names, String::new()))
        }
        ("POST", ["projects", _, "topics", _], "publish") => {
            let mut fields = Fields::of(body()?)?;
            let messages = match fields.take("messages") {
                Some(Value::Array(messages)) => messages,
                _ => return Err(BrokerError::Invalid("messages must be an array".to_owned())),
            };
            let messages = messages.into_iter().map(message_from).collect::<Result<_, _>>()?;
            Ok(json!({ "messageIds": shared.publish(name, messages)? }))
        }
        ("PUT", ["projects", _, "subscriptions", _], "") => {
            let subscription = subscription_from(body()?, name)?;
            Shared::create_subscription(shared, subscription).map(|it| subscription_to(&it))
        }
        ("GET", ["projects", _, "subscriptions", _], "") => {
            shared.broker().subscription(name).map(|state| subscription_to(&state.resource))
        }
        ("PATCH", ["projects", _, "subscriptions", _], "") => {
            let mut fields = Fields::of(body()?)?;
            let given = fields.take("subscription").unwrap_or_default();
            let given = subscription_from(given, name)?;
            let updated = Shared::update_subscription(shared, given, &fields.mask()?)?;
            Ok(subscription_to(&updated))
        }
        ("DELETE", ["projects", _, "subscriptions", _], "") => {
            shared.delete_subscription(name).map(|()| json!({}))
        }
        ("GET", ["projects", project, "subscriptions"], "") => {
            let broker = shared.broker();
            let project = format!("projects/{project}");
            let all = broker.subscriptions(&project);
            let (all, token) = page(all, |it| &it.name, query.page_size(), &query.page_token());
            Ok(listing("subscriptions", all.iter().map(subscription_to).collect(), token))
        }
        ("POST", ["projects", _, "subscriptions", _], verb) => {
            subscription_call(shared, name, verb, body()?).await?.ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}

/// The verbs of a subscription; none for one that is unknown.
async fn subscription_call(
    shared: &Arc<Shared>,
    name: &str,
    verb: &str,
    body: Value,
) -> Result<Option<Value>, BrokerError> {
    let mut fields = Fields::of(body)?;
    let done = match verb {
        "pull" => {
            let at_once = fields.flag("return_immediately")?;
            let wait = if at_once { Duration::ZERO } else { Duration::from_millis(PULL_WAIT_MS) };
            let response = pull(shared, name, fields.int("max_messages")?, wait).await?;
            let received: Vec<Value> = response.received_messages.iter().map(received_to).collect();
            match received.is_empty() {
                true => json!({}),
                false => json!({ "receivedMessages": received }),
            }
        }
        "acknowledge" => {
            shared.ack(name, &fields.texts("ack_ids")?)?;
            json!({})
        }
        "modifyAckDeadline" => {
            let ack_ids = fields.texts("ack_ids")?;
            shared.modify_deadline(name, &ack_ids, fields.int("ack_deadline_seconds")?)?;
            json!({})
        }
        "modifyPushConfig" => {
            let config = fields.take("push_config").unwrap_or(Value::Null);
            Shared::modify_push_config(shared, name, push_config_from(config)?)?;
            json!({})
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

fn listing(key: &str, items: Vec<Value>, next_page_token: String) -> Value {
    let mut out = json!({});
    if !items.is_empty() {
        out[key] = Value::Array(items);
    }
    if !next_page_token.is_empty() {
        out["nextPageToken"] = Value::String(next_page_token);
    }
    out
}

/// The query parameters that lists take; all others (`$alt`, `prettyPrint`) change nothing here.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    fn page_size(&self) -> i32 {
        self.get("pageSize").and_then(|size| size.parse().ok()).unwrap_or_default()
    }

    fn page_token(&self) -> String {
        self.get("pageToken").unwrap_or_default().replace("%2F", "/")
    }
}
