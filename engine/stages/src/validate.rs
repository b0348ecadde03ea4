//! The rules that a decoded event must keep to become a row. Stateless: the answer depends on the
//! event alone. Invariant: what passes here, BigQuery's table takes.

use windtunnel_model::{Event, EventBatch, RejectReason};

use crate::limits::{
    EVENT_TIME_MAX_MICROS, EVENT_TIME_MIN_MICROS, IDENTIFIER_BYTES_MAX, TEMPERATURE_MIN,
};

/// Checks one event.
///
/// # Errors
/// The reason and the name of the field with what is wrong with it.
pub fn validate(batch: &EventBatch, event: &Event) -> Result<(), (RejectReason, String)> {
    for (name, span) in [("event_type", event.event_type), ("device_id", event.device_id)] {
        if batch.text(span).is_empty() {
            return Err((RejectReason::MissingField, format!("{name} is missing or empty")));
        }
    }
    let identifiers = [
        ("event_id", Some(event.event_id)),
        ("event_type", Some(event.event_type)),
        ("device_id", Some(event.device_id)),
        ("user_id", event.user_id),
    ];
    for (name, span) in identifiers {
        let length = span.map_or(0, |span| batch.text(span).len());
        if length > IDENTIFIER_BYTES_MAX {
            let detail = format!("{name} has {length} bytes, the limit is {IDENTIFIER_BYTES_MAX}");
            return Err((RejectReason::OutOfRange, detail));
        }
    }
    if !(EVENT_TIME_MIN_MICROS..=EVENT_TIME_MAX_MICROS).contains(&event.event_time.0) {
        let detail = "event_timestamp is outside the years 0001 to 9999".to_owned();
        return Err((RejectReason::OutOfRange, detail));
    }
    if event.temperature.is_some_and(|degrees| degrees < TEMPERATURE_MIN) {
        return Err((RejectReason::OutOfRange, "temperature is below absolute zero".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use bytes::Bytes;
    use std::collections::BTreeMap;
    use windtunnel_model::{AckId, EventTime, Message, Origin};

    fn check(json: &str) -> Result<(), RejectReason> {
        let mut batch = EventBatch::for_messages(vec![Message {
            ack: AckId(0),
            data: Bytes::copy_from_slice(json.as_bytes()),
            publish_time: EventTime(0),
            origin: Origin::Pubsub { message_id: "m".to_owned(), attributes: BTreeMap::new() },
        }]);
        let event = decode(&mut batch, 0).unwrap();
        validate(&batch, &event).map_err(|(reason, _)| reason)
    }

    #[test]
    fn the_rules() {
        let long = "x".repeat(IDENTIFIER_BYTES_MAX + 1);
        let cases = [
            (r#"{"event_type":"t","device_id":"d"}"#.to_owned(), Ok(())),
            (r#"{"event_type":"t"}"#.to_owned(), Err(RejectReason::MissingField)),
            (r#"{"event_type":"","device_id":"d"}"#.to_owned(), Err(RejectReason::MissingField)),
            (r#"{"event_type":null,"device_id":"d"}"#.to_owned(), Err(RejectReason::MissingField)),
            (
                format!(r#"{{"event_type":"t","device_id":"{long}"}}"#),
                Err(RejectReason::OutOfRange),
            ),
            (
                r#"{"event_type":"t","device_id":"d","event_timestamp":"0000-01-01T00:00:00Z"}"#
                    .to_owned(),
                Err(RejectReason::OutOfRange),
            ),
            (
                r#"{"event_type":"t","device_id":"d","properties":{"temperature":-300}}"#
                    .to_owned(),
                Err(RejectReason::OutOfRange),
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(check(&json), expected, "{json}");
        }
    }
}
