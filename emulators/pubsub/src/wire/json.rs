//! Proto3 JSON of the resources that REST carries, by hand: both spellings of a name are taken, bytes
//! in either base64 alphabet, durations as `"600s"`. A field that is not understood is refused by name.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost_types::Duration;
use serde_json::{Map, Value, json};
use windtunnel_protos::pubsub::{
    ExpirationPolicy, PubsubMessage, PushConfig, ReceivedMessage, Subscription, Topic, subscription,
};

use crate::broker::BrokerError;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A request's object with the fields that were asked for taken out, so that what is left over can be
/// refused.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn of(value: Value) -> Result<Self, BrokerError> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null => Ok(Self(Map::new())),
            _ => Err(invalid("the body is not a JSON object")),
        }
    }

    /// Takes a field by its snake_case name, in that spelling or in camelCase.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let value = self.0.remove(name).or_else(|| self.0.remove(&camel_case(name)));
        value.filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, BrokerError> {
        match self.take(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(invalid(&format!("{name} must be a string"))),
        }
    }

    pub(super) fn int(&mut self, name: &str) -> Result<i32, BrokerError> {
        let number = match self.take(name) {
            None => return Ok(0),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| invalid(&format!("{name} must be a 32-bit integer")))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, BrokerError> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(invalid(&format!("{name} must be a boolean"))),
        }
    }

    /// A duration: `"1.5s"`.
    fn duration(&mut self, name: &str) -> Result<Option<Duration>, BrokerError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        parsed.map(Some).ok_or_else(|| invalid(&format!("{name} must be a duration in seconds")))
    }

    /// What an update may change: a mask is `"labels,ackDeadlineSeconds"` in either spelling.
    pub(super) fn mask(&mut self) -> Result<Vec<String>, BrokerError> {
        let mask = self.text("update_mask")?;
        Ok(mask.split(',').filter(|path| !path.is_empty()).map(snake_case).collect())
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, BrokerError> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        serde_json::from_value(value)
            .map_err(|_| invalid(&format!("{name} must be an array of strings")))
    }

    fn map(
        &mut self,
        name: &str,
    ) -> Result<std::collections::HashMap<String, String>, BrokerError> {
        let Some(value) = self.take(name) else { return Ok(std::collections::HashMap::new()) };
        serde_json::from_value(value)
            .map_err(|_| invalid(&format!("{name} must be an object of strings")))
    }

    /// Refuses what was not asked for, unless it is empty and so asks for nothing.
    pub(super) fn finish(self, what: &str) -> Result<(), BrokerError> {
        let is_empty = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::Bool(true) => false,
        };
        match self.0.into_iter().find(|(_, value)| !is_empty(value)) {
            Some((name, _)) => Err(BrokerError::Unimplemented(format!("{what}.{name}"))),
            None => Ok(()),
        }
    }
}

pub(super) fn topic_from(value: Value, name: &str) -> Result<Topic, BrokerError> {
    let mut fields = Fields::of(value)?;
    let _name_in_body = fields.text("name")?;
    let topic = Topic { name: name.to_owned(), labels: fields.map("labels")?, ..Topic::default() };
    fields.finish("Topic")?;
    Ok(topic)
}

pub(super) fn topic_to(topic: &Topic) -> Value {
    let mut out = json!({ "name": topic.name });
    if !topic.labels.is_empty() {
        out["labels"] = json!(topic.labels);
    }
    out
}

pub(super) fn subscription_from(value: Value, name: &str) -> Result<Subscription, BrokerError> {
    let mut fields = Fields::of(value)?;
    let _name_in_body = fields.text("name")?;
    let push_config = match fields.take("push_config") {
        Some(value) => push_config_from(value)?,
        None => None,
    };
    let expiration_policy = match fields.take("expiration_policy") {
        Some(value) => {
            let mut fields = Fields::of(value)?;
            let ttl = fields.duration("ttl")?;
            fields.finish("ExpirationPolicy")?;
            Some(ExpirationPolicy { ttl })
        }
        None => None,
    };
    let subscription = Subscription {
        name: name.to_owned(),
        topic: fields.text("topic")?,
        push_config,
        ack_deadline_seconds: fields.int("ack_deadline_seconds")?,
        labels: fields.map("labels")?,
        enable_message_ordering: fields.flag("enable_message_ordering")?,
        enable_exactly_once_delivery: fields.flag("enable_exactly_once_delivery")?,
        retain_acked_messages: fields.flag("retain_acked_messages")?,
        filter: fields.text("filter")?,
        message_retention_duration: fields.duration("message_retention_duration")?,
        expiration_policy,
        ..Subscription::default()
    };
    fields.finish("Subscription")?;
    Ok(subscription)
}

pub(super) fn push_config_from(value: Value) -> Result<Option<PushConfig>, BrokerError> {
    let mut fields = Fields::of(value)?;
    let push_endpoint = fields.text("push_endpoint")?;
    let attributes = fields.map("attributes")?;
    let _wrapped_is_the_default = fields.take("pubsub_wrapper");
    fields.finish("PushConfig")?;
    Ok((!push_endpoint.is_empty()).then(|| PushConfig {
        push_endpoint,
        attributes,
        ..PushConfig::default()
    }))
}

pub(super) fn subscription_to(subscription: &Subscription) -> Value {
    let push = match &subscription.push_config {
        Some(push) if push.attributes.is_empty() => json!({ "pushEndpoint": push.push_endpoint }),
        Some(push) => {
            json!({ "pushEndpoint": push.push_endpoint, "attributes": push.attributes })
        }
        None => json!({}),
    };
    let retention = subscription.message_retention_duration.as_ref();
    let ttl = subscription.expiration_policy.as_ref().and_then(|policy| policy.ttl.as_ref());
    let mut out = json!({
        "name": subscription.name,
        "topic": subscription.topic,
        "pushConfig": push,
        "ackDeadlineSeconds": subscription.ack_deadline_seconds,
        "messageRetentionDuration": retention.map(Duration::to_string),
        "expirationPolicy": ttl.map_or(json!({}), |ttl| json!({ "ttl": ttl.to_string() })),
        "state": subscription::State::Active.as_str_name(),
    });
    if !subscription.labels.is_empty() {
        out["labels"] = json!(subscription.labels);
    }
    out
}

pub(super) fn message_from(value: Value) -> Result<PubsubMessage, BrokerError> {
    let mut fields = Fields::of(value)?;
    let data = fields.text("data")?;
    let data = STANDARD
        .decode(&data)
        .or_else(|_| URL_SAFE.decode(&data))
        .map_err(|_| invalid("data must be base64"))?;
    let message = PubsubMessage {
        data: data.into(),
        attributes: fields.map("attributes")?,
        ordering_key: fields.text("ordering_key")?,
        ..PubsubMessage::default()
    };
    let _set_by_the_service = (fields.take("message_id"), fields.take("publish_time"));
    fields.finish("PubsubMessage")?;
    Ok(message)
}

pub(super) fn message_to(message: &PubsubMessage) -> Value {
    let mut out = json!({
        "data": STANDARD.encode(&message.data),
        "messageId": message.message_id,
        "publishTime": publish_time(message),
    });
    if !message.attributes.is_empty() {
        out["attributes"] = json!(message.attributes);
    }
    if !message.ordering_key.is_empty() {
        out["orderingKey"] = json!(message.ordering_key);
    }
    out
}

pub(super) fn received_to(received: &ReceivedMessage) -> Value {
    let message = received.message.as_ref().map(message_to);
    json!({ "ackId": received.ack_id, "message": message })
}

/// The body of a push: the message with both spellings of id and time, as the real service sends.
pub(super) fn push_body(message: &PubsubMessage, subscription: &str) -> Vec<u8> {
    let mut body = message_to(message);
    body["message_id"] = body["messageId"].clone();
    body["publish_time"] = body["publishTime"].clone();
    let body = json!({ "message": body, "subscription": subscription });
    serde_json::to_vec(&body).expect("a JSON value has a text")
}

fn publish_time(message: &PubsubMessage) -> String {
    message.publish_time.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.trim().chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                out.push(letter.to_ascii_uppercase());
                upper = false;
            }
            letter => out.push(letter),
        }
    }
    out
}

fn invalid(text: &str) -> BrokerError {
    BrokerError::Invalid(text.to_owned())
}
