//! A refused stream as an answer.

use std::io::Cursor;

use rocket::Request;
use rocket::http::Status;
use rocket::response::{Responder, Response, Result};
use ssehub::{ConnectError, TicketError};

/// A refused stream, answered with the status, headers and body of the [`ConnectError`]: 429 and 503 say `Retry-After`,
/// 401 says `WWW-Authenticate`, 204 has no body, and the others have `{"error":"…"}` as JSON.
///
/// `?` makes it of a [`ConnectError`] or a [`TicketError`]. It is the handler's answer, so no catcher is asked.
/// A browser's `EventSource` gives up for good on any status but 200.
///
/// ```
/// use rocket::{State, get};
/// use ssehub_rocket::{ConnectError, Hub, SseError, SseRequest, SseResponse};
///
/// #[get("/events?<ticket>")]
/// async fn events(
///     hub: &State<Hub>, ticket: Option<&str>, request: SseRequest,
/// ) -> Result<SseResponse, SseError> {
///     let SseRequest(request) = request;
///     let identity = hub.redeem_ticket(ticket.ok_or_else(ConnectError::unauthorized)?).await?;
///     Ok(SseResponse(hub.connect(request.identity(identity))?))
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SseError(#[from] pub ConnectError);

impl From<TicketError> for SseError {
    fn from(error: TicketError) -> Self {
        Self(error.into())
    }
}

impl<'r> Responder<'r, 'static> for SseError {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let mut response = Response::build();
        response.status(Status::new(self.0.status()));
        for (name, value) in self.0.headers() {
            response.raw_header(name, value);
        }
        if let Some(body) = self.0.body() {
            response.sized_body(body.len(), Cursor::new(body));
        }
        response.ok()
    }
}
