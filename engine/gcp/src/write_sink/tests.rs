//! Goal: what the service says is classified once and handled so: quota and outages are tried again, a
//! missing table and a denied permission end the job with the table's name, an append is reported as
//! refused and not tried on stream after stream. Method: a server that answers every call with the next
//! of a list of gRPC statuses.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::HeaderName;
use tonic::Code;
use windtunnel_model::EventBatch;
use windtunnel_runtime::command::{Rows, Table, Visibility};

use crate::endpoints::{CredentialMode, Endpoints};

/// A sink to a server that answers with these statuses, the last one for ever, and how often it was asked.
async fn sink(statuses: &'static [Code]) -> (WriteSink, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move || {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        let status = statuses[call.min(statuses.len() - 1)] as i32;
        let header = |name| HeaderName::from_static(name);
        let headers = [
            (header("content-type"), "application/grpc".to_owned()),
            (header("grpc-status"), status.to_string()),
            (header("grpc-message"), "as it is planned".to_owned()),
        ];
        async move { headers }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut endpoints = Endpoints::google("r");
    endpoints.credentials = CredentialMode::Anonymous;
    endpoints.bigquery_write = format!("http://{}", listener.local_addr().unwrap());
    endpoints.bigquery.clone_from(&endpoints.bigquery_write);
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let sink = WriteSink {
        channel: endpoints.write_channel().unwrap(),
        bearer: endpoints.bearer("BigQuery").unwrap(),
        names: ReferenceNames::for_project("p"),
        bigquery: endpoints.bigquery().await.unwrap(),
        destinations: Destinations::default(),
        encoders: Encoders::default(),
    };
    (sink, calls)
}

async fn first_answer(sink: WriteSink, command: SinkCommand) -> Input {
    let (commands, receiver) = mpsc::channel(1);
    let (inputs, mut answers) = mpsc::channel(1);
    let sink = tokio::spawn(run(sink, receiver, inputs));
    commands.send(command).await.unwrap();
    let answer = answers.recv().await.unwrap();
    drop(commands);
    sink.await.unwrap();
    answer
}

#[tokio::test]
async fn quota_is_waited_for_and_a_missing_table_or_permission_ends_the_job() {
    for (last, name) in [(Code::NotFound, "NotFound"), (Code::PermissionDenied, "PermissionDenied")]
    {
        let statuses: &[Code] = match last {
            Code::NotFound => &[Code::ResourceExhausted, Code::Unavailable, Code::NotFound],
            _ => &[Code::ResourceExhausted, Code::Unavailable, Code::PermissionDenied],
        };
        let (sink, calls) = sink(statuses).await;
        let open = SinkCommand::Open {
            stream: StreamId(1),
            table: Table::Events,
            visibility: Visibility::ByEpoch,
        };
        let Input::StreamOpened { result: Err(error), .. } = first_answer(sink, open).await else {
            panic!("the stream must not open")
        };
        let expected = format!(
            "BigQuery: CreateWriteStream of projects/p/datasets/events_dataset/tables/events: as it is planned ({name})"
        );
        assert_eq!((error.to_string(), calls.load(Ordering::SeqCst)), (expected, 3));
    }
}

#[tokio::test]
async fn an_append_that_is_refused_for_good_is_said_to_be() {
    for (statuses, is_refused) in [
        (&[Code::PermissionDenied][..], true),
        (&[Code::InvalidArgument], true),
        (&[Code::ResourceExhausted], false),
        (&[Code::NotFound], false),
    ] {
        let (sink, calls) = sink(statuses).await;
        let append = SinkCommand::Append {
            append: AppendId(1),
            stream: StreamId(1),
            name: "s".into(),
            offset: 0,
            rows: Rows::Events(Arc::new(EventBatch::default())),
        };
        let Input::Appended { result: Err(error), .. } = first_answer(sink, append).await else {
            panic!("the append must not take")
        };
        assert_eq!(matches!(error, AppendError::Refused(_)), is_refused, "{statuses:?}: {error:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "a stream is not asked twice");
    }
}
