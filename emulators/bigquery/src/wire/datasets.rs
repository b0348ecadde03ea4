//! Datasets over REST.

use serde_json::{Map, Value, json};

use super::error::RestError;
use super::request::Call;
use super::resource::{kept, merge_patch};
use crate::catalog::Dataset;

/// What a client may say of a dataset.
const SETTINGS: &[&str] = &[
    "access",
    "defaultCollation",
    "defaultEncryptionConfiguration",
    "defaultPartitionExpirationMs",
    "defaultRoundingMode",
    "defaultTableExpirationMs",
    "description",
    "friendlyName",
    "isCaseInsensitive",
    "labels",
    "maxTimeTravelHours",
    "resourceTags",
    "storageBillingModel",
];

pub(super) fn insert(call: &Call, project: &str) -> Result<Value, RestError> {
    let body = call.json()?;
    let id = body["datasetReference"]["datasetId"].as_str().unwrap_or_default();
    if !is_dataset_id(id) {
        let text = format!(
            "Invalid dataset ID \"{id}\". Dataset IDs must be alphanumeric (plus underscores) and must \
             be at most 1024 characters long."
        );
        return Err(RestError::invalid(text));
    }
    for setting in ["externalDatasetReference", "linkedDatasetSource"] {
        if body.get(setting).is_some_and(|value| !value.is_null()) {
            return Err(RestError::unimplemented(&format!("datasets.insert {setting}")));
        }
    }
    let location = body["location"].as_str().unwrap_or("US");
    let settings = kept(&body, SETTINGS);
    let mut state = call.shared.state();
    let made = state.catalog.create_dataset(project, id, location, settings, call.now)?;
    Ok(resource(call, project, id, made))
}

pub(super) fn list(call: &Call, project: &str) -> Result<Value, RestError> {
    let filter = LabelFilter::parse(call.query.get("filter").unwrap_or_default())?;
    let all = call.query.flag("all");
    let state = call.shared.state();
    let datasets: Vec<Value> = state
        .catalog
        .datasets(project)
        .filter(|(id, dataset)| (all || !id.starts_with('_')) && filter.holds(&dataset.settings))
        .map(|(id, dataset)| summary(project, id, dataset))
        .collect();
    let (page, next) = call.query.page(datasets)?;
    let mut out = json!({ "kind": "bigquery#datasetList", "etag": format!("{:x}", page.len()) });
    if !page.is_empty() {
        out["datasets"] = Value::Array(page);
    }
    if let Some(next) = next {
        out["nextPageToken"] = json!(next);
    }
    Ok(out)
}

pub(super) fn get(call: &Call, project: &str, id: &str) -> Result<Value, RestError> {
    let state = call.shared.state();
    Ok(resource(call, project, id, state.catalog.dataset(project, id)?))
}

/// PATCH changes the settings that it names, PUT replaces all of them.
pub(super) fn update(call: &Call, project: &str, id: &str) -> Result<Value, RestError> {
    let body = call.json()?;
    let mut state = call.shared.state();
    let found = state.catalog.dataset(project, id)?;
    call.check_etag(&found.etag())?;
    let mut settings = found.settings.clone();
    if call.method == "PUT" {
        settings = kept(&body, SETTINGS);
    } else {
        merge_patch(&mut settings, &body, SETTINGS);
    }
    let changed = state.catalog.update_dataset(project, id, settings, call.now)?;
    Ok(resource(call, project, id, changed))
}

pub(super) fn delete(call: &Call, project: &str, id: &str) -> Result<(), RestError> {
    let delete_contents = call.query.flag("deleteContents");
    Ok(call.shared.state().catalog.delete_dataset(project, id, delete_contents)?)
}

fn is_dataset_id(id: &str) -> bool {
    (1..=1024).contains(&id.len())
        && id.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
}

/// `labels.KEY` and `labels.KEY:VALUE`, all of which must hold.
struct LabelFilter(Vec<(String, Option<String>)>);

impl LabelFilter {
    fn parse(text: &str) -> Result<Self, RestError> {
        let terms = text.split_whitespace().filter(|term| *term != "AND").map(|term| {
            let label = term
                .strip_prefix("labels.")
                .ok_or_else(|| RestError::invalid(format!("Invalid filter expression: {text}")))?;
            Ok(match label.split_once(':') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (label.to_owned(), None),
            })
        });
        terms.collect::<Result<_, _>>().map(Self)
    }

    fn holds(&self, settings: &Map<String, Value>) -> bool {
        self.0.iter().all(|(key, wanted)| {
            let label = settings.get("labels").and_then(|labels| labels.get(key));
            label.is_some_and(|label| wanted.as_ref().is_none_or(|wanted| label == wanted))
        })
    }
}

fn summary(project: &str, id: &str, dataset: &Dataset) -> Value {
    let mut out = json!({
        "kind": "bigquery#dataset",
        "id": dataset.full_id,
        "datasetReference": { "projectId": project, "datasetId": id },
        "location": dataset.location,
        "type": "DEFAULT",
    });
    for setting in ["labels", "friendlyName"] {
        if let Some(value) = dataset.settings.get(setting) {
            out[setting] = value.clone();
        }
    }
    out
}

fn resource(call: &Call, project: &str, id: &str, dataset: &Dataset) -> Value {
    let mut out = summary(project, id, dataset);
    out["etag"] = json!(dataset.etag());
    out["selfLink"] = json!(call.link(&format!("projects/{project}/datasets/{id}")));
    out["creationTime"] = json!((dataset.created_at / 1_000).to_string());
    out["lastModifiedTime"] = json!((dataset.modified_at / 1_000).to_string());
    out["maxTimeTravelHours"] = json!("168");
    // What the service gives a dataset whose creator says nothing.
    out["access"] = json!([
        { "role": "WRITER", "specialGroup": "projectWriters" },
        { "role": "OWNER", "specialGroup": "projectOwners" },
        { "role": "READER", "specialGroup": "projectReaders" },
    ]);
    for (name, value) in &dataset.settings {
        out[name] = value.clone();
    }
    out
}
