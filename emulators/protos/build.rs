//! Generates server traits and clients over the published message types: the list of services and
//! methods below is all there is, so neither protoc nor a .proto file is needed. Every method of a
//! service is listed, so that one that an emulator lacks is answered by name and not by a bare 404.

use tonic_build::manual::{Builder, Method, Service};

/// How a method moves messages.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Unary,
    ServerStream,
    ClientStream,
    BothStream,
}
use Shape::{BothStream, ClientStream, ServerStream, Unary};

/// One method: route name, request type, response type, shape. A type without `::` is looked up in
/// the service's own module, `()` is `google.protobuf.Empty`.
type MethodRow = (&'static str, &'static str, &'static str, Shape);

const PUBLISHER: &[MethodRow] = &[
    ("CreateTopic", "Topic", "Topic", Unary),
    ("UpdateTopic", "UpdateTopicRequest", "Topic", Unary),
    ("Publish", "PublishRequest", "PublishResponse", Unary),
    ("GetTopic", "GetTopicRequest", "Topic", Unary),
    ("ListTopics", "ListTopicsRequest", "ListTopicsResponse", Unary),
    (
        "ListTopicSubscriptions",
        "ListTopicSubscriptionsRequest",
        "ListTopicSubscriptionsResponse",
        Unary,
    ),
    ("ListTopicSnapshots", "ListTopicSnapshotsRequest", "ListTopicSnapshotsResponse", Unary),
    ("DeleteTopic", "DeleteTopicRequest", "()", Unary),
    ("DetachSubscription", "DetachSubscriptionRequest", "DetachSubscriptionResponse", Unary),
];

const SUBSCRIBER: &[MethodRow] = &[
    ("CreateSubscription", "Subscription", "Subscription", Unary),
    ("GetSubscription", "GetSubscriptionRequest", "Subscription", Unary),
    ("UpdateSubscription", "UpdateSubscriptionRequest", "Subscription", Unary),
    ("ListSubscriptions", "ListSubscriptionsRequest", "ListSubscriptionsResponse", Unary),
    ("DeleteSubscription", "DeleteSubscriptionRequest", "()", Unary),
    ("ModifyAckDeadline", "ModifyAckDeadlineRequest", "()", Unary),
    ("Acknowledge", "AcknowledgeRequest", "()", Unary),
    ("Pull", "PullRequest", "PullResponse", Unary),
    ("StreamingPull", "StreamingPullRequest", "StreamingPullResponse", BothStream),
    ("ModifyPushConfig", "ModifyPushConfigRequest", "()", Unary),
    ("GetSnapshot", "GetSnapshotRequest", "Snapshot", Unary),
    ("ListSnapshots", "ListSnapshotsRequest", "ListSnapshotsResponse", Unary),
    ("CreateSnapshot", "CreateSnapshotRequest", "Snapshot", Unary),
    ("UpdateSnapshot", "UpdateSnapshotRequest", "Snapshot", Unary),
    ("DeleteSnapshot", "DeleteSnapshotRequest", "()", Unary),
    ("Seek", "SeekRequest", "SeekResponse", Unary),
];

const SCHEMA_SERVICE: &[MethodRow] = &[
    ("CreateSchema", "CreateSchemaRequest", "Schema", Unary),
    ("GetSchema", "GetSchemaRequest", "Schema", Unary),
    ("ListSchemas", "ListSchemasRequest", "ListSchemasResponse", Unary),
    ("ListSchemaRevisions", "ListSchemaRevisionsRequest", "ListSchemaRevisionsResponse", Unary),
    ("CommitSchema", "CommitSchemaRequest", "Schema", Unary),
    ("RollbackSchema", "RollbackSchemaRequest", "Schema", Unary),
    ("DeleteSchemaRevision", "DeleteSchemaRevisionRequest", "Schema", Unary),
    ("DeleteSchema", "DeleteSchemaRequest", "()", Unary),
    ("ValidateSchema", "ValidateSchemaRequest", "ValidateSchemaResponse", Unary),
    ("ValidateMessage", "ValidateMessageRequest", "ValidateMessageResponse", Unary),
];

const IAM: &str = "googleapis_tonic_google_storage_v2::google::iam::v1";

const STORAGE: &[MethodRow] = &[
    ("DeleteBucket", "DeleteBucketRequest", "()", Unary),
    ("GetBucket", "GetBucketRequest", "Bucket", Unary),
    ("CreateBucket", "CreateBucketRequest", "Bucket", Unary),
    ("ListBuckets", "ListBucketsRequest", "ListBucketsResponse", Unary),
    ("LockBucketRetentionPolicy", "LockBucketRetentionPolicyRequest", "Bucket", Unary),
    ("GetIamPolicy", "IAM::GetIamPolicyRequest", "IAM::Policy", Unary),
    ("SetIamPolicy", "IAM::SetIamPolicyRequest", "IAM::Policy", Unary),
    (
        "TestIamPermissions",
        "IAM::TestIamPermissionsRequest",
        "IAM::TestIamPermissionsResponse",
        Unary,
    ),
    ("UpdateBucket", "UpdateBucketRequest", "Bucket", Unary),
    ("ComposeObject", "ComposeObjectRequest", "Object", Unary),
    ("DeleteObject", "DeleteObjectRequest", "()", Unary),
    ("RestoreObject", "RestoreObjectRequest", "Object", Unary),
    ("CancelResumableWrite", "CancelResumableWriteRequest", "CancelResumableWriteResponse", Unary),
    ("GetObject", "GetObjectRequest", "Object", Unary),
    ("ReadObject", "ReadObjectRequest", "ReadObjectResponse", ServerStream),
    ("BidiReadObject", "BidiReadObjectRequest", "BidiReadObjectResponse", BothStream),
    ("UpdateObject", "UpdateObjectRequest", "Object", Unary),
    ("WriteObject", "WriteObjectRequest", "WriteObjectResponse", ClientStream),
    ("BidiWriteObject", "BidiWriteObjectRequest", "BidiWriteObjectResponse", BothStream),
    ("ListObjects", "ListObjectsRequest", "ListObjectsResponse", Unary),
    ("RewriteObject", "RewriteObjectRequest", "RewriteResponse", Unary),
    ("StartResumableWrite", "StartResumableWriteRequest", "StartResumableWriteResponse", Unary),
    ("QueryWriteStatus", "QueryWriteStatusRequest", "QueryWriteStatusResponse", Unary),
    ("MoveObject", "MoveObjectRequest", "Object", Unary),
];

/// The policies of buckets alone: Google's newer clients ask for them here and not in `Storage`. The
/// messages of the service's other methods are not published.
const STORAGE_CONTROL: &[MethodRow] = &[
    ("GetIamPolicy", "IAM::GetIamPolicyRequest", "IAM::Policy", Unary),
    ("SetIamPolicy", "IAM::SetIamPolicyRequest", "IAM::Policy", Unary),
    (
        "TestIamPermissions",
        "IAM::TestIamPermissionsRequest",
        "IAM::TestIamPermissionsResponse",
        Unary,
    ),
];

const BIGQUERY_READ: &[MethodRow] = &[
    ("CreateReadSession", "CreateReadSessionRequest", "ReadSession", Unary),
    ("ReadRows", "ReadRowsRequest", "ReadRowsResponse", ServerStream),
    ("SplitReadStream", "SplitReadStreamRequest", "SplitReadStreamResponse", Unary),
];

const BIGQUERY_WRITE: &[MethodRow] = &[
    ("CreateWriteStream", "CreateWriteStreamRequest", "WriteStream", Unary),
    ("AppendRows", "AppendRowsRequest", "AppendRowsResponse", BothStream),
    ("GetWriteStream", "GetWriteStreamRequest", "WriteStream", Unary),
    ("FinalizeWriteStream", "FinalizeWriteStreamRequest", "FinalizeWriteStreamResponse", Unary),
    (
        "BatchCommitWriteStreams",
        "BatchCommitWriteStreamsRequest",
        "BatchCommitWriteStreamsResponse",
        Unary,
    ),
    ("FlushRows", "FlushRowsRequest", "FlushRowsResponse", Unary),
];

const PREDICTION: &[MethodRow] = &[
    ("Predict", "PredictRequest", "PredictResponse", Unary),
    ("StreamingPredict", "StreamingPredictRequest", "StreamingPredictResponse", BothStream),
    ("DirectPredict", "DirectPredictRequest", "DirectPredictResponse", Unary),
    ("Explain", "ExplainRequest", "ExplainResponse", Unary),
    ("GenerateContent", "GenerateContentRequest", "GenerateContentResponse", Unary),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let pubsub = "googleapis_tonic_google_pubsub_v1::google::pubsub::v1";
    let storage = "googleapis_tonic_google_storage_v2::google::storage::v2";
    let bigquery =
        "googleapis_tonic_google_cloud_bigquery_storage_v1::google::cloud::bigquery::storage::v1";
    let vertex = "googleapis_tonic_google_cloud_aiplatform_v1::google::cloud::aiplatform::v1";
    Builder::new().compile(&[
        service("Publisher", "google.pubsub.v1", pubsub, PUBLISHER),
        service("Subscriber", "google.pubsub.v1", pubsub, SUBSCRIBER),
        service("SchemaService", "google.pubsub.v1", pubsub, SCHEMA_SERVICE),
        service("Storage", "google.storage.v2", storage, STORAGE),
        service("StorageControl", "google.storage.control.v2", storage, STORAGE_CONTROL),
        service("BigQueryRead", "google.cloud.bigquery.storage.v1", bigquery, BIGQUERY_READ),
        service("BigQueryWrite", "google.cloud.bigquery.storage.v1", bigquery, BIGQUERY_WRITE),
        service("PredictionService", "google.cloud.aiplatform.v1", vertex, PREDICTION),
    ]);
}

fn service(name: &str, package: &str, module: &str, rows: &[MethodRow]) -> Service {
    let type_path = |name: &str| match name {
        "()" => "crate::Empty".to_owned(),
        name => match name.strip_prefix("IAM::") {
            Some(name) => format!("{IAM}::{name}"),
            None => format!("{module}::{name}"),
        },
    };
    let mut service = Service::builder().name(name).package(package);
    for &(route, input, output, shape) in rows {
        let mut method = Method::builder()
            .name(snake_case(route))
            .route_name(route)
            .input_type(type_path(input))
            .output_type(type_path(output))
            .codec_path("tonic_prost::ProstCodec");
        if matches!(shape, ClientStream | BothStream) {
            method = method.client_streaming();
        }
        if matches!(shape, ServerStream | BothStream) {
            method = method.server_streaming();
        }
        service = service.method(method.build());
    }
    service.build()
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
