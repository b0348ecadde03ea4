//! Privacy: configured fields are hashed with a keyed hash or dropped before anything else looks at a
//! message, so that rows, dead letters (original bytes included), late output, checkpoints and logs hold
//! none of their values. What is no JSON object cannot be redacted: its bytes are withheld, and only
//! their length and keyed hash go on. Pure. Invariants: redacting twice changes nothing, so function and
//! engine may both do it; what a rule names is redacted wherever it stands, in arrays and in values that
//! end a path too early as well.

mod pseudonym;

use std::fmt;

use bytes::Bytes;
use serde_json::Value;
use windtunnel_model::{EventTime, Message, Origin, RejectReason, Withheld};

pub use pseudonym::{Key, KeyError, SECRET_BYTES_MIN};

use crate::decode::{class_of, text_of};
use crate::limits::PRIVACY_RULES_MAX;

/// What is done to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its place is taken by its keyed hash: equal values of a key's period stay equal.
    Hash,
    /// It is taken away.
    Drop,
}

/// A place in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A field of the JSON event: the names down to it. `*` is any name; arrays are gone through.
    Field(Vec<String>),
    /// An attribute of the message.
    Attribute(String),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where.
    pub place: Place,
    /// What.
    pub action: Action,
}

/// Why rules or keys cannot be used. The index is that of the rule or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivacyError {
    /// A path that names nothing.
    #[error("the path is empty or has an empty name")]
    EmptyPath(usize),
    /// Hashing would make the event unreadable.
    #[error("{field} is a number or a time: its hash would be none, so it can only be dropped")]
    CannotBeHashed {
        /// The rule.
        rule: usize,
        /// The field.
        field: String,
    },
    /// Without it no event is a row.
    #[error("{field} is required: an event without it is rejected, so it can only be hashed")]
    CannotBeDropped {
        /// The rule.
        rule: usize,
        /// The field.
        field: String,
    },
    /// Too many rules.
    #[error("more than {PRIVACY_RULES_MAX} rules")]
    TooManyRules,
    /// Nothing to hash with. Withheld payloads are hashed as well, so dropping needs a key, too.
    #[error("a key is needed: values are hashed with it, and so are payloads that are withheld")]
    NoKey,
    /// Two keys with one name, or not in the order of their instants.
    #[error("its id is taken, or it does not begin after the key before it")]
    KeyOrder(usize),
}

/// Fields that only a number or a time can stand in.
const NOT_TEXTS: [&[&str]; 6] = [
    &["event_timestamp"],
    &["processed_timestamp"],
    &["properties", "value"],
    &["properties", "temperature"],
    &["properties", "humidity"],
    &["properties", "battery"],
];

/// Fields without which no event is a row.
const REQUIRED: [&[&str]; 2] = [&["event_type"], &["device_id"]];

/// Rules and keys that fit each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Privacy {
    rules: Vec<Rule>,
    /// In the order of their instants; the first holds before its own, too.
    keys: Vec<Key>,
}

impl fmt::Debug for Privacy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Privacy").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Privacy {
    /// Checks rules and keys.
    ///
    /// # Errors
    /// [`PrivacyError`] says which rule or key, and why.
    pub fn new(rules: Vec<Rule>, keys: Vec<Key>) -> Result<Self, PrivacyError> {
        if rules.len() > PRIVACY_RULES_MAX {
            return Err(PrivacyError::TooManyRules);
        }
        for (index, rule) in rules.iter().enumerate() {
            check(index, rule)?;
        }
        for (index, key) in keys.iter().enumerate() {
            let earlier = &keys[..index];
            let follows = earlier.iter().all(|it| it.id() != key.id() && it.from() < key.from());
            if !follows {
                return Err(PrivacyError::KeyOrder(index));
            }
        }
        if keys.is_empty() {
            return Err(PrivacyError::NoKey);
        }
        Ok(Self { rules, keys })
    }

    /// Takes the configured values out of a message. The key is that of the event's own time, or of the
    /// publish time where the payload has none: the same on every redelivery.
    pub fn redact(&self, message: &mut Message) {
        let time = match object_of(&message.data) {
            Ok(mut event) => {
                let time = self.time_of(&event).unwrap_or(message.publish_time);
                self.redact_fields(&mut event, self.key_at(time));
                message.data =
                    Bytes::from(serde_json::to_vec(&event).expect("a JSON value has a text"));
                time
            }
            Err(reason) => {
                let key = self.key_at(message.publish_time);
                let hash = key.pseudonym(b"payload", &message.data);
                let bytes = message.data.len() as u64;
                message.data = Withheld { reason, bytes, hash }.to_payload();
                message.publish_time
            }
        };
        let Origin::Pubsub { attributes, .. } = &mut message.origin else { return };
        for rule in &self.rules {
            let Place::Attribute(name) = &rule.place else { continue };
            match rule.action {
                Action::Drop => drop(attributes.remove(name)),
                Action::Hash => {
                    if let Some(value) = attributes.get_mut(name) {
                        *value = self.hash_text(value, self.key_at(time));
                    }
                }
            }
        }
    }

    fn redact_fields(&self, event: &mut Value, key: &Key) {
        for rule in &self.rules {
            if let Place::Field(path) = &rule.place {
                self.redact_at(event, path, rule.action, key);
            }
        }
    }

    /// Goes down a path; false when the value itself is to be taken away.
    fn redact_at(&self, value: &mut Value, path: &[String], action: Action, key: &Key) -> bool {
        match (value, path) {
            (Value::Null, _) => true,
            (Value::Array(items), path) => {
                items.retain_mut(|item| self.redact_at(item, path, action, key));
                true
            }
            (Value::Object(fields), [name, rest @ ..]) => {
                fields.retain(|field, inner| {
                    let is_meant = name == "*" || field == name;
                    !is_meant || self.redact_at(inner, rest, action, key)
                });
                true
            }
            // The end of the path, or a value where the path goes on: a text may hold JSON.
            (value, _) => match action {
                Action::Drop => false,
                Action::Hash => {
                    *value = Value::String(match &*value {
                        Value::String(text) => self.hash_text(text, key),
                        other => key.pseudonym(b"json", other.to_string().as_bytes()),
                    });
                    true
                }
            },
        }
    }

    /// The hash of a text; a text that is a hash of ours already stays.
    fn hash_text(&self, text: &str, key: &Key) -> String {
        if self.keys.iter().any(|key| key.made(text)) {
            return text.to_owned();
        }
        key.pseudonym(b"text", text.as_bytes())
    }

    /// `event_timestamp`, unless it is itself to be taken away.
    fn time_of(&self, event: &Value) -> Option<EventTime> {
        let hidden = self.rules.iter().any(|rule| match &rule.place {
            Place::Field(path) => matches!(path.as_slice(), [name] if name == "event_timestamp"),
            Place::Attribute(_) => false,
        });
        let text = event.get("event_timestamp").filter(|_| !hidden)?.as_str()?;
        EventTime::parse(text).ok()
    }

    fn key_at(&self, time: EventTime) -> &Key {
        let after = self.keys.partition_point(|key| key.from() <= time);
        &self.keys[after.saturating_sub(1)]
    }
}

fn check(rule: usize, it: &Rule) -> Result<(), PrivacyError> {
    let path: Vec<&str> = match &it.place {
        Place::Field(path) => path.iter().map(String::as_str).collect(),
        Place::Attribute(name) => vec![name.as_str()],
    };
    if path.is_empty() || path.iter().any(|name| name.is_empty()) {
        return Err(PrivacyError::EmptyPath(rule));
    }
    if matches!(it.place, Place::Attribute(_)) {
        return Ok(());
    }
    let field = || path.join(".");
    // A path also means what lies under it, and `*` whatever it can stand for.
    let means = |known: &&[&str]| {
        path.len() <= known.len() && path.iter().zip(*known).all(|(a, b)| *a == "*" || a == b)
    };
    match it.action {
        Action::Hash if NOT_TEXTS.iter().any(means) && !is_record(&path) => {
            Err(PrivacyError::CannotBeHashed { rule, field: field() })
        }
        Action::Drop if REQUIRED.iter().any(means) => {
            Err(PrivacyError::CannotBeDropped { rule, field: field() })
        }
        _ => Ok(()),
    }
}

/// `properties` alone: a hash in its place makes a dead letter, which is what is asked for.
fn is_record(path: &[&str]) -> bool {
    path == ["properties"]
}

fn object_of(data: &[u8]) -> Result<Value, RejectReason> {
    let text = text_of(data).map_err(|(reason, _)| reason)?;
    match serde_json::from_str(text) {
        Ok(event @ Value::Object(_)) => Ok(event),
        Ok(_) => Err(RejectReason::WrongType),
        Err(error) => Err(class_of(&error)),
    }
}

#[cfg(test)]
mod tests;
