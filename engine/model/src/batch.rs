//! A batch of decoded events. Texts lie in one arena that the events point into, so an event costs
//! no allocation of its own and a batch moves between stages and threads as a whole.

use std::num::NonZeroU32;

use crate::{EventKey, EventTime, Message, Origin, Replay};

/// A text in its batch's arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// One more than where the text begins, so that an optional span is no larger than a span.
    start: NonZeroU32,
    length: u32,
}

impl Default for Span {
    /// The empty text.
    fn default() -> Self {
        Self { start: NonZeroU32::MIN, length: 0 }
    }
}

/// The texts of a batch.
#[derive(Debug, Default, Clone)]
pub struct Arena(String);

impl Arena {
    /// Copies a text into the arena.
    ///
    /// # Panics
    /// When the arena passes 4 GiB, which the limits on a batch's bytes keep from happening.
    #[inline]
    pub fn intern(&mut self, text: &str) -> Span {
        let start = u32::try_from(self.0.len() + 1).ok().and_then(NonZeroU32::new);
        let length = u32::try_from(text.len()).expect("a batch is far below 4 GiB");
        self.0.push_str(text);
        Span { start: start.expect("a batch is far below 4 GiB"), length }
    }

    /// The text of a span of this arena.
    #[inline]
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        let start = span.start.get() as usize - 1;
        &self.0[start..start + span.length as usize]
    }
}

/// What the model said of an event.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Score {
    /// Predictions are switched off.
    #[default]
    Absent,
    /// The model's score, 0 to 1.
    Value(f64),
    /// The model could not be asked; a backfill may score the row later.
    Degraded,
}

/// One decoded event; its texts are read through the batch that holds it.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// What dedup knows the event by.
    pub key: EventKey,
    /// Index into [`EventBatch::messages`] of the message that it came in.
    pub message: u32,
    /// Unique id.
    pub event_id: Span,
    /// When it happened.
    pub event_time: EventTime,
    /// click, view, purchase, telemetry, …
    pub event_type: Span,
    /// The device that made it.
    pub device_id: Span,
    /// The user, where there is one.
    pub user_id: Option<Span>,
    /// `properties.page_url`.
    pub page_url: Option<Span>,
    /// `properties.referrer`.
    pub referrer: Option<Span>,
    /// `properties.value`.
    pub value: Option<f64>,
    /// `properties.temperature`, in degrees Celsius.
    pub temperature: Option<f64>,
    /// `properties.humidity`, in percent.
    pub humidity: Option<f64>,
    /// `properties.battery`, in percent.
    pub battery: Option<f64>,
    /// When the preprocessing function handled it, derived from the raw message's publish time.
    pub processed_time: Option<EventTime>,
    /// Where it was made (`iot`, `web`, …), as the publisher's attribute `source` says.
    pub source: Option<Span>,
    /// The model's word.
    pub score: Score,
    /// Whether it comes back as a dead letter.
    pub replay: Replay,
}

/// Events of one micro-batch with the messages that they came in. Cloning copies the arena: only the
/// rare ways (a lost stream, refused rows) may do it.
#[derive(Debug, Default, Clone)]
pub struct EventBatch {
    arena: Arena,
    /// The events, in the order of their messages.
    pub events: Vec<Event>,
    /// The messages of the batch, those of rejected events and duplicates included.
    pub messages: Vec<Message>,
    /// The version of the model that scored the batch, empty before that.
    pub model_version: String,
}

impl EventBatch {
    /// A batch for these messages, with no events yet.
    #[must_use]
    pub fn for_messages(messages: Vec<Message>) -> Self {
        let bytes = messages.iter().map(|message| message.data.len()).sum::<usize>();
        Self {
            arena: Arena(String::with_capacity(bytes)),
            events: Vec::with_capacity(messages.len()),
            messages,
            model_version: String::new(),
        }
    }

    /// Copies a text into the arena; see [`Arena::intern`].
    #[inline]
    pub fn intern(&mut self, text: &str) -> Span {
        self.arena.intern(text)
    }

    /// Copies an attribute of a message into the arena; none when the message has no such attribute.
    pub fn intern_attribute(&mut self, message: u32, attribute: &str) -> Option<Span> {
        let Origin::Pubsub { attributes, .. } = &self.messages[message as usize].origin else {
            return None;
        };
        Some(self.arena.intern(attributes.get(attribute)?))
    }

    /// The messages, to read, and the arena, to copy their texts into.
    #[inline]
    pub fn parts(&mut self) -> (&[Message], &mut Arena) {
        (&self.messages, &mut self.arena)
    }

    /// The text of a span of this batch.
    #[inline]
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.arena.text(span)
    }

    /// The message that an event came in.
    #[inline]
    #[must_use]
    pub fn message_of(&self, event: &Event) -> &Message {
        &self.messages[event.message as usize]
    }
}
