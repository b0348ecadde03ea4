//! The discovery document of the API, as `bq` and the Python API client build themselves from it. It is made
//! from a table of methods; schemas are named and left open, as clients send and take plain JSON.

use serde_json::{Map, Value, json};

/// A method: resource, name, HTTP method, path below `/bigquery/v2/`, other query parameters with their
/// types, body, answer. Parameters of the path are in braces.
struct Method(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const DATASETS: &str = "projects/{+projectId}/datasets";
const DATASET: &str = "projects/{+projectId}/datasets/{+datasetId}";
const TABLES: &str = "projects/{+projectId}/datasets/{+datasetId}/tables";
const TABLE: &str = "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}";
const DATA: &str = "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}/data";
const INSERT_ALL: &str = "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}/insertAll";
const POLICIES: &str =
    "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}/rowAccessPolicies";
const POLICY: &str =
    "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}/rowAccessPolicies/{+policyId}";
const ROUTINES: &str = "projects/{+projectId}/datasets/{+datasetId}/routines";
const ROUTINE: &str = "projects/{+projectId}/datasets/{+datasetId}/routines/{+routineId}";
const MODELS: &str = "projects/{+projectId}/datasets/{+datasetId}/models";
const MODEL: &str = "projects/{+projectId}/datasets/{+datasetId}/models/{+modelId}";
const JOBS: &str = "projects/{+projectId}/jobs";
const JOB: &str = "projects/{+projectId}/jobs/{+jobId}";
const CANCEL: &str = "projects/{+projectId}/jobs/{+jobId}/cancel";
const DELETE_JOB: &str = "projects/{+projectId}/jobs/{+jobId}/delete";
const QUERIES: &str = "projects/{+projectId}/queries";
const QUERY: &str = "projects/{+projectId}/queries/{+jobId}";

const PAGE: &[(&str, &str)] = &[("maxResults", "integer"), ("pageToken", "string")];
const LIST_DATASETS: &[(&str, &str)] =
    &[("maxResults", "integer"), ("pageToken", "string"), ("all", "boolean"), ("filter", "string")];
const GET_DATASET: &[(&str, &str)] =
    &[("datasetView", "string"), ("accessPolicyVersion", "integer")];
const CHANGE_DATASET: &[(&str, &str)] =
    &[("updateMode", "string"), ("accessPolicyVersion", "integer")];
const DELETE_DATASET: &[(&str, &str)] = &[("deleteContents", "boolean")];
const GET_TABLE: &[(&str, &str)] = &[("selectedFields", "string"), ("view", "string")];
const CHANGE_TABLE: &[(&str, &str)] = &[("autodetect_schema", "boolean")];
const LIST_DATA: &[(&str, &str)] = &[
    ("maxResults", "integer"),
    ("pageToken", "string"),
    ("startIndex", "string"),
    ("selectedFields", "string"),
    ("formatOptions.useInt64Timestamp", "boolean"),
    ("formatOptions.timestampOutputFormat", "string"),
];
const LIST_ROUTINES: &[(&str, &str)] = &[
    ("maxResults", "integer"),
    ("pageToken", "string"),
    ("filter", "string"),
    ("readMask", "string"),
];
const LIST_JOBS: &[(&str, &str)] = &[
    ("maxResults", "integer"),
    ("pageToken", "string"),
    ("allUsers", "boolean"),
    ("maxCreationTime", "string"),
    ("minCreationTime", "string"),
    ("parentJobId", "string"),
    ("projection", "string"),
    ("stateFilter", "repeated"),
];
const OF_LOCATION: &[(&str, &str)] = &[("location", "string")];
const RESULTS: &[(&str, &str)] = &[
    ("maxResults", "integer"),
    ("pageToken", "string"),
    ("startIndex", "string"),
    ("timeoutMs", "integer"),
    ("location", "string"),
    ("formatOptions.useInt64Timestamp", "boolean"),
    ("formatOptions.timestampOutputFormat", "string"),
];

const METHODS: &[Method] = &[
    Method("projects", "list", "GET", "projects", PAGE, "", "ProjectList"),
    Method(
        "projects",
        "getServiceAccount",
        "GET",
        "projects/{+projectId}/serviceAccount",
        &[],
        "",
        "GetServiceAccountResponse",
    ),
    Method("datasets", "insert", "POST", DATASETS, CHANGE_DATASET, "Dataset", "Dataset"),
    Method("datasets", "list", "GET", DATASETS, LIST_DATASETS, "", "DatasetList"),
    Method("datasets", "get", "GET", DATASET, GET_DATASET, "", "Dataset"),
    Method("datasets", "patch", "PATCH", DATASET, CHANGE_DATASET, "Dataset", "Dataset"),
    Method("datasets", "update", "PUT", DATASET, CHANGE_DATASET, "Dataset", "Dataset"),
    Method("datasets", "delete", "DELETE", DATASET, DELETE_DATASET, "", ""),
    Method("tables", "insert", "POST", TABLES, &[], "Table", "Table"),
    Method("tables", "list", "GET", TABLES, PAGE, "", "TableList"),
    Method("tables", "get", "GET", TABLE, GET_TABLE, "", "Table"),
    Method("tables", "patch", "PATCH", TABLE, CHANGE_TABLE, "Table", "Table"),
    Method("tables", "update", "PUT", TABLE, CHANGE_TABLE, "Table", "Table"),
    Method("tables", "delete", "DELETE", TABLE, &[], "", ""),
    Method("tabledata", "list", "GET", DATA, LIST_DATA, "", "TableDataList"),
    Method(
        "tabledata",
        "insertAll",
        "POST",
        INSERT_ALL,
        &[],
        "TableDataInsertAllRequest",
        "TableDataInsertAllResponse",
    ),
    Method(
        "rowAccessPolicies",
        "insert",
        "POST",
        POLICIES,
        &[],
        "RowAccessPolicy",
        "RowAccessPolicy",
    ),
    Method("rowAccessPolicies", "list", "GET", POLICIES, PAGE, "", "ListRowAccessPoliciesResponse"),
    Method("rowAccessPolicies", "get", "GET", POLICY, &[], "", "RowAccessPolicy"),
    Method("rowAccessPolicies", "update", "PUT", POLICY, &[], "RowAccessPolicy", "RowAccessPolicy"),
    Method("rowAccessPolicies", "delete", "DELETE", POLICY, &[("force", "boolean")], "", ""),
    Method("routines", "insert", "POST", ROUTINES, &[], "Routine", "Routine"),
    Method("routines", "list", "GET", ROUTINES, LIST_ROUTINES, "", "ListRoutinesResponse"),
    Method("routines", "get", "GET", ROUTINE, &[("readMask", "string")], "", "Routine"),
    Method("routines", "update", "PUT", ROUTINE, &[], "Routine", "Routine"),
    Method("routines", "delete", "DELETE", ROUTINE, &[], "", ""),
    Method("models", "list", "GET", MODELS, PAGE, "", "ListModelsResponse"),
    Method("models", "get", "GET", MODEL, &[], "", "Model"),
    Method("models", "delete", "DELETE", MODEL, &[], "", ""),
    Method("jobs", "insert", "POST", JOBS, &[], "Job", "Job"),
    Method("jobs", "list", "GET", JOBS, LIST_JOBS, "", "JobList"),
    Method("jobs", "get", "GET", JOB, OF_LOCATION, "", "Job"),
    Method("jobs", "cancel", "POST", CANCEL, OF_LOCATION, "", "JobCancelResponse"),
    Method("jobs", "delete", "DELETE", DELETE_JOB, OF_LOCATION, "", ""),
    Method("jobs", "query", "POST", QUERIES, &[], "QueryRequest", "QueryResponse"),
    Method("jobs", "getQueryResults", "GET", QUERY, RESULTS, "", "GetQueryResultsResponse"),
];

/// Parameters that every method takes.
const COMMON: &[(&str, &str)] = &[
    ("$.xgafv", "string"),
    ("access_token", "string"),
    ("alt", "string"),
    ("callback", "string"),
    ("fields", "string"),
    ("key", "string"),
    ("oauth_token", "string"),
    ("prettyPrint", "boolean"),
    ("quotaUser", "string"),
    ("uploadType", "string"),
    ("upload_protocol", "string"),
    ("userIp", "string"),
];

/// The document, for a server at `base_url`.
pub(super) fn document(base_url: &str) -> Value {
    let mut resources: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> = Map::new();
    for method in METHODS {
        let Method(resource, name, _, _, _, body, answer) = method;
        let entry = resources.entry(*resource).or_insert_with(|| json!({ "methods": {} }));
        entry["methods"][*name] = described(method);
        for schema in [body, answer] {
            if !schema.is_empty() {
                schemas.insert(
                    (*schema).to_owned(),
                    json!({ "id": schema, "type": "object", "properties": {} }),
                );
            }
        }
    }
    json!({
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "bigquery:v2",
        "name": "bigquery",
        "canonicalName": "Bigquery",
        "version": "v2",
        "revision": "0",
        "title": "BigQuery API",
        "description": "The part of the BigQuery API that this emulator serves.",
        "protocol": "rest",
        "rootUrl": format!("{base_url}/"),
        "servicePath": "bigquery/v2/",
        "baseUrl": format!("{base_url}/bigquery/v2/"),
        "basePath": "/bigquery/v2/",
        "batchPath": "batch/bigquery/v2",
        "auth": { "oauth2": { "scopes": {
            "https://www.googleapis.com/auth/bigquery": { "description": "View and manage data" },
            "https://www.googleapis.com/auth/cloud-platform": { "description": "See and edit data" },
        } } },
        "parameters": COMMON.iter().map(parameter).collect::<Map<_, _>>(),
        "schemas": schemas,
        "resources": resources,
    })
}

fn parameter((name, of): &(&str, &str)) -> (String, Value) {
    let described = match *of {
        "repeated" => json!({ "type": "string", "repeated": true, "location": "query" }),
        of => json!({ "type": of, "location": "query" }),
    };
    ((*name).to_owned(), described)
}

fn described(method: &Method) -> Value {
    let Method(resource, name, http, path, parameters, body, answer) = method;
    let mut all: Map<String, Value> = parameters.iter().map(parameter).collect();
    let order: Vec<&str> =
        path.split("{+").skip(1).filter_map(|part| part.split('}').next()).collect();
    for name in &order {
        let described = json!({
            "type": "string", "location": "path", "required": true, "pattern": "^[^/]+$",
        });
        all.insert((*name).to_owned(), described);
    }
    let mut out = json!({
        "id": format!("bigquery.{resource}.{name}"),
        "httpMethod": http,
        "path": path,
        "flatPath": path.replace("{+", "{"),
        "parameters": all,
        "parameterOrder": order,
        "scopes": ["https://www.googleapis.com/auth/bigquery"],
    });
    if !body.is_empty() {
        out["request"] = json!({ "$ref": body });
    }
    if !answer.is_empty() {
        out["response"] = json!({ "$ref": answer });
    }
    if (*resource, *name) == ("jobs", "insert") {
        out["supportsMediaUpload"] = json!(true);
        out["mediaUpload"] = json!({ "accept": ["*/*"], "protocols": {
            "simple": { "multipart": true, "path": format!("/upload/bigquery/v2/{path}") },
            "resumable": {
                "multipart": true, "path": format!("/resumable/upload/bigquery/v2/{path}"),
            },
        } });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_is_to_a_schema() {
        let document = document("http://localhost:1");
        for (name, resource) in document["resources"].as_object().unwrap() {
            for (method, described) in resource["methods"].as_object().unwrap() {
                for part in ["request", "response"] {
                    let Some(reference) = described[part]["$ref"].as_str() else { continue };
                    assert!(
                        document["schemas"].get(reference).is_some(),
                        "{name}.{method}: {reference}"
                    );
                }
            }
        }
        let table = &document["resources"]["tables"]["methods"]["get"];
        assert_eq!(table["parameterOrder"], json!(["projectId", "datasetId", "tableId"]));
    }
}
