//! The job that peers do, with the engine's ordinary builder, stages and batch driver: parse, validate,
//! dedup by event id, one-minute windows per device, enriched rows and window rows as JSON lines,
//! checkpoints on. `benches/README.md` says where the input comes from and how the output is checked.
//!
//! usage: IN=events.jsonl OUT=folder [WORKERS=1] peers

use std::path::PathBuf;

use serde_json::Value;
use windtunnel_benches::cpu;
use windtunnel_model::{EventKey, EventTime, stored};
use windtunnel_runtime::batch::{Added, BatchConfig, Block, Line, Outputs, Span, run_batch};
use windtunnel_runtime::flow::{Entry, Happened, source};
use windtunnel_stages::dedup::DedupConfig;
use windtunnel_stages::hash_of;
use windtunnel_stages::json::Scanner;
use windtunnel_stages::watermark::WatermarkConfig;
use windtunnel_stages::windowing::{Pane, WindowFn, Windowing, aggregator};

const SECOND: i64 = 1_000_000;

/// What is kept of a line that is valid.
struct Event {
    key: EventKey,
    time: EventTime,
    event_id: Span,
    event_type: Span,
    event_timestamp: Span,
    device_id: Span,
    user_id: Option<Span>,
    page: Option<Span>,
    session_id: Option<Span>,
    country: Option<Span>,
    temperature: f64,
    humidity: f64,
    battery: i64,
    pressure: f64,
}

/// A device's temperatures in a minute.
#[derive(Debug, Clone)]
struct Temperatures {
    count: u64,
    sum: f64,
    least: f64,
    greatest: f64,
}

stored!(Temperatures { count: u64, sum: f64, least: f64, greatest: f64 });

#[derive(Default)]
struct Rows {
    enriched: Vec<u8>,
    windows: Vec<u8>,
    malformed: Vec<u8>,
    late: Vec<u8>,
}

impl Outputs for Rows {
    fn files(&mut self, visit: &mut dyn FnMut(&'static str, &mut Vec<u8>)) {
        visit("enriched", &mut self.enriched);
        visit("windows", &mut self.windows);
        visit("malformed", &mut self.malformed);
        visit("late", &mut self.late);
    }
}

#[derive(Default)]
struct Fields<'a> {
    event_id: &'a str,
    event_type: &'a str,
    event_timestamp: &'a str,
    device_id: &'a str,
    user_id: Option<&'a str>,
    page: Option<&'a str>,
    session_id: Option<&'a str>,
    country: Option<&'a str>,
    temperature: Option<f64>,
    humidity: f64,
    battery: f64,
    pressure: f64,
}

fn scan(line: &str) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    let mut scanner = Scanner::new(line);
    scanner.object(|scanner, key| {
        match key {
            "event_id" => fields.event_id = scanner.string()?,
            "event_type" => fields.event_type = scanner.string()?,
            "event_timestamp" => fields.event_timestamp = scanner.string()?,
            "device_id" => fields.device_id = scanner.string()?,
            "user_id" => fields.user_id = scanner.optional_string()?,
            "properties" => scanner.object(|scanner, key| {
                match key {
                    "page" => fields.page = scanner.optional_string()?,
                    "session_id" => fields.session_id = scanner.optional_string()?,
                    "country" => fields.country = scanner.optional_string()?,
                    _ => scanner.skip()?,
                }
                Some(())
            })?,
            "readings" => scanner.object(|scanner, key| {
                match key {
                    "temperature" => fields.temperature = Some(scanner.number()?),
                    "humidity" => fields.humidity = scanner.number()?,
                    "battery" => fields.battery = scanner.number()?,
                    "pressure" => fields.pressure = scanner.number()?,
                    _ => scanner.skip()?,
                }
                Some(())
            })?,
            _ => scanner.skip()?,
        }
        Some(())
    })?;
    scanner.end()?;
    Some(fields)
}

/// The same from the general parser, for lines that are not plain.
fn fields_of(value: &Value) -> Option<Fields<'_>> {
    let (properties, readings) = (&value["properties"], &value["readings"]);
    let optional = |value: &'_ Value| match value {
        Value::Null => Some(()),
        other => other.as_str().map(|_| ()),
    };
    for text in
        [&value["user_id"], &properties["page"], &properties["session_id"], &properties["country"]]
    {
        optional(text)?;
    }
    Some(Fields {
        event_id: value["event_id"].as_str()?,
        event_type: value["event_type"].as_str()?,
        event_timestamp: value["event_timestamp"].as_str()?,
        device_id: value["device_id"].as_str()?,
        user_id: value["user_id"].as_str(),
        page: properties["page"].as_str(),
        session_id: properties["session_id"].as_str(),
        country: properties["country"].as_str(),
        temperature: Some(readings["temperature"].as_f64()?),
        humidity: readings["humidity"].as_f64()?,
        battery: readings["battery"].as_f64()?,
        pressure: readings["pressure"].as_f64()?,
    })
}

/// The valid event of a line.
fn read(line: Line, block: &mut Block) -> Result<Event, Line> {
    let (text, mut spans) = block.line(line);
    if let Some(fields) = scan(text) {
        return event_of(&fields, &mut spans).ok_or(line);
    }
    let value: Value = serde_json::from_str(text).map_err(|_| line)?;
    fields_of(&value).and_then(|fields| event_of(&fields, &mut spans)).ok_or(line)
}

fn event_of(fields: &Fields<'_>, spans: &mut Added<'_>) -> Option<Event> {
    let is_complete = ![fields.event_id, fields.event_type, fields.device_id].contains(&"");
    let temperature = fields.temperature.filter(|degrees| (-90.0..=150.0).contains(degrees));
    let (true, Some(temperature)) = (is_complete, temperature) else { return None };
    let time = EventTime::parse(fields.event_timestamp).ok()?;
    Some(Event {
        key: EventKey::of_event(fields.event_id),
        time,
        event_id: spans.span(fields.event_id),
        event_type: spans.span(fields.event_type),
        event_timestamp: spans.span(fields.event_timestamp),
        device_id: spans.span(fields.device_id),
        user_id: fields.user_id.map(|text| spans.span(text)),
        page: fields.page.map(|text| spans.span(text)),
        session_id: fields.session_id.map(|text| spans.span(text)),
        country: fields.country.map(|text| spans.span(text)),
        temperature,
        humidity: fields.humidity,
        battery: fields.battery as i64,
        pressure: fields.pressure,
    })
}

fn accept(event: Result<Event, Line>, block: &Block, out: &mut Rows) -> Option<Event> {
    event
        .map_err(|line| {
            out.malformed.extend_from_slice(block.bytes(line));
            out.malformed.push(b'\n');
        })
        .ok()
}

fn window_row(pane: Pane<'_, Temperatures>, out: &mut Rows) {
    let (out, value) = (&mut out.windows, pane.value);
    text(out, "{\"device_id\":\"", pane.key);
    let mut start = String::with_capacity(27);
    pane.window.start.write_rfc3339(&mut start);
    text(out, "\",\"window_start\":\"", &start[..19]);
    text(out, "Z\",\"cnt\":", "");
    number(out, "", value.count);
    number(out, ",\"mean_temp\":", value.sum / value.count as f64);
    number(out, ",\"min_temp\":", value.least);
    number(out, ",\"max_temp\":", value.greatest);
    out.extend_from_slice(b"}\n");
}

fn enriched_row(event: &Event, block: &Block, out: &mut Vec<u8>) {
    let optional = |span: Option<Span>| span.map_or("", |span| block.text(span));
    let timestamp = block.text(event.event_timestamp);
    let temperature_f = ((event.temperature * 1.8 + 32.0) * 100.0).round() / 100.0;
    text(out, "{\"event_id\":\"", block.text(event.event_id));
    text(out, "\",\"event_type\":\"", block.text(event.event_type));
    text(out, "\",\"event_timestamp\":\"", timestamp);
    text(out, "\",\"device_id\":\"", block.text(event.device_id));
    text(out, "\",\"user_id\":\"", optional(event.user_id));
    number(out, "\",\"temperature\":", event.temperature);
    number(out, ",\"temp_f\":", temperature_f);
    number(out, ",\"humidity\":", event.humidity);
    number(out, ",\"battery\":", event.battery);
    text(out, ",\"battery_low\":", if event.battery < 20 { "true" } else { "false" });
    number(out, ",\"pressure\":", event.pressure);
    text(out, ",\"page\":\"", optional(event.page));
    text(out, "\",\"session_id\":\"", optional(event.session_id));
    text(out, "\",\"country\":\"", optional(event.country));
    text(out, "\",\"event_date\":\"", &timestamp[..10]);
    out.extend_from_slice(b"\"}\n");
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value.as_bytes());
}

fn number(out: &mut Vec<u8>, key: &str, value: impl serde::Serialize) {
    out.extend_from_slice(key.as_bytes());
    serde_json::to_writer(out, &value).expect("a number is written to memory");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let output = PathBuf::from(std::env::var("OUT")?);
    let config = BatchConfig {
        input: std::env::var("IN")?.into(),
        checkpoints: output.join("checkpoints"),
        output: output.join("rows"),
        workers: std::env::var("WORKERS").map_or(Ok(1), |workers| workers.parse())?,
        block_bytes: 1 << 20,
        checkpoint_blocks: 32,
        stop_after_checkpoints: None,
    };
    let report = run_batch(&config, || {
        source::<Line, Block>()
            .map(read)
            .keyed(
                |event, block| match event {
                    Ok(event) => hash_of(block.text(event.device_id)),
                    Err(_) => 0,
                },
                |event, _| Some(Happened { time: event.as_ref().ok()?.time, published: None }),
            )
            .filter_map(accept)
            .distinct(
                "events",
                DedupConfig { horizon_micros: 900 * SECOND, memory_bytes_max: 128 << 20 },
                |event: &Event, _| event.key,
                |_, _, _| {},
            )
            .window(
                "device_minutes",
                Windowing::new(WindowFn::fixed(60 * SECOND)),
                aggregator(
                    || Temperatures {
                        count: 0,
                        sum: 0.0,
                        least: f64::INFINITY,
                        greatest: f64::NEG_INFINITY,
                    },
                    |state: &mut Temperatures, degrees: f64| {
                        state.count += 1;
                        state.sum += degrees;
                        state.least = state.least.min(degrees);
                        state.greatest = state.greatest.max(degrees);
                    },
                    |state, other| {
                        state.count += other.count;
                        state.sum += other.sum;
                        state.least = state.least.min(other.least);
                        state.greatest = state.greatest.max(other.greatest);
                    },
                    Temperatures::clone,
                ),
                |event, block| Entry {
                    key: block.text(event.device_id),
                    time: event.time,
                    input: event.temperature,
                },
                window_row,
                |event, _, block, out| enriched_row(&event, block, &mut out.late),
            )
            .sink(|event, block, out| enriched_row(&event, block, &mut out.enriched))
            .build(WatermarkConfig { bound_micros: 310 * SECOND, ..WatermarkConfig::default() })
    })?;
    println!(
        "{} lines, {:.2} CPU s, peak {} MB, {} checkpoints of {} kB (largest {} kB)",
        report.lines,
        cpu::process_seconds(),
        cpu::peak_kilobytes() >> 10,
        report.checkpoints,
        (report.checkpoint_bytes / report.checkpoints.max(1)) >> 10,
        report.checkpoint_bytes_max >> 10,
    );
    Ok(())
}
