//! A refused stream as an answer.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ssehub::{ConnectError, TicketError};

/// A refused stream, answered with the status, headers and body of the [`ConnectError`]: 429 and 503 say `Retry-After`,
/// 401 says `WWW-Authenticate`, 204 has no body, and the others have `{"error":"…"}` as JSON.
///
/// `?` makes it of a [`ConnectError`] or a [`TicketError`]. A browser's `EventSource` gives up for good on any status
/// but 200.
///
/// ```
/// use axum::extract::{Query, State};
/// use ssehub_axum::{ConnectError, Hub, SseError, SseRequest, SseResponse};
/// use std::collections::HashMap;
///
/// async fn events(
///     State(hub): State<Hub>, Query(query): Query<HashMap<String, String>>, SseRequest(request): SseRequest,
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

impl IntoResponse for SseError {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.0.body().map_or_else(Body::empty, Body::from));
        *response.status_mut() = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.0.headers() {
            // The core promises values in ASCII.
            if let Ok(value) = HeaderValue::try_from(&*value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
