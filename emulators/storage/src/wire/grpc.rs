//! gRPC `google.storage.v2`. Bucket names are `projects/_/buckets/B` on this wire. What lies outside of
//! it (folders, anywhere caches, appendable objects, customer-supplied keys, access lists) is refused by
//! name.

mod access;
mod bucket;
mod object;
mod read;
mod write;

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};
use windtunnel_protos::storage::storage_server::Storage;
use windtunnel_protos::storage::{
    BidiReadObjectRequest, BidiReadObjectResponse, BidiWriteObjectRequest, BidiWriteObjectResponse,
    Bucket, CancelResumableWriteRequest, CancelResumableWriteResponse, CommonObjectRequestParams,
    ComposeObjectRequest, CreateBucketRequest, DeleteBucketRequest, DeleteObjectRequest,
    GetBucketRequest, GetObjectRequest, ListBucketsRequest, ListBucketsResponse,
    ListObjectsRequest, ListObjectsResponse, LockBucketRetentionPolicyRequest, MoveObjectRequest,
    Object, QueryWriteStatusRequest, QueryWriteStatusResponse, ReadObjectRequest,
    ReadObjectResponse, RestoreObjectRequest, RewriteObjectRequest, RewriteResponse,
    StartResumableWriteRequest, StartResumableWriteResponse, UpdateBucketRequest,
    UpdateObjectRequest, WriteObjectRequest, WriteObjectResponse, iam,
};
use windtunnel_protos::storage_control::storage_control_server::StorageControl;

use super::Shared;
use crate::broker::{BrokerError, Preconditions, Selector};
use crate::clock::now_micros;

type Answer<T> = Result<Response<T>, Status>;
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

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
        | BrokerError::NotificationNotFound(_)
        | BrokerError::UploadNotFound => Status::not_found(text),
        BrokerError::BucketExists => Status::already_exists(text),
        BrokerError::BucketNotEmpty | BrokerError::Precondition => {
            Status::failed_precondition(text)
        }
        BrokerError::NotModified => Status::aborted(text),
        BrokerError::Held { .. } | BrokerError::Retained { .. } | BrokerError::Forbidden(_) => {
            Status::permission_denied(text)
        }
        BrokerError::Invalid(_) | BrokerError::Required(_) => Status::invalid_argument(text),
        BrokerError::OutOfRange { .. } => Status::out_of_range(text),
        BrokerError::Overloaded => Status::resource_exhausted(text),
        BrokerError::Unimplemented(_) => Status::unimplemented(text),
    }
}

/// The bucket's id out of `projects/_/buckets/B`.
fn bucket_id(name: &str) -> Result<&str, BrokerError> {
    name.strip_prefix("projects/_/buckets/")
        .filter(|id| !id.contains('/'))
        .ok_or_else(|| BrokerError::Invalid(format!("Invalid bucket name: '{name}'")))
}

fn project_id(name: &str) -> &str {
    name.strip_prefix("projects/").unwrap_or(name)
}

/// The four conditions of a request, by the names that all requests have.
macro_rules! preconditions {
    ($request:expr) => {
        Preconditions {
            generation_match: $request.if_generation_match,
            generation_not_match: $request.if_generation_not_match,
            metageneration_match: $request.if_metageneration_match,
            metageneration_not_match: $request.if_metageneration_not_match,
        }
    };
}
use preconditions;

/// The conditions of a request on a bucket.
macro_rules! bucket_preconditions {
    ($request:expr) => {
        Preconditions {
            metageneration_match: $request.if_metageneration_match,
            metageneration_not_match: $request.if_metageneration_not_match,
            ..Preconditions::default()
        }
    };
}
use bucket_preconditions;

/// 0 is the live generation.
fn generation(generation: i64) -> Option<i64> {
    (generation != 0).then_some(generation)
}

/// Refuses by name the settings of a request that are texts and are not empty.
fn refuse(settings: &[(&str, &str)]) -> Result<(), BrokerError> {
    match settings.iter().find(|(_, value)| !value.is_empty()) {
        None => Ok(()),
        Some((name, _)) => Err(BrokerError::Unimplemented((*name).to_owned())),
    }
}

fn refuse_keys(parameters: Option<&CommonObjectRequestParams>) -> Result<(), BrokerError> {
    let algorithm = parameters.map_or("", |parameters| parameters.encryption_algorithm.as_str());
    refuse(&[("common_object_request_params.encryption_algorithm", algorithm)])
}

fn timestamp(micros: i64) -> Option<prost_types::Timestamp> {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).ok()?;
    Some(prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos })
}

/// Out of range is as good as the end of time on that side.
fn micros(timestamp: prost_types::Timestamp) -> i64 {
    let prost_types::Timestamp { seconds, nanos } = timestamp;
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos) / 1_000)
}

#[tonic::async_trait]
impl Storage for Wire {
    type ReadObjectStream = Messages<ReadObjectResponse>;
    type BidiReadObjectStream = Messages<BidiReadObjectResponse>;
    type BidiWriteObjectStream = Messages<BidiWriteObjectResponse>;

    async fn create_bucket(&self, request: Request<CreateBucketRequest>) -> Answer<Bucket> {
        let created = bucket::create(&self.shared, request.into_inner());
        created.map(Response::new).map_err(status_of)
    }

    async fn get_bucket(&self, request: Request<GetBucketRequest>) -> Answer<Bucket> {
        let request = request.into_inner();
        let found = bucket_id(&request.name).and_then(|id| {
            let broker = self.shared.broker(now_micros());
            broker.bucket(id, bucket_preconditions!(request)).map(bucket::resource)
        });
        found.map(Response::new).map_err(status_of)
    }

    async fn list_buckets(
        &self,
        request: Request<ListBucketsRequest>,
    ) -> Answer<ListBucketsResponse> {
        let listed = bucket::list(&self.shared, &request.into_inner());
        listed.map(Response::new).map_err(status_of)
    }

    async fn update_bucket(&self, request: Request<UpdateBucketRequest>) -> Answer<Bucket> {
        let updated = bucket::update(&self.shared, request.into_inner());
        updated.map(Response::new).map_err(status_of)
    }

    async fn delete_bucket(&self, request: Request<DeleteBucketRequest>) -> Answer<()> {
        let request = request.into_inner();
        let deleted = bucket_id(&request.name).and_then(|id| {
            let conditions = bucket_preconditions!(request);
            self.shared.broker(now_micros()).delete_bucket(id, conditions)
        });
        deleted.map(Response::new).map_err(status_of)
    }

    async fn lock_bucket_retention_policy(
        &self,
        request: Request<LockBucketRetentionPolicyRequest>,
    ) -> Answer<Bucket> {
        let LockBucketRetentionPolicyRequest { bucket, if_metageneration_match } =
            request.into_inner();
        let conditions = Preconditions {
            metageneration_match: Some(if_metageneration_match),
            ..Preconditions::default()
        };
        let locked = bucket_id(&bucket).and_then(|id| {
            let now = now_micros();
            let mut broker = self.shared.broker(now);
            broker.lock_retention_policy(id, conditions, now).map(bucket::resource)
        });
        locked.map(Response::new).map_err(status_of)
    }

    async fn get_iam_policy(
        &self,
        request: Request<iam::GetIamPolicyRequest>,
    ) -> Answer<iam::Policy> {
        let found = bucket_id(&request.get_ref().resource)
            .and_then(|id| self.shared.broker(now_micros()).policy(id).map(access::policy));
        found.map(Response::new).map_err(status_of)
    }

    async fn set_iam_policy(
        &self,
        request: Request<iam::SetIamPolicyRequest>,
    ) -> Answer<iam::Policy> {
        let request = request.into_inner();
        let set = bucket_id(&request.resource).and_then(|id| {
            let policy = access::policy_from(request.policy.unwrap_or_default())?;
            self.shared.broker(now_micros()).set_policy(id, policy).map(access::policy)
        });
        set.map(Response::new).map_err(status_of)
    }

    async fn test_iam_permissions(
        &self,
        request: Request<iam::TestIamPermissionsRequest>,
    ) -> Answer<iam::TestIamPermissionsResponse> {
        let request = request.into_inner();
        let tested = bucket_id(&request.resource).and_then(|id| {
            self.shared.broker(now_micros()).policy(id)?;
            // Nothing is enforced: every caller has every permission.
            Ok(iam::TestIamPermissionsResponse { permissions: request.permissions })
        });
        tested.map(Response::new).map_err(status_of)
    }

    async fn get_object(&self, request: Request<GetObjectRequest>) -> Answer<Object> {
        let request = request.into_inner();
        let found = bucket_id(&request.bucket).and_then(|id| {
            refuse_keys(request.common_object_request_params.as_ref())?;
            let selector = Selector {
                generation: generation(request.generation),
                soft_deleted: request.soft_deleted.unwrap_or(false),
            };
            let (conditions, now) = (preconditions!(request), now_micros());
            let broker = self.shared.broker(now);
            broker.get(id, &request.object, selector, conditions, now).map(object::resource)
        });
        found.map(Response::new).map_err(status_of)
    }

    async fn list_objects(
        &self,
        request: Request<ListObjectsRequest>,
    ) -> Answer<ListObjectsResponse> {
        let listed = object::list(&self.shared, request.into_inner());
        listed.map(Response::new).map_err(status_of)
    }

    async fn update_object(&self, request: Request<UpdateObjectRequest>) -> Answer<Object> {
        let updated = object::update(&self.shared, request.into_inner());
        updated.map(Response::new).map_err(status_of)
    }

    async fn delete_object(&self, request: Request<DeleteObjectRequest>) -> Answer<()> {
        let request = request.into_inner();
        let deleted = bucket_id(&request.bucket).and_then(|id| {
            let generation = generation(request.generation);
            let (conditions, now) = (preconditions!(request), now_micros());
            let mut broker = self.shared.broker(now);
            broker.delete(id, &request.object, generation, conditions, now)
        });
        deleted.map(Response::new).map_err(status_of)
    }

    async fn restore_object(&self, request: Request<RestoreObjectRequest>) -> Answer<Object> {
        let request = request.into_inner();
        let restored = bucket_id(&request.bucket).and_then(|id| {
            refuse(&[("RestoreObjectRequest.restore_token", &request.restore_token)])?;
            let (conditions, now) = (preconditions!(request), now_micros());
            let mut broker = self.shared.broker(now);
            let view = broker.restore(id, &request.object, request.generation, conditions, now)?;
            Ok(object::resource(view))
        });
        restored.map(Response::new).map_err(status_of)
    }

    async fn compose_object(&self, request: Request<ComposeObjectRequest>) -> Answer<Object> {
        let composed = object::compose(&self.shared, request.into_inner());
        composed.map(Response::new).map_err(status_of)
    }

    async fn rewrite_object(
        &self,
        request: Request<RewriteObjectRequest>,
    ) -> Answer<RewriteResponse> {
        let rewritten = object::rewrite(&self.shared, request.into_inner());
        rewritten.map(Response::new).map_err(status_of)
    }

    async fn move_object(&self, request: Request<MoveObjectRequest>) -> Answer<Object> {
        let moved = object::move_object(&self.shared, request.into_inner());
        moved.map(Response::new).map_err(status_of)
    }

    async fn read_object(
        &self,
        request: Request<ReadObjectRequest>,
    ) -> Answer<Self::ReadObjectStream> {
        let read = read::read_object(&self.shared, request.into_inner());
        read.map(Response::new).map_err(status_of)
    }

    async fn bidi_read_object(
        &self,
        request: Request<Streaming<BidiReadObjectRequest>>,
    ) -> Answer<Self::BidiReadObjectStream> {
        let shared = Arc::clone(&self.shared);
        Ok(Response::new(read::bidi_read_object(shared, request.into_inner())))
    }

    async fn write_object(
        &self,
        request: Request<Streaming<WriteObjectRequest>>,
    ) -> Answer<WriteObjectResponse> {
        write::write_object(&self.shared, request.into_inner()).await.map(Response::new)
    }

    async fn bidi_write_object(
        &self,
        request: Request<Streaming<BidiWriteObjectRequest>>,
    ) -> Answer<Self::BidiWriteObjectStream> {
        let shared = Arc::clone(&self.shared);
        Ok(Response::new(write::bidi_write_object(shared, request.into_inner())))
    }

    async fn start_resumable_write(
        &self,
        request: Request<StartResumableWriteRequest>,
    ) -> Answer<StartResumableWriteResponse> {
        let started = write::start(&self.shared, request.into_inner());
        started.map(Response::new).map_err(status_of)
    }

    async fn query_write_status(
        &self,
        request: Request<QueryWriteStatusRequest>,
    ) -> Answer<QueryWriteStatusResponse> {
        let status = write::status(&self.shared, &request.into_inner());
        status.map(Response::new).map_err(status_of)
    }

    async fn cancel_resumable_write(
        &self,
        request: Request<CancelResumableWriteRequest>,
    ) -> Answer<CancelResumableWriteResponse> {
        let cancelled = write::upload_id(&request.get_ref().upload_id)
            .and_then(|id| self.shared.broker(now_micros()).cancel_upload(id));
        cancelled.map(|()| Response::new(CancelResumableWriteResponse {})).map_err(status_of)
    }
}

/// The policies of buckets, where newer clients ask for them.
#[tonic::async_trait]
impl StorageControl for Wire {
    async fn get_iam_policy(
        &self,
        request: Request<iam::GetIamPolicyRequest>,
    ) -> Answer<iam::Policy> {
        Storage::get_iam_policy(self, request).await
    }

    async fn set_iam_policy(
        &self,
        request: Request<iam::SetIamPolicyRequest>,
    ) -> Answer<iam::Policy> {
        Storage::set_iam_policy(self, request).await
    }

    async fn test_iam_permissions(
        &self,
        request: Request<iam::TestIamPermissionsRequest>,
    ) -> Answer<iam::TestIamPermissionsResponse> {
        Storage::test_iam_permissions(self, request).await
    }
}
