//! One event before it is written: its fields, its JSON, its fingerprint, and the ways to spoil it.

use std::fmt::Write;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Malformation;
use crate::arrivals::Schedule;
use crate::device::Device;
use crate::fingerprint::{CanonicalEvent, fingerprint, id_hash};
use crate::limits::OVERSIZE_BYTES;
use crate::stream::stream;
use crate::visitor::{Shop, Visitor};
use crate::workload::{Source, SourceKind};

/// Makes the events of one source.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) name: String,
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
            name,
        }
    }

    pub(super) fn draft(&mut self, event_id: String, event_micros: i64) -> Draft {
        let mut draft = Draft { event_id, event_micros, ..Draft::default() };
        match &mut self.members {
            Members::Devices(devices) => {
                let device = self.choice.random_range(0..devices.len());
                let device = &mut devices[device];
                let reading = device.read(event_micros);
                "telemetry".clone_into(&mut draft.event_type);
                draft.device_id.clone_from(&device.id);
                draft.temperature = Some(reading.temperature);
                draft.humidity = Some(reading.humidity);
                draft.battery = Some(reading.battery);
                draft.value = Some(reading.temperature);
            }
            Members::Visitors(shop, visitors) => {
                let visitor = self.choice.random_range(0..visitors.len());
                let visitor = &mut visitors[visitor];
                let act = visitor.act(shop);
                act.activity.as_str().clone_into(&mut draft.event_type);
                draft.device_id.clone_from(&visitor.device_id);
                draft.user_id = act.is_known_user.then(|| visitor.user_id.clone());
                draft.page_url = Some(act.page_url.to_owned());
                draft.referrer = act.referrer.map(str::to_owned);
                draft.value = act.value;
            }
        }
        draft
    }
}

/// An event's fields; numbers in hundredths.
#[derive(Debug, Default)]
pub(super) struct Draft {
    event_id: String,
    event_micros: i64,
    event_type: String,
    device_id: String,
    user_id: Option<String>,
    page_url: Option<String>,
    referrer: Option<String>,
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
            event_type: &self.event_type,
            device_id: &self.device_id,
            user_id: self.user_id.as_deref(),
            page_url: self.page_url.as_deref(),
            referrer: self.referrer.as_deref(),
            value: double(self.value),
            temperature: double(self.temperature),
            humidity: double(self.humidity),
            battery: double(self.battery),
        })
    }

    /// Another content under the same id and time.
    pub(super) fn change(&mut self) {
        self.value = Some(self.value.unwrap_or_default() + 1);
    }

    pub(super) fn body(&self) -> Bytes {
        self.write("", true).into()
    }

    pub(super) fn spoil(&self, malformation: Malformation) -> Bytes {
        match malformation {
            Malformation::Truncated => {
                let mut text = self.write("", true);
                text.truncate(text.len() * 2 / 3);
                text.into()
            }
            Malformation::WrongType => self.write(r#""user_id":17,"#, true).into(),
            Malformation::MissingField => self.write("", false).into(),
            Malformation::NotANumber => self.write(r#""reading":NaN,"#, true).into(),
            Malformation::BadUtf8 => {
                let mut bytes = self.write(r#""note":"?","#, true).into_bytes();
                if let Some(at) = bytes.iter().position(|&byte| byte == b'?') {
                    bytes[at] = 0xff;
                }
                bytes.into()
            }
            Malformation::Oversize => {
                let padding = "x".repeat(OVERSIZE_BYTES);
                self.write(&format!(r#""padding":"{padding}","#), true).into()
            }
        }
    }

    /// The JSON; `first` stands before all fields. Texts hold nothing that needs an escape.
    fn write(&self, first: &str, with_device: bool) -> String {
        let mut out = String::with_capacity(320 + first.len());
        let time = DateTime::from_timestamp_micros(self.event_micros).unwrap_or_default();
        let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut text = |parts: std::fmt::Arguments<'_>| {
            out.write_fmt(parts).expect("a String takes text");
        };
        text(format_args!(
            r#"{{{first}"event_id":"{}","event_timestamp":"{time}","event_type":"{}""#,
            self.event_id, self.event_type
        ));
        if with_device {
            text(format_args!(r#","device_id":"{}""#, self.device_id));
        }
        // The spoilt user id must stay the only one.
        if let Some(user) = self.user_id.as_ref().filter(|_| !first.contains("user_id")) {
            text(format_args!(r#","user_id":"{user}""#));
        }
        text(format_args!(r#","properties":{{"#));
        let mut separator = "";
        for (name, value) in [("page_url", &self.page_url), ("referrer", &self.referrer)] {
            if let Some(value) = value {
                text(format_args!(r#"{separator}"{name}":"{value}""#));
                separator = ",";
            }
        }
        let numbers = [
            ("value", self.value),
            ("temperature", self.temperature),
            ("humidity", self.humidity),
            ("battery", self.battery),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                let sign = if value < 0 { "-" } else { "" };
                let (whole, rest) = (value.abs() / 100, value.abs() % 100);
                text(format_args!(r#"{separator}"{name}":{sign}{whole}.{rest:02}"#));
                separator = ",";
            }
        }
        text(format_args!("}}}}"));
        out
    }
}
