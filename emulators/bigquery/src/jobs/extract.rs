//! Extract jobs: a table's rows into files of a bucket. Also what `EXPORT DATA` writes.

use arrow::array::RecordBatch;
use serde_json::{Value, json};

use super::store::Task;
use super::{Finished, JobError, table_of};
use crate::files::{FileError, Format, avro, csv, json_lines, packed, parquet};
use crate::limits::EXTRACT_FILE_ROWS;
use crate::objects::parse_uri;
use crate::schema::TableSchema;
use crate::table::{Segment, logical_bytes};
use crate::wire::Shared;

/// How files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// `NONE`, `GZIP`, `DEFLATE`, `SNAPPY`, `ZSTD`.
    pub(crate) compression: String,
    pub(crate) delimiter: char,
    pub(crate) header: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) files: u64,
    pub(crate) rows: u64,
}

pub(super) fn run(shared: &Shared, task: &Task) -> Result<Finished, JobError> {
    let extract = &task.configuration["extract"];
    if !extract["sourceModel"].is_null() {
        return Err(JobError::unimplemented("extract of a model"));
    }
    let (id, decorator) = table_of(&extract["sourceTable"], &task.key.project)?;
    let (schema, segments) = shared.state().catalog.read(&id, &decorator, task.now)?;
    let name = extract["destinationFormat"].as_str().filter(|it| !it.is_empty()).unwrap_or("CSV");
    let format = Format::parse(name)
        .ok_or_else(|| JobError::invalid(format!("Invalid value for destinationFormat: {name}")))?;
    let delimiter = match extract["fieldDelimiter"].as_str() {
        None | Some("") => ',',
        Some("\\t" | "tab") => '\t',
        Some(text) => text.chars().next().unwrap_or(','),
    };
    let output = Output {
        format,
        compression: extract["compression"].as_str().unwrap_or("NONE").to_ascii_uppercase(),
        delimiter,
        header: extract["printHeader"].as_bool().unwrap_or(true),
    };
    let uris = extract["destinationUris"].as_array().into_iter().flatten();
    let uris: Vec<&str> =
        uris.chain(Some(&extract["destinationUri"])).filter_map(Value::as_str).collect();
    if uris.is_empty() {
        return Err(JobError::invalid("Required parameter is missing: destinationUris"));
    }
    let bytes: u64 = segments.iter().map(|it| logical_bytes(&schema, &it.batch)).sum();
    let batches: Vec<RecordBatch> = segments.into_iter().map(|it: Segment| it.batch).collect();
    let counts = shares(&batches, uris.len())
        .iter()
        .zip(&uris)
        .map(|(share, uri)| {
            let written = export(shared, &schema, share, uri, &output)?;
            Ok(written.files.to_string())
        })
        .collect::<Result<Vec<String>, JobError>>()?;
    let statistics = json!({ "extract": {
        "destinationUriFileCounts": counts, "inputBytes": bytes.to_string(),
    } });
    Ok(Finished { statistics, ..Finished::default() })
}

/// The rows in as many parts as there are URIs, in order.
fn shares(batches: &[RecordBatch], count: usize) -> Vec<Vec<RecordBatch>> {
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let share = |index: usize| {
        let (from, to) = (total * index / count, total * (index + 1) / count);
        let mut at = 0;
        let mut out = Vec::new();
        for batch in batches {
            let (first, last) = (from.max(at), to.min(at + batch.num_rows()));
            if first < last {
                out.push(batch.slice(first - at, last - first));
            }
            at += batch.num_rows();
        }
        out
    };
    (0..count).map(share).collect()
}

/// Writes rows to `gs://bucket/name`, or to as many files as they need where the name has a `*`: it
/// becomes `000000000000` and so on. Files that are there are replaced.
///
/// # Errors
/// An URI that is none, columns that the format cannot hold, or a bucket that does not exist.
pub(crate) fn export(
    shared: &Shared,
    schema: &TableSchema,
    batches: &[RecordBatch],
    uri: &str,
    output: &Output,
) -> Result<Written, JobError> {
    let (bucket, pattern) = parse_uri(uri).ok_or_else(|| {
        JobError::invalid(format!("Invalid destination URI {uri}: gs:// is expected"))
    })?;
    if pattern.matches('*').count() > 1 {
        let text = format!("Invalid destination URI {uri}: only one wildcard is allowed");
        return Err(JobError::invalid(text));
    }
    let store = shared
        .objects
        .as_ref()
        .ok_or_else(|| JobError::unimplemented("an export to gs:// without a storage service"))?;
    let parts = if pattern.contains('*') { split(batches) } else { vec![batches.to_vec()] };
    for (index, part) in parts.iter().enumerate() {
        let content = encoded(schema, part, output)?;
        let name = pattern.replace('*', &format!("{index:012}"));
        store.put(bucket, &name, content.into()).map_err(|error| JobError {
            reason: "notFound",
            location: Some(uri.to_owned()),
            message: format!("Not found: URI {uri}: {error}"),
        })?;
    }
    let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    Ok(Written { files: parts.len() as u64, rows })
}

/// The rows of each file; there is always one.
fn split(batches: &[RecordBatch]) -> Vec<Vec<RecordBatch>> {
    let mut parts = vec![Vec::new()];
    let mut room = EXTRACT_FILE_ROWS;
    for batch in batches {
        let mut from = 0;
        while from < batch.num_rows() {
            if room == 0 {
                parts.push(Vec::new());
                room = EXTRACT_FILE_ROWS;
            }
            let length = room.min(batch.num_rows() - from);
            if let Some(last) = parts.last_mut() {
                last.push(batch.slice(from, length));
            }
            from += length;
            room -= length;
        }
    }
    parts
}

fn encoded(
    schema: &TableSchema,
    batches: &[RecordBatch],
    output: &Output,
) -> Result<Vec<u8>, JobError> {
    let Output { format, compression, delimiter, header } = output;
    let refused = || {
        JobError::invalid(format!(
            "Compression {compression} cannot be used with {}",
            format.name()
        ))
    };
    let failed = |error: FileError| JobError::invalid(error.to_string());
    let text = |content: Vec<u8>| match compression.as_str() {
        "NONE" | "" => Ok(content),
        "GZIP" => Ok(packed(&content)),
        _ => Err(refused()),
    };
    match format {
        Format::Csv => text(csv::write(schema, batches, *delimiter, *header).map_err(failed)?),
        Format::JsonLines => text(json_lines::write(schema, batches)),
        Format::Avro => {
            let codec = match compression.as_str() {
                "NONE" | "" => avro::Codec::Null,
                "DEFLATE" => avro::Codec::Deflate,
                "SNAPPY" => avro::Codec::Snappy,
                _ => return Err(refused()),
            };
            Ok(avro::write(schema, batches, codec))
        }
        Format::Parquet => {
            let packing = match compression.as_str() {
                "NONE" | "" => parquet::Packing::None,
                "SNAPPY" => parquet::Packing::Snappy,
                "GZIP" => parquet::Packing::Gzip,
                "ZSTD" => parquet::Packing::Zstd,
                _ => return Err(refused()),
            };
            parquet::write(schema, batches, packing).map_err(failed)
        }
    }
}
