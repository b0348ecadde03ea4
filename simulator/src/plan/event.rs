//! One event before it is written: its fields, its JSON, its fingerprint, and the ways to spoil it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Malformation;
use crate::arrivals::Schedule;
use crate::device::Device;
use crate::fingerprint::{CanonicalEvent, fingerprint, id_hash};
use crate::limits::OVERSIZE_BYTES;
use crate::stream::stream;
use crate::text::{DECIMAL_BYTES, Rfc3339, decimal};
use crate::visitor::{Shop, Visitor};
use crate::windowed::Windowed;
use crate::workload::{Source, SourceKind};

/// Room for one event as JSON.
const BODY_BYTES: usize = 512;

/// Makes the events of one source.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) name: Arc<str>,
    pub(super) schedule: Schedule,
    choice: ChaCha8Rng,
    members: Members,
}

#[derive(Debug)]
enum Members {
    Devices(Vec<Device>),
    Visitors(Shop, Vec<Visitor>),
}

impl Maker {
    pub(super) fn new(seed: u64, source: &Source) -> Self {
        let name = source.name.clone();
        let members = match source.kind {
            SourceKind::Devices => Members::Devices(
                (0..source.count).map(|index| Device::new(seed, &name, index)).collect(),
            ),
            SourceKind::Visitors => Members::Visitors(
                Shop::new(seed, &name),
                (0..source.count).map(|index| Visitor::new(seed, &name, index)).collect(),
            ),
        };
        let arrivals = stream(seed, &format!("arrivals/{name}"), 0);
        Self {
            schedule: Schedule::new(source.arrivals, source.rate_per_second, arrivals),
            choice: stream(seed, &format!("choice/{name}"), 0),
            members,
            name: name.into(),
        }
    }

    /// Fills a draft, whose event id stands already, with the next event.
    pub(super) fn fill(&mut self, draft: &mut Draft, event_micros: i64) {
        draft.event_micros = event_micros;
        match &mut self.members {
            Members::Devices(devices) => {
                let device = self.choice.random_range(0..devices.len());
                let device = &mut devices[device];
                let reading = device.read(event_micros);
                draft.event_type = "telemetry";
                draft.device_id = Some(Arc::clone(&device.id));
                draft.temperature = Some(reading.temperature);
                draft.humidity = Some(reading.humidity);
                draft.battery = Some(reading.battery);
                draft.value = Some(reading.temperature);
                (draft.user_id, draft.page_url, draft.referrer) = (None, None, None);
            }
            Members::Visitors(shop, visitors) => {
                let visitor = self.choice.random_range(0..visitors.len());
                let visitor = &mut visitors[visitor];
                let act = visitor.act(shop);
                draft.event_type = act.activity.as_str();
                draft.device_id = Some(Arc::clone(&visitor.device_id));
                draft.user_id = act.is_known_user.then(|| Arc::clone(&visitor.user_id));
                draft.page_url = Some(Arc::clone(act.page_url));
                draft.referrer = act.referrer.cloned();
                draft.value = act.value;
                (draft.temperature, draft.humidity, draft.battery) = (None, None, None);
            }
        }
    }
}

/// An event's fields; numbers in hundredths. One draft is used for one event after the other.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) event_id: String,
    event_micros: i64,
    event_type: &'static str,
    device_id: Option<Arc<str>>,
    user_id: Option<Arc<str>>,
    page_url: Option<Arc<str>>,
    referrer: Option<Arc<str>>,
    value: Option<i64>,
    temperature: Option<i64>,
    humidity: Option<i64>,
    battery: Option<i64>,
}

impl Draft {
    pub(super) fn id(&self) -> u64 {
        id_hash(&self.event_id)
    }

    pub(super) fn fingerprint(&self) -> u64 {
        // A decimal text and this division both round correctly, so they give the same double.
        let double = |hundredths: Option<i64>| hundredths.map(|it| it as f64 / 100.0);
        fingerprint(&CanonicalEvent {
            event_id: &self.event_id,
            event_time_micros: self.event_micros,
            event_type: self.event_type,
            device_id: self.device_id(),
            user_id: self.user_id.as_deref(),
            page_url: self.page_url.as_deref(),
            referrer: self.referrer.as_deref(),
            value: double(self.value),
            temperature: double(self.temperature),
            humidity: double(self.humidity),
            battery: double(self.battery),
        })
    }

    pub(super) fn windowed(&self) -> Windowed {
        let value = self.value.map(|hundredths| hundredths as f64 / 100.0);
        Windowed::new(self.device_id(), self.event_micros, value)
    }

    /// Another content under the same id and time.
    pub(super) fn change(&mut self) {
        self.value = Some(self.value.unwrap_or_default() + 1);
    }

    fn device_id(&self) -> &str {
        self.device_id.as_deref().unwrap_or_default()
    }

    /// The event as JSON; bodies are cut from one piece of memory after the other.
    pub(super) fn body(&self, memory: &mut BytesMut) -> Bytes {
        memory.reserve(BODY_BYTES);
        self.write(memory, "", true);
        memory.split().freeze()
    }

    pub(super) fn spoil(&self, malformation: Malformation) -> Bytes {
        let mut out = BytesMut::with_capacity(BODY_BYTES);
        match malformation {
            Malformation::Truncated => {
                self.write(&mut out, "", true);
                out.truncate(out.len() * 2 / 3);
            }
            Malformation::WrongType => self.write(&mut out, r#""user_id":17,"#, true),
            Malformation::MissingField => self.write(&mut out, "", false),
            Malformation::NotANumber => self.write(&mut out, r#""reading":NaN,"#, true),
            Malformation::BadUtf8 => {
                self.write(&mut out, r#""note":"?","#, true);
                if let Some(at) = out.iter().position(|&byte| byte == b'?') {
                    out[at] = 0xff;
                }
            }
            Malformation::Oversize => {
                let padding = "x".repeat(OVERSIZE_BYTES);
                self.write(&mut out, &format!(r#""padding":"{padding}","#), true);
            }
        }
        out.freeze()
    }

    /// The JSON; `first` stands before all fields. Texts hold nothing that needs an escape.
    fn write(&self, out: &mut BytesMut, first: &str, with_device: bool) {
        let mut text = |parts: &[&str]| {
            parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        };
        text(&["{", first, r#""event_id":""#, &self.event_id, r#"","event_timestamp":""#]);
        let time = Rfc3339::of(self.event_micros);
        text(&[time.as_str(), r#"","event_type":""#, self.event_type, "\""]);
        if with_device {
            text(&[r#","device_id":""#, self.device_id(), "\""]);
        }
        // The spoilt user id must stay the only one.
        if let Some(user) = self.user_id.as_ref().filter(|_| !first.contains("user_id")) {
            text(&[r#","user_id":""#, user, "\""]);
        }
        text(&[r#","properties":{"#]);
        let mut separator = "";
        let texts = [(r#""page_url":""#, &self.page_url), (r#""referrer":""#, &self.referrer)];
        for (name, value) in texts {
            if let Some(value) = value {
                text(&[separator, name, value, "\""]);
                separator = ",";
            }
        }
        let numbers = [
            (r#""value":"#, self.value),
            (r#""temperature":"#, self.temperature),
            (r#""humidity":"#, self.humidity),
            (r#""battery":"#, self.battery),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                let mut digits = [0; DECIMAL_BYTES];
                text(&[separator, name, decimal(value, &mut digits)]);
                separator = ",";
            }
        }
        text(&["}}"]);
    }
}
