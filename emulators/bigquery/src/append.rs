//! One AppendRows connection: the stream's name, schema and trace id come with the first request and
//! are remembered; every request is answered in order, an error in its answer and not as the end of the
//! connection. Apart from the wire: where catalog and streams are, and the time, are arguments, so that a
//! simulation appends through the same code.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use prost_types::DescriptorProto;
use tonic::{Code, Status};
use windtunnel_protos::bigquery::append_rows_request::{
    ArrowData, MissingValueInterpretation as MissingValue, ProtoData, Rows,
};
use windtunnel_protos::bigquery::append_rows_response::{AppendResult, Response};
use windtunnel_protos::bigquery::{
    AppendRowsRequest, AppendRowsResponse, RowError, TableSchema as ProtoSchema, row_error, rpc,
};

use crate::catalog::Catalog;
use crate::defaults::{has_defaults, lenient};
use crate::rows::from_arrow::fitted;
use crate::rows::from_proto::Decoder;
use crate::schema::proto::proto_schema;
use crate::schema::{Field, TableSchema};
use crate::table::Table;
use crate::write_streams::{StreamError, WriteStreams, parse_path};

const DEFAULT_VALUE: i32 = MissingValue::DefaultValue as i32;

/// Where catalog and streams are: behind a lock on the wire, in one thread in a simulation.
pub trait Tables {
    /// Does one short step with them.
    fn with<R>(&self, step: impl FnOnce(&mut Catalog, &mut WriteStreams) -> R) -> R;

    /// The rows with the default values of the columns that `is_missing` says are left out in a row.
    ///
    /// # Errors
    /// A default that cannot be computed, or NULL in a required column; `UNIMPLEMENTED` where there is no
    /// SQL.
    fn fill_defaults(
        &self,
        project: &str,
        batch: &RecordBatch,
        schema: &TableSchema,
        is_missing: &dyn Fn(&Field, usize) -> bool,
        now: i64,
    ) -> Result<RecordBatch, Status> {
        let _ = (project, batch, schema, is_missing, now);
        Err(Status::unimplemented("default values need SQL"))
    }
}

/// The one translation of stream errors into gRPC.
#[must_use]
pub fn status_of(error: StreamError) -> Status {
    let text = error.to_string();
    match error {
        StreamError::NotFound(_) => Status::not_found(text),
        StreamError::AlreadyExists { .. } => Status::already_exists(text),
        StreamError::OutOfRange { .. } | StreamError::BeyondEnd { .. } => {
            Status::out_of_range(text)
        }
        StreamError::Finalized(_) => Status::failed_precondition(text),
        StreamError::Invalid(_) => Status::invalid_argument(text),
    }
}

/// What a connection remembers.
#[derive(Debug, Default)]
pub struct Connection {
    stream: String,
    descriptor: Option<DescriptorProto>,
    /// The columns that the writer's schema has, in lower case.
    named: HashSet<String>,
    /// The table's schema as the client knows it, and the one that it has to be told of.
    known: Option<Arc<TableSchema>>,
    updated: Option<ProtoSchema>,
    /// The IPC message of Arrow rows' schema.
    arrow_schema: bytes::Bytes,
    /// The decoder, with the table's schema that it was made for.
    decoder: Option<(Arc<TableSchema>, Decoder)>,
}

impl Connection {
    /// Appends one request's rows at an instant, in microseconds since the epoch.
    pub fn append(
        &mut self,
        tables: &impl Tables,
        request: AppendRowsRequest,
        now: i64,
    ) -> AppendRowsResponse {
        let stream = if request.write_stream.is_empty() {
            self.stream.clone()
        } else {
            request.write_stream.clone()
        };
        let response = match self.try_append(tables, &stream, request, now) {
            Ok(offset) => Response::AppendResult(AppendResult { offset }),
            Err(Refused::Rows(row_errors)) => {
                let status = rpc::Status {
                    code: Code::InvalidArgument.into(),
                    message: "Errors found while processing rows. Please refer to the row_errors field \
                              for details. The list may not be complete because of the size limitations."
                        .to_owned(),
                    details: Vec::new(),
                };
                return AppendRowsResponse {
                    write_stream: stream,
                    row_errors,
                    response: Some(Response::Error(status)),
                    ..AppendRowsResponse::default()
                };
            }
            Err(Refused::Whole(status)) => Response::Error(rpc::Status {
                code: status.code().into(),
                message: status.message().to_owned(),
                details: Vec::new(),
            }),
        };
        AppendRowsResponse {
            write_stream: stream,
            response: Some(response),
            updated_schema: self.updated.take(),
            ..AppendRowsResponse::default()
        }
    }

    fn try_append(
        &mut self,
        tables: &impl Tables,
        stream: &str,
        request: AppendRowsRequest,
        now: i64,
    ) -> Result<Option<i64>, Refused> {
        let (table, _) = parse_path(stream).ok_or_else(|| {
            let text = format!("Invalid write_stream: \"{stream}\"");
            Refused::Whole(Status::invalid_argument(text))
        })?;
        if stream != self.stream {
            stream.clone_into(&mut self.stream);
            self.decoder = None;
        }
        let refused = |error: StreamError| Refused::Whole(status_of(error));
        let columns = |table: &Table| (Arc::clone(&table.schema), Arc::clone(&table.arrow));
        let (schema, arrow) = tables
            .with(|catalog, _| catalog.table(&table).map(columns))
            .map_err(|_| refused(StreamError::NotFound(stream.to_owned())))?;
        if self.known.as_ref().is_some_and(|known| *known != schema) {
            self.updated = Some(proto_schema(&schema));
        }
        self.known = Some(Arc::clone(&schema));
        // Columns that the writer's schema has not get their defaults.
        let (read_as, arrow) = if has_defaults(&schema) {
            let lenient = lenient(&schema);
            let arrow = lenient.to_arrow();
            (Arc::new(lenient), arrow)
        } else {
            (Arc::clone(&schema), arrow)
        };
        let default_of = request.default_missing_value_interpretation();
        let mut batch = match request.rows {
            Some(Rows::ProtoRows(rows)) => self.proto_rows(rows, &read_as, &arrow)?,
            Some(Rows::ArrowRows(rows)) => self.arrow_rows(rows, &read_as)?,
            None => {
                return Err(Refused::Whole(Status::invalid_argument("Rows must be specified.")));
            }
        };
        if has_defaults(&schema) {
            let interpretations = &request.missing_value_interpretations;
            let of_row = |name: &str| match interpretations.get(name) {
                Some(it) => *it == DEFAULT_VALUE,
                None => default_of == MissingValue::DefaultValue,
            };
            let is_missing = |field: &Field, row: usize| {
                let is_unset = || {
                    let column = batch.column_by_name(&field.name);
                    column.is_some_and(|column| column.is_null(row))
                };
                !self.named.contains(&field.name.to_lowercase())
                    || (of_row(&field.name) && is_unset())
            };
            batch = tables
                .fill_defaults(&table.project, &batch, &schema, &is_missing, now)
                .map_err(Refused::Whole)?;
        }
        let offset = request.offset.map(|offset| u64::try_from(offset).unwrap_or(u64::MAX));
        let offset = tables
            .with(|catalog, streams| streams.append(catalog, stream, offset, batch, now))
            .map_err(refused)?;
        Ok(offset.map(|offset| i64::try_from(offset).unwrap_or(i64::MAX)))
    }

    fn proto_rows(
        &mut self,
        rows: ProtoData,
        schema: &Arc<TableSchema>,
        arrow: &SchemaRef,
    ) -> Result<RecordBatch, Refused> {
        if let Some(descriptor) = rows.writer_schema.and_then(|schema| schema.proto_descriptor)
            && self.descriptor.as_ref() != Some(&descriptor)
        {
            let names = descriptor.field.iter().map(|field| field.name().to_lowercase());
            self.named = names.collect();
            self.descriptor = Some(descriptor);
            self.decoder = None;
        }
        self.prepare(schema)?;
        let Some((_, decoder)) = &self.decoder else { return Err(no_schema()) };
        let serialized = rows.rows.unwrap_or_default().serialized_rows;
        decoder.decode(arrow, &serialized).map_err(|errors| {
            let errors = errors.into_iter().map(|error| RowError {
                index: i64::try_from(error.index).unwrap_or(i64::MAX),
                code: row_error::RowErrorCode::FieldsError.into(),
                message: error.error.to_string(),
            });
            Refused::Rows(errors.collect())
        })
    }

    /// Rows as Arrow's IPC messages: the schema's comes with the first request.
    fn arrow_rows(
        &mut self,
        rows: ArrowData,
        schema: &TableSchema,
    ) -> Result<RecordBatch, Refused> {
        let invalid = |text: String| Refused::Whole(Status::invalid_argument(text));
        if let Some(schema) = rows.writer_schema {
            self.arrow_schema = schema.serialized_schema;
        }
        if self.arrow_schema.is_empty() {
            return Err(no_schema());
        }
        let mut stream = self.arrow_schema.to_vec();
        stream.extend_from_slice(&rows.rows.unwrap_or_default().serialized_record_batch);
        let reader = StreamReader::try_new(&stream[..], None)
            .map_err(|error| invalid(format!("Invalid Arrow schema: {error}")))?;
        let names = reader.schema();
        self.named = names.fields().iter().map(|field| field.name().to_lowercase()).collect();
        for field in names.fields() {
            if schema.index_of(field.name()).is_none() {
                let text =
                    format!("Input schema has more fields than BigQuery schema: {}", field.name());
                return Err(invalid(text));
            }
        }
        let batches = reader.map(|batch| {
            let batch = batch.map_err(|error| invalid(format!("Invalid Arrow rows: {error}")))?;
            fitted(&batch, schema).map_err(|error| invalid(error.to_string()))
        });
        let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>()?;
        concat_batches(&schema.to_arrow(), &batches).map_err(|error| invalid(error.to_string()))
    }

    /// Makes the decoder for the table's schema as it is now.
    fn prepare(&mut self, schema: &Arc<TableSchema>) -> Result<(), Refused> {
        let is_current = |known: &Arc<TableSchema>| Arc::ptr_eq(known, schema) || known == schema;
        if self.decoder.as_ref().is_some_and(|(known, _)| is_current(known)) {
            return Ok(());
        }
        let Some(descriptor) = &self.descriptor else { return Ok(()) };
        let decoder = Decoder::new(descriptor, schema).map_err(|error| {
            let text =
                format!("Input schema has more fields than BigQuery schema, or others: {error}");
            Refused::Whole(Status::invalid_argument(text))
        })?;
        self.decoder = Some((Arc::clone(schema), decoder));
        Ok(())
    }
}

fn no_schema() -> Refused {
    let text = "Schema of the rows must be given with the first request of a connection.";
    Refused::Whole(Status::invalid_argument(text))
}

enum Refused {
    Rows(Vec<RowError>),
    Whole(Status),
}
