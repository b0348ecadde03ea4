//! Recorded calls of the Storage Read and Write APIs.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tower::ServiceExt;
use windtunnel_protos::bigquery as proto;
use windtunnel_protos::bigquery::big_query_read_client::BigQueryReadClient;
use windtunnel_protos::bigquery::big_query_write_client::BigQueryWriteClient;
use windtunnel_protos::bigquery::read_session::table_read_options::OutputFormatSerializationOptions;

use crate::client::Client;
use crate::records::{Names, compare, run_all, run_script};

/// Cases that pass; raise it when more do.
const PASSED_MIN: usize = 14;

#[tokio::test]
async fn storage_answers_are_the_recorded_ones() {
    run_all("grpc.jsonl", PASSED_MIN, run).await;
}

async fn run(client: &Client, case: &Value, names: &mut Names) -> Result<(), String> {
    if let Some(script) = case["setup"].as_str() {
        run_script(client, &names.fill(script)).await?;
    }
    let calls = case["request"]["calls"].as_array().unwrap();
    let expected = case["expected_response"]["calls"].as_array().unwrap();
    for (index, (call, expected)) in calls.iter().zip(expected).enumerate() {
        let method = call["method"].as_str().unwrap();
        let request = names.fill_all(&call["request"]);
        let path = format!("call {index}");
        match send(client, method, &request).await {
            Ok(answer) if expected["status"] == "OK" => {
                names.capture(&call["capture"], &answer)?;
                // A stream's answers are a list.
                let one = expected.get("response");
                let recorded = one.or_else(|| expected.get("responses")).unwrap();
                compare(&names.fill_all(recorded), &answer, &path)?;
            }
            Err(status) if expected["status"] == code_name(status.code()) => {
                let message = names.fill(expected["error_message"].as_str().unwrap());
                compare(&json!(message), &json!(status.message()), &path)?;
            }
            other => return Err(format!("{path}: {other:?}, expected {expected}")),
        }
    }
    Ok(())
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        _ => "OTHER",
    }
}

async fn send(client: &Client, method: &str, request: &Value) -> Result<Value, Status> {
    let router = client.emulator.router();
    let service = tower::service_fn(move |request: Request<tonic::body::Body>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let mut read = BigQueryReadClient::new(service.clone());
    let mut write = BigQueryWriteClient::new(service);
    Ok(match method {
        "BigQueryRead.CreateReadSession" => {
            session_json(read.create_read_session(session_of(request)).await?.into_inner())
        }
        "BigQueryRead.ReadRows" => {
            let request = proto::ReadRowsRequest {
                read_stream: text("read_stream"),
                offset: number(&request["offset"]).unwrap_or(0),
            };
            let mut rows = read.read_rows(request).await?.into_inner();
            let mut answers = Vec::new();
            while let Some(answer) = rows.message().await? {
                answers.push(rows_json(&answer));
            }
            Value::Array(answers)
        }
        "BigQueryRead.SplitReadStream" => {
            let fraction = request["fraction"].as_f64().unwrap_or(0.0);
            let request = proto::SplitReadStreamRequest { name: text("name"), fraction };
            let answer = read.split_read_stream(request).await?.into_inner();
            let name =
                |stream: Option<proto::ReadStream>| stream.map(|it| json!({ "name": it.name }));
            json!({
                "primary_stream": name(answer.primary_stream),
                "remainder_stream": name(answer.remainder_stream),
            })
        }
        "BigQueryWrite.CreateWriteStream" => {
            let of = request["write_stream"]["type_"].as_str().unwrap_or_default();
            let of = proto::write_stream::Type::from_str_name(of).unwrap_or_default();
            let stream = proto::WriteStream { r#type: of.into(), ..Default::default() };
            let request = proto::CreateWriteStreamRequest {
                parent: text("parent"),
                write_stream: Some(stream),
            };
            stream_json(&write.create_write_stream(request).await?.into_inner())
        }
        "BigQueryWrite.GetWriteStream" => {
            let request = proto::GetWriteStreamRequest { name: text("name"), view: 0 };
            stream_json(&write.get_write_stream(request).await?.into_inner())
        }
        "BigQueryWrite.FinalizeWriteStream" => {
            let request = proto::FinalizeWriteStreamRequest { name: text("name") };
            let answer = write.finalize_write_stream(request).await?.into_inner();
            json!({ "row_count": answer.row_count.to_string() })
        }
        "BigQueryWrite.FlushRows" => {
            let request = proto::FlushRowsRequest {
                write_stream: text("write_stream"),
                offset: number(&request["offset"]),
            };
            let answer = write.flush_rows(request).await?.into_inner();
            json!({ "offset": answer.offset.to_string() })
        }
        "BigQueryWrite.BatchCommitWriteStreams" => {
            let streams = request["write_streams"].as_array().unwrap();
            let request = proto::BatchCommitWriteStreamsRequest {
                parent: text("parent"),
                write_streams: streams.iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
            };
            let answer = write.batch_commit_write_streams(request).await?.into_inner();
            let errors = answer.stream_errors.iter().map(|it| json!({ "entity": it.entity }));
            json!({
                "commit_time": answer.commit_time.map(|it| it.seconds),
                "stream_errors": errors.collect::<Vec<_>>(),
            })
        }
        other => return Err(Status::unimplemented(other.to_owned())),
    })
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn session_of(request: &Value) -> proto::CreateReadSessionRequest {
    let session = &request["read_session"];
    let options = &session["read_options"];
    let compression = options["arrow_serialization_options"]["buffer_compression"].as_str();
    let compression = compression.map(|name| {
        use proto::arrow_serialization_options::CompressionCodec;
        let codec = CompressionCodec::from_str_name(name).unwrap();
        OutputFormatSerializationOptions::ArrowSerializationOptions(
            proto::ArrowSerializationOptions {
                buffer_compression: codec.into(),
                ..Default::default()
            },
        )
    });
    let fields = options["selected_fields"].as_array().into_iter().flatten();
    let read_options = proto::read_session::TableReadOptions {
        selected_fields: fields.map(|it| it.as_str().unwrap().to_owned()).collect(),
        row_restriction: options["row_restriction"].as_str().unwrap_or_default().to_owned(),
        output_format_serialization_options: compression,
        ..Default::default()
    };
    let format = session["data_format"].as_str().unwrap_or_default();
    proto::CreateReadSessionRequest {
        parent: request["parent"].as_str().unwrap_or_default().to_owned(),
        read_session: Some(proto::ReadSession {
            table: session["table"].as_str().unwrap_or_default().to_owned(),
            data_format: proto::DataFormat::from_str_name(format).unwrap_or_default().into(),
            read_options: (!options.is_null()).then_some(read_options),
            ..Default::default()
        }),
        max_stream_count: number(&request["max_stream_count"]).unwrap_or(0) as i32,
        preferred_min_stream_count: 0,
    }
}

fn session_json(session: proto::ReadSession) -> Value {
    use proto::read_session::Schema;
    let format = session.data_format().as_str_name();
    let mut out = json!({
        "name": session.name,
        "expire_time": session.expire_time.map(|it| it.seconds),
        "data_format": format,
        "table": session.table,
        "streams": session.streams.iter().map(|it| json!({ "name": it.name })).collect::<Vec<_>>(),
        "estimated_total_bytes_scanned": session.estimated_total_bytes_scanned.to_string(),
        "estimated_row_count": session.estimated_row_count.to_string(),
        "estimated_total_physical_file_size":
            session.estimated_total_physical_file_size.to_string(),
        "trace_id": session.trace_id,
    });
    match session.schema {
        Some(Schema::AvroSchema(schema)) => out["avro_schema"] = json!({ "schema": schema.schema }),
        Some(Schema::ArrowSchema(schema)) => {
            out["arrow_schema"] = json!({ "serialized_schema": schema.serialized_schema.len() });
        }
        None => {}
    }
    if let Some(options) = session.read_options {
        out["read_options"] = json!({
            "selected_fields": options.selected_fields,
            "row_restriction": options.row_restriction,
        });
        if let Some(OutputFormatSerializationOptions::ArrowSerializationOptions(arrow)) =
            options.output_format_serialization_options
        {
            out["read_options"]["arrow_serialization_options"] = json!({
                "buffer_compression": arrow.buffer_compression().as_str_name(),
                "picos_timestamp_precision": arrow.picos_timestamp_precision().as_str_name(),
            });
        }
    }
    out
}

fn rows_json(answer: &proto::ReadRowsResponse) -> Value {
    use proto::read_rows_response::{Rows, Schema};
    let progress = answer.stats.and_then(|stats| stats.progress);
    let mut out = json!({
        "row_count": answer.row_count.to_string(),
        "stats": { "progress": progress.map(|it| json!({
            "at_response_start": it.at_response_start, "at_response_end": it.at_response_end,
        })) },
    });
    match &answer.rows {
        Some(Rows::AvroRows(rows)) => {
            out["avro_rows"] =
                json!({ "serialized_binary_rows": rows.serialized_binary_rows.len() });
        }
        Some(Rows::ArrowRecordBatch(rows)) => {
            out["arrow_record_batch"] =
                json!({ "serialized_record_batch": rows.serialized_record_batch.len() });
        }
        None => {}
    }
    match &answer.schema {
        Some(Schema::AvroSchema(schema)) => out["avro_schema"] = json!({ "schema": schema.schema }),
        Some(Schema::ArrowSchema(schema)) => {
            out["arrow_schema"] = json!({ "serialized_schema": schema.serialized_schema.len() });
        }
        None => {}
    }
    out
}

fn stream_json(stream: &proto::WriteStream) -> Value {
    let mut out = json!({
        "name": stream.name,
        "type_": stream.r#type().as_str_name(),
        "create_time": stream.create_time.map(|it| it.seconds),
        "write_mode": stream.write_mode().as_str_name(),
        "location": stream.location,
    });
    if let Some(at) = stream.commit_time {
        out["commit_time"] = json!(at.seconds);
    }
    if let Some(schema) = &stream.table_schema {
        out["table_schema"] = json!({ "fields": schema.fields.len() });
    }
    out
}
