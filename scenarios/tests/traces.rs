//! Goal: with the feature `otlp` a collector gets the spans of a run. Method: a server that takes any gRPC
//! call and keeps what was sent, and the real binary. Built only with the feature (see Cargo.toml);
//! `.ci/run` does.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use tokio::process::Command;

const SHORT: &str = r#"
name = "short"
duration = "1s"
[pipeline]
topology = "fused"
[[fleet]]
name = "iot"
devices = 5
rate = "50/s"
[[expect]]
that = "ledger.lost == 0"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_spans_of_a_run() {
    let sent: Arc<Mutex<(BTreeSet<String>, Vec<u8>)>> = Arc::default();
    let keep = Arc::clone(&sent);
    let collector = Router::new().fallback(move |uri: Uri, body: Bytes| async move {
        let mut sent = keep.lock().unwrap();
        sent.0.insert(uri.path().to_owned());
        sent.1.extend_from_slice(&body);
        [("content-type", "application/grpc"), ("grpc-status", "0")]
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("short.toml");
    std::fs::write(&file, SHORT).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_windtunnel"))
        .args(["run", "--plain", "--otlp-endpoint", &endpoint])
        .arg(&file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let (paths, bodies) = &*sent.lock().unwrap();
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export".to_owned();
    assert_eq!(*paths, BTreeSet::from([export]));
    let text = String::from_utf8_lossy(bodies);
    for span in ["save_checkpoint", "create_write_stream", "flush_rows", "predict"] {
        assert!(text.contains(span), "no span {span} in {} bytes", bodies.len());
    }
}
