//! gRPC: the Storage Read API. Rows go out as Arrow IPC messages or as bare Avro; the first answer of a
//! stream carries the schema, too.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use windtunnel_protos::bigquery as proto;
use windtunnel_protos::bigquery::big_query_read_server::BigQueryRead;
use windtunnel_protos::bigquery::read_session::table_read_options::OutputFormatSerializationOptions;
use windtunnel_protos::bigquery::read_session::{Schema as SessionSchema, TableReadOptions};

use super::grpc::{Wire, timestamp};
use super::request::caller_of;
use crate::catalog::CatalogError;
use crate::clock::now_micros;
use crate::files::avro::{Naming, rows_as_avro, schema_json};
use crate::jobs::{Caller, JobError, rows_where};
use crate::limits::READ_ANSWER_ROWS;
use crate::read_sessions::{DataFormat, Packing, ReadError, Reading};
use crate::schema::{Field, FieldType, TableSchema};
use crate::table::{TableKind, adapt, logical_bytes};
use crate::write_streams::parse_path;

#[tonic::async_trait]
impl BigQueryRead for Wire {
    type ReadRowsStream = ReceiverStream<Result<proto::ReadRowsResponse, Status>>;

    async fn create_read_session(
        &self,
        request: Request<proto::CreateReadSessionRequest>,
    ) -> Result<Response<proto::ReadSession>, Status> {
        let caller = caller_of(&request.metadata().clone().into_headers());
        let request = request.into_inner();
        let project = request.parent.strip_prefix("projects/").unwrap_or_default().to_owned();
        if project.is_empty() {
            let text = format!("Invalid parent: {}", request.parent);
            return Err(Status::invalid_argument(text));
        }
        let wanted = request.read_session.unwrap_or_default();
        let format = format_of(&wanted)?;
        let streams_max = usize::try_from(request.max_stream_count).unwrap_or(0);
        let now = now_micros();
        let (wire, for_rows) = (self.clone(), wanted.clone());
        // A condition is run as a query, which may block.
        let read = tokio::task::spawn_blocking(move || wire.rows(&for_rows, caller, now)).await;
        let (schema, rows) = read.map_err(|_| Status::internal("reading failed"))??;
        let bytes: u64 = rows.iter().map(|batch| logical_bytes(&schema, batch)).sum();
        let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
        let described = described(&schema, format)?;
        let mut state = self.shared.state();
        let session = state.read_sessions.create(&project, schema, format, rows, streams_max, now);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(Response::new(proto::ReadSession {
            name: session.name.clone(),
            expire_time: Some(timestamp(session.expires_at)),
            data_format: wanted.data_format,
            table: wanted.table,
            table_modifiers: wanted.table_modifiers,
            read_options: wanted.read_options,
            streams: session.streams().map(stream).collect(),
            estimated_total_bytes_scanned: bytes,
            estimated_total_physical_file_size: bytes,
            estimated_row_count: i64::try_from(count).unwrap_or(i64::MAX),
            trace_id: wanted.trace_id,
            schema: Some(described),
        }))
    }

    async fn read_rows(
        &self,
        request: Request<proto::ReadRowsRequest>,
    ) -> Result<Response<Self::ReadRowsStream>, Status> {
        let request = request.into_inner();
        let offset = usize::try_from(request.offset)
            .map_err(|_| Status::invalid_argument("offset must not be negative"))?;
        let reading = self
            .shared
            .state()
            .read_sessions
            .read(&request.read_stream, offset, now_micros())
            .map_err(status_of)?;
        let (answers, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut sent = offset;
            let mut is_first = true;
            for batch in &reading.rows {
                for from in (0..batch.num_rows()).step_by(READ_ANSWER_ROWS) {
                    let length = READ_ANSWER_ROWS.min(batch.num_rows() - from);
                    let slice = batch.slice(from, length);
                    let answer = answer(&reading, &slice, sent, is_first);
                    let is_over = answer.is_err();
                    sent += length;
                    is_first = false;
                    if answers.send(answer).await.is_err() || is_over {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn split_read_stream(
        &self,
        request: Request<proto::SplitReadStreamRequest>,
    ) -> Result<Response<proto::SplitReadStreamResponse>, Status> {
        let request = request.into_inner();
        let split = self
            .shared
            .state()
            .read_sessions
            .split(&request.name, request.fraction, now_micros())
            .map_err(status_of)?;
        let (primary, remainder) = split.unzip();
        Ok(Response::new(proto::SplitReadStreamResponse {
            primary_stream: primary.as_deref().map(stream),
            remainder_stream: remainder.as_deref().map(stream),
        }))
    }
}

impl Wire {
    /// The rows of a session that its caller may see, and their columns.
    fn rows(
        &self,
        wanted: &proto::ReadSession,
        caller: Caller,
        now: i64,
    ) -> Result<(TableSchema, Vec<RecordBatch>), Status> {
        let Some((id, None)) = parse_path(&wanted.table) else {
            return Err(Status::invalid_argument(format!("Invalid table: {}", wanted.table)));
        };
        let options = wanted.read_options.clone().unwrap_or_default();
        let at = wanted.table_modifiers.and_then(|modifiers| modifiers.snapshot_time);
        let at = at.map(|at| {
            at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1_000)
        });
        let (snapshot, has_policies) = {
            let state = self.shared.state();
            let table = state.catalog.table(&id).map_err(catalog_status)?;
            if matches!(table.kind, TableKind::View | TableKind::MaterializedView) {
                let text = format!("Cannot read a table of type {}: {id}", table.kind.name());
                return Err(Status::invalid_argument(text));
            }
            let snapshot = match at {
                None => table.snapshot(),
                Some(at) => table
                    .snapshot_at(at)
                    .map_err(|first| crate::catalog::too_early(&id, at, first))
                    .map_err(catalog_status)?,
            };
            (snapshot, !table.policies.is_empty())
        };
        let schema = match &options.selected_fields[..] {
            [] => TableSchema::clone(&snapshot.schema),
            names => snapshot.schema.select(names.iter().map(String::as_str)).map_err(|name| {
                Status::invalid_argument(format!("request failed: The field {name} does not exist"))
            })?,
        };
        let rows = if has_policies || !options.row_restriction.trim().is_empty() {
            rows_where(&self.shared, &id, &options.row_restriction, at, caller, now)
                .map_err(restriction_status)?
        } else {
            snapshot.slice(0, usize::MAX)
        };
        let arrow = schema.to_arrow();
        let rows = rows.iter().map(|batch| adapt(batch, &arrow));
        Ok((schema, rows.filter(|batch| batch.num_rows() > 0).collect()))
    }
}

fn stream(name: &str) -> proto::ReadStream {
    proto::ReadStream { name: name.to_owned() }
}

fn status_of(error: ReadError) -> Status {
    match error {
        ReadError::NotFound(_) => Status::not_found(error.to_string()),
        ReadError::BeyondEnd { .. } => Status::out_of_range(error.to_string()),
    }
}

fn restriction_status(error: JobError) -> Status {
    let text = format!("request failed: row filter error: {error}");
    match error.reason {
        "notFound" => Status::not_found(text),
        "accessDenied" => Status::permission_denied(text),
        "notImplemented" => Status::unimplemented(text),
        _ => Status::invalid_argument(text),
    }
}

fn catalog_status(error: CatalogError) -> Status {
    match error {
        CatalogError::DatasetNotFound(_) | CatalogError::TableNotFound(_) => {
            Status::not_found(error.to_string())
        }
        _ => Status::invalid_argument(error.to_string()),
    }
}

fn format_of(wanted: &proto::ReadSession) -> Result<DataFormat, Status> {
    let unimplemented = |what: &str| {
        Err(Status::unimplemented(format!(
            "CreateReadSession {what} is not implemented by this emulator"
        )))
    };
    let options: TableReadOptions = wanted.read_options.clone().unwrap_or_default();
    if options.sample_percentage.is_some() {
        return unimplemented("sample_percentage");
    }
    if options.response_compression_codec.is_some_and(|codec| codec != 0) {
        return unimplemented("response_compression_codec");
    }
    let packing = match options.output_format_serialization_options {
        Some(OutputFormatSerializationOptions::ArrowSerializationOptions(options)) => {
            use proto::arrow_serialization_options::CompressionCodec as Codec;
            match options.buffer_compression() {
                Codec::CompressionUnspecified => Packing::None,
                Codec::Lz4Frame => Packing::Lz4,
                Codec::Zstd => Packing::Zstd,
            }
        }
        _ => Packing::None,
    };
    match wanted.data_format() {
        proto::DataFormat::Arrow => Ok(DataFormat::Arrow(packing)),
        proto::DataFormat::Avro => Ok(DataFormat::Avro),
        proto::DataFormat::Unspecified => {
            Err(Status::invalid_argument("data_format must be specified"))
        }
    }
}

fn described(schema: &TableSchema, format: DataFormat) -> Result<SessionSchema, Status> {
    Ok(match format {
        DataFormat::Avro => SessionSchema::AvroSchema(avro_schema(schema)),
        DataFormat::Arrow(packing) => {
            let (message, _) = arrow_messages(schema, packing, None)?;
            SessionSchema::ArrowSchema(proto::ArrowSchema { serialized_schema: message.into() })
        }
    })
}

fn avro_schema(schema: &TableSchema) -> proto::AvroSchema {
    proto::AvroSchema { schema: schema_json(schema, Naming::Read).to_string() }
}

fn answer(
    reading: &Reading,
    batch: &RecordBatch,
    sent: usize,
    is_first: bool,
) -> Result<proto::ReadRowsResponse, Status> {
    use proto::read_rows_response::{Rows, Schema};
    let (rows, schema) = match reading.format {
        DataFormat::Avro => {
            let serialized = rows_as_avro(&reading.schema.fields, batch);
            let rows = proto::AvroRows {
                serialized_binary_rows: serialized.into(),
                ..proto::AvroRows::default()
            };
            (Rows::AvroRows(rows), Schema::AvroSchema(avro_schema(&reading.schema)))
        }
        DataFormat::Arrow(packing) => {
            let (schema, message) = arrow_messages(&reading.schema, packing, Some(batch))?;
            let rows = proto::ArrowRecordBatch {
                serialized_record_batch: message.into(),
                ..proto::ArrowRecordBatch::default()
            };
            let schema = proto::ArrowSchema { serialized_schema: schema.into() };
            (Rows::ArrowRecordBatch(rows), Schema::ArrowSchema(schema))
        }
    };
    let part = |count: usize| count as f64 / reading.total.max(1) as f64;
    let progress = proto::stream_stats::Progress {
        at_response_start: part(sent),
        at_response_end: part(sent + batch.num_rows()),
    };
    Ok(proto::ReadRowsResponse {
        row_count: i64::try_from(batch.num_rows()).unwrap_or(i64::MAX),
        stats: Some(proto::StreamStats { progress: Some(progress) }),
        rows: Some(rows),
        schema: is_first.then_some(schema),
        ..proto::ReadRowsResponse::default()
    })
}

/// The IPC messages of the schema and of a batch.
fn arrow_messages(
    schema: &TableSchema,
    packing: Packing,
    batch: Option<&RecordBatch>,
) -> Result<(Vec<u8>, Vec<u8>), Status> {
    let failed = |error: arrow::error::ArrowError| Status::internal(error.to_string());
    let compression = match packing {
        Packing::None => None,
        Packing::Lz4 => Some(CompressionType::LZ4_FRAME),
        Packing::Zstd => Some(CompressionType::ZSTD),
    };
    let options = IpcWriteOptions::default().try_with_compression(compression).map_err(failed)?;
    let arrow = shown(schema);
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &arrow, options).map_err(failed)?;
    let split = writer.get_ref().len();
    if let Some(batch) = batch {
        writer.write(&adapt(batch, &arrow)).map_err(failed)?;
    }
    let mut messages = std::mem::take(writer.get_mut());
    let rows = messages.split_off(split);
    Ok((messages, rows))
}

/// The Arrow schema as clients of the service know it: extension names instead of our own metadata.
fn shown(schema: &TableSchema) -> SchemaRef {
    let fields = schema.fields.iter().map(|field| shown_field(field, &field.to_arrow()));
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

fn shown_field(field: &Field, arrow: &ArrowField) -> ArrowField {
    let extension = match field.field_type {
        FieldType::Datetime => Some("google:sqlType:datetime"),
        FieldType::Geography => Some("google:sqlType:geography"),
        FieldType::Json => Some("google:sqlType:json"),
        FieldType::Interval => Some("google:sqlType:interval"),
        _ => None,
    };
    let metadata: HashMap<String, String> = extension
        .map(|name| ("ARROW:extension:name".to_owned(), name.to_owned()))
        .into_iter()
        .collect();
    let inner = |of: &DataType| match (of, &field.field_type) {
        (DataType::Struct(arrow), FieldType::Record(fields)) => {
            let fields = fields.iter().zip(arrow.iter());
            DataType::Struct(fields.map(|(field, arrow)| shown_field(field, arrow)).collect())
        }
        (DataType::Struct(arrow), FieldType::Range(element)) => {
            let bounds = element.bounds();
            let fields = bounds.iter().zip(arrow.iter());
            DataType::Struct(fields.map(|(field, arrow)| shown_field(field, arrow)).collect())
        }
        (of, _) => of.clone(),
    };
    let of = match arrow.data_type() {
        DataType::List(item) => {
            let item = ArrowField::new("item", inner(item.data_type()), item.is_nullable());
            DataType::List(Arc::new(item.with_metadata(metadata.clone())))
        }
        of => inner(of),
    };
    ArrowField::new(arrow.name(), of, arrow.is_nullable()).with_metadata(metadata)
}
