//! Names the gRPC method that nobody implements: the generated servers answer a bare UNIMPLEMENTED.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

pub(super) async fn name_unknown_methods(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let unimplemented = headers.get("grpc-status").is_some_and(|status| status == "12");
    if unimplemented && !headers.contains_key("grpc-message") {
        let message =
            format!("{} is not implemented by this emulator", path.trim_start_matches('/'));
        if let Ok(value) = HeaderValue::from_str(&message) {
            headers.insert("grpc-message", value);
        }
    }
    response
}
