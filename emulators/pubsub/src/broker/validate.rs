//! The rules that requests must keep, from the comments of `pubsub.proto` and the quotas page. A
//! setting that this emulator does not have is refused by name, never ignored.

use windtunnel_protos::pubsub::{
    ExpirationPolicy, PubsubMessage, Subscription, Topic, push_config,
};

use super::BrokerError;
use crate::limits::{
    ACK_DEADLINE_SECONDS, ATTRIBUTE_KEY_BYTES_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX,
    EXPIRATION_SECONDS_MIN, ORDERING_KEY_BYTES_MAX, PUBLISH_BYTES_MAX, PUBLISH_MESSAGES_MAX,
    RETENTION_SECONDS, RETENTION_SECONDS_DEFAULT,
};

/// Checks a topic before it is made.
///
/// # Errors
/// [`BrokerError::Invalid`] or [`BrokerError::Unimplemented`] with the setting's name.
pub fn validate_topic(topic: &Topic) -> Result<(), BrokerError> {
    validate_name(&topic.name, "topics")?;
    let unimplemented = [
        ("Topic.schema_settings", topic.schema_settings.is_some()),
        ("Topic.kms_key_name", !topic.kms_key_name.is_empty()),
        ("Topic.message_retention_duration", topic.message_retention_duration.is_some()),
        ("Topic.ingestion_data_source_settings", topic.ingestion_data_source_settings.is_some()),
        ("Topic.message_transforms", !topic.message_transforms.is_empty()),
    ];
    refuse(&unimplemented)
}

/// Checks a subscription before it is made, and fills defaults in.
///
/// # Errors
/// As [`validate_topic`].
pub fn validate_subscription(subscription: &mut Subscription) -> Result<(), BrokerError> {
    validate_name(&subscription.name, "subscriptions")?;
    let it = &*subscription;
    let oidc = it.push_config.as_ref().is_some_and(|push| push.authentication_method.is_some());
    let wrapper = it
        .push_config
        .as_ref()
        .is_some_and(|push| matches!(push.wrapper, Some(push_config::Wrapper::NoWrapper(_))));
    refuse(&[
        ("Subscription.bigquery_config", it.bigquery_config.is_some()),
        ("Subscription.cloud_storage_config", it.cloud_storage_config.is_some()),
        ("Subscription.bigtable_config", it.bigtable_config.is_some()),
        ("Subscription.dead_letter_policy", it.dead_letter_policy.is_some()),
        ("Subscription.retry_policy", it.retry_policy.is_some()),
        ("Subscription.filter", !it.filter.is_empty()),
        ("Subscription.enable_message_ordering", it.enable_message_ordering),
        ("Subscription.enable_exactly_once_delivery", it.enable_exactly_once_delivery),
        ("Subscription.retain_acked_messages", it.retain_acked_messages),
        ("Subscription.message_transforms", !it.message_transforms.is_empty()),
        ("PushConfig.oidc_token", oidc),
        ("PushConfig.no_wrapper", wrapper),
    ])?;
    if subscription.ack_deadline_seconds == 0 {
        subscription.ack_deadline_seconds = *ACK_DEADLINE_SECONDS.start();
    }
    validate_deadline(subscription.ack_deadline_seconds)?;
    if let Some(push) = &subscription.push_config {
        validate_push_endpoint(&push.push_endpoint)?;
    }
    let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
    let retention = subscription
        .message_retention_duration
        .get_or_insert_with(|| seconds(RETENTION_SECONDS_DEFAULT));
    if !RETENTION_SECONDS.contains(&retention.seconds) {
        let text = "message_retention_duration must be between 10 minutes and 31 days.";
        return Err(BrokerError::Invalid(text.to_owned()));
    }
    let expiration = subscription
        .expiration_policy
        .get_or_insert_with(|| ExpirationPolicy { ttl: Some(seconds(*RETENTION_SECONDS.end())) });
    if expiration.ttl.is_some_and(|ttl| ttl.seconds < EXPIRATION_SECONDS_MIN) {
        let text = "expiration_policy.ttl must be at least one day.";
        return Err(BrokerError::Invalid(text.to_owned()));
    }
    Ok(())
}

/// An empty endpoint means pull; any other must be an HTTP URL.
pub(crate) fn validate_push_endpoint(endpoint: &str) -> Result<(), BrokerError> {
    let is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    if endpoint.is_empty() || is_url {
        return Ok(());
    }
    Err(BrokerError::Invalid(format!("Invalid push endpoint given (endpoint={endpoint}).")))
}

/// Checks the deadline of a subscription or a stream.
pub(crate) fn validate_deadline(seconds: i32) -> Result<(), BrokerError> {
    if ACK_DEADLINE_SECONDS.contains(&seconds) {
        return Ok(());
    }
    Err(BrokerError::Invalid(format!(
        "Invalid ack deadline given (ack_deadline_secs={seconds}); it must be between {} and {} \
         seconds.",
        ACK_DEADLINE_SECONDS.start(),
        ACK_DEADLINE_SECONDS.end()
    )))
}

/// Checks a publish request's messages as a whole.
///
/// # Errors
/// [`BrokerError::Invalid`] with the rule that is broken.
pub fn validate_publish(messages: &[PubsubMessage]) -> Result<(), BrokerError> {
    let invalid = |text: String| Err(BrokerError::Invalid(text));
    if messages.is_empty() {
        return invalid("The publish request must contain at least one message.".to_owned());
    }
    if messages.len() > PUBLISH_MESSAGES_MAX {
        return invalid(format!(
            "The value for message_count is too large. You passed {} in the request, but the maximum \
             value is {PUBLISH_MESSAGES_MAX}.",
            messages.len()
        ));
    }
    let bytes: usize = messages.iter().map(size_of).sum();
    if bytes > PUBLISH_BYTES_MAX {
        return invalid(format!(
            "The value for request_size is too large. You passed {bytes} in the request, but the \
             maximum value is {PUBLISH_BYTES_MAX}."
        ));
    }
    let ordering_key = &messages[0].ordering_key;
    for message in messages {
        if message.data.is_empty() && message.attributes.is_empty() {
            return invalid(
                "Some messages in the publish request are empty: every message must have data or at \
                 least one attribute."
                    .to_owned(),
            );
        }
        if message.ordering_key != *ordering_key {
            return invalid(
                "All messages in a publish request must have the same ordering key.".to_owned(),
            );
        }
        if message.ordering_key.len() > ORDERING_KEY_BYTES_MAX {
            return invalid(format!(
                "An ordering key has more than {ORDERING_KEY_BYTES_MAX} bytes."
            ));
        }
        validate_attributes(message)?;
    }
    Ok(())
}

fn validate_attributes(message: &PubsubMessage) -> Result<(), BrokerError> {
    let invalid = |text: String| Err(BrokerError::Invalid(text));
    if message.attributes.len() > ATTRIBUTES_MAX {
        return invalid(format!("A message has more than {ATTRIBUTES_MAX} attributes."));
    }
    for (key, value) in &message.attributes {
        if key.is_empty() || key.len() > ATTRIBUTE_KEY_BYTES_MAX {
            return invalid(format!(
                "An attribute key must have 1 to {ATTRIBUTE_KEY_BYTES_MAX} bytes (key={key})."
            ));
        }
        if key.starts_with("goog") {
            return invalid(format!("An attribute key must not start with \"goog\" (key={key})."));
        }
        if value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
            return invalid(format!(
                "The value of an attribute has more than {ATTRIBUTE_VALUE_BYTES_MAX} bytes \
                 (key={key})."
            ));
        }
    }
    Ok(())
}

/// Bytes of a message that count against limits and flow control.
pub(super) fn size_of(message: &PubsubMessage) -> usize {
    let attributes: usize =
        message.attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
    message.data.len() + attributes + message.ordering_key.len()
}

/// `projects/P/COLLECTION/ID`: the id has 3 to 255 characters, starts with a letter, does not start with
/// "goog", and holds letters, digits and `-_.~+%`.
fn validate_name(name: &str, collection: &str) -> Result<(), BrokerError> {
    let parts: Vec<&str> = name.split('/').collect();
    let id_is_valid = |id: &str| {
        (3..=255).contains(&id.len())
            && id.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && !id.starts_with("goog")
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+%".contains(&byte))
    };
    match parts[..] {
        ["projects", project, found, id]
            if !project.is_empty() && found == collection && id_is_valid(id) =>
        {
            Ok(())
        }
        _ => Err(BrokerError::Invalid(format!(
            "Invalid [{collection}] name: (name={name}); it must be projects/PROJECT/{collection}/ID, \
             where ID has 3 to 255 characters, starts with a letter and not with goog"
        ))),
    }
}

fn refuse(settings: &[(&str, bool)]) -> Result<(), BrokerError> {
    match settings.iter().find(|(_, asked_for)| *asked_for) {
        Some((name, _)) => Err(BrokerError::Unimplemented((*name).to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::collections::HashMap;

    fn message(data: &[u8], attributes: &[(&str, &str)]) -> PubsubMessage {
        let attributes: HashMap<String, String> = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        PubsubMessage { data: Bytes::copy_from_slice(data), attributes, ..PubsubMessage::default() }
    }

    #[test]
    fn publish_rules() {
        let long = "x".repeat(1_025);
        let ordered =
            |key: &str| PubsubMessage { ordering_key: key.to_owned(), ..message(b"x", &[]) };
        let cases = [
            (vec![message(b"x", &[])], true),
            (vec![message(b"", &[("k", "v")])], true),
            (vec![], false),
            (vec![message(b"", &[])], false),
            (vec![message(b"x", &[("googx", "v")])], false),
            (vec![message(b"x", &[("", "v")])], false),
            (vec![message(b"x", &[("k", &long)])], false),
            (vec![message(b"x", &[(&long[..257], "v")])], false),
            (vec![ordered("a"), ordered("a")], true),
            (vec![ordered("a"), ordered("b")], false),
            (vec![ordered(&long)], false),
            (vec![message(b"x", &[]); 1_001], false),
            (vec![message(&vec![0; PUBLISH_BYTES_MAX + 1], &[])], false),
        ];
        for (position, (messages, valid)) in cases.into_iter().enumerate() {
            assert_eq!(validate_publish(&messages).is_ok(), valid, "case {position}");
        }
    }

    #[test]
    fn names_and_deadlines() {
        let cases = [
            ("projects/p/topics/abc", true),
            ("projects/p/topics/ab", false),
            ("projects/p/topics/1bc", false),
            ("projects/p/topics/google", false),
            ("projects/p/topics/a b", false),
            ("projects/p/subscriptions/abc", false),
            ("abc", false),
        ];
        for (name, valid) in cases {
            assert_eq!(validate_name(name, "topics").is_ok(), valid, "{name}");
        }
        for (seconds, valid) in [(5, false), (10, true), (600, true), (601, false)] {
            assert_eq!(validate_deadline(seconds).is_ok(), valid, "{seconds}");
        }
    }
}
