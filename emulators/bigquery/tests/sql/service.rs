//! The emulator as a case sees it: a project, a dataset, a bucket and callers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;
use windtunnel_bigquery::{BigQueryEmulator, ObjectError, ObjectStore};

const PROJECT: &str = "your-bigquery-project";
const DATASET: &str = "recorded";

/// What a query answered.
pub(crate) enum Answer {
    /// The job, and the whole result.
    Done { job: Value, result: Value },
    /// An error: `{"code", "errors": [{"reason", "location", "message"}], …}`.
    Refused(Value),
}

/// An emulator of its own for each case.
pub(crate) struct Service {
    emulator: BigQueryEmulator,
}

#[derive(Debug, Default)]
struct Bucket(Mutex<BTreeMap<String, Bytes>>);

impl ObjectStore for Bucket {
    fn list(&self, _: &str, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let objects = self.0.lock().unwrap();
        Ok(objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }

    fn get(&self, _: &str, name: &str) -> Result<Bytes, ObjectError> {
        let objects = self.0.lock().unwrap();
        objects.get(name).cloned().ok_or_else(|| ObjectError(format!("no object {name}")))
    }

    fn put(&self, _: &str, name: &str, content: Bytes) -> Result<(), ObjectError> {
        self.0.lock().unwrap().insert(name.to_owned(), content);
        Ok(())
    }
}

/// A text with the placeholders of a case filled in.
pub(crate) fn fill(text: &str) -> String {
    text.replace("${DATASET}", &format!("{PROJECT}.{DATASET}"))
        .replace("${PROJECT}", PROJECT)
        .replace("${DATASET_ID}", DATASET)
        .replace("${GCS_BUCKET}", "bucket")
        .replace("${PRINCIPAL}", "user:someone@example.com")
        .replace("${GROUP}", "group:some@example.com")
        .replace("${OTHER_PRINCIPAL}", "user:other@example.com")
}

fn filled(value: &Value) -> Value {
    serde_json::from_str(&fill(&value.to_string())).unwrap()
}

impl Service {
    pub(crate) fn new() -> Self {
        let emulator = BigQueryEmulator::with_objects(Arc::new(Bucket::default()));
        emulator.create_dataset(PROJECT, DATASET).unwrap();
        Self { emulator }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers.and_then(Value::as_object).into_iter().flatten() {
            request =
                request.header(service_header(name), fill(value.as_str().unwrap_or_default()));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.emulator.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// A call of the setup.
    pub(crate) async fn rest(&self, request: &Value) -> Result<(), String> {
        let (method, path) =
            (request["method"].as_str().unwrap(), fill(request["path"].as_str().unwrap()));
        let (status, answer) = self.send(method, &path, &filled(&request["body"]), None).await;
        match (200..300).contains(&status) {
            true => Ok(()),
            false => Err(format!("setup: {method} {path}: {status} {answer}")),
        }
    }

    /// A query as a job, its end awaited and its result read.
    pub(crate) async fn query(
        &self,
        text: &str,
        config: &Value,
        parameters: &Value,
        headers: Option<&Value>,
    ) -> Answer {
        let (configuration, session) =
            configuration(&fill(text), &filled(config), &filled(parameters));
        let jobs = format!("/bigquery/v2/projects/{PROJECT}/jobs");
        let mut configuration = configuration;
        if session {
            configuration["query"]["createSession"] = json!(true);
        }
        let body = json!({ "configuration": configuration });
        let (status, job) = self.send("POST", &jobs, &body, headers).await;
        if status >= 400 {
            return Answer::Refused(job["error"].clone());
        }
        if configuration["dryRun"] == json!(true) {
            let result = json!({ "schema": job["statistics"]["query"]["schema"] });
            return Answer::Done { job, result };
        }
        let id = job["jobReference"]["jobId"].as_str().unwrap_or_default().to_owned();
        let path = format!(
            "/bigquery/v2/projects/{PROJECT}/queries/{id}?timeoutMs=60000&maxResults=100000"
        );
        let (status, result) = self.send("GET", &path, &Value::Null, headers).await;
        if status >= 400 {
            return Answer::Refused(result["error"].clone());
        }
        let (_, job) = self.send("GET", &format!("{jobs}/{id}"), &Value::Null, headers).await;
        Answer::Done { job, result }
    }
}

/// Cases name the headers of the emulator that they were run on, too.
fn service_header(name: &str) -> &str {
    match name {
        "X-Bqemu-Caller" => "x-windtunnel-caller",
        "X-Bqemu-Groups" => "x-windtunnel-groups",
        other => other,
    }
}

/// A case's settings (as Google's Python client names them) as a job's configuration.
fn configuration(text: &str, config: &Value, parameters: &Value) -> (Value, bool) {
    let mut query = json!({ "query": text, "useLegacySql": false });
    let table = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        json!({ "projectId": parts[0], "datasetId": parts[1], "tableId": parts[2] })
    };
    let mut out = json!({});
    let mut session = false;
    for (name, value) in config.as_object().into_iter().flatten() {
        match name.as_str() {
            "destination" => query["destinationTable"] = table(value.as_str().unwrap()),
            "write_disposition" => query["writeDisposition"] = value.clone(),
            "create_disposition" => query["createDisposition"] = value.clone(),
            "schema_update_options" => query["schemaUpdateOptions"] = value.clone(),
            "use_query_cache" => query["useQueryCache"] = value.clone(),
            "default_dataset" => {
                let parts: Vec<&str> = value.as_str().unwrap().split('.').collect();
                query["defaultDataset"] = json!({ "projectId": parts[0], "datasetId": parts[1] });
            }
            "labels" => out["labels"] = value.clone(),
            "create_session" => session = value.as_bool().unwrap_or(false),
            "connection_properties" => query["connectionProperties"] = value.clone(),
            "priority" => query["priority"] = value.clone(),
            "maximum_bytes_billed" => query["maximumBytesBilled"] = json!(value.to_string()),
            "dry_run" => out["dryRun"] = value.clone(),
            "job_timeout_ms" => out["jobTimeoutMs"] = json!(value.to_string()),
            "use_legacy_sql" => query["useLegacySql"] = value.clone(),
            other => panic!("the case has a setting that the test does not know: {other}: {value}"),
        }
    }
    let list = parameters["parameters"].as_array().cloned().unwrap_or_default();
    if !list.is_empty() {
        let mode = parameters["mode"].as_str().unwrap_or_default().to_ascii_uppercase();
        query["parameterMode"] = json!(mode);
        query["queryParameters"] = list.iter().map(parameter_of).collect();
    }
    out["query"] = query;
    (out, session)
}

/// A parameter as REST has it.
fn parameter_of(parameter: &Value) -> Value {
    let of = match &parameter["type"] {
        Value::String(simple) => json!({ "type": simple }),
        whole => type_of(whole),
    };
    let mut out =
        json!({ "parameterType": of, "parameterValue": value_of(&of, &parameter["value"]) });
    if let Some(name) = parameter["name"].as_str() {
        out["name"] = json!(name);
    }
    out
}

/// The fields of a struct are written shorter in the cases.
fn type_of(of: &Value) -> Value {
    let Some(fields) = of["structTypes"].as_array() else { return of.clone() };
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| json!({ "name": field["name"], "type": { "type": field["type"] } }))
        .collect();
    json!({ "type": "STRUCT", "structTypes": fields })
}

fn value_of(of: &Value, value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            json!({ "arrayValues": items.iter().map(|item| value_of(&of["arrayType"], item)).collect::<Vec<_>>() })
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| (name.clone(), value_of(&Value::Null, value)));
            json!({ "structValues": fields.collect::<serde_json::Map<_, _>>() })
        }
        Value::Null | Value::String(_) => json!({ "value": value }),
        other => json!({ "value": other.to_string() }),
    }
}
