//! What the pipeline adds to an event from around it: where it was made, when it was handled first, and
//! whether it is a dead letter that comes back. Stateless, and derived from the message alone, so that a retry adds the same. It runs on
//! events that dedup has passed: nothing is added to what will vanish.

use windtunnel_model::{ATTRIBUTE_SOURCE, Event, EventBatch, EventKey, Replay};

/// Adds the source, and the publish time as the processed time where no function set one.
pub fn enrich(batch: &mut EventBatch, event: &mut Event) {
    let message = &batch.messages[event.message as usize];
    event.processed_time = event.processed_time.or(Some(message.publish_time));
    if let Some((replay, of)) = message.replay() {
        event.replay = replay;
        if replay == Replay::AfterDedup {
            event.key = EventKey::of_replay(batch.text(event.event_id), of);
        }
    }
    event.source = batch.intern_attribute(event.message, ATTRIBUTE_SOURCE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use bytes::Bytes;
    use std::collections::BTreeMap;
    use windtunnel_model::{AckId, EventTime, Message, Origin};

    #[test]
    fn source_and_time_come_from_the_message() {
        let mut batch = EventBatch::for_messages(vec![Message {
            ack: AckId(0),
            data: Bytes::from_static(br#"{"event_type":"t","device_id":"d"}"#),
            publish_time: EventTime(9),
            origin: Origin::Pubsub {
                message_id: "m".to_owned(),
                attributes: BTreeMap::from([("source".to_owned(), "iot".to_owned())]),
            },
        }]);
        let mut event = decode(&mut batch, 0).unwrap();
        enrich(&mut batch, &mut event);
        assert_eq!(event.source.map(|span| batch.text(span)), Some("iot"));
        assert_eq!(event.processed_time, Some(EventTime(9)));
    }
}
