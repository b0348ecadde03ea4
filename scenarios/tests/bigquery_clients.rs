//! Goal: queries, load jobs and extract jobs of `gcp-bigquery-client` do on the emulator what they do on
//! BigQuery, the reference pipeline's two queries among them. Method: one suite a test, on free ports.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::pin::pin;

use gcp_bigquery_client::Client;
use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::get_query_results_parameters::GetQueryResultsParameters;
use gcp_bigquery_client::model::job::Job;
use gcp_bigquery_client::model::job_configuration_query::JobConfigurationQuery;
use gcp_bigquery_client::model::query_request::QueryRequest;
use gcp_bigquery_client::model::table::Table;
use gcp_bigquery_client::model::table_data_insert_all_request::TableDataInsertAllRequest;
use gcp_bigquery_client::model::table_row::TableRow;
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_gcp::world::{self, ReferenceNames};

const PROJECT: &str = "test-project";

/// The suite with the reference pipeline's resources, and a client.
struct World {
    suite: Suite,
    endpoints: Endpoints,
    client: Client,
}

impl World {
    async fn start() -> Self {
        let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
        let endpoints = endpoints_of(&suite);
        world::create(&endpoints, &ReferenceNames::for_project(PROJECT), None).await.unwrap();
        let client = endpoints.bigquery().await.unwrap();
        Self { suite, endpoints, client }
    }

    /// The rows of a query, each a list of cells.
    async fn query(&self, request: QueryRequest) -> Result<Vec<Vec<Value>>, BQError> {
        let answer = self.client.job().query(PROJECT, request).await?;
        assert_eq!(answer.job_complete, Some(true));
        Ok(cells(answer.rows.unwrap_or_default()))
    }

    async fn rows(&self, text: &str) -> Vec<Vec<Value>> {
        self.query(QueryRequest::new(text)).await.unwrap()
    }

    async fn refused(&self, text: &str) -> String {
        self.query(QueryRequest::new(text)).await.unwrap_err().to_string()
    }

    /// Runs a job that is given as REST has it, and waits until it is done.
    async fn run(&self, configuration: Value) -> Value {
        let job: Job = serde_json::from_value(json!({ "configuration": configuration })).unwrap();
        let jobs = self.client.job();
        let mut job = jobs.insert(PROJECT, job).await.unwrap();
        let id = job.job_reference.clone().unwrap().job_id.unwrap();
        while job.status.as_ref().unwrap().state.as_deref() != Some("DONE") {
            job = jobs.get_job(PROJECT, &id, Some("US")).await.unwrap();
        }
        serde_json::to_value(job).unwrap()
    }

    async fn table(&self, name: &str, rest: Value) {
        let mut table = rest;
        table["tableReference"] =
            json!({ "projectId": PROJECT, "datasetId": "events_dataset", "tableId": name });
        let table: Table = serde_json::from_value(table).unwrap();
        self.client.table().create(table).await.unwrap();
    }

    async fn insert(&self, table: &str, rows: &[Value]) {
        let mut request = TableDataInsertAllRequest::new();
        for row in rows {
            request.add_row(None, row).unwrap();
        }
        let data = self.client.tabledata();
        let answer = data.insert_all(PROJECT, "events_dataset", table, request).await.unwrap();
        assert!(answer.insert_errors.is_none(), "{:?}", answer.insert_errors);
    }
}

fn cells(rows: Vec<TableRow>) -> Vec<Vec<Value>> {
    let of = |row: TableRow| {
        row.columns.unwrap_or_default().into_iter().map(|cell| cell.value.unwrap_or_default())
    };
    rows.into_iter().map(|row| of(row).collect()).collect()
}

/// The first of the reference pipeline's queries, on its table, which a column partitions.
#[tokio::test]
async fn events_of_today_are_counted_by_type() {
    let world = World::start().await;
    let made = "INSERT INTO `test-project.events_dataset.events` \
                (event_id, event_timestamp, event_type, device_id, prediction_score) VALUES \
                ('a', CURRENT_TIMESTAMP(), 'click', 'd', 0.25), \
                ('b', CURRENT_TIMESTAMP(), 'click', 'd', 0.75), \
                ('c', CURRENT_TIMESTAMP(), 'view', 'd', NULL), \
                ('d', TIMESTAMP '2024-01-01', 'click', 'd', 1.0)";
    world.rows(made).await;
    let text = "SELECT event_type, COUNT(*) AS event_count, AVG(prediction_score) AS avg_prediction \
                FROM `test-project.events_dataset.events` \
                WHERE DATE(event_timestamp) = CURRENT_DATE() GROUP BY event_type";
    let mut rows = world.rows(text).await;
    rows.sort_by_key(|row| row[0].to_string());
    let expected = [
        vec![json!("click"), json!("2"), json!("0.5")],
        vec![json!("view"), json!("1"), json!(null)],
    ];
    assert_eq!(rows, expected);
    world.suite.shutdown().await;
}

/// The second: `_PARTITIONTIME` is a column of tables that the time of ingestion partitions, of no others.
#[tokio::test]
async fn the_time_of_a_partition_is_known_where_ingestion_makes_it() {
    let world = World::start().await;
    let of = |table: &str| {
        format!(
            "SELECT * FROM `test-project.events_dataset.{table}` WHERE event_type = 'click' AND \
             _PARTITIONTIME > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)"
        )
    };
    let refused = world.refused(&of("events")).await;
    assert!(refused.contains("Unrecognized name: _PARTITIONTIME at [1:83]"), "{refused}");
    let columns = json!([
        { "name": "event_id", "type": "STRING" }, { "name": "event_type", "type": "STRING" },
    ]);
    let ingested =
        json!({ "schema": { "fields": columns }, "timePartitioning": { "type": "DAY" } });
    world.table("ingested", ingested).await;
    let rows = [("a", "click"), ("b", "view")];
    let rows = rows.map(|(id, event_type)| json!({ "event_id": id, "event_type": event_type }));
    world.insert("ingested", &rows).await;
    assert_eq!(world.rows(&of("ingested")).await, [[json!("a"), json!("click")]]);
    world.table("plain", json!({ "schema": { "fields": columns } })).await;
    let refused = world.refused(&of("plain")).await;
    assert!(refused.contains("Unrecognized name: _PARTITIONTIME"), "{refused}");
    world.suite.shutdown().await;
}

#[tokio::test]
async fn queries_take_parameters_and_answer_page_by_page() {
    let world = World::start().await;
    let parameter = |name: &str, of: Value, value: Value| json!({ "name": name, "parameterType": of, "parameterValue": value });
    let request = json!({
        "query": "SELECT CONCAT(@name, '!') AS greeting, (SELECT SUM(n) FROM UNNEST(@numbers) AS n)",
        "useLegacySql": false,
        "parameterMode": "NAMED",
        "queryParameters": [
            parameter("name", json!({ "type": "STRING" }), json!({ "value": "O'Hara" })),
            parameter(
                "numbers",
                json!({ "type": "ARRAY", "arrayType": { "type": "INT64" } }),
                json!({ "arrayValues": [{ "value": "40" }, { "value": "2" }] }),
            ),
        ],
    });
    let request: QueryRequest = serde_json::from_value(request).unwrap();
    assert_eq!(world.query(request).await.unwrap(), [[json!("O'Hara!"), json!("42")]]);
    let numbers = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25)) AS n ORDER BY n";
    let query = JobConfigurationQuery {
        query: numbers.to_owned(),
        use_legacy_sql: Some(false),
        ..JobConfigurationQuery::default()
    };
    let jobs = world.client.job();
    let mut pages = pin!(jobs.query_all(PROJECT, query, Some(10)));
    let (mut sizes, mut seen) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = cells(page.unwrap());
        sizes.push(page.len());
        seen.extend(page.into_iter().flatten());
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(seen, (1..=25).map(|number| json!(number.to_string())).collect::<Vec<_>>());
    // What is wrong with a query is an error of the request, in both ways to ask.
    let refused = world.refused("SELECT nope").await;
    assert!(refused.contains("Unrecognized name: nope at [1:8]"), "{refused}");
    let dry = QueryRequest { dry_run: Some(true), ..QueryRequest::new("SELECT 1 AS one") };
    let answer = world.client.job().query(PROJECT, dry).await.unwrap();
    assert_eq!((answer.total_rows, answer.rows.map(|rows| rows.len())), (None, None));
    world.suite.shutdown().await;
}

/// Files of the batch path, whose names hold blanks and colons, through both services of one process.
#[tokio::test]
async fn load_jobs_read_buckets_and_extract_jobs_write_them() {
    let world = World::start().await;
    let storage = world.endpoints.storage().await.unwrap();
    let bucket = format!("projects/_/buckets/{PROJECT}-raw-data");
    for (name, id) in [("a b.json", "e1"), ("c:d.json", "e2")] {
        let event = json!({
            "event_id": id, "event_timestamp": "2024-01-01T12:00:00Z", "event_type": "click",
            "device_id": "d", "properties": { "page_url": "u", "value": 29.99 },
        });
        let object = format!("batch/20240101/{name}");
        storage.write_object(&bucket, &object, event.to_string()).send_buffered().await.unwrap();
    }
    let events =
        json!({ "projectId": PROJECT, "datasetId": "events_dataset", "tableId": "events" });
    let loaded = world
        .run(json!({ "load": {
            "sourceUris": [format!("gs://{PROJECT}-raw-data/batch/20240101/*.json")],
            "sourceFormat": "NEWLINE_DELIMITED_JSON",
            "destinationTable": events,
        } }))
        .await;
    assert_eq!(loaded["status"].get("errorResult"), None, "{loaded}");
    let text = "SELECT event_id, properties.value FROM events_dataset.events ORDER BY event_id";
    let expected = [[json!("e1"), json!("29.99")], [json!("e2"), json!("29.99")]];
    assert_eq!(world.rows(text).await, expected);
    world
        .run(json!({ "extract": {
            "sourceTable": events,
            "destinationUris": [format!("gs://{PROJECT}-processed-data/out-*.json")],
            "destinationFormat": "NEWLINE_DELIMITED_JSON",
        } }))
        .await;
    let bucket = format!("projects/_/buckets/{PROJECT}-processed-data");
    let mut read = storage.read_object(&bucket, "out-000000000000.json").send().await.unwrap();
    let mut content = Vec::new();
    while let Some(chunk) = read.next().await {
        content.extend_from_slice(&chunk.unwrap());
    }
    let first = String::from_utf8(content).unwrap().lines().next().unwrap().to_owned();
    let expected =
        r#"{"event_id":"e1","event_timestamp":"2024-01-01 12:00:00 UTC","event_type":"click""#;
    assert!(first.starts_with(expected), "{first}");
    world.suite.shutdown().await;
}

/// Jobs by id, with the location that clients state.
#[tokio::test]
async fn jobs_are_found_again() {
    let world = World::start().await;
    let ran =
        world.run(json!({ "query": { "query": "SELECT 7 AS n", "useLegacySql": false } })).await;
    let id = ran["jobReference"]["jobId"].as_str().unwrap();
    let wanted = GetQueryResultsParameters {
        location: Some("US".to_owned()),
        max_results: Some(0),
        ..GetQueryResultsParameters::default()
    };
    let jobs = world.client.job();
    let none = jobs.get_query_results(PROJECT, id, wanted.clone()).await.unwrap();
    assert_eq!((none.rows.map(|rows| rows.len()), none.total_rows), (None, Some("1".to_owned())));
    let wanted =
        GetQueryResultsParameters { max_results: None, page_token: none.page_token, ..wanted };
    let rows = jobs.get_query_results(PROJECT, id, wanted).await.unwrap().rows.unwrap();
    assert_eq!(cells(rows), [[json!("7")]]);
    let missing = jobs.get_job(PROJECT, "nowhere", None).await.unwrap_err();
    assert!(missing.to_string().contains("Not found: Job test-project:US.nowhere"), "{missing}");
    world.suite.shutdown().await;
}
