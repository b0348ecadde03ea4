//! A client without sockets, and a store of objects in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use windtunnel_bigquery::{BigQueryEmulator, ObjectError, ObjectStore};

/// An emulator with the dataset `p:d`, and its buckets.
pub(crate) struct Client {
    pub(crate) emulator: BigQueryEmulator,
    pub(crate) objects: Arc<Objects>,
}

/// Buckets in memory; every bucket exists but `missing`.
#[derive(Debug, Default)]
pub(crate) struct Objects(Mutex<BTreeMap<(String, String), Bytes>>);

impl ObjectStore for Objects {
    fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, ObjectError> {
        if bucket == "missing" {
            return Err(ObjectError("The specified bucket does not exist.".to_owned()));
        }
        let objects = self.0.lock().unwrap();
        let mine = objects.keys().filter(|(of, name)| of == bucket && name.starts_with(prefix));
        Ok(mine.map(|(_, name)| name.clone()).collect())
    }

    fn get(&self, bucket: &str, name: &str) -> Result<Bytes, ObjectError> {
        let objects = self.0.lock().unwrap();
        let found = objects.get(&(bucket.to_owned(), name.to_owned()));
        found.cloned().ok_or_else(|| ObjectError(format!("No such object: {bucket}/{name}")))
    }

    fn put(&self, bucket: &str, name: &str, content: Bytes) -> Result<(), ObjectError> {
        self.0.lock().unwrap().insert((bucket.to_owned(), name.to_owned()), content);
        Ok(())
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        let objects = Arc::new(Objects::default());
        let store: Arc<dyn ObjectStore> = Arc::<Objects>::clone(&objects);
        let emulator = BigQueryEmulator::with_objects(store);
        emulator.create_dataset("p", "d").unwrap();
        Self { emulator, objects }
    }

    /// Sends a request with any headers and body.
    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
        let response = self.emulator.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        (parts.status, parts.headers, body)
    }

    /// Sends JSON to a path below `/bigquery/v2/projects/p/`; null is no body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let uri = format!("/bigquery/v2/projects/p/{path}");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(uri).header("host", "localhost:9");
        let (status, _, body) = self.send(request.body(body).unwrap()).await;
        (status.as_u16(), body)
    }

    /// Sends JSON and expects a 2xx.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Sends JSON and expects an error: its status, reason and message.
    pub(crate) async fn refused(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, String, String) {
        let (status, answer) = self.call(method, path, body).await;
        let error = &answer["error"];
        assert_eq!(error["code"], json!(status), "{method} {path}: {answer}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (status, text(&error["errors"][0]["reason"]), text(&error["message"]))
    }

    /// Creates `p:d.NAME` with the columns.
    pub(crate) async fn table(&self, name: &str, fields: Value) {
        let body = json!({ "tableReference": { "tableId": name }, "schema": { "fields": fields } });
        self.ok("POST", "datasets/d/tables", body).await;
    }

    /// Inserts rows given as JSON.
    pub(crate) async fn insert(&self, name: &str, rows: &[Value]) {
        let rows: Vec<Value> = rows.iter().map(|row| json!({ "json": row })).collect();
        let path = format!("datasets/d/tables/{name}/insertAll");
        let answer = self.ok("POST", &path, json!({ "rows": rows })).await;
        assert_eq!(answer.get("insertErrors"), None, "{answer}");
    }

    /// The rows of a table, each as a list of values.
    pub(crate) async fn rows(&self, table: &str) -> Vec<Value> {
        let answer = self.ok("GET", &format!("datasets/d/tables/{table}/data"), Value::Null).await;
        let rows = answer["rows"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .map(|row| row["f"].as_array().unwrap().iter().map(|cell| cell["v"].clone()).collect())
            .collect()
    }

    /// Runs a job and answers it; jobs without sockets are done in their first answer.
    pub(crate) async fn job(&self, configuration: Value) -> Value {
        self.ok("POST", "jobs", json!({ "configuration": configuration })).await
    }
}
