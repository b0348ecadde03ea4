//! Updates: of a resource that is given, the fields that the mask names take the place of the old ones.
//! What cannot be changed, or is not known, is refused by name; then nothing changes.

use windtunnel_protos::pubsub::{Subscription, Topic};

use super::BrokerError;
use super::validate::{validate_subscription, validate_topic};

/// Changes a subscription.
pub(super) fn change_subscription(
    resource: &mut Subscription,
    given: Subscription,
    paths: &[String],
) -> Result<(), BrokerError> {
    check_mask(paths)?;
    for path in paths {
        match path.as_str() {
            "ack_deadline_seconds" => resource.ack_deadline_seconds = given.ack_deadline_seconds,
            "labels" => resource.labels.clone_from(&given.labels),
            "push_config" => {
                let config = given.push_config.clone();
                resource.push_config = config.filter(|config| !config.push_endpoint.is_empty());
            }
            "message_retention_duration" => {
                resource.message_retention_duration = given.message_retention_duration;
            }
            "expiration_policy" => resource.expiration_policy = given.expiration_policy,
            "name" | "topic" | "filter" | "enable_message_ordering" => return Err(immutable(path)),
            _ => return Err(BrokerError::Unimplemented(format!("update of Subscription.{path}"))),
        }
    }
    validate_subscription(resource)
}

/// Changes a topic.
pub(super) fn change_topic(
    resource: &mut Topic,
    given: Topic,
    paths: &[String],
) -> Result<(), BrokerError> {
    check_mask(paths)?;
    for path in paths {
        match path.as_str() {
            "labels" => resource.labels.clone_from(&given.labels),
            "name" | "kms_key_name" => return Err(immutable(path)),
            _ => return Err(BrokerError::Unimplemented(format!("update of Topic.{path}"))),
        }
    }
    validate_topic(resource)
}

fn check_mask(paths: &[String]) -> Result<(), BrokerError> {
    if paths.is_empty() {
        let text =
            "The update_mask in the request must be set, and must contain a non-empty paths list.";
        return Err(BrokerError::Invalid(text.to_owned()));
    }
    Ok(())
}

fn immutable(path: &str) -> BrokerError {
    BrokerError::Invalid(format!(
        "Invalid update_mask provided in the request: the field {path} cannot be changed."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> Subscription {
        Subscription {
            name: "projects/p/subscriptions/sub".to_owned(),
            topic: "projects/p/topics/top".to_owned(),
            ack_deadline_seconds: 10,
            ..Subscription::default()
        }
    }

    #[test]
    fn only_named_fields_change() {
        let given = Subscription {
            ack_deadline_seconds: 20,
            labels: [("a".to_owned(), "b".to_owned())].into(),
            ..subscription()
        };
        let mut resource = subscription();
        change_subscription(&mut resource, given.clone(), &["ack_deadline_seconds".to_owned()])
            .unwrap();
        assert_eq!((resource.ack_deadline_seconds, resource.labels.len()), (20, 0));
        change_subscription(&mut resource, given, &["labels".to_owned()]).unwrap();
        assert_eq!(resource.labels["a"], "b");
    }

    #[test]
    fn what_cannot_change_is_refused() {
        let cases: [(&[&str], &str); 4] = [
            (&[], "must be set"),
            (&["topic"], "the field topic cannot be changed"),
            (&["filter"], "the field filter cannot be changed"),
            (&["retry_policy"], "update of Subscription.retry_policy is not implemented"),
        ];
        for (paths, expected) in cases {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            let error = change_subscription(&mut subscription(), subscription(), &paths);
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected), "{paths:?}: {error}");
        }
        let given = Subscription { ack_deadline_seconds: 5, ..subscription() };
        let paths = ["ack_deadline_seconds".to_owned()];
        assert!(change_subscription(&mut subscription(), given, &paths).is_err());
    }
}
