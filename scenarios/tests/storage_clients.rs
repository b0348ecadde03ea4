//! Goal: Google's own client does everything that it can do with buckets and objects, and the streams of
//! gRPC that it does not use write and read the same objects. Method: one suite a test, on free ports,
//! reached only over loopback.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::paginator::ItemPaginator;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::model::compose_object_request::SourceObject;
use google_cloud_storage::model::{
    Bucket, Object, RewriteObjectRequest, UpdateBucketRequest, UpdateObjectRequest,
};
use google_cloud_storage::model_ext::ReadRange;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windtunnel::target::{endpoints_of, vertex_model};
use windtunnel_emulators::{Ports, Suite};
use windtunnel_gcp::endpoints::Endpoints;
use windtunnel_protos::storage as proto;
use windtunnel_protos::storage::storage_client::StorageClient;

const BUCKET: &str = "projects/_/buckets/bucket";

struct World {
    suite: Suite,
    endpoints: Endpoints,
    storage: Storage,
    control: StorageControl,
}

async fn start() -> World {
    let suite = Suite::start(Ports::ANY, vertex_model()).await.unwrap();
    let endpoints = endpoints_of(&suite);
    let storage = endpoints.storage().await.unwrap();
    let control = endpoints.storage_control().await.unwrap();
    control
        .create_bucket()
        .set_parent("projects/_")
        .set_bucket_id("bucket")
        .set_bucket(Bucket::new().set_project("projects/p"))
        .send()
        .await
        .unwrap();
    World { suite, endpoints, storage, control }
}

impl World {
    async fn write(&self, name: &str, content: impl Into<Bytes>) -> Object {
        let content: Bytes = content.into();
        self.storage.write_object(BUCKET, name, content).send_buffered().await.unwrap()
    }

    async fn read(&self, name: &str) -> Vec<u8> {
        let mut reader = self.storage.read_object(BUCKET, name).send().await.unwrap();
        let mut content = Vec::new();
        while let Some(chunk) = reader.next().await {
            content.extend_from_slice(&chunk.unwrap());
        }
        content
    }

    async fn names(&self) -> Vec<String> {
        let mut items = self.control.list_objects().set_parent(BUCKET).set_page_size(1).by_item();
        let mut names = Vec::new();
        while let Some(object) = items.next().await {
            names.push(object.unwrap().name);
        }
        names
    }
}

#[tokio::test]
async fn buckets_are_made_changed_listed_and_deleted() {
    let World { suite, control, .. } = start().await;
    let found = control.get_bucket().set_name(BUCKET).send().await.unwrap();
    assert_eq!((found.metageneration, found.project.as_str()), (1, "projects/p"));
    let change = json!({
        "bucket": {
            "name": BUCKET, "labels": { "a": "b" }, "versioning": { "enabled": true },
            "lifecycle": { "rule": [
                { "action": { "type": "Delete" }, "condition": { "ageDays": 3 } }
            ] },
        },
        "updateMask": "labels,versioning,lifecycle",
        "ifMetagenerationMatch": "1",
    });
    let change: UpdateBucketRequest = serde_json::from_value(change).unwrap();
    let updated = control.update_bucket().with_request(change.clone()).send().await.unwrap();
    assert_eq!((updated.metageneration, updated.labels["a"].as_str()), (2, "b"));
    assert_eq!(updated.lifecycle.unwrap().rule.len(), 1);
    let refused = control.update_bucket().with_request(change).send().await.unwrap_err();
    assert_eq!(refused.status().unwrap().code, Code::FailedPrecondition);
    let mut buckets = control.list_buckets().set_parent("projects/p").by_item();
    assert_eq!(buckets.next().await.unwrap().unwrap().bucket_id, "bucket");
    assert!(buckets.next().await.is_none());
    let mut policy = control.get_iam_policy().set_resource(BUCKET).send().await.unwrap();
    policy.bindings.truncate(1);
    let stored = control
        .set_iam_policy()
        .set_resource(BUCKET)
        .set_policy(policy.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(stored.bindings.len(), 1);
    let tested = control
        .test_iam_permissions()
        .set_resource(BUCKET)
        .set_permissions(["storage.objects.get"])
        .send()
        .await
        .unwrap();
    assert_eq!(tested.permissions, ["storage.objects.get"]);
    let refused = control.get_storage_layout().set_name(BUCKET).send().await.unwrap_err();
    let refused = refused.status().unwrap();
    assert_eq!(refused.code, Code::Unimplemented);
    assert!(refused.message.contains("GetStorageLayout"), "{}", refused.message);
    control.delete_bucket().set_name(BUCKET).send().await.unwrap();
    let gone = control.get_bucket().set_name(BUCKET).send().await.unwrap_err();
    assert_eq!(gone.status().unwrap().code, Code::NotFound);
    suite.shutdown().await;
}

#[tokio::test]
async fn objects_are_changed_composed_rewritten_moved_and_restored() {
    let world = start().await;
    let control = &world.control;
    let first = world.write("a", "hello ").await;
    world.write("b", "world").await;
    let change: UpdateObjectRequest = serde_json::from_value(json!({
        "object": { "name": "a", "bucket": BUCKET, "contentType": "text/plain", "metadata": { "k": "v" } },
        "updateMask": "content_type,metadata.k",
        "ifMetagenerationMatch": "1",
    }))
    .unwrap();
    let updated = control.update_object().with_request(change).send().await.unwrap();
    assert_eq!((updated.metageneration, updated.content_type.as_str()), (2, "text/plain"));
    assert_eq!(updated.metadata["k"], "v");
    let composed = control
        .compose_object()
        .set_destination(Object::new().set_bucket(BUCKET).set_name("c"))
        .set_source_objects([
            SourceObject::new().set_name("a").set_generation(first.generation),
            SourceObject::new().set_name("b"),
        ])
        .set_if_generation_match(0)
        .send()
        .await
        .unwrap();
    assert_eq!((composed.size, composed.component_count), (11, 2));
    assert_eq!(world.read("c").await, b"hello world");
    world.write("large", vec![7; 3 << 20]).await;
    let mut rewrite = RewriteObjectRequest::new()
        .set_source_bucket(BUCKET)
        .set_source_object("large")
        .set_destination_bucket(BUCKET)
        .set_destination_name("copy")
        .set_max_bytes_rewritten_per_call(1 << 20);
    let mut calls = 0;
    let copied = loop {
        calls += 1;
        let answer = control.rewrite_object().with_request(rewrite.clone()).send().await.unwrap();
        if answer.done {
            break answer.resource.unwrap();
        }
        assert_eq!(answer.total_bytes_rewritten, calls << 20);
        rewrite = rewrite.set_rewrite_token(answer.rewrite_token);
    };
    assert_eq!((calls, copied.size), (3, 3 << 20));
    let moved = control
        .move_object()
        .set_bucket(BUCKET)
        .set_source_object("copy")
        .set_destination_object("moved")
        .send()
        .await
        .unwrap();
    assert_eq!(moved.size, 3 << 20);
    assert_eq!(world.names().await, ["a", "b", "c", "large", "moved"]);
    control.delete_object().set_bucket(BUCKET).set_object("b").send().await.unwrap();
    let mut deleted = control.list_objects().set_parent(BUCKET).set_soft_deleted(true).by_item();
    let mut generation = 0;
    while let Some(object) = deleted.next().await {
        let object = object.unwrap();
        if object.name == "b" {
            assert!(object.hard_delete_time.is_some());
            generation = object.generation;
        }
    }
    let restored = control
        .restore_object()
        .set_bucket(BUCKET)
        .set_object("b")
        .set_generation(generation)
        .send()
        .await
        .unwrap();
    assert!(restored.generation > generation);
    assert_eq!(world.read("b").await, b"world");
    let refused = control
        .delete_object()
        .set_bucket(BUCKET)
        .set_object("b")
        .set_if_generation_match(generation)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.status().unwrap().code, Code::FailedPrecondition);
    world.suite.shutdown().await;
}

#[tokio::test]
async fn an_open_object_is_read_in_ranges() {
    let world = start().await;
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    world.write("a", content.clone()).await;
    let opened = world.storage.open_object(BUCKET, "a").send().await.unwrap();
    assert_eq!(opened.object().size, 5_000_000);
    let mut readers = Vec::new();
    for range in [ReadRange::all(), ReadRange::segment(100, 50), ReadRange::tail(10)] {
        readers.push(opened.read_range(range).await);
    }
    let mut parts = Vec::new();
    for mut reader in readers {
        let mut part = Vec::new();
        while let Some(chunk) = reader.next().await {
            part.extend_from_slice(&chunk.unwrap());
        }
        parts.push(part);
    }
    assert!(parts[0] == content, "the whole object is not what was written");
    assert_eq!(parts[1], content[100..150]);
    assert_eq!(parts[2], content[content.len() - 10..]);
    let missing = world.storage.open_object(BUCKET, "b").send().await.unwrap_err();
    assert_eq!(missing.status().unwrap().code, Code::NotFound);
    world.suite.shutdown().await;
}

fn message(offset: i64, content: &'static [u8], finishes: bool) -> proto::WriteObjectRequest {
    let data = proto::ChecksummedData { content: Bytes::from_static(content), crc32c: None };
    proto::WriteObjectRequest {
        write_offset: offset,
        finish_write: finishes,
        data: Some(proto::write_object_request::Data::ChecksummedData(data)),
        ..proto::WriteObjectRequest::default()
    }
}

fn write_spec(name: &str) -> proto::WriteObjectSpec {
    let (name, bucket) = (name.to_owned(), BUCKET.to_owned());
    let resource = proto::Object { name, bucket, ..proto::Object::default() };
    proto::WriteObjectSpec { resource: Some(resource), ..proto::WriteObjectSpec::default() }
}

#[tokio::test]
async fn the_streams_of_grpc_write_and_read() {
    use proto::write_object_request::FirstMessage;
    use proto::{query_write_status_response, write_object_response};
    let world = start().await;
    let address = format!("http://{}", world.suite.storage_address);
    let mut client = StorageClient::connect(address).await.unwrap();
    // One stream.
    let mut first = message(0, b"hello ", false);
    first.first_message = Some(FirstMessage::WriteObjectSpec(write_spec("a")));
    let messages = vec![first, message(6, b"world", true)];
    let written = client.write_object(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let Some(write_object_response::WriteStatus::Resource(object)) = written.write_status else {
        panic!("{written:?}");
    };
    assert_eq!((object.size, object.name.as_str()), (11, "a"));
    // A stream that breaks off, and one that goes on from where it got.
    let request = proto::StartResumableWriteRequest {
        write_object_spec: Some(write_spec("b")),
        ..proto::StartResumableWriteRequest::default()
    };
    let upload_id = client.start_resumable_write(request).await.unwrap().into_inner().upload_id;
    let id = || Some(FirstMessage::UploadId(upload_id.clone()));
    let mut broken = message(0, b"hello ", false);
    broken.first_message = id();
    client.write_object(tokio_stream::iter(vec![broken])).await.unwrap();
    let query = proto::QueryWriteStatusRequest {
        upload_id: upload_id.clone(),
        ..proto::QueryWriteStatusRequest::default()
    };
    let status = client.query_write_status(query.clone()).await.unwrap().into_inner();
    let persisted = query_write_status_response::WriteStatus::PersistedSize(6);
    assert_eq!(status.write_status, Some(persisted));
    let mut rest = message(6, b"again", true);
    rest.first_message = id();
    client.write_object(tokio_stream::iter(vec![rest])).await.unwrap();
    let status = client.query_write_status(query).await.unwrap().into_inner().write_status;
    let Some(query_write_status_response::WriteStatus::Resource(object)) = status else {
        panic!("{status:?}");
    };
    assert_eq!(object.size, 11);
    let request = proto::ReadObjectRequest {
        bucket: BUCKET.to_owned(),
        object: "b".to_owned(),
        read_offset: -5,
        ..proto::ReadObjectRequest::default()
    };
    let mut stream = client.read_object(request).await.unwrap().into_inner();
    let answer = stream.message().await.unwrap().unwrap();
    assert_eq!(answer.checksummed_data.unwrap().content, "again");
    assert_eq!(answer.content_range.unwrap().complete_length, 11);
    assert!(stream.message().await.unwrap().is_none());
    world.suite.shutdown().await;
}

async fn post(address: SocketAddr, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_happens_to_objects_is_published() {
    let World { suite, endpoints, storage, .. } = start().await;
    suite.pubsub.create_topic("projects/p/topics/objects").unwrap();
    let subscription = "projects/p/subscriptions/objects-sub";
    suite.pubsub.create_subscription(subscription, "projects/p/topics/objects", None).unwrap();
    let config = json!({
        "topic": "//pubsub.googleapis.com/projects/p/topics/objects",
        "payload_format": "JSON_API_V1",
        "event_types": ["OBJECT_FINALIZE"],
    });
    let path = "/storage/v1/b/bucket/notificationConfigs";
    let answer = post(suite.storage_address, path, &config.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    storage.write_object(BUCKET, "a", "hello").send_buffered().await.unwrap();
    let subscriber = endpoints.subscriber().await.unwrap();
    let mut stream = subscriber.subscribe(subscription).build();
    let next = tokio::time::timeout(Duration::from_secs(30), stream.next());
    let (message, handler) = next.await.unwrap().unwrap().unwrap();
    handler.ack();
    assert_eq!(message.attributes["eventType"], "OBJECT_FINALIZE");
    assert_eq!(message.attributes["objectId"], "a");
    let object: serde_json::Value = serde_json::from_slice(&message.data).unwrap();
    assert_eq!((&object["name"], &object["size"]), (&json!("a"), &json!("5")));
    suite.shutdown().await;
}
