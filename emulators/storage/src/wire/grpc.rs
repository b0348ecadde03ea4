//! gRPC `google.storage.v2`: the methods that the official client's `StorageControl` needs for a
//! pipeline. Bucket names are `projects/_/buckets/B` on this wire.

use std::sync::Arc;

use tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};
use windtunnel_protos::storage::storage_server::Storage;
use windtunnel_protos::storage::{
    BidiReadObjectRequest, BidiReadObjectResponse, BidiWriteObjectRequest, BidiWriteObjectResponse,
    Bucket, CancelResumableWriteRequest, CancelResumableWriteResponse, ComposeObjectRequest,
    CreateBucketRequest, DeleteBucketRequest, DeleteObjectRequest, GetBucketRequest,
    GetObjectRequest, ListBucketsRequest, ListBucketsResponse, ListObjectsRequest,
    ListObjectsResponse, LockBucketRetentionPolicyRequest, MoveObjectRequest, Object,
    ObjectChecksums, QueryWriteStatusRequest, QueryWriteStatusResponse, ReadObjectRequest,
    ReadObjectResponse, RestoreObjectRequest, RewriteObjectRequest, RewriteResponse,
    StartResumableWriteRequest, StartResumableWriteResponse, UpdateBucketRequest,
    UpdateObjectRequest, WriteObjectRequest, WriteObjectResponse, iam,
};

use super::{Shared, new_bucket};
use crate::broker::{self, BrokerError, ListQuery, Preconditions};

#[derive(Clone)]
pub(super) struct Wire {
    shared: Arc<Shared>,
}

impl Wire {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// The one translation of the broker's errors into gRPC.
fn status_of(error: BrokerError) -> Status {
    let text = error.to_string();
    match error {
        BrokerError::BucketNotFound
        | BrokerError::ObjectNotFound(_)
        | BrokerError::UploadNotFound => Status::not_found(text),
        BrokerError::BucketExists => Status::already_exists(text),
        BrokerError::BucketNotEmpty | BrokerError::Precondition => {
            Status::failed_precondition(text)
        }
        BrokerError::Invalid(_) => Status::invalid_argument(text),
        BrokerError::Unimplemented(_) => Status::unimplemented(text),
    }
}

/// The bucket's id out of `projects/_/buckets/B`.
fn bucket_id(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn project_id(name: &str) -> &str {
    name.strip_prefix("projects/").unwrap_or(name)
}

fn timestamp(micros: i64) -> Option<prost_types::Timestamp> {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).ok()?;
    Some(prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos })
}

fn bucket(bucket: &broker::Bucket) -> Bucket {
    Bucket {
        name: format!("projects/_/buckets/{}", bucket.name),
        bucket_id: bucket.name.clone(),
        project: format!("projects/{}", bucket.project),
        metageneration: 1,
        location: bucket.location.clone(),
        location_type: "multi-region".to_owned(),
        storage_class: "STANDARD".to_owned(),
        create_time: timestamp(bucket.created_at),
        update_time: timestamp(bucket.created_at),
        ..Bucket::default()
    }
}

fn object(bucket: &str, object: &broker::Object) -> Object {
    Object {
        name: object.spec.name.clone(),
        bucket: format!("projects/_/buckets/{bucket}"),
        generation: object.generation,
        metageneration: object.metageneration,
        storage_class: "STANDARD".to_owned(),
        size: i64::try_from(object.content.len()).unwrap_or(i64::MAX),
        content_type: object.spec.content_type.clone().unwrap_or_default(),
        content_encoding: object.spec.content_encoding.clone().unwrap_or_default(),
        checksums: Some(ObjectChecksums {
            crc32c: Some(object.crc32c),
            md5_hash: bytes::Bytes::copy_from_slice(&object.md5),
        }),
        create_time: timestamp(object.created_at),
        update_time: timestamp(object.created_at),
        metadata: object.spec.metadata.clone().into_iter().collect(),
        ..Object::default()
    }
}

/// Refuses a streaming method by name.
macro_rules! refuse_stream {
    ($name:literal) => {
        Err(Status::unimplemented(concat!(
            "google.storage.v2.Storage/",
            $name,
            " is not implemented by this emulator"
        )))
    };
}

#[tonic::async_trait]
impl Storage for Wire {
    type ReadObjectStream = Empty<Result<ReadObjectResponse, Status>>;
    type BidiReadObjectStream = Empty<Result<BidiReadObjectResponse, Status>>;
    type BidiWriteObjectStream = Empty<Result<BidiWriteObjectResponse, Status>>;

    async fn create_bucket(
        &self,
        request: Request<CreateBucketRequest>,
    ) -> Result<Response<Bucket>, Status> {
        let request = request.into_inner();
        let asked_for = request.bucket.unwrap_or_default();
        let project = match project_id(&request.parent) {
            "_" | "" => project_id(&asked_for.project),
            project => project,
        };
        let mut wanted = new_bucket(project, &request.bucket_id);
        if !asked_for.location.is_empty() {
            wanted.location = asked_for.location.to_uppercase();
        }
        let mut broker = self.shared.broker();
        broker.create_bucket(wanted).map(|it| Response::new(bucket(it))).map_err(status_of)
    }

    async fn get_bucket(
        &self,
        request: Request<GetBucketRequest>,
    ) -> Result<Response<Bucket>, Status> {
        let broker = self.shared.broker();
        let found = broker.bucket(bucket_id(&request.get_ref().name)).map_err(status_of)?;
        Ok(Response::new(bucket(found)))
    }

    async fn list_buckets(
        &self,
        request: Request<ListBucketsRequest>,
    ) -> Result<Response<ListBucketsResponse>, Status> {
        let request = request.into_inner();
        let broker = self.shared.broker();
        let buckets = broker
            .buckets(project_id(&request.parent))
            .filter(|it| it.name.starts_with(&request.prefix))
            .map(bucket)
            .collect();
        Ok(Response::new(ListBucketsResponse { buckets, ..ListBucketsResponse::default() }))
    }

    async fn delete_bucket(
        &self,
        request: Request<DeleteBucketRequest>,
    ) -> Result<Response<()>, Status> {
        let mut broker = self.shared.broker();
        let name = bucket_id(&request.get_ref().name);
        broker.delete_bucket(name).map(Response::new).map_err(status_of)
    }

    async fn get_object(
        &self,
        request: Request<GetObjectRequest>,
    ) -> Result<Response<Object>, Status> {
        let request = request.into_inner();
        let conditions = Preconditions {
            generation_match: request.if_generation_match,
            generation_not_match: request.if_generation_not_match,
            metageneration_match: request.if_metageneration_match,
            metageneration_not_match: request.if_metageneration_not_match,
        };
        let generation = (request.generation != 0).then_some(request.generation);
        let id = bucket_id(&request.bucket);
        let broker = self.shared.broker();
        let found = broker.get(id, &request.object, generation, conditions).map_err(status_of)?;
        Ok(Response::new(object(id, found)))
    }

    async fn delete_object(
        &self,
        request: Request<DeleteObjectRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let conditions = Preconditions {
            generation_match: request.if_generation_match,
            generation_not_match: request.if_generation_not_match,
            metageneration_match: request.if_metageneration_match,
            metageneration_not_match: request.if_metageneration_not_match,
        };
        let generation = (request.generation != 0).then_some(request.generation);
        let mut broker = self.shared.broker();
        broker
            .delete(bucket_id(&request.bucket), &request.object, generation, conditions)
            .map(Response::new)
            .map_err(status_of)
    }

    async fn list_objects(
        &self,
        request: Request<ListObjectsRequest>,
    ) -> Result<Response<ListObjectsResponse>, Status> {
        let request = request.into_inner();
        if !request.match_glob.is_empty() || !request.filter.is_empty() || request.soft_deleted {
            let text = "ListObjects match_glob, filter and soft_deleted".to_owned();
            return Err(status_of(BrokerError::Unimplemented(text)));
        }
        let query = ListQuery {
            prefix: request.prefix,
            delimiter: request.delimiter,
            page_token: request.page_token,
            page_size: usize::try_from(request.page_size).unwrap_or_default(),
            start_offset: request.lexicographic_start,
            end_offset: request.lexicographic_end,
        };
        let id = bucket_id(&request.parent);
        let broker = self.shared.broker();
        let page = broker.list(id, &query).map_err(status_of)?;
        Ok(Response::new(ListObjectsResponse {
            objects: page.objects.into_iter().map(|it| object(id, it)).collect(),
            prefixes: page.prefixes,
            next_page_token: page.next_page_token,
        }))
    }

    async fn read_object(
        &self,
        _: Request<ReadObjectRequest>,
    ) -> Result<Response<Self::ReadObjectStream>, Status> {
        refuse_stream!("ReadObject")
    }

    async fn bidi_read_object(
        &self,
        _: Request<Streaming<BidiReadObjectRequest>>,
    ) -> Result<Response<Self::BidiReadObjectStream>, Status> {
        refuse_stream!("BidiReadObject")
    }

    async fn write_object(
        &self,
        _: Request<Streaming<WriteObjectRequest>>,
    ) -> Result<Response<WriteObjectResponse>, Status> {
        refuse_stream!("WriteObject")
    }

    async fn bidi_write_object(
        &self,
        _: Request<Streaming<BidiWriteObjectRequest>>,
    ) -> Result<Response<Self::BidiWriteObjectStream>, Status> {
        refuse_stream!("BidiWriteObject")
    }

    windtunnel_protos::unimplemented_methods! { "google.storage.v2.Storage":
        lock_bucket_retention_policy(LockBucketRetentionPolicyRequest) -> Bucket = "LockBucketRetentionPolicy";
        get_iam_policy(iam::GetIamPolicyRequest) -> iam::Policy = "GetIamPolicy";
        set_iam_policy(iam::SetIamPolicyRequest) -> iam::Policy = "SetIamPolicy";
        test_iam_permissions(iam::TestIamPermissionsRequest) -> iam::TestIamPermissionsResponse = "TestIamPermissions";
        update_bucket(UpdateBucketRequest) -> Bucket = "UpdateBucket";
        compose_object(ComposeObjectRequest) -> Object = "ComposeObject";
        restore_object(RestoreObjectRequest) -> Object = "RestoreObject";
        cancel_resumable_write(CancelResumableWriteRequest) -> CancelResumableWriteResponse = "CancelResumableWrite";
        update_object(UpdateObjectRequest) -> Object = "UpdateObject";
        rewrite_object(RewriteObjectRequest) -> RewriteResponse = "RewriteObject";
        start_resumable_write(StartResumableWriteRequest) -> StartResumableWriteResponse = "StartResumableWrite";
        query_write_status(QueryWriteStatusRequest) -> QueryWriteStatusResponse = "QueryWriteStatus";
        move_object(MoveObjectRequest) -> Object = "MoveObject";
    }
}
