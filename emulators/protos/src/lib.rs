//! Server traits and clients over the published message types (`googleapis-tonic-*`), without
//! protoc and without .proto files. Invariant: everything that the emulators and the engine's
//! connectors share over the wire is declared here, and nothing else is shared between them.

/// `google.protobuf.Empty`, for which prost uses the unit type.
pub type Empty = ();

/// `google.pubsub.v1`.
pub mod pubsub {
    pub use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::*;
    include!(concat!(env!("OUT_DIR"), "/google.pubsub.v1.Publisher.rs"));
    include!(concat!(env!("OUT_DIR"), "/google.pubsub.v1.Subscriber.rs"));
    include!(concat!(env!("OUT_DIR"), "/google.pubsub.v1.SchemaService.rs"));
}

/// `google.storage.v2`, with the messages of IAM, `google.rpc` and `google.type` that it uses.
pub mod storage {
    pub use googleapis_tonic_google_storage_v2::google::iam::v1 as iam;
    pub use googleapis_tonic_google_storage_v2::google::storage::v2::*;
    pub use googleapis_tonic_google_storage_v2::google::{rpc, r#type};
    include!(concat!(env!("OUT_DIR"), "/google.storage.v2.Storage.rs"));
}

/// `google.storage.control.v2`: the policies of buckets alone.
pub mod storage_control {
    include!(concat!(env!("OUT_DIR"), "/google.storage.control.v2.StorageControl.rs"));
}

/// `google.cloud.bigquery.storage.v1`, with `google.rpc.Status`.
pub mod bigquery {
    use googleapis_tonic_google_cloud_bigquery_storage_v1::google;

    pub use google::cloud::bigquery::storage::v1::*;
    pub use google::rpc;
    include!(concat!(env!("OUT_DIR"), "/google.cloud.bigquery.storage.v1.BigQueryRead.rs"));
    include!(concat!(env!("OUT_DIR"), "/google.cloud.bigquery.storage.v1.BigQueryWrite.rs"));
}

/// `google.cloud.aiplatform.v1`: the prediction service alone.
pub mod vertex {
    pub use googleapis_tonic_google_cloud_aiplatform_v1::google::cloud::aiplatform::v1::*;
    include!(concat!(env!("OUT_DIR"), "/google.cloud.aiplatform.v1.PredictionService.rs"));
}

/// Implements unary methods of a server trait by refusing them, each by its full name.
///
/// `unimplemented_methods! { "google.pubsub.v1.Subscriber": seek(SeekRequest) -> SeekResponse = "Seek"; }`
#[macro_export]
macro_rules! unimplemented_methods {
    ($service:literal: $($method:ident($request:ty) -> $response:ty = $name:literal;)*) => {
        // Written out as `async_trait` would: that macro does not look inside this one.
        $(fn $method<'life, 'async_trait>(
            &'life self,
            _: ::tonic::Request<$request>,
        ) -> ::std::pin::Pin<Box<
            dyn ::std::future::Future<
                    Output = Result<::tonic::Response<$response>, ::tonic::Status>,
                > + Send
                + 'async_trait,
        >>
        where
            'life: 'async_trait,
            Self: 'async_trait,
        {
            let text = concat!($service, "/", $name, " is not implemented by this emulator");
            Box::pin(async move { Err(::tonic::Status::unimplemented(text)) })
        })*
    };
}
