//! Datasets, projects, routines and the discovery document.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::client::Client;

#[tokio::test]
async fn a_dataset_is_changed_in_part_or_as_a_whole() {
    let client = Client::new();
    let labels = json!({ "labels": { "team": "a", "tier": "1" }, "description": "first" });
    client.ok("PATCH", "datasets/d", labels).await;
    let patch = json!({ "labels": { "tier": null }, "friendlyName": "D" });
    let changed = client.ok("PATCH", "datasets/d", patch).await;
    assert_eq!(changed["labels"], json!({ "team": "a" }));
    assert_eq!((&changed["description"], &changed["friendlyName"]), (&json!("first"), &json!("D")));
    let replaced = client.ok("PUT", "datasets/d", json!({ "description": "second" })).await;
    assert_eq!(replaced.get("labels"), None);
    assert_eq!(replaced["description"], "second");
    assert_eq!(client.ok("GET", "datasets/d", Value::Null).await, replaced);
}

#[tokio::test]
async fn a_change_on_an_old_state_is_refused() {
    let client = Client::new();
    let etag = client.ok("GET", "datasets/d", Value::Null).await["etag"].clone();
    let patch = |etag: &str| {
        Request::builder()
            .method("PATCH")
            .uri("/bigquery/v2/projects/p/datasets/d")
            .header("if-match", etag)
            .body(Body::from(r#"{"description": "x"}"#))
            .unwrap()
    };
    assert_eq!(client.send(patch(etag.as_str().unwrap())).await.0, 200);
    let (status, _, body) = client.send(patch(etag.as_str().unwrap())).await;
    assert_eq!(status, 412, "{body}");
    assert_eq!(body["error"]["errors"][0]["reason"], "conditionNotMet");
}

#[tokio::test]
async fn datasets_are_listed_by_page_and_label() {
    let client = Client::new();
    for (name, team) in [("a", "red"), ("b", "blue"), ("c", "red"), ("_hidden", "red")] {
        let body = json!({ "datasetReference": { "datasetId": name }, "labels": { "team": team } });
        client.ok("POST", "datasets", body).await;
    }
    let names = |answer: &Value| -> Vec<String> {
        let all = answer["datasets"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|it| it["datasetReference"]["datasetId"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = client.ok("GET", "datasets?maxResults=3", Value::Null).await;
    assert_eq!(names(&first), ["a", "b", "c"]);
    let token = first["nextPageToken"].as_str().unwrap();
    let path = format!("datasets?maxResults=3&pageToken={token}");
    assert_eq!(names(&client.ok("GET", &path, Value::Null).await), ["d"]);
    let red = client.ok("GET", "datasets?filter=labels.team:red", Value::Null).await;
    assert_eq!(names(&red), ["a", "c"]);
    let all = client.ok("GET", "datasets?all=true&filter=labels.team:red", Value::Null).await;
    assert_eq!(names(&all), ["_hidden", "a", "c"]);
}

#[tokio::test]
async fn a_dataset_with_tables_is_deleted_on_demand_only() {
    let client = Client::new();
    client.table("t", json!([])).await;
    let refused = client.refused("DELETE", "datasets/d", Value::Null).await;
    assert_eq!(refused, (400, "resourceInUse".into(), "Dataset p:d is still in use".into()));
    client.ok("DELETE", "datasets/d?deleteContents=true", Value::Null).await;
    let refused = client.refused("GET", "datasets/d/tables/t", Value::Null).await;
    assert_eq!(refused, (404, "notFound".into(), "Not found: Dataset p:d".into()));
}

#[tokio::test]
async fn routines_are_kept() {
    let client = Client::new();
    let routine = json!({
        "routineReference": { "routineId": "double" },
        "routineType": "SCALAR_FUNCTION",
        "arguments": [{ "name": "x", "dataType": { "typeKind": "INT64" } }],
        "definitionBody": "x * 2",
    });
    let made = client.ok("POST", "datasets/d/routines", routine.clone()).await;
    assert_eq!((&made["language"], &made["definitionBody"]), (&json!("SQL"), &json!("x * 2")));
    let refused = client.refused("POST", "datasets/d/routines", routine).await;
    assert_eq!(refused.0, 409);
    let listed = client.ok("GET", "datasets/d/routines", Value::Null).await;
    assert_eq!(listed["routines"][0]["routineReference"]["routineId"], "double");
    client.ok("DELETE", "datasets/d/routines/double", Value::Null).await;
    let refused = client.refused("GET", "datasets/d/routines/double", Value::Null).await;
    assert_eq!(refused, (404, "notFound".into(), "Not found: Routine p:d.double".into()));
}

#[tokio::test]
async fn what_is_not_served_is_named() {
    let client = Client::new();
    let refused = client.refused("POST", "datasets/d:undelete", json!({})).await;
    assert_eq!((refused.0, refused.1.as_str()), (501, "notImplemented"));
    assert!(refused.2.contains("datasets/d:undelete"), "{}", refused.2);
    let body = json!({ "tableReference": { "tableId": "x" },
        "externalDataConfiguration": { "sourceFormat": "CSV" } });
    let refused = client.refused("POST", "datasets/d/tables", body).await;
    assert!(refused.2.contains("externalDataConfiguration"), "{}", refused.2);
}

#[tokio::test]
async fn the_discovery_document_names_this_server() {
    let client = Client::new();
    let request = Request::builder()
        .uri("/$discovery/rest?version=v2")
        .header("host", "localhost:1234")
        .body(Body::empty())
        .unwrap();
    let (status, _, document) = client.send(request).await;
    assert_eq!(status, 200);
    assert_eq!(document["rootUrl"], "http://localhost:1234/");
    assert!(document["resources"]["jobs"]["methods"]["insert"]["mediaUpload"].is_object());
}
