//! Routines and row access policies over REST, and the list of models, of which there are none.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::error::RestError;
use super::request::Call;
use super::resource::{kept, merge_patch};
use crate::catalog::{CatalogError, Routine, RoutineId};
use crate::table::{RowAccessPolicy, TableId};

/// What a client may say of a routine.
const SETTINGS: &[&str] = &[
    "arguments",
    "dataGovernanceType",
    "definitionBody",
    "description",
    "determinismLevel",
    "externalRuntimeOptions",
    "importedLibraries",
    "language",
    "pythonOptions",
    "remoteFunctionOptions",
    "returnTableType",
    "returnType",
    "routineType",
    "securityMode",
    "sparkOptions",
    "strictMode",
];

fn routine_id(project: &str, dataset: &str, routine: &str) -> RoutineId {
    RoutineId {
        project: project.to_owned(),
        dataset: dataset.to_owned(),
        routine: routine.to_owned(),
    }
}

pub(super) fn insert(call: &Call, project: &str, dataset: &str) -> Result<Value, RestError> {
    let body = call.json()?;
    let name = body["routineReference"]["routineId"].as_str().unwrap_or_default();
    let is_name =
        !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    if !is_name {
        return Err(RestError::invalid(format!("Invalid routine ID \"{name}\".")));
    }
    for required in ["routineType", "definitionBody"] {
        if body[required].as_str().unwrap_or_default().is_empty() {
            let text = format!("Required parameter is missing: {required}");
            return Err(RestError::invalid(text));
        }
    }
    let id = routine_id(project, dataset, name);
    let mut settings = kept(&body, SETTINGS);
    settings.entry("language").or_insert_with(|| json!("SQL"));
    let mut state = call.shared.state();
    let made =
        state.catalog.create_routine(id.clone(), Value::Object(settings), false, call.now)?;
    Ok(resource(&id, made, true))
}

pub(super) fn list(call: &Call, project: &str, dataset: &str) -> Result<Value, RestError> {
    let state = call.shared.state();
    let found = state.catalog.routines(project, dataset)?;
    let wanted = call.query.get("filter").and_then(|text| text.strip_prefix("routineType:"));
    let routines: Vec<Value> = found
        .into_iter()
        .filter(|(_, routine)| wanted.is_none_or(|of| routine.resource["routineType"] == of))
        .map(|(name, routine)| resource(&routine_id(project, dataset, name), routine, false))
        .collect();
    let (page, next) = call.query.page(routines)?;
    let mut out = json!({});
    if !page.is_empty() {
        out["routines"] = Value::Array(page);
    }
    if let Some(next) = next {
        out["nextPageToken"] = json!(next);
    }
    Ok(out)
}

pub(super) fn get(call: &Call, path: [&str; 3]) -> Result<Value, RestError> {
    let id = routine_id(path[0], path[1], path[2]);
    let state = call.shared.state();
    Ok(resource(&id, state.catalog.routine(&id)?, true))
}

pub(super) fn update(call: &Call, path: [&str; 3]) -> Result<Value, RestError> {
    let id = routine_id(path[0], path[1], path[2]);
    let body = call.json()?;
    let mut state = call.shared.state();
    let found = state.catalog.routine(&id)?;
    call.check_etag(&found.etag())?;
    let settings = if call.method == "PUT" {
        kept(&body, SETTINGS)
    } else {
        let mut settings = found.resource.as_object().cloned().unwrap_or_default();
        merge_patch(&mut settings, &body, SETTINGS);
        settings
    };
    let changed = state.catalog.update_routine(&id, Value::Object(settings), call.now)?;
    Ok(resource(&id, changed, true))
}

pub(super) fn delete(call: &Call, path: [&str; 3]) -> Result<(), RestError> {
    let id = routine_id(path[0], path[1], path[2]);
    Ok(call.shared.state().catalog.delete_routine(&id)?)
}

fn resource(id: &RoutineId, routine: &Routine, whole: bool) -> Value {
    let reference = json!({
        "projectId": id.project, "datasetId": id.dataset, "routineId": id.routine,
    });
    let mut out = json!({
        "etag": routine.etag(),
        "routineReference": reference,
        "creationTime": (routine.created_at / 1_000).to_string(),
        "lastModifiedTime": (routine.modified_at / 1_000).to_string(),
    });
    // A list has only what tells routines apart.
    let shown: &[&str] = if whole { SETTINGS } else { &["routineType", "language"] };
    for name in shown {
        if let Some(value) = routine.resource.get(name) {
            out[name] = value.clone();
        }
    }
    out
}

/// The row access policies of a table: list, get, insert, update and delete.
pub(super) fn policies(
    call: &Call,
    table: [&str; 3],
    policy: Option<&str>,
) -> Result<Option<Value>, RestError> {
    let id = TableId::new(table[0], table[1], table[2]);
    let missing = |name: &str| CatalogError::PolicyNotFound(format!("{id}.{name}"));
    match (call.method.as_str(), policy) {
        ("GET", None) => {
            let state = call.shared.state();
            let found = &state.catalog.table(&id)?.policies;
            let all: Vec<Value> =
                found.iter().map(|(name, policy)| policy_json(&id, name, policy)).collect();
            let (page, next) = call.query.page(all)?;
            let mut out = json!({});
            if !page.is_empty() {
                out["rowAccessPolicies"] = Value::Array(page);
            }
            if let Some(next) = next {
                out["nextPageToken"] = json!(next);
            }
            Ok(Some(out))
        }
        ("GET", Some(name)) => {
            let state = call.shared.state();
            let policy = state.catalog.table(&id)?.policies.get(name);
            Ok(Some(policy_json(&id, name, policy.ok_or_else(|| missing(name))?)))
        }
        ("POST", None) => {
            let body = call.json()?;
            let name = body["rowAccessPolicyReference"]["policyId"].as_str().unwrap_or_default();
            let made = policy_of(&body, call.now)?;
            let mut state = call.shared.state();
            let policies = state.catalog.policies_mut(&id)?;
            if name.is_empty() {
                return Err(RestError::invalid("Required parameter is missing: policyId"));
            }
            if policies.contains_key(name) {
                let text = format!("Already Exists: Row access policy {id}.{name}");
                return Err(RestError::new(StatusCode::CONFLICT, "duplicate", text));
            }
            let policy = policies.entry(name.to_owned()).or_insert(made);
            Ok(Some(policy_json(&id, name, policy)))
        }
        ("PUT", Some(name)) => {
            let changed = policy_of(&call.json()?, call.now)?;
            let mut state = call.shared.state();
            let policies = state.catalog.policies_mut(&id)?;
            let policy = policies.get_mut(name).ok_or_else(|| missing(name))?;
            *policy = RowAccessPolicy { created_at: policy.created_at, ..changed };
            Ok(Some(policy_json(&id, name, policy)))
        }
        ("DELETE", Some(name)) => {
            let mut state = call.shared.state();
            let removed = state.catalog.policies_mut(&id)?.remove(name);
            removed.map(|_| None).ok_or_else(|| missing(name).into())
        }
        _ => Err(RestError::unimplemented(&format!("{} rowAccessPolicies", call.method))),
    }
}

fn policy_of(body: &Value, now: i64) -> Result<RowAccessPolicy, RestError> {
    let filter = body["filterPredicate"].as_str().unwrap_or_default();
    if filter.is_empty() {
        return Err(RestError::invalid("Required parameter is missing: filterPredicate"));
    }
    let grantees = body["grantees"].as_array().into_iter().flatten();
    Ok(RowAccessPolicy {
        filter: filter.to_owned(),
        grantees: grantees.filter_map(Value::as_str).map(str::to_owned).collect(),
        created_at: now,
        modified_at: now,
    })
}

fn policy_json(id: &TableId, name: &str, policy: &RowAccessPolicy) -> Value {
    let time = |micros: i64| {
        chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339()
    };
    json!({
        "etag": format!("{:x}", policy.modified_at),
        "rowAccessPolicyReference": {
            "projectId": id.project, "datasetId": id.dataset, "tableId": id.table,
            "policyId": name,
        },
        "filterPredicate": policy.filter,
        "grantees": policy.grantees,
        "creationTime": time(policy.created_at),
        "lastModifiedTime": time(policy.modified_at),
    })
}
