//! REST v2: one handler takes every path; what it does not know is refused by name.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::RestError;
use super::insert::insert_all;
use super::request::{Call, table_id};
use super::{Shared, datasets, discovery, jobs, queries, routines, tables, upload};
use crate::clock::now_micros;
use crate::limits::REQUEST_BYTES_MAX;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared)
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = now_micros();
    shared.state().catalog.expire(now);
    let call = Call::new(shared, method, &uri, headers, body, now);
    match answer(&call).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(call: &Call) -> Result<Response, RestError> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match &path[..] {
        ["bigquery", "v2", "projects"] if call.method == "GET" => ok(projects(call)?),
        ["bigquery", "v2", "projects", project, rest @ ..] => match rest {
            ["jobs", ..] | ["queries", ..] => of_jobs(call, project, rest).await,
            _ => of_resources(call, project, rest),
        },
        ["upload", "bigquery", "v2", "projects", project, "jobs"]
        | ["resumable", "upload", "bigquery", "v2", "projects", project, "jobs"] => {
            upload::handle(call, project).await
        }
        ["$discovery", "rest"] | ["discovery", "v1", "apis", "bigquery", "v2", "rest"]
            if call.method == "GET" =>
        {
            ok(discovery::document(&call.base_url()))
        }
        _ => Err(unknown(call)),
    }
}

fn unknown(call: &Call) -> RestError {
    RestError::unimplemented(&format!("{} /{}", call.method, call.path.join("/")))
}

fn ok(value: Value) -> Result<Response, RestError> {
    Ok(axum::Json(value).into_response())
}

fn no_content(_: ()) -> Response {
    StatusCode::NO_CONTENT.into_response()
}

async fn of_jobs(call: &Call, project: &str, rest: &[&str]) -> Result<Response, RestError> {
    ok(match (call.method.as_str(), rest) {
        ("POST", ["jobs"]) => jobs::insert(call, project, &call.json()?, None).await?,
        ("GET", ["jobs"]) => jobs::list(call, project)?,
        ("GET", ["jobs", id]) => jobs::get(call, project, id)?,
        ("POST", ["jobs", id, "cancel"]) => jobs::cancel(call, project, id)?,
        ("DELETE", ["jobs", id] | ["jobs", id, "delete"]) => jobs::delete(call, project, id)?,
        ("POST", ["queries"]) => queries::query(call, project).await?,
        ("GET", ["queries", id]) => queries::results(call, project, id).await?,
        _ => return Err(unknown(call)),
    })
}

fn of_resources(call: &Call, project: &str, rest: &[&str]) -> Result<Response, RestError> {
    match (call.method.as_str(), rest) {
        ("GET", ["serviceAccount"]) => ok(json!({
            "kind": "bigquery#getServiceAccountResponse",
            "email": format!("bq-{project}@bigquery-encryption.iam.gserviceaccount.com"),
        })),
        ("POST", ["datasets"]) => ok(datasets::insert(call, project)?),
        ("GET", ["datasets"]) => ok(datasets::list(call, project)?),
        ("GET", ["datasets", dataset]) => ok(datasets::get(call, project, dataset)?),
        ("PATCH" | "PUT", ["datasets", dataset]) => ok(datasets::update(call, project, dataset)?),
        ("DELETE", ["datasets", dataset]) => {
            datasets::delete(call, project, dataset).map(no_content)
        }
        (_, ["datasets", dataset, "tables", table, rest @ ..]) => {
            of_table(call, [project, dataset, table], rest)
        }
        ("POST", ["datasets", dataset, "tables"]) => ok(tables::insert(call, project, dataset)?),
        ("GET", ["datasets", dataset, "tables"]) => ok(tables::list(call, project, dataset)?),
        ("POST", ["datasets", dataset, "routines"]) => {
            ok(routines::insert(call, project, dataset)?)
        }
        ("GET", ["datasets", dataset, "routines"]) => ok(routines::list(call, project, dataset)?),
        (method, ["datasets", dataset, "routines", routine]) => {
            let path = [project, dataset, routine];
            match method {
                "GET" => ok(routines::get(call, path)?),
                "PUT" | "PATCH" => ok(routines::update(call, path)?),
                "DELETE" => routines::delete(call, path).map(no_content),
                _ => Err(unknown(call)),
            }
        }
        ("GET", ["datasets", dataset, "models"]) => {
            call.shared.state().catalog.dataset(project, dataset)?;
            ok(json!({}))
        }
        ("GET" | "DELETE", ["datasets", dataset, "models", model]) => {
            let text = format!("Not found: Model {project}:{dataset}.{model}");
            Err(RestError::not_found(text))
        }
        _ => Err(unknown(call)),
    }
}

fn of_table(call: &Call, path: [&str; 3], rest: &[&str]) -> Result<Response, RestError> {
    match (call.method.as_str(), rest) {
        ("GET", []) => ok(tables::get(call, path)?),
        ("PATCH" | "PUT", []) => ok(tables::update(call, path)?),
        ("DELETE", []) => tables::delete(call, path).map(no_content),
        ("POST", ["insertAll"]) => {
            let (id, decorator) = table_id(path[0], path[1], path[2])?;
            ok(insert_all(&call.shared, &id, &decorator, &call.json()?)?)
        }
        ("GET", ["data"]) => ok(tables::list_rows(call, path)?),
        (_, ["rowAccessPolicies", rest @ ..]) if rest.len() < 2 => {
            match routines::policies(call, path, rest.first().copied())? {
                Some(value) => ok(value),
                None => Ok(no_content(())),
            }
        }
        _ => Err(unknown(call)),
    }
}

fn projects(call: &Call) -> Result<Value, RestError> {
    let state = call.shared.state();
    let projects: Vec<Value> = state
        .catalog
        .projects()
        .into_iter()
        .map(|id| {
            json!({
                "kind": "bigquery#project",
                "id": id,
                "numericId": "0",
                "projectReference": { "projectId": id },
                "friendlyName": id,
            })
        })
        .collect();
    let total = projects.len();
    let (page, next) = call.query.page(projects)?;
    let mut out = json!({
        "kind": "bigquery#projectList", "etag": format!("{total:x}"), "totalItems": total,
    });
    if !page.is_empty() {
        out["projects"] = Value::Array(page);
    }
    if let Some(next) = next {
        out["nextPageToken"] = json!(next);
    }
    Ok(out)
}
