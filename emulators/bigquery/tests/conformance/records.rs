//! Recorded cases: where they lie, what their placeholders stand for, and how answers compare.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Client;

/// The cases of a file; nothing, with a word on standard error, where there is none.
pub(crate) fn cases(file: &str) -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let given = std::env::var_os("WINDTUNNEL_CONFORMANCE").map(PathBuf::from);
    let beside = ["../shared/conformance", "../../shared/conformance"].map(|it| root.join(it));
    let folders: Vec<PathBuf> = given.into_iter().chain(beside).collect();
    let path = folders.iter().map(|it| it.join("bigquery").join(file)).find(|it| it.is_file());
    let Some(path) = path else {
        eprintln!("SKIPPED: no {file} in {folders:?}: recorded answers are not compared");
        return None;
    };
    let text = std::fs::read_to_string(path).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Runs all cases, says which fail and why, and asserts that enough of them pass.
pub(crate) async fn run_all(
    file: &str,
    passed_min: usize,
    run: impl AsyncFn(&Client, &Value, &mut Names) -> Result<(), String>,
) {
    let Some(cases) = cases(file) else { return };
    let client = Client::new();
    // Lists were recorded in a project with nothing else in it.
    client.ok("DELETE", "datasets/d", Value::Null).await;
    let mut passed = 0;
    for (index, case) in cases.iter().enumerate() {
        let dataset = format!("conformance_{index}");
        let reference = json!({ "datasetReference": { "datasetId": dataset } });
        client.ok("POST", "datasets", reference).await;
        let mut names = Names::new(&dataset);
        match run(&client, case, &mut names).await {
            Ok(()) => passed += 1,
            Err(why) => println!("FAILED {}: {why}", case["name"]),
        }
        client.ok("DELETE", &format!("datasets/{dataset}?deleteContents=true"), Value::Null).await;
    }
    println!("{file}: passed {passed}/{}", cases.len());
    assert!(passed >= passed_min, "{file}: {passed} cases pass, {passed_min} did before");
}

/// What placeholders stand for.
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    fn new(dataset: &str) -> Self {
        let names = [
            ("PROJECT", "p".to_owned()),
            ("DATASET_ID", dataset.to_owned()),
            ("DATASET", format!("p.{dataset}")),
            ("GCS_BUCKET", "test-webhook-bucket/bqemu-conformance".to_owned()),
        ];
        Self(names.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Fills placeholders in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.0 {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }

    /// Fills placeholders into every text of a value.
    pub(crate) fn fill_all(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => json!(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_all(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), self.fill_all(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// Remembers parts of an answer: `{"NAME": "path.to.0.it"}`.
    pub(crate) fn capture(&mut self, wanted: &Value, answer: &Value) -> Result<(), String> {
        for (name, path) in wanted.as_object().into_iter().flatten() {
            let pointer = format!("/{}", path.as_str().unwrap().replace('.', "/"));
            let found = answer.pointer(&pointer).and_then(Value::as_str);
            let found = found.ok_or_else(|| format!("no {path} in {answer}"))?;
            self.0.insert(name.clone(), found.to_owned());
        }
        Ok(())
    }

    /// A captured name's value.
    pub(crate) fn get(&self, name: &str) -> &str {
        &self.0[name]
    }
}

/// Runs a case's SQL.
pub(crate) async fn run_script(client: &Client, script: &str) -> Result<(), String> {
    let body = json!({ "query": script, "useLegacySql": false, "timeoutMs": 60_000 });
    match client.call("POST", "queries", body).await {
        (200, _) => Ok(()),
        (status, answer) => Err(format!("setup: {status} {}", answer["error"]["message"])),
    }
}

/// Compares: every field that is expected must be there, lists item by item; `"<*>"` is any value.
pub(crate) fn compare(expected: &Value, actual: &Value, path: &str) -> Result<(), String> {
    match (expected, actual) {
        (Value::String(any), _) if any == "<*>" => Ok(()),
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                let found = actual.get(key).ok_or_else(|| format!("{path} is missing"))?;
                compare(value, found, &path)?;
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let pairs = expected.iter().zip(actual).enumerate();
            { pairs }.try_for_each(|(index, (expected, actual))| {
                compare(expected, actual, &format!("{path}.{index}"))
            })
        }
        (expected, actual) if expected == actual => Ok(()),
        _ => Err(format!("{path} is {actual}, expected {expected}")),
    }
}
