//! An epoch's messages and rows as Parquet files, one for a date: messages by the date of their publish,
//! rows by that of their event. Columns of rows are those of the events table. Invariant: the same epoch
//! makes the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use windtunnel_model::{Event, EventBatch, EventTime, Message, Origin, Reject, Score};
use windtunnel_runtime::command::Rows;

use crate::limits::ARCHIVE_DATES_MAX;

/// What Hive and those after it call the partition of rows without a value.
const NO_DATE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A file of one date.
#[derive(Debug)]
pub(super) struct File {
    /// `2024-01-01`.
    pub(super) date: String,
    pub(super) content: Bytes,
}

/// A message, and why it became no row.
type Raw<'a> = (&'a Message, Option<&'a Reject>);

/// The messages behind rows, and those that became none. A message with several rows comes once.
pub(super) fn raw(rows: &[Rows], rejects: &[Reject]) -> Result<Vec<File>, String> {
    let mut messages: Vec<Raw<'_>> = Vec::new();
    let mut seen = BTreeSet::new();
    for rows in rows {
        match rows {
            Rows::Events(batch) => {
                let of = |event| (batch.message_of(event), None);
                messages.extend(batch.events.iter().map(of));
            }
            Rows::Named(rows) => {
                let of_rows = (0..rows.len()).filter_map(|row| rows.message(row));
                let new = of_rows.filter(|message| seen.insert(message.ack));
                messages.extend(new.map(|message| (message, None)));
            }
            Rows::Windows(_) => {}
        }
    }
    messages.extend(rejects.iter().map(|reject| (&reject.message, Some(reject))));
    by_date(messages, |(message, _)| message.publish_time, raw_columns)
}

/// The rows of the events table.
pub(super) fn processed(rows: &[Rows]) -> Result<Vec<File>, String> {
    let batches = rows.iter().filter_map(|rows| match rows {
        Rows::Events(batch) => Some(batch),
        Rows::Windows(_) | Rows::Named(_) => None,
    });
    let events: Vec<Row<'_>> =
        batches.flat_map(|batch| batch.events.iter().map(|event| (&**batch, event))).collect();
    by_date(events, |(_, event)| event.event_time, event_columns)
}

/// One file for each date. Dates of few items beyond the bound share the file of those without a date.
fn by_date<T: Copy>(
    items: Vec<T>,
    time: impl Fn(T) -> EventTime,
    columns: fn(&[T]) -> Vec<(Field, ArrayRef)>,
) -> Result<Vec<File>, String> {
    let mut dates: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for item in items {
        let text = time(item).to_string();
        let date = text.get(..10).unwrap_or(NO_DATE);
        match dates.get_mut(date) {
            Some(of_date) => of_date.push(item),
            None => drop(dates.insert(date.to_owned(), vec![item])),
        }
    }
    if dates.len() > ARCHIVE_DATES_MAX {
        let mut sizes: Vec<(usize, String)> =
            dates.iter().map(|(date, items)| (items.len(), date.clone())).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        for (_, date) in sizes.split_off(ARCHIVE_DATES_MAX - 1) {
            let items = dates.remove(&date).unwrap_or_default();
            dates.entry(NO_DATE.to_owned()).or_default().extend(items);
        }
    }
    let file = |(date, items): (String, Vec<T>)| {
        let content = encode(columns(&items)).map_err(|error| error.to_string())?;
        Ok(File { date, content })
    };
    dates.into_iter().map(file).collect()
}

fn encode(columns: Vec<(Field, ArrayRef)>) -> parquet::errors::Result<Bytes> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build();
    let mut content = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut content, schema, Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(content.into())
}

fn column(name: &str, array: ArrayRef, is_nullable: bool) -> (Field, ArrayRef) {
    (Field::new(name, array.data_type().clone(), is_nullable), array)
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn times(values: impl Iterator<Item = Option<EventTime>>) -> ArrayRef {
    let micros = values.map(|time| time.map(|EventTime(micros)| micros));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn raw_columns(messages: &[Raw<'_>]) -> Vec<(Field, ArrayRef)> {
    let published = |(message, _): &Raw<'_>| Some(message.publish_time);
    let ids = messages.iter().map(|(message, _)| match &message.origin {
        Origin::Pubsub { message_id, .. } => Some(message_id.as_str()),
        Origin::File { .. } => None,
    });
    let attributes: Vec<Option<String>> = messages
        .iter()
        .map(|(message, _)| match &message.origin {
            Origin::Pubsub { attributes, .. } => serde_json::to_string(attributes).ok(),
            Origin::File { .. } => None,
        })
        .collect();
    let place = |message: &Message| match &message.origin {
        Origin::File { object, generation, line, .. } => {
            let line = i64::try_from(*line).unwrap_or(i64::MAX);
            Some((Arc::clone(object), *generation, line))
        }
        Origin::Pubsub { .. } => None,
    };
    let places: Vec<_> = messages.iter().map(|(message, _)| place(message)).collect();
    let objects = places.iter().map(|place| place.as_ref().map(|(object, _, _)| &**object));
    let generations = places.iter().map(|place| place.as_ref().map(|it| it.1));
    let records = places.iter().map(|place| place.as_ref().map(|it| it.2));
    let data = messages.iter().map(|(message, _)| Some(&message.data[..]));
    let reasons = messages.iter().map(|(_, reject)| reject.map(|it| it.reason.as_str()));
    vec![
        column("publish_timestamp", times(messages.iter().map(published)), false),
        column("message_id", texts(ids), true),
        column("attributes", texts(attributes.iter().map(Option::as_deref)), true),
        column("object", texts(objects), true),
        column("generation", Arc::new(generations.collect::<Int64Array>()), true),
        column("record", Arc::new(records.collect::<Int64Array>()), true),
        column("data", Arc::new(data.collect::<BinaryArray>()), false),
        column("rejected", texts(reasons), true),
    ]
}

/// An event in its batch.
type Row<'a> = (&'a EventBatch, &'a Event);

fn event_columns(rows: &[Row<'_>]) -> Vec<(Field, ArrayRef)> {
    let text = |span: fn(&Event) -> Option<windtunnel_model::Span>| {
        texts(rows.iter().map(|(batch, event)| span(event).map(|span| batch.text(span))))
    };
    let number =
        |value: fn(&Event) -> Option<f64>| numbers(rows.iter().map(|(_, event)| value(event)));
    let time = |value: fn(&Row<'_>) -> Option<EventTime>| times(rows.iter().map(value));
    let score = |event: &Event| match event.score {
        Score::Value(value) => Some(value),
        Score::Absent | Score::Degraded => None,
    };
    let degraded = rows.iter().map(|(_, event)| (event.score == Score::Degraded).then_some(true));
    let versions = rows.iter().map(|(batch, event)| {
        matches!(event.score, Score::Value(_)).then_some(batch.model_version.as_str())
    });
    vec![
        column("event_id", text(|event| Some(event.event_id)), false),
        column("event_timestamp", time(|(_, event)| Some(event.event_time)), false),
        column("event_type", text(|event| Some(event.event_type)), false),
        column("device_id", text(|event| Some(event.device_id)), false),
        column("user_id", text(|event| event.user_id), true),
        record(
            "properties",
            vec![
                ("page_url", text(|event| event.page_url)),
                ("referrer", text(|event| event.referrer)),
                ("value", number(|event| event.value)),
                ("temperature", number(|event| event.temperature)),
                ("humidity", number(|event| event.humidity)),
                ("battery", number(|event| event.battery)),
            ],
        ),
        column("prediction_score", number(score), true),
        column("prediction_degraded", Arc::new(degraded.collect::<BooleanArray>()), true),
        column("model_version", texts(versions), true),
        column("processed_timestamp", time(|(_, event)| event.processed_time), true),
        column(
            "publish_timestamp",
            time(|(batch, event)| Some(batch.message_of(event).publish_time)),
            true,
        ),
        column("source", text(|event| event.source), true),
    ]
}

/// A record that is never null itself; all of its fields can be.
fn record(name: &str, fields: Vec<(&str, ArrayRef)>) -> (Field, ArrayRef) {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
        fields.into_iter().map(|(name, array)| column(name, array, true)).unzip();
    let fields = Fields::from(fields);
    let field = Field::new(name, DataType::Struct(fields.clone()), true);
    (field, Arc::new(StructArray::new(fields, arrays, None)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use serde_json::Value;
    use windtunnel_model::schema::events_table;
    use windtunnel_model::{AckId, RejectReason, Stage};
    use windtunnel_stages::decode::{decode, reject};

    use super::*;

    fn rows_of(file: &File) -> Vec<Value> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.content.clone()).unwrap();
        let mut rows = Vec::new();
        for batch in reader.build().unwrap() {
            let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
            writer.write(&batch.unwrap()).unwrap();
            writer.finish().unwrap();
            let lines = writer.into_inner();
            let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            rows.extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        }
        rows
    }

    fn message(id: u64, data: &str) -> Message {
        Message {
            ack: AckId(id),
            data: Bytes::copy_from_slice(data.as_bytes()),
            publish_time: EventTime(86_400_000_000),
            origin: Origin::Pubsub { message_id: format!("m{id}"), attributes: BTreeMap::new() },
        }
    }

    fn batch(days: impl Iterator<Item = u64>) -> Rows {
        let event = |day: u64| {
            let day = EventTime(day as i64 * 86_400_000_000);
            format!(
                r#"{{"event_id":"e","event_type":"t","device_id":"d","event_timestamp":"{day}","properties":{{"value":1.5}}}}"#
            )
        };
        let messages = days.enumerate().map(|(id, day)| message(id as u64, &event(day))).collect();
        let mut batch = EventBatch::for_messages(messages);
        for message in 0..batch.messages.len() as u32 {
            let event = decode(&mut batch, message).unwrap();
            batch.events.push(event);
        }
        Rows::Events(Arc::new(batch))
    }

    #[test]
    fn rows_and_messages_come_back_by_their_dates() {
        let rejected =
            reject(&message(7, "{"), Stage::Decode, RejectReason::InvalidJson, String::new());
        let rows = [batch([0, 1, 0].into_iter())];
        let processed = processed(&rows).unwrap();
        let dates: Vec<(&str, usize)> =
            processed.iter().map(|file| (&*file.date, rows_of(file).len())).collect();
        assert_eq!(dates, [("1970-01-01", 2), ("1970-01-02", 1)]);
        let row = &rows_of(&processed[1])[0];
        assert_eq!(row["event_timestamp"], "1970-01-02T00:00:00Z");
        assert_eq!((&row["device_id"], &row["properties"]["value"]), (&"d".into(), &1.5.into()));
        let raw = raw(&rows, &[rejected]).unwrap();
        assert_eq!((raw.len(), &*raw[0].date), (1, "1970-01-02"));
        let messages = rows_of(&raw[0]);
        let reasons: Vec<&Value> = messages.iter().map(|it| &it["rejected"]).collect();
        assert_eq!(reasons, [&Value::Null, &Value::Null, &Value::Null, &"invalid_json".into()]);
        assert_eq!(messages[3]["message_id"], "m7");
    }

    #[test]
    fn columns_are_those_of_the_events_table() {
        let names = |fields: &Value| -> Vec<String> {
            let fields = fields.as_array().unwrap().iter();
            fields.map(|field| field["name"].as_str().unwrap().to_owned()).collect()
        };
        let table = events_table();
        let columns = event_columns(&[]);
        let found: Vec<&str> = columns.iter().map(|(field, _)| field.name().as_str()).collect();
        assert_eq!(found, names(&table["schema"]["fields"]));
        let DataType::Struct(nested) = columns[5].0.data_type() else { panic!("a record") };
        let found: Vec<&str> = nested.iter().map(|field| field.name().as_str()).collect();
        assert_eq!(found, names(&table["schema"]["fields"][5]["fields"]));
    }

    #[test]
    fn made_up_dates_make_no_more_than_so_many_files() {
        let days = (0..200).chain([150, 150, 150]);
        let files = processed(&[batch(days)]).unwrap();
        assert_eq!(files.len(), ARCHIVE_DATES_MAX);
        let dates: Vec<&str> = files.iter().map(|file| &*file.date).collect();
        assert!(dates.contains(&"1970-05-31") && dates.contains(&NO_DATE), "{dates:?}");
        assert_eq!(files.iter().map(|file| rows_of(file).len()).sum::<usize>(), 203);
    }
}
