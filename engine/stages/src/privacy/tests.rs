//! Goal: no configured value passes, whatever the bytes; equal values stay equal within a key's period;
//! twice is once. Method: tables of events, and properties over JSON with secrets at configured places,
//! spoilt in every way.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use windtunnel_model::AckId;

fn path(text: &str) -> Place {
    Place::Field(text.split('.').map(str::to_owned).collect())
}

fn rule(place: Place, action: Action) -> Rule {
    Rule { place, action }
}

fn key(id: &str, from: i64, byte: u8) -> Key {
    Key::new(id, EventTime(from), &[byte; 32]).unwrap()
}

fn privacy() -> Privacy {
    let rules = vec![
        rule(path("user_id"), Action::Hash),
        rule(path("properties.page_url"), Action::Hash),
        rule(path("properties.referrer"), Action::Drop),
        rule(path("people.email"), Action::Drop),
        rule(path("tags.*"), Action::Hash),
        rule(Place::Attribute("client_ip".to_owned()), Action::Hash),
        rule(Place::Attribute("session".to_owned()), Action::Drop),
    ];
    Privacy::new(rules, vec![key("k1", 0, 1), key("k2", 1_704_110_400_000_000, 2)]).unwrap()
}

fn message(data: &[u8], attributes: &[(&str, &str)]) -> Message {
    let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Message {
        ack: AckId(0),
        data: Bytes::copy_from_slice(data),
        publish_time: EventTime(1_704_110_400_000_001),
        origin: Origin::Pubsub { message_id: "m".to_owned(), attributes },
    }
}

fn redacted(json: &str) -> Value {
    let mut message = message(json.as_bytes(), &[]);
    privacy().redact(&mut message);
    serde_json::from_slice(&message.data).unwrap()
}

#[test]
fn configured_fields_are_hashed_or_dropped_and_the_rest_stays() {
    let out = redacted(
        r#"{"event_timestamp":"2024-01-01T11:00:00Z","user_id":"ann","event_type":"click","n":1.5,
            "properties":{"page_url":"u","referrer":"r","value":2}}"#,
    );
    assert!(out["user_id"].as_str().unwrap().starts_with("k1."), "{out}");
    assert!(out["properties"]["page_url"].as_str().unwrap().starts_with("k1."));
    assert_eq!(out["properties"].get("referrer"), None);
    assert_eq!((&out["event_type"], &out["n"]), (&"click".into(), &1.5.into()));
    assert_eq!(out["properties"]["value"], 2);
}

#[test]
fn values_of_one_key_period_join_and_those_of_two_do_not() {
    let user = |time: &str, user: &str| {
        let json = format!(r#"{{"event_timestamp":"{time}","user_id":"{user}"}}"#);
        redacted(&json)["user_id"].as_str().unwrap().to_owned()
    };
    let (before, after) = ("2024-01-01T11:59:59Z", "2024-01-01T12:00:00Z");
    assert_eq!(user(before, "ann"), user("1969-01-01T00:00:00Z", "ann"));
    assert_ne!(user(before, "ann"), user(after, "ann"));
    assert_ne!(user(before, "ann"), user(before, "bob"));
    assert!(user(after, "ann").starts_with("k2."));
    let none = redacted(r#"{"user_id":"ann"}"#);
    assert_eq!(none["user_id"], user(after, "ann"), "the publish time decides where no other does");
}

#[test]
fn a_value_is_found_in_arrays_under_any_name_and_where_a_path_ends_too_early() {
    let out = redacted(
        r#"{"people":[{"email":"s","n":1},[{"email":"s"}]],"tags":{"a":"s","b":["s",7]},
            "properties":"{\"page_url\":\"s\"}"}"#,
    );
    assert_eq!(out["people"], serde_json::json!([{ "n": 1 }, [{}]]));
    assert!(!out.to_string().contains("\"s\""), "{out}");
    assert!(out["tags"]["b"][1].is_string(), "a number is hashed, too: {out}");
    assert!(
        out.get("properties").is_none(),
        "a later rule drops what an earlier one hashed: {out}"
    );
}

#[test]
fn a_payload_that_is_no_object_is_withheld_and_keeps_its_reason() {
    let cases: [(&[u8], RejectReason); 5] = [
        (br#"{"user_id":"ann""#, RejectReason::TruncatedJson),
        (br#"{"user_id":NaN}"#, RejectReason::InvalidJson),
        (br#"[{"user_id":"ann"}]"#, RejectReason::WrongType),
        (b"ann\xff", RejectReason::InvalidUtf8),
        (&[b'x'; (1 << 20) + 1], RejectReason::Oversize),
    ];
    for (data, reason) in cases {
        let mut message = message(data, &[("session", "s"), ("k", "v")]);
        privacy().redact(&mut message);
        let withheld = Withheld::of_payload(&message.data).unwrap();
        assert_eq!((withheld.reason, withheld.bytes), (reason, data.len() as u64));
        let Origin::Pubsub { attributes, .. } = message.origin else { panic!() };
        assert_eq!(attributes, BTreeMap::from([("k".to_owned(), "v".to_owned())]));
    }
}

#[test]
fn a_hash_of_somebody_else_is_hashed() {
    let forged = format!("k1.{}.{}", "0".repeat(64), "0".repeat(16));
    let out = redacted(&format!(r#"{{"user_id":"{forged}"}}"#));
    assert_ne!(out["user_id"], forged);
}

#[test]
fn rules_that_would_spoil_every_event_are_refused() {
    let keys = || vec![key("k", 0, 1)];
    let one = |place, action| Privacy::new(vec![rule(place, action)], keys()).map(drop);
    for (place, action) in [
        (path("device_id"), Action::Drop),
        (path("*"), Action::Drop),
        (path("event_timestamp"), Action::Hash),
        (path("properties.value"), Action::Hash),
        (path("properties.*"), Action::Hash),
        (path("a..b"), Action::Hash),
    ] {
        assert!(one(place.clone(), action).is_err(), "{place:?}");
    }
    for (place, action) in [
        (path("device_id"), Action::Hash),
        (path("event_timestamp"), Action::Drop),
        (path("properties"), Action::Drop),
        (path("properties.*"), Action::Drop),
    ] {
        assert_eq!(one(place, action), Ok(()));
    }
    assert_eq!(Privacy::new(Vec::new(), Vec::new()).map(drop), Err(PrivacyError::NoKey));
    let twice = vec![key("k", 0, 1), key("k", 1, 2)];
    assert_eq!(Privacy::new(Vec::new(), twice).map(drop), Err(PrivacyError::KeyOrder(1)));
    let back = vec![key("a", 1, 1), key("b", 1, 2)];
    assert_eq!(Privacy::new(Vec::new(), back).map(drop), Err(PrivacyError::KeyOrder(1)));
}

#[test]
fn secrets_are_never_shown() {
    let secret = b"an unmistakable secret of 32 byte";
    let key = Key::new("k", EventTime(0), secret).unwrap();
    let shown = format!("{key:?} {:?}", Privacy::new(Vec::new(), vec![key.clone()]).unwrap());
    assert!(!shown.contains("unmistakable"), "{shown}");
    assert_eq!(Key::new("k", EventTime(0), b"short"), Err(KeyError::ShortSecret(5)));
    assert_eq!(Key::new("k.1", EventTime(0), secret), Err(KeyError::Id));
}

/// A text that stands nowhere but where it was put.
const SECRET: &str = "S3CR3Tx";

/// JSON with the secret at configured places, in whatever shape.
fn with_secrets() -> impl Strategy<Value = String> {
    let secret = prop_oneof![
        Just(format!("\"{SECRET}\"")),
        Just(format!("\"before {SECRET} after\"")),
        Just("\"\\u0053\\u0033CR3Tx\"".to_owned()),
        Just(format!("[\"{SECRET}\",[\"{SECRET}\"],{{\"x\":\"{SECRET}\"}}]")),
        Just(format!("{{\"deep\":{{\"{SECRET}\":\"{SECRET}\"}}}}")),
        Just(format!("\"{{\\\"user_id\\\":\\\"{SECRET}\\\"}}\"")),
    ];
    let entry = prop_oneof![
        secret.clone().prop_map(|it| format!("\"user_id\":{it}")),
        secret.clone().prop_map(|it| format!("\"user\\u005fid\":{it}")),
        Just(format!("\"properties\":\"{SECRET}\"")),
        secret.prop_map(|it| format!("\"properties\":{{\"referrer\":{it},\"value\":1}}")),
        Just(format!("\"people\":[{{\"email\":\"{SECRET}\"}},[{{\"email\":\"{SECRET}\"}}]]")),
        Just(format!("\"tags\":{{\"a\":\"{SECRET}\",\"b\":[\"{SECRET}\"]}}")),
        Just("\"device_id\":\"d\"".to_owned()),
        Just("\"event_type\":\"t\"".to_owned()),
        Just("\"event_timestamp\":\"2024-01-01T11:00:00Z\"".to_owned()),
        Just("\"other\":[1,2.5,null,true,\"text\"]".to_owned()),
    ];
    proptest::collection::vec(entry, 0..7).prop_map(|it| format!("{{{}}}", it.join(",")))
}

/// The same, spoilt.
pub(super) fn spoilt() -> impl Strategy<Value = Vec<u8>> {
    let index = any::<proptest::sample::Index>();
    (with_secrets(), 0_u8..6, index, any::<u8>()).prop_map(|(json, kind, index, byte)| {
        let mut bytes = json.into_bytes();
        let at = index.index(bytes.len());
        match kind {
            0 => bytes.truncate(at),
            1 => bytes[at] = byte,
            2 => bytes.insert(at, byte),
            3 => bytes = [b"[".as_slice(), &bytes, b"]"].concat(),
            _ => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_payload_that_stays_json_holds_no_configured_value(json in with_secrets()) {
        // A configured object is hashed or dropped as a whole where the path ends at it.
        let rules = ["user_id", "properties", "people", "tags"]
            .map(|field| rule(path(field), Action::Drop));
        let privacy = Privacy::new(rules.to_vec(), vec![key("k", 0, 1)]).unwrap();
        let mut message = message(json.as_bytes(), &[]);
        privacy.redact(&mut message);
        let text = String::from_utf8_lossy(&message.data).into_owned();
        prop_assert!(!text.contains("CR3T"), "{text}");
    }

    #[test]
    fn twice_is_once(bytes in spoilt()) {
        let privacy = privacy();
        let mut once = message(&bytes, &[("client_ip", "1.2.3.4")]);
        privacy.redact(&mut once);
        if Withheld::of_payload(&once.data).is_none() {
            let mut twice = once.clone();
            privacy.redact(&mut twice);
            prop_assert_eq!(format!("{once:?}"), format!("{twice:?}"));
        }
    }
}
