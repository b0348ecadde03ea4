//! Goal: Google's own clients get from the emulators what they get from Google. Method: one suite a
//! test, on free ports, reached only through the clients over loopback.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use gcp_bigquery_client::model::table_data_insert_all_request::TableDataInsertAllRequest;
use google_cloud_gax::error::rpc::Code;
use google_cloud_pubsub::model::Message;
use google_cloud_storage::model_ext::ReadRange;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windtunnel::table::{TableReader, text};
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_gcp::world::{self, ReferenceNames};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE};

async fn start() -> (Suite, Endpoints, ReferenceNames) {
    let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
    let endpoints = endpoints_of(&suite);
    let names = ReferenceNames::for_project("test-project");
    world::create(&endpoints, &names, None).await.unwrap();
    (suite, endpoints, names)
}

#[tokio::test]
async fn pubsub_publishes_delivers_and_takes_acks_and_nacks() {
    let (suite, endpoints, names) = start().await;
    let publisher = endpoints.publisher(&names.topic("processed-events")).await.unwrap();
    let futures: Vec<_> = (0..100)
        .map(|number| {
            let message = Message::new()
                .set_data(format!("message {number}"))
                .set_attributes([("number", number.to_string())]);
            publisher.publish(message)
        })
        .collect();
    for future in futures {
        future.await.unwrap();
    }
    let subscription = names.subscription("processed-events-sub");
    let subscriber = endpoints.subscriber().await.unwrap();
    let mut stream = subscriber.subscribe(&subscription).build();
    let shutdown = stream.shutdown_token();
    let mut acknowledged = std::collections::BTreeSet::new();
    let mut was_nacked = false;
    while acknowledged.len() < 100 {
        let (message, handler) = stream.next().await.unwrap().unwrap();
        let number: u32 = message.attributes["number"].parse().unwrap();
        assert_eq!(message.data, format!("message {number}"));
        // One message is given back once; it must come again.
        if number == 7 && !was_nacked {
            was_nacked = true;
            handler.nack();
            continue;
        }
        assert!(acknowledged.insert(number), "message {number} came twice");
        handler.ack();
    }
    shutdown.shutdown().await;
    let stats = suite.pubsub.subscription_stats(&subscription).unwrap();
    assert_eq!((stats.undelivered, stats.outstanding), (0, 0));
    suite.shutdown().await;
}

#[tokio::test]
async fn pubsub_answers_not_found_and_unimplemented_by_name() {
    let (suite, endpoints, names) = start().await;
    let (topics, subscriptions) = endpoints.pubsub_admin().await.unwrap();
    let missing = topics.get_topic().set_topic(names.topic("nowhere")).send().await.unwrap_err();
    assert_eq!(missing.status().unwrap().code, Code::NotFound);
    let refused = subscriptions
        .create_subscription()
        .set_name(names.subscription("filtered"))
        .set_topic(names.topic("iot-events"))
        .set_filter("attributes:x")
        .send()
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("Subscription.filter"), "{refused}");
    suite.shutdown().await;
}

/// Goal: what gcloud asks of subscriptions over REST is kept, and changed by name. Method: its requests.
#[tokio::test]
async fn pubsub_changes_what_an_update_names() {
    let (suite, _, names) = start().await;
    let address = suite.pubsub_address;
    let path = format!("/v1/{}", names.subscription("changing"));
    let given = json!({
        "topic": names.topic("iot-events"), "messageRetentionDuration": "86400s",
        "expirationPolicy": {}, "labels": { "team": "data" },
    });
    let made = rest(address, "PUT", &path, given).await;
    assert_eq!(
        (&made["messageRetentionDuration"], &made["expirationPolicy"]),
        (&json!("86400s"), &json!({}))
    );
    let given = json!({ "ackDeadlineSeconds": 30, "labels": {}, "expirationPolicy": { "ttl": "100000.5s" } });
    let mask = "ackDeadlineSeconds,expirationPolicy";
    rest(address, "PATCH", &path, json!({ "subscription": given, "updateMask": mask })).await;
    let found = rest(address, "GET", &path, Value::Null).await;
    assert_eq!(
        (&found["ackDeadlineSeconds"], &found["labels"]["team"]),
        (&json!(30), &json!("data"))
    );
    assert_eq!(found["expirationPolicy"]["ttl"], "100000.500s");
    let mask = json!({ "subscription": { "filter": "x" }, "updateMask": "filter" });
    let refused = rest(address, "PATCH", &path, mask).await;
    assert_eq!(refused["error"]["status"], "INVALID_ARGUMENT");
    let path = format!("/v1/{}", names.topic("iot-events"));
    let given = json!({ "topic": { "labels": { "team": "data" } }, "updateMask": "labels" });
    assert_eq!(rest(address, "PATCH", &path, given).await["labels"]["team"], "data");
    suite.shutdown().await;
}

/// One request of REST, and the JSON of its answer.
async fn rest(address: std::net::SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Goal: a failed push comes again with the same message id. Method: an endpoint that refuses the first
/// request and takes the second.
#[tokio::test]
async fn a_refused_push_comes_again_with_the_same_id() {
    let (suite, endpoints, names) = start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/hook", listener.local_addr().unwrap());
    let topic = names.topic("predictions");
    let subscription = names.subscription("pushed");
    suite.pubsub.create_subscription(&subscription, &topic, Some(&endpoint)).unwrap();
    let publisher = endpoints.publisher(&topic).await.unwrap();
    let id = publisher.publish(Message::new().set_data("hello")).await.unwrap();
    let mut bodies = Vec::new();
    for answer in ["500 Internal Server Error", "204 No Content"] {
        let (mut socket, _) = listener.accept().await.unwrap();
        bodies.push(read_request(&mut socket).await);
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
    for body in bodies {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let message = &body["message"];
        assert_eq!(body["subscription"], subscription);
        assert_eq!((&message["messageId"], &message["message_id"]), (&json!(id), &json!(id)));
        assert_eq!(message["data"], "aGVsbG8=");
    }
    suite.shutdown().await;
}

/// Goal: a push that is slow to be answered does not keep the next one. Method: the second message is
/// published, and comes, while the first waits for its answer.
#[tokio::test]
async fn a_slow_push_does_not_keep_the_next() {
    let (suite, endpoints, names) = start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let topic = names.topic("predictions");
    suite.pubsub.create_subscription(&names.subscription("slow"), &topic, Some(&endpoint)).unwrap();
    let publisher = endpoints.publisher(&topic).await.unwrap();
    let mut sockets = Vec::new();
    for number in 0..3 {
        publisher.publish(Message::new().set_data(format!("{number}"))).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        sockets.push(socket);
    }
    suite.shutdown().await;
}

/// The body of one HTTP/1.1 request.
async fn read_request(socket: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        socket.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length:").nth(1).unwrap().lines().next().unwrap();
        let length: usize = length.trim().parse().unwrap();
        if body.len() >= length {
            return bytes[head.len() + 4..].to_vec();
        }
    }
}

#[tokio::test]
async fn storage_keeps_what_is_uploaded_in_every_way() {
    let (suite, endpoints, names) = start().await;
    let (storage, control) =
        (endpoints.storage().await.unwrap(), endpoints.storage_control().await.unwrap());
    let bucket = format!("projects/_/buckets/{}", names.failed_events_bucket());
    let large: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    let small =
        storage.write_object(&bucket, "a/small.txt", "hello").send_buffered().await.unwrap();
    assert_eq!(small.size, 5);
    // Above the client's threshold an upload is resumable.
    let large_content = bytes::Bytes::from(large.clone());
    storage.write_object(&bucket, "a/large.bin", large_content).send_buffered().await.unwrap();
    let mut reader = storage.read_object(&bucket, "a/large.bin").send().await.unwrap();
    let mut read = Vec::new();
    while let Some(chunk) = reader.next().await {
        read.extend_from_slice(&chunk.unwrap());
    }
    assert!(read == large, "the object is not what was uploaded");
    let mut reader = storage
        .read_object(&bucket, "a/large.bin")
        .set_read_range(ReadRange::segment(100, 50))
        .send()
        .await
        .unwrap();
    let mut part = Vec::new();
    while let Some(chunk) = reader.next().await {
        part.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(part, large[100..150]);
    let refused = storage
        .write_object(&bucket, "a/small.txt", "again")
        .set_if_generation_match(0)
        .send_buffered()
        .await
        .unwrap_err();
    assert_eq!(refused.http_status_code(), Some(412));
    let page = control.list_objects().set_parent(&bucket).set_prefix("a/").send().await.unwrap();
    let listed: Vec<String> = page.objects.into_iter().map(|object| object.name).collect();
    assert_eq!(listed, ["a/large.bin", "a/small.txt"]);
    control.delete_object().set_bucket(&bucket).set_object("a/small.txt").send().await.unwrap();
    let missing = storage.read_object(&bucket, "a/small.txt").send().await.unwrap_err();
    assert_eq!(missing.http_status_code(), Some(404));
    suite.shutdown().await;
}

#[tokio::test]
async fn bigquery_inserts_and_lists_rows_and_names_what_is_wrong() {
    let (suite, endpoints, names) = start().await;
    let client = endpoints.bigquery().await.unwrap();
    let row = |id: &str| {
        json!({
            "event_id": id, "event_timestamp": 1_704_110_400.5, "event_type": "click", "device_id": "d",
        })
    };
    let mut request = TableDataInsertAllRequest::new();
    request.add_row(Some("one".to_owned()), row("e1")).unwrap();
    request.add_row(Some("two".to_owned()), row("e2")).unwrap();
    // Sent twice, as after a lost answer: the insert ids make it one.
    for _ in 0..2 {
        let answer = client
            .tabledata()
            .insert_all(&names.project, DATASET, EVENTS_TABLE, request.clone())
            .await
            .unwrap();
        assert!(answer.insert_errors.is_none());
    }
    let reader = TableReader::new(client.clone(), &names.project, DATASET, EVENTS_TABLE, None);
    let rows = reader.page(0).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|row| text(&row[0]).unwrap()).collect();
    assert_eq!(ids, ["e1", "e2"]);
    assert_eq!(text(&rows[0][1]), Some("1704110400.500000"));
    let mut request = TableDataInsertAllRequest::new();
    request.add_row(None, json!({ "event_id": "e3" })).unwrap();
    let answer = client
        .tabledata()
        .insert_all(&names.project, DATASET, EVENTS_TABLE, request)
        .await
        .unwrap();
    let errors = serde_json::to_string(&answer.insert_errors).unwrap();
    assert!(errors.contains("event_timestamp"), "{errors}");
    let missing = client.table().get(&names.project, DATASET, "nowhere", None).await.unwrap_err();
    assert!(missing.to_string().contains("Not found: Table test-project:events_dataset.nowhere"));
    suite.shutdown().await;
}
