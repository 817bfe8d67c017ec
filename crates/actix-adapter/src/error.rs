//! A refused stream as an answer.

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use ssehub::ConnectError;

/// A refused stream: the status of the [`ConnectError`], its `Retry-After` if it has one, and `{"error":"…"}` as
/// JSON.
///
/// `?` makes it of a [`ConnectError`]. A browser's `EventSource` gives up for good on any status but 200.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SseError(#[from] pub ConnectError);

impl ResponseError for SseError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(ContentType::json());
        if let Some(seconds) = self.0.retry_after_seconds() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.body(self.0.to_json())
    }
}
