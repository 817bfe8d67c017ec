//! A refused stream as an answer.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use ssehub::{ConnectError, TicketError};

/// A refused stream, answered with the status, headers and body of the [`ConnectError`]: 429 and 503 say `Retry-After`,
/// 401 says `WWW-Authenticate`, 204 has no body, and the others have `{"error":"…"}` as JSON.
///
/// `?` makes it of a [`ConnectError`] or a [`TicketError`]. A browser's `EventSource` gives up for good on any status
/// but 200.
///
/// ```
/// use actix_web::web;
/// use ssehub_actix::{ConnectError, Hub, SseError, SseRequest, SseResponse};
/// use std::collections::HashMap;
///
/// async fn events(
///     hub: web::Data<Hub>, query: web::Query<HashMap<String, String>>, SseRequest(request): SseRequest,
/// ) -> Result<SseResponse, SseError> {
///     let ticket = query.get("ticket").ok_or_else(ConnectError::unauthorized)?;
///     let identity = hub.redeem_ticket(ticket).await?;
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

impl ResponseError for SseError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in self.0.headers() {
            response.insert_header((name, &*value));
        }
        match self.0.body() {
            Some(body) => response.body(body),
            None => response.finish(),
        }
    }
}
