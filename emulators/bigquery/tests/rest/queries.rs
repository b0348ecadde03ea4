//! Everything around a query: pages, destinations, the cache, scripts, dry runs, parameters, sessions.

use serde_json::{Value, json};

use crate::client::Client;

/// Asks a query with other fields of the request.
async fn query(client: &Client, text: &str, rest: Value) -> Value {
    client.ok("POST", "queries", request(text, rest)).await
}

fn request(text: &str, rest: Value) -> Value {
    let mut body = json!({ "query": text, "useLegacySql": false });
    for (name, value) in rest.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A query of the numbers from 1 on.
fn numbers_to(count: i64) -> String {
    format!("SELECT n FROM UNNEST(GENERATE_ARRAY(1, {count})) AS n ORDER BY n")
}

fn id(answer: &Value) -> &str {
    answer["jobReference"]["jobId"].as_str().unwrap()
}

fn numbers(answer: &Value) -> Vec<i64> {
    let rows = answer["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["f"][0]["v"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_result_is_read_by_page() {
    let client = Client::new();
    let first = query(&client, &numbers_to(5), json!({ "maxResults": 2 })).await;
    assert_eq!(numbers(&first), [1, 2]);
    assert_eq!((&first["totalRows"], &first["jobComplete"]), (&json!("5"), &json!(true)));
    let token = first["pageToken"].as_str().unwrap();
    let path = format!("queries/{}?maxResults=2&pageToken={token}&location=US", id(&first));
    let second = client.ok("GET", &path, Value::Null).await;
    assert_eq!(numbers(&second), [3, 4]);
    let path = format!("queries/{}?startIndex=4&timeoutMs=0", id(&first));
    let last = client.ok("GET", &path, Value::Null).await;
    assert_eq!((numbers(&last), last.get("pageToken")), (vec![5], None));
    let none = query(&client, &numbers_to(5), json!({ "maxResults": 0 })).await;
    assert_eq!((none.get("rows"), none["pageToken"].as_str()), (None, Some("0")));
    let empty = query(&client, "SELECT 1 AS n LIMIT 0", json!({})).await;
    assert_eq!((&empty["totalRows"], empty.get("pageToken")), (&json!("0"), None));
    assert_eq!(empty["schema"]["fields"][0]["name"], "n");
}

#[tokio::test]
async fn an_anonymous_result_is_a_table_that_lists_do_not_show() {
    let client = Client::new();
    let job = client.job(json!({ "query": { "query": numbers_to(3) } })).await;
    let table = &job["configuration"]["query"]["destinationTable"];
    let dataset = table["datasetId"].as_str().unwrap();
    assert!(dataset.starts_with('_'), "{dataset}");
    let path = format!("datasets/{dataset}/tables/{}/data", table["tableId"].as_str().unwrap());
    assert_eq!(numbers(&client.ok("GET", &path, Value::Null).await), [1, 2, 3]);
    let listed = client.ok("GET", "datasets", Value::Null).await;
    assert_eq!(listed["datasets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_an_http_error() {
    let client = Client::new();
    let job = json!({ "configuration": { "query": { "query": "SELECT" } } });
    for (path, body) in [("queries", request("SELECT", json!({}))), ("jobs", job)] {
        let (status, answer) = client.call("POST", path, body).await;
        let error = &answer["error"]["errors"][0];
        assert_eq!((status, &error["reason"]), (400, &json!("invalidQuery")), "{answer}");
        assert_eq!(error["location"], "query");
    }
    let jobs = client.ok("GET", "jobs", Value::Null).await;
    assert_eq!(jobs["jobs"][0]["errorResult"]["reason"], "invalidQuery");
    let path = format!("queries/{}", id(&jobs["jobs"][0]));
    assert_eq!(client.call("GET", &path, Value::Null).await.0, 400);
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let text = "INSERT d.t (n) VALUES (1)";
    let configuration = json!({ "dryRun": true, "query": { "query": text } });
    let job = client.job(configuration).await;
    assert_eq!(job["jobReference"].get("jobId"), None);
    assert_eq!(job["status"]["state"], "DONE");
    assert_eq!(job["statistics"]["query"]["statementType"], "INSERT");
    let answer = query(&client, &numbers_to(3), json!({ "dryRun": true })).await;
    assert_eq!(answer["schema"]["fields"][0]["name"], "n");
    assert_eq!((&answer["jobComplete"], answer.get("rows")), (&json!(true), None));
    assert_eq!(client.ok("GET", "jobs", Value::Null).await.get("jobs"), None);
    assert_eq!(client.rows("t").await, Vec::<Value>::new());
}

fn into(table: &str, rest: Value) -> Value {
    let destination = json!({ "projectId": "p", "datasetId": "d", "tableId": table });
    let mut query = json!({ "destinationTable": destination });
    for (name, value) in rest.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

#[tokio::test]
async fn a_result_goes_into_its_table() {
    let client = Client::new();
    query(&client, "SELECT 1 AS n", into("t", json!({}))).await;
    let append = json!({ "writeDisposition": "WRITE_APPEND" });
    let all = query(&client, &numbers_to(2), into("t", append.clone())).await;
    assert_eq!(numbers(&all), [1, 1, 2], "the result is what the table holds then");
    let body = request("SELECT 1 AS n", into("t", json!({})));
    let refused = client.refused("POST", "queries", body).await;
    assert_eq!(refused, (409, "duplicate".into(), "Already Exists: Table p:d.t".into()));
    let body = request("SELECT 7 AS shape", into("t", append.clone()));
    let refused = client.refused("POST", "queries", body).await;
    let text = "Invalid schema update. Cannot add fields (field: shape)";
    assert_eq!(refused, (400, "invalid".into(), text.into()));
    let mut widening = append;
    widening["schemaUpdateOptions"] = json!(["ALLOW_FIELD_ADDITION"]);
    let all = query(&client, "SELECT 7 AS shape", into("t", widening)).await;
    assert_eq!(all["rows"][3]["f"], json!([{ "v": null }, { "v": "7" }]));
    let never = json!({ "createDisposition": "CREATE_NEVER" });
    let body = request("SELECT 1 AS n", into("nothing", never));
    let refused = client.refused("POST", "queries", body).await;
    assert_eq!(refused, (404, "notFound".into(), "Not found: Table p:d.nothing".into()));
}

#[tokio::test]
async fn a_query_that_is_asked_again_is_not_run_again() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    client.insert("t", &[json!({ "n": 1 })]).await;
    let rest = json!({ "defaultDataset": { "datasetId": "d" } });
    let text = "SELECT COUNT(n) AS n FROM t";
    let first = query(&client, text, rest.clone()).await;
    assert_eq!((&first["cacheHit"], &first["totalBytesProcessed"]), (&json!(false), &json!("8")));
    assert_eq!(first["totalBytesBilled"], "10485760");
    let again = query(&client, text, rest.clone()).await;
    assert_eq!((&again["cacheHit"], &again["totalBytesProcessed"]), (&json!(true), &json!("0")));
    assert_eq!(numbers(&again), [1]);
    let mut fresh = rest.clone();
    fresh["useQueryCache"] = json!(false);
    assert_eq!(query(&client, text, fresh).await["cacheHit"], false);
    client.insert("t", &[json!({ "n": 2 })]).await;
    let changed = query(&client, text, rest).await;
    assert_eq!((numbers(&changed), &changed["cacheHit"]), (vec![2], &json!(false)));
    let request = json!({ "requestId": "once" });
    let first = query(&client, "SELECT RAND()", request.clone()).await;
    let again = query(&client, "SELECT RAND()", request).await;
    assert_eq!((id(&first), &first["rows"]), (id(&again), &again["rows"]));
}

#[tokio::test]
async fn statements_of_a_script_are_jobs_of_their_own() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let text = "INSERT d.t (n) VALUES (1), (2); SELECT n FROM d.t ORDER BY n";
    let answer = query(&client, text, json!({})).await;
    assert_eq!((numbers(&answer), &answer["statementType"]), (vec![1, 2], &json!("SCRIPT")));
    let parent = client.ok("GET", &format!("jobs/{}", id(&answer)), Value::Null).await;
    assert_eq!(parent["statistics"]["numChildJobs"], "2");
    let path = format!("jobs?projection=full&parentJobId={}", id(&answer));
    let children = client.ok("GET", &path, Value::Null).await;
    let types: Vec<&Value> = children["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["statistics"]["query"]["statementType"])
        .collect();
    assert_eq!(types, ["SELECT", "INSERT"]);
    let select = &children["jobs"][0];
    assert_eq!(select["configuration"]["query"]["query"], "SELECT n FROM d.t ORDER BY n");
    let script = &select["statistics"]["scriptStatistics"];
    assert_eq!(script["evaluationKind"], "STATEMENT");
    let expected = json!([{
        "startLine": 1, "startColumn": 33, "endLine": 1, "endColumn": 61,
        "text": "SELECT n FROM d.t ORDER BY n",
    }]);
    assert_eq!(script["stackFrames"], expected);
    let time = |job: &Value| job["statistics"]["creationTime"].as_str().unwrap().to_owned();
    assert!(time(select) > time(&children["jobs"][1]), "clients sort children by time");
    let path = format!("queries/{}?location=US", id(select));
    assert_eq!(numbers(&client.ok("GET", &path, Value::Null).await), [1, 2]);
    let table = &select["configuration"]["query"]["destinationTable"];
    let path = format!(
        "datasets/{}/tables/{}/data",
        table["datasetId"].as_str().unwrap(),
        table["tableId"].as_str().unwrap()
    );
    assert_eq!(client.ok("GET", &path, Value::Null).await["totalRows"], "2");
    let listed = client.ok("GET", "jobs", Value::Null).await;
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn statements_of_procedures_name_their_callers() {
    let client = Client::new();
    let made = "CREATE PROCEDURE d.twice(x INT64) BEGIN SELECT x * 2 AS n; END";
    query(&client, made, json!({})).await;
    let text = "EXECUTE IMMEDIATE 'SELECT 1 AS n';\n  CALL d.twice(4);";
    let answer = query(&client, text, json!({})).await;
    assert_eq!(numbers(&answer), [8]);
    let path = format!("jobs?projection=full&parentJobId={}", id(&answer));
    let children = client.ok("GET", &path, Value::Null).await;
    let frames = |index: usize| {
        let frames = &children["jobs"][index]["statistics"]["scriptStatistics"]["stackFrames"];
        let frame = |it: &Value| (it["procedureId"].clone(), it["startLine"].clone());
        frames.as_array().unwrap().iter().map(frame).collect::<Vec<_>>()
    };
    assert_eq!(frames(1), [(Value::Null, json!(1)), (Value::Null, json!(1))]);
    assert_eq!(frames(0), [(json!("d.twice"), json!(1)), (Value::Null, json!(2))]);
}

#[tokio::test]
async fn a_query_says_the_bytes_of_the_columns_that_it_reads() {
    let client = Client::new();
    let columns = json!([{ "name": "n", "type": "INTEGER" }, { "name": "s", "type": "STRING" }]);
    client.table("t", columns).await;
    client.insert("t", &[json!({ "n": 1, "s": "four" })]).await;
    for (columns, bytes) in [("n", "8"), ("s", "6"), ("*", "14"), ("COUNT(*)", "0")] {
        let text = format!("SELECT {columns} FROM d.t");
        let dry = query(&client, &text, json!({ "dryRun": true })).await;
        let ran = query(&client, &text, json!({ "useQueryCache": false })).await;
        assert_eq!(
            (&dry["totalBytesProcessed"], &ran["totalBytesProcessed"]),
            (&json!(bytes), &json!(bytes)),
            "{text}"
        );
    }
}

#[tokio::test]
async fn dml_says_what_it_did() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    let answer = query(&client, "INSERT d.t (n) VALUES (1), (2)", json!({})).await;
    assert_eq!(answer["numDmlAffectedRows"], "2");
    assert_eq!(answer["dmlStats"], json!({ "insertedRowCount": "2" }));
    assert_eq!(answer.get("rows"), None);
}

#[tokio::test]
async fn parameters_sessions_and_labels() {
    let client = Client::new();
    let parameter = json!({ "name": "x", "parameterType": { "type": "INT64" },
        "parameterValue": { "value": 42 } });
    let rest = json!({ "parameterMode": "NAMED", "queryParameters": [parameter],
        "labels": { "team": "a" }, "createSession": true, "jobCreationMode": 2 });
    let answer = query(&client, "SELECT @x AS x", rest).await;
    assert_eq!(numbers(&answer), [42]);
    let job = client.ok("GET", &format!("jobs/{}", id(&answer)), Value::Null).await;
    let configuration = &job["configuration"];
    assert_eq!(configuration["labels"], json!({ "team": "a" }));
    let given = &configuration["query"]["queryParameters"][0]["parameterValue"]["value"];
    assert_eq!(given, "42");
    let session = &job["statistics"]["sessionInfo"]["sessionId"];
    assert_eq!(session, &answer["sessionInfo"]["sessionId"]);
    let property = json!([{ "key": "session_id", "value": session }]);
    let answer = query(&client, "SELECT 1", json!({ "connectionProperties": property })).await;
    assert_eq!(&answer["sessionInfo"]["sessionId"], session);
}

#[tokio::test]
async fn a_session_ends_when_its_script_says_so() {
    let client = Client::new();
    let answer = query(&client, "SELECT 1", json!({ "createSession": true })).await;
    let session = &answer["sessionInfo"]["sessionId"];
    let property = json!([{ "key": "session_id", "value": session }]);
    let rest = json!({ "connectionProperties": property });
    query(&client, "CALL BQ.ABORT_SESSION()", rest).await;
    let mut body = json!({ "query": "SELECT 1", "useLegacySql": false });
    body["connectionProperties"] = property;
    let refused = client.refused("POST", "queries", body).await;
    assert_eq!(refused, (400, "invalid".into(), "Invalid input session id.".into()));
}

#[tokio::test]
async fn a_query_costs_no_more_than_it_may() {
    let client = Client::new();
    client.table("t", json!([{ "name": "n", "type": "INTEGER" }])).await;
    client.insert("t", &[json!({ "n": 1 })]).await;
    let mut body = json!({ "query": "SELECT n FROM d.t", "useLegacySql": false });
    body["maximumBytesBilled"] = json!("1000000");
    let (_, reason, message) = client.refused("POST", "queries", body.clone()).await;
    assert_eq!(reason, "bytesBilledLimitExceeded");
    assert!(message.ends_with("1000000. 10485760 or higher required."), "{message}");
    body["maximumBytesBilled"] = json!("10485760");
    client.ok("POST", "queries", body).await;
}
