//! A refused stream as an answer.

use std::io::Cursor;

use rocket::Request;
use rocket::http::{ContentType, Status};
use rocket::response::{Responder, Response, Result};
use ssehub::ConnectError;

/// A refused stream: the status of the [`ConnectError`], its `Retry-After` if it has one, and `{"error":"…"}` as
/// JSON.
///
/// `?` makes it of a [`ConnectError`]. It is the handler's answer, so no catcher is asked.
/// A browser's `EventSource` gives up for good on any status but 200.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SseError(#[from] pub ConnectError);

impl<'r> Responder<'r, 'static> for SseError {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let body = self.0.to_json();
        let mut response = Response::build();
        response.status(Status::new(self.0.status())).header(ContentType::JSON);
        if let Some(seconds) = self.0.retry_after_seconds() {
            response.raw_header("retry-after", seconds.to_string());
        }
        response.sized_body(body.len(), Cursor::new(body)).ok()
    }
}
