//! JSON to an event in its batch. Texts are borrowed while parsing and copied once, into the
//! batch's arena. An id or time that is missing is derived from the message, so that a retry gives
//! the same. Unknown fields are skipped. Invariant: any bytes end in an event or in a reason.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use windtunnel_model::{
    Event, EventBatch, EventKey, EventTime, Message, Reject, RejectReason, Replay, Score, Stage,
    Withheld,
};

use crate::json::Scanner;
use crate::limits::EVENT_BYTES_MAX;

/// An event as it stands in its JSON text, before any rule is applied.
#[derive(Debug, Default, PartialEq)]
pub struct RawEvent<'a> {
    /// `event_id`.
    pub event_id: Option<Cow<'a, str>>,
    /// `event_timestamp`, still a text.
    pub event_timestamp: Option<Cow<'a, str>>,
    /// `event_type`.
    pub event_type: Option<Cow<'a, str>>,
    /// `device_id`.
    pub device_id: Option<Cow<'a, str>>,
    /// `user_id`.
    pub user_id: Option<Cow<'a, str>>,
    /// `processed_timestamp`, still a text.
    pub processed_timestamp: Option<Cow<'a, str>>,
    /// `properties`.
    pub properties: Properties<'a>,
}

/// The record `properties`.
#[derive(Debug, Default, PartialEq)]
pub struct Properties<'a> {
    page_url: Option<Cow<'a, str>>,
    referrer: Option<Cow<'a, str>>,
    /// `value`.
    pub value: Option<f64>,
    temperature: Option<f64>,
    humidity: Option<f64>,
    battery: Option<f64>,
}

/// Decodes one message and adds the event to the batch.
///
/// # Errors
/// The reason and a detail when the payload is too large, not UTF-8, not JSON of the expected types, or
/// has a timestamp that is none.
pub fn decode(batch: &mut EventBatch, message_index: u32) -> Result<Event, (RejectReason, String)> {
    let (messages, arena) = batch.parts();
    let message = &messages[message_index as usize];
    let publish_time = message.publish_time;
    let raw = parse(&message.data)?;
    let event_time = match &raw.event_timestamp {
        Some(text) => timestamp("event_timestamp", text)?,
        None => publish_time,
    };
    let processed_time = match &raw.processed_timestamp {
        Some(text) => Some(timestamp("processed_timestamp", text)?),
        None => None,
    };
    let mut derived = String::new();
    let event_id: &str = match &raw.event_id {
        Some(id) if !id.is_empty() => id,
        _ => {
            message.write_derived_event_id(&mut derived);
            &derived
        }
    };
    let properties = &raw.properties;
    let mut optional = |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| arena.intern(text));
    let user_id = optional(&raw.user_id);
    let page_url = optional(&properties.page_url);
    let referrer = optional(&properties.referrer);
    Ok(Event {
        key: EventKey::of_event(event_id),
        message: message_index,
        event_time,
        event_id: arena.intern(event_id),
        event_type: arena.intern(raw.event_type.as_deref().unwrap_or_default()),
        device_id: arena.intern(raw.device_id.as_deref().unwrap_or_default()),
        user_id,
        page_url,
        referrer,
        value: properties.value,
        temperature: properties.temperature,
        humidity: properties.humidity,
        battery: properties.battery,
        processed_time,
        source: None,
        score: Score::Absent,
        replay: Replay::No,
    })
}

/// Parses a payload.
///
/// # Errors
/// As [`decode`], without the timestamps.
pub fn parse(data: &[u8]) -> Result<RawEvent<'_>, (RejectReason, String)> {
    let text = text_of(data)?;
    match scan(text) {
        Some(event) => Ok(event),
        None => serde_json::from_str(text).map_err(|error| failure(data, &error)),
    }
}

/// Why a payload is no event; a payload that privacy has withheld says so itself.
#[must_use]
pub fn failure(data: &[u8], error: &serde_json::Error) -> (RejectReason, String) {
    match Withheld::of_payload(data) {
        None => (class_of(error), error.to_string()),
        Some(withheld) => {
            let detail = "the payload cannot be redacted, so it is withheld".to_owned();
            (withheld.reason, detail)
        }
    }
}

/// The fast way for plain events; none says nothing but "ask the general parser".
fn scan(text: &str) -> Option<RawEvent<'_>> {
    let mut event = RawEvent::default();
    let mut scanner = Scanner::new(text);
    scanner.object(|scanner, key| {
        match key {
            "event_id" => event.event_id = scan_text(scanner)?,
            "event_timestamp" => event.event_timestamp = scan_text(scanner)?,
            "event_type" => event.event_type = scan_text(scanner)?,
            "device_id" => event.device_id = scan_text(scanner)?,
            "user_id" => event.user_id = scan_text(scanner)?,
            "processed_timestamp" => event.processed_timestamp = scan_text(scanner)?,
            "properties" => event.properties = scan_properties(scanner)?,
            _ => scanner.skip()?,
        }
        Some(())
    })?;
    scanner.end()?;
    Some(event)
}

fn scan_text<'a>(scanner: &mut Scanner<'a>) -> Option<Option<Cow<'a, str>>> {
    Some(scanner.optional_string()?.map(Cow::Borrowed))
}

fn scan_properties<'a>(scanner: &mut Scanner<'a>) -> Option<Properties<'a>> {
    let mut properties = Properties::default();
    if scanner.null()? {
        return Some(properties);
    }
    scanner.object(|scanner, key| {
        match key {
            "page_url" => properties.page_url = scan_text(scanner)?,
            "referrer" => properties.referrer = scan_text(scanner)?,
            "value" => properties.value = scanner.optional_number()?,
            "temperature" => properties.temperature = scanner.optional_number()?,
            "humidity" => properties.humidity = scanner.optional_number()?,
            "battery" => properties.battery = scanner.optional_number()?,
            _ => scanner.skip()?,
        }
        Some(())
    })?;
    Some(properties)
}

/// A payload as text, when it is small enough and UTF-8.
///
/// # Errors
/// The reason and a detail.
pub fn text_of(data: &[u8]) -> Result<&str, (RejectReason, String)> {
    if data.len() > EVENT_BYTES_MAX {
        let detail = format!("{} bytes, the limit is {EVENT_BYTES_MAX}", data.len());
        return Err((RejectReason::Oversize, detail));
    }
    std::str::from_utf8(data).map_err(|error| {
        (RejectReason::InvalidUtf8, format!("invalid UTF-8 at byte {}", error.valid_up_to()))
    })
}

/// The class of a JSON error.
#[must_use]
pub fn class_of(error: &serde_json::Error) -> RejectReason {
    match error.classify() {
        serde_json::error::Category::Eof => RejectReason::TruncatedJson,
        serde_json::error::Category::Data => RejectReason::WrongType,
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            RejectReason::InvalidJson
        }
    }
}

/// Builds the reject of a message that did not become an event.
#[must_use]
pub fn reject(message: &Message, stage: Stage, reason: RejectReason, detail: String) -> Reject {
    Reject {
        stage,
        reason,
        detail,
        message: message.clone(),
        event_id: None,
        event_time: None,
        watermark: None,
    }
}

fn timestamp(field: &str, text: &str) -> Result<EventTime, (RejectReason, String)> {
    EventTime::parse(text)
        .map_err(|error| (RejectReason::InvalidTimestamp, format!("{field}: {error}")))
}

/// A text that is borrowed from the input wherever it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

// The visitors are written by hand because derived ones also take arrays for structs, and copy a
// text inside an Option.
impl<'de> Deserialize<'de> for RawEvent<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;
        impl<'de> Visitor<'de> for EventVisitor {
            type Value = RawEvent<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an event object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut event = RawEvent::default();
                while let Some(Text(key)) = map.next_key()? {
                    match key.as_ref() {
                        "event_id" => event.event_id = next_text(&mut map)?,
                        "event_timestamp" => event.event_timestamp = next_text(&mut map)?,
                        "event_type" => event.event_type = next_text(&mut map)?,
                        "device_id" => event.device_id = next_text(&mut map)?,
                        "user_id" => event.user_id = next_text(&mut map)?,
                        "processed_timestamp" => event.processed_timestamp = next_text(&mut map)?,
                        "properties" => {
                            event.properties = map.next_value::<Option<_>>()?.unwrap_or_default();
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(EventVisitor)
    }
}

impl<'de> Deserialize<'de> for Properties<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PropertiesVisitor;
        impl<'de> Visitor<'de> for PropertiesVisitor {
            type Value = Properties<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of properties")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut properties = Properties::default();
                while let Some(Text(key)) = map.next_key()? {
                    match key.as_ref() {
                        "page_url" => properties.page_url = next_text(&mut map)?,
                        "referrer" => properties.referrer = next_text(&mut map)?,
                        "value" => properties.value = map.next_value()?,
                        "temperature" => properties.temperature = map.next_value()?,
                        "humidity" => properties.humidity = map.next_value()?,
                        "battery" => properties.battery = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(properties)
            }
        }
        deserializer.deserialize_map(PropertiesVisitor)
    }
}

fn next_text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(map.next_value::<Option<Text<'de>>>()?.map(|Text(text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use windtunnel_model::{AckId, Origin};

    fn message(data: &[u8]) -> Message {
        Message {
            ack: AckId(0),
            data: Bytes::copy_from_slice(data),
            publish_time: EventTime(42),
            origin: Origin::Pubsub { message_id: "m1".to_owned(), attributes: BTreeMap::new() },
        }
    }

    fn decode_one(data: &[u8]) -> (EventBatch, Result<Event, (RejectReason, String)>) {
        let mut batch = EventBatch::for_messages(vec![message(data)]);
        let event = decode(&mut batch, 0);
        (batch, event)
    }

    #[test]
    fn the_sample_event_of_the_reference_page_decodes() {
        let (batch, event) = decode_one(
            br#"{"event_id":"evt_123456789","event_timestamp":"2024-01-01T12:00:00Z","event_type":"click",
               "device_id":"dev_987654321","user_id":"user_123","properties":{"page_url":"https://example.com/p/1",
               "referrer":"https://example.com/\u0073earch","value":29.99}}"#,
        );
        let event = event.unwrap();
        assert_eq!(batch.text(event.event_id), "evt_123456789");
        assert_eq!(batch.text(event.device_id), "dev_987654321");
        assert_eq!(batch.text(event.referrer.unwrap()), "https://example.com/search");
        assert_eq!(event.value, Some(29.99));
        assert_eq!(event.event_time, EventTime(1_704_110_400_000_000));
    }

    #[test]
    fn a_missing_id_or_time_is_derived_from_the_message() {
        let (batch, event) = decode_one(br#"{"event_type":"click","device_id":"d"}"#);
        let event = event.unwrap();
        assert_eq!(batch.text(event.event_id), "msg-m1");
        assert_eq!(event.event_time, EventTime(42));
    }

    #[test]
    fn every_malformation_has_its_reason() {
        use RejectReason as R;
        let oversize = vec![b' '; EVENT_BYTES_MAX + 1];
        let cases: [(&[u8], R); 11] = [
            (br#"{"event_id":"a","event_type":"cl"#, R::TruncatedJson),
            (b"", R::TruncatedJson),
            (br#"{"event_id":7}"#, R::WrongType),
            (br#"{"properties":{"value":"much"}}"#, R::WrongType),
            (br#"{"properties":["u"]}"#, R::WrongType),
            (br#"["a","b"]"#, R::WrongType),
            (br#"{"properties":{"value":NaN}}"#, R::InvalidJson),
            (br#"{"a":1}}"#, R::InvalidJson),
            (b"{\"event_id\":\"\xff\"}", R::InvalidUtf8),
            (br#"{"event_timestamp":"yesterday"}"#, R::InvalidTimestamp),
            (&oversize, R::Oversize),
        ];
        for (data, expected) in cases {
            let (_, result) = decode_one(data);
            let shown = String::from_utf8_lossy(&data[..data.len().min(60)]).into_owned();
            assert_eq!(result.map(|_| ()).unwrap_err().0, expected, "{shown}");
        }
    }

    #[test]
    fn a_body_of_twenty_megabytes_is_refused_without_being_parsed() {
        let (_, result) = decode_one(&vec![b'['; 20 << 20]);
        assert_eq!(result.unwrap_err().0, RejectReason::Oversize);
    }

    proptest! {
        /// Any bytes are decoded or rejected, never a panic.
        #[test]
        fn any_bytes_have_an_answer(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_one(&data);
        }

        /// The fast way and the general parser read the same events.
        #[test]
        fn both_ways_read_the_same(
            id in "[a-z]{0,9}|\\\\u0041", value in any::<f64>(), extra in "[a-z0-9{}\\[\\],:\"]{0,9}",
            battery in 0_u32..100_000
        ) {
            let text = format!(
                r#"{{"event_id":"{id}","device_id":null,"properties":{{"value":{value:e},"battery":{battery}.25,"x":{extra}}}}}"#
            );
            if let Some(event) = scan(&text) {
                let general = serde_json::from_str::<RawEvent<'_>>(&text);
                prop_assert_eq!(general.ok(), Some(event));
            }
        }

        /// Any prefix of a good event is a truncation, and nothing else.
        #[test]
        fn every_prefix_of_an_event_is_truncated(length in 0_usize..70) {
            let good = br#"{"event_id":"a","event_type":"b","device_id":"c","properties":{"value":1}}"#;
            let (_, result) = decode_one(&good[..length]);
            prop_assert_eq!(result.unwrap_err().0, RejectReason::TruncatedJson);
        }
    }
}
