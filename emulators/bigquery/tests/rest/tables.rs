//! Tables, their rows, partitions and policies.

use serde_json::{Value, json};
use windtunnel_bigquery::ObjectStore;

use crate::client::Client;

#[tokio::test]
async fn a_table_grows_columns_and_keeps_its_rows() {
    let client = Client::new();
    let id = json!({ "name": "id", "type": "INTEGER", "mode": "REQUIRED" });
    client.table("t", json!([id])).await;
    client.insert("t", &[json!({ "id": 1 })]).await;
    let relaxed = json!({ "name": "id", "type": "INTEGER" });
    let tags = json!({ "name": "tags", "type": "STRING", "mode": "REPEATED" });
    let patch = json!({ "schema": { "fields": [relaxed, tags] }, "description": "wider" });
    let changed = client.ok("PATCH", "datasets/d/tables/t", patch).await;
    assert_eq!(changed["schema"]["fields"][0]["mode"], "NULLABLE");
    client.insert("t", &[json!({ "tags": ["x"] })]).await;
    let expected = [json!(["1", []]), json!([null, [{ "v": "x" }]])];
    assert_eq!(client.rows("t").await, expected);
    let narrower = json!({ "schema": { "fields": [{ "name": "id", "type": "INTEGER" }] } });
    let refused = client.refused("PATCH", "datasets/d/tables/t", narrower).await;
    let text = "Provided Schema does not match Table p:d.t. Field tags is missing in new schema";
    assert_eq!(refused, (400, "invalid".into(), text.into()));
}

#[tokio::test]
async fn rows_are_listed_by_page_and_column() {
    let client = Client::new();
    let fields = json!([
        { "name": "n", "type": "INTEGER" },
        { "name": "r", "type": "RECORD", "fields": [
            { "name": "x", "type": "DATE" }, { "name": "y", "type": "NUMERIC" } ] },
    ]);
    client.table("t", fields).await;
    let row = |n: i64| json!({ "n": n, "r": { "x": "2024-01-15", "y": "1.50" } });
    client.insert("t", &[row(1), row(2), row(3)]).await;
    let path = "datasets/d/tables/t/data?startIndex=1&maxResults=1&selectedFields=r.y,n";
    let page = client.ok("GET", path, Value::Null).await;
    let expected = json!([{ "f": [{ "v": "2" }, { "v": { "f": [{ "v": "1.5" }] } }] }]);
    assert_eq!(page["rows"], expected);
    assert_eq!((&page["totalRows"], &page["pageToken"]), (&json!("3"), &json!("2")));
    let none = client.ok("GET", "datasets/d/tables/t/data?maxResults=0", Value::Null).await;
    assert_eq!(none.get("rows"), None);
    let refused = client.refused("GET", "datasets/d/tables/t/data?selectedFields=q", Value::Null);
    assert_eq!(refused.await.0, 400);
}

#[tokio::test]
async fn partitions_are_read_written_and_deleted_by_decorator() {
    let client = Client::new();
    let table = json!({
        "tableReference": { "tableId": "t" },
        "schema": { "fields": [{ "name": "n", "type": "INTEGER" }] },
        "timePartitioning": { "type": "DAY" },
    });
    client.ok("POST", "datasets/d/tables", table).await;
    client.insert("t$20240115", &[json!({ "n": 1 }), json!({ "n": 2 })]).await;
    client.insert("t$20240116", &[json!({ "n": 3 })]).await;
    assert_eq!(client.rows("t$20240115").await, [json!(["1"]), json!(["2"])]);
    assert_eq!(client.rows("t$20240117").await, Vec::<Value>::new());
    let partitions = client.rows("t$__PARTITIONS_SUMMARY__").await;
    let ids: Vec<&Value> = partitions.iter().map(|row| &row[3]).collect();
    assert_eq!(ids, ["20240115", "20240116"]);
    // Clients read the list by the name that the answer has.
    let path = "datasets/d/tables/t$__PARTITIONS_SUMMARY__";
    let summary = client.ok("GET", path, Value::Null).await;
    assert_eq!(summary["tableReference"]["tableId"], "t$__PARTITIONS_SUMMARY__");
    assert_eq!(summary["schema"]["fields"][3]["name"], "partition_id");
    client.ok("DELETE", "datasets/d/tables/t$20240115", Value::Null).await;
    assert_eq!(client.rows("t").await, [json!(["3"])]);
    client.table("whole", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let path = "datasets/d/tables/whole$20240115/data";
    let (status, _, text) = client.refused("GET", path, Value::Null).await;
    assert_eq!(status, 400);
    assert!(text.contains("not partitioned"), "{text}");
}

#[tokio::test]
async fn a_table_shows_the_columns_that_are_asked_for() {
    let client = Client::new();
    let record = json!({ "name": "r", "type": "RECORD", "fields": [
        { "name": "x", "type": "FLOAT" }, { "name": "y", "type": "STRING" } ] });
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }, record])).await;
    let path = "datasets/d/tables/t?selectedFields=r.y";
    let schema = &client.ok("GET", path, Value::Null).await["schema"]["fields"];
    assert_eq!((&schema[0]["name"], schema.get(1)), (&json!("r"), None));
    assert_eq!(schema[0]["fields"].as_array().unwrap().len(), 1);
    let path = "datasets/d/tables/t?selectedFields=nope";
    assert_eq!(client.refused("GET", path, Value::Null).await.0, 400);
}

#[tokio::test]
async fn rows_of_a_column_partition_must_be_of_it() {
    let client = Client::new();
    let table = json!({
        "tableReference": { "tableId": "t" },
        "schema": { "fields": [{ "name": "day", "type": "DATE" }] },
        "timePartitioning": { "field": "day" },
    });
    let made = client.ok("POST", "datasets/d/tables", table).await;
    assert_eq!(made["timePartitioning"]["type"], "DAY");
    client.insert("t$20240115", &[json!({ "day": "2024-01-15" })]).await;
    let rows = json!({ "rows": [{ "json": { "day": "2024-01-16" } }] });
    let path = "datasets/d/tables/t$20240115/insertAll";
    let (status, _, text) = client.refused("POST", path, rows).await;
    assert_eq!(status, 400);
    assert!(text.contains("different partitions"), "{text}");
}

#[tokio::test]
async fn rows_with_an_id_that_is_known_come_once() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let path = "datasets/d/tables/t/insertAll";
    let row = |id: &str, n: Value| json!({ "insertId": id, "json": { "n": n } });
    let refused = json!({ "rows": [row("a", json!(1)), row("b", json!("x"))] });
    client.ok("POST", path, refused).await;
    assert_eq!(client.rows("t").await, Vec::<Value>::new());
    let rows = json!({ "rows": [row("a", json!(1)), row("b", json!(2)), row("a", json!(1))] });
    for _ in 0..2 {
        client.ok("POST", path, rows.clone()).await;
        assert_eq!(client.rows("t").await, [json!(["1"]), json!(["2"])]);
    }
    // A table that is made anew knows no ids.
    client.ok("DELETE", "datasets/d/tables/t", Value::Null).await;
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    client.ok("POST", path, rows).await;
    assert_eq!(client.rows("t").await, [json!(["1"]), json!(["2"])]);
}

#[tokio::test]
async fn a_template_makes_tables() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let rows = json!({ "templateSuffix": "_20240115", "rows": [{ "json": { "n": 1 } }] });
    for _ in 0..2 {
        client.ok("POST", "datasets/d/tables/t/insertAll", rows.clone()).await;
    }
    assert_eq!(client.rows("t_20240115").await.len(), 2);
    assert_eq!(client.rows("t").await, Vec::<Value>::new());
}

#[tokio::test]
async fn views_are_resources() {
    let client = Client::new();
    let view = json!({
        "tableReference": { "tableId": "v" },
        "schema": { "fields": [{ "name": "n", "type": "INTEGER" }] },
        "view": { "query": "SELECT 1 AS n", "useLegacySql": false },
    });
    let made = client.ok("POST", "datasets/d/tables", view).await;
    assert_eq!((&made["type"], &made["view"]["query"]), (&json!("VIEW"), &json!("SELECT 1 AS n")));
    let listed = client.ok("GET", "datasets/d/tables", Value::Null).await;
    assert_eq!(listed["tables"][0]["type"], "VIEW");
    assert_eq!(listed["totalItems"], 1);
    let refused = client.refused("GET", "datasets/d/tables/v/data", Value::Null).await;
    assert_eq!(refused.2, "Cannot list a table of type VIEW.");
    let rows = json!({ "rows": [{ "json": { "n": 1 } }] });
    assert_eq!(client.refused("POST", "datasets/d/tables/v/insertAll", rows).await.0, 400);
}

#[tokio::test]
async fn row_access_policies_are_kept() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let policies = "datasets/d/tables/t/rowAccessPolicies";
    let policy = json!({
        "rowAccessPolicyReference": { "policyId": "mine" },
        "filterPredicate": "n = 1", "grantees": ["user:a@b.c"],
    });
    client.ok("POST", policies, policy.clone()).await;
    assert_eq!(client.refused("POST", policies, policy).await.0, 409);
    let listed = client.ok("GET", policies, Value::Null).await;
    assert_eq!(listed["rowAccessPolicies"][0]["filterPredicate"], "n = 1");
    let one = format!("{policies}/mine");
    let changed = json!({ "filterPredicate": "n = 2", "grantees": [] });
    client.ok("PUT", &one, changed).await;
    assert_eq!(client.ok("GET", &one, Value::Null).await["filterPredicate"], "n = 2");
    client.ok("DELETE", &one, Value::Null).await;
    assert_eq!(client.refused("GET", &one, Value::Null).await.0, 404);
}

#[tokio::test]
async fn an_insert_says_which_rows_are_wrong() {
    let client = Client::new();
    let price = json!({ "name": "price", "type": "NUMERIC", "precision": "4", "scale": "2" });
    client.table("t", json!([price])).await;
    let rows = json!({ "rows": [
        { "json": { "price": "12.345" } }, { "json": { "price": "123" } },
    ] });
    let answer = client.ok("POST", "datasets/d/tables/t/insertAll", rows.clone()).await;
    let errors = answer["insertErrors"].as_array().unwrap();
    assert_eq!(errors[0]["errors"][0]["reason"], "stopped");
    assert_eq!(errors[1]["errors"][0]["reason"], "invalid");
    let mut skipping = rows;
    skipping["skipInvalidRows"] = json!(true);
    client.ok("POST", "datasets/d/tables/t/insertAll", skipping).await;
    assert_eq!(client.rows("t").await, [json!(["12.35"])]);
}

#[tokio::test]
async fn columns_that_are_left_out_get_their_defaults() {
    let client = Client::new();
    let fields = json!([
        { "name": "n", "type": "INTEGER" },
        { "name": "s", "type": "STRING", "mode": "REQUIRED",
          "defaultValueExpression": "CONCAT('a', 'b')" },
    ]);
    client.table("t", fields).await;
    client.insert("t", &[json!({ "n": 1 }), json!({ "n": 2, "s": "x" })]).await;
    assert_eq!(client.rows("t").await, [json!(["1", "ab"]), json!(["2", "x"])]);
    let rows = json!({ "rows": [{ "json": { "s": null } }] });
    let answer = client.ok("POST", "datasets/d/tables/t/insertAll", rows).await;
    let message = &answer["insertErrors"][0]["errors"][0]["message"];
    assert_eq!(message, "Missing required field: s.");
    client.objects.put("b", "x.csv", "3\n".into()).unwrap();
    let load = json!({
        "destinationTable": { "projectId": "p", "datasetId": "d", "tableId": "t" },
        "sourceUris": ["gs://b/x.csv"],
        "schema": { "fields": [{ "name": "n", "type": "INTEGER" }] },
    });
    let job = client.job(json!({ "load": load })).await;
    assert_eq!(job["status"], json!({ "state": "DONE" }), "{job}");
    assert_eq!(client.rows("t").await[2], json!(["3", "ab"]));
}
