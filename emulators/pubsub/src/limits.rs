//! The bounds of the emulator. Where Pub/Sub documents a limit, it is the same
//! (<https://cloud.google.com/pubsub/quotas>); the others say why.

/// Messages in one publish request.
pub const PUBLISH_MESSAGES_MAX: usize = 1_000;
/// Bytes of one publish request.
pub const PUBLISH_BYTES_MAX: usize = 10_000_000;
/// Attributes of one message.
pub const ATTRIBUTES_MAX: usize = 100;
/// Bytes of an attribute's key.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 256;
/// Bytes of an attribute's value.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 1_024;
/// Bytes of an ordering key.
pub const ORDERING_KEY_BYTES_MAX: usize = 1_024;
/// Ack deadlines of subscriptions and streams, in seconds.
pub const ACK_DEADLINE_SECONDS: std::ops::RangeInclusive<i32> = 10..=600;
/// How long a subscription keeps messages, in seconds; the longest is the default of expiration, too.
pub const RETENTION_SECONDS: std::ops::RangeInclusive<i64> = 600..=31 * 24 * 3_600;
/// How long it keeps them unless it says so, in seconds.
pub const RETENTION_SECONDS_DEFAULT: i64 = 7 * 24 * 3_600;
/// The least time without use after which a subscription may expire, in seconds.
pub const EXPIRATION_SECONDS_MIN: i64 = 24 * 3_600;
/// The longest lease that ModifyAckDeadline gives, in seconds; 0 is a nack.
pub const MODIFY_DEADLINE_SECONDS_MAX: i32 = 600;
/// Messages in one response of Pull or StreamingPull: keeps a response under the 4 MB that clients
/// take by default, for messages of up to 4 kB, together with [`RESPONSE_BYTES_MAX`].
pub const RESPONSE_MESSAGES_MAX: usize = 1_000;
/// Bytes after which a response is closed, for the same reason; one larger message still goes out alone.
pub const RESPONSE_BYTES_MAX: usize = 3_000_000;
/// Largest request that the wire takes: the publish limit and room for its envelope.
pub const REQUEST_BYTES_MAX: usize = 20_000_000;
/// Push requests under way for one subscription at the most.
pub const PUSH_IN_FLIGHT_MAX: usize = 256;
/// Push requests under way for one subscription at the start; the window grows by one with every
/// success and halves with every failure.
pub const PUSH_IN_FLIGHT_START: usize = 16;
/// First pause before a failed push is tried again, in microseconds; it doubles with every failure of the
/// same message, up to the longest.
pub const PUSH_BACKOFF_MICROS: i64 = 100_000;
/// Longest pause before a failed push is tried again (documented: 60 s).
pub const PUSH_BACKOFF_MICROS_MAX: i64 = 60_000_000;
/// How long a Pull without messages waits when the client states no deadline: REST clients ask again, and
/// some of them give up after ten seconds.
pub const PULL_WAIT_MS: u64 = 5_000;
/// The longest wait of a Pull without messages, whatever the client's deadline.
pub const PULL_WAIT_MS_MAX: u64 = 75_000;
/// How long before the client's deadline an empty Pull answers.
pub const PULL_MARGIN_MS: u64 = 1_000;
/// Responses that wait for a slow stream: flow control is by outstanding messages, so a small
/// buffer is enough.
pub const STREAM_BUFFER: usize = 8;
