//! One AppendRows connection: the stream's name, schema and trace id come with the first request and
//! are remembered; every request is answered in order, an error in its answer and not as the end of the
//! connection.

use std::sync::Arc;

use prost_types::DescriptorProto;
use tonic::{Code, Status};
use windtunnel_protos::bigquery::append_rows_request::Rows;
use windtunnel_protos::bigquery::append_rows_response::{AppendResult, Response};
use windtunnel_protos::bigquery::{
    AppendRowsRequest, AppendRowsResponse, RowError, row_error, rpc,
};

use super::Shared;
use super::grpc::status_of;
use crate::clock::now_micros;
use crate::rows::from_proto::Decoder;
use crate::schema::TableSchema;
use crate::write_streams::{StreamError, parse_path};

/// What a connection remembers.
#[derive(Default)]
pub(super) struct Connection {
    stream: String,
    descriptor: Option<DescriptorProto>,
    /// The decoder, with the table's schema that it was made for.
    decoder: Option<(Arc<TableSchema>, Decoder)>,
}

impl Connection {
    /// Appends one request's rows.
    pub(super) fn append(
        &mut self,
        shared: &Shared,
        request: AppendRowsRequest,
    ) -> AppendRowsResponse {
        let stream = if request.write_stream.is_empty() {
            self.stream.clone()
        } else {
            request.write_stream.clone()
        };
        let response = match self.try_append(shared, &stream, request) {
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
            ..AppendRowsResponse::default()
        }
    }

    fn try_append(
        &mut self,
        shared: &Shared,
        stream: &str,
        request: AppendRowsRequest,
    ) -> Result<Option<i64>, Refused> {
        let rows = match request.rows {
            Some(Rows::ProtoRows(rows)) => rows,
            Some(Rows::ArrowRows(_)) => {
                let text = "AppendRows arrow_rows is not implemented by this emulator";
                return Err(Refused::Whole(Status::unimplemented(text)));
            }
            None => {
                return Err(Refused::Whole(Status::invalid_argument("Rows must be specified.")));
            }
        };
        let (table, _) = parse_path(stream).ok_or_else(|| {
            let text = format!("Invalid write_stream: \"{stream}\"");
            Refused::Whole(Status::invalid_argument(text))
        })?;
        if stream != self.stream {
            stream.clone_into(&mut self.stream);
            self.decoder = None;
        }
        if let Some(descriptor) = rows.writer_schema.and_then(|schema| schema.proto_descriptor)
            && self.descriptor.as_ref() != Some(&descriptor)
        {
            self.descriptor = Some(descriptor);
            self.decoder = None;
        }
        let schema = {
            let state = shared.state();
            let table = state.catalog.table(&table).map_err(StreamError::from);
            Arc::clone(&table.map_err(|error| Refused::Whole(status_of(error)))?.schema)
        };
        self.prepare(&schema)?;
        let Some((schema, decoder)) = &self.decoder else {
            let text = "Schema of the rows must be given with the first request of a connection.";
            return Err(Refused::Whole(Status::invalid_argument(text)));
        };
        let serialized = rows.rows.unwrap_or_default().serialized_rows;
        let batch = decoder.decode(schema, &serialized).map_err(|errors| {
            Refused::Rows(
                errors
                    .into_iter()
                    .map(|error| RowError {
                        index: i64::try_from(error.index).unwrap_or(i64::MAX),
                        code: row_error::RowErrorCode::FieldsError.into(),
                        message: error.error.to_string(),
                    })
                    .collect(),
            )
        })?;
        let offset = request.offset.map(|offset| u64::try_from(offset).unwrap_or(u64::MAX));
        let mut state = shared.state();
        let state = &mut *state;
        let offset = state
            .streams
            .append(&mut state.catalog, stream, offset, batch, now_micros())
            .map_err(|error| Refused::Whole(status_of(error)))?;
        Ok(offset.map(|offset| i64::try_from(offset).unwrap_or(i64::MAX)))
    }

    /// Makes the decoder for the table's schema as it is now.
    fn prepare(&mut self, schema: &Arc<TableSchema>) -> Result<(), Refused> {
        if self.decoder.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, schema)) {
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

enum Refused {
    Rows(Vec<RowError>),
    Whole(Status),
}
