//! What the site refuses, and what axum does, as answers: all of them JSON.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Json, Query};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use login::Refusal;
use ssehub_axum::SseError;

/// A refusal as axum's answer.
pub(crate) struct Refused(pub(crate) Refusal);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self.0 {
            // The adapter knows how to say who is let in by what, when to come back, and not to.
            Refusal::Connect(error) => SseError(error).into_response(),
            refusal => {
                let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, [(CONTENT_TYPE, "application/json")], refusal.to_json()).into_response()
            }
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// A query as `T`, or a refusal.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(Refused))]
pub(crate) struct Asked<T>(pub(crate) T);

impl From<QueryRejection> for Refused {
    fn from(rejection: QueryRejection) -> Self {
        Self(Refusal::request(rejection.status().as_u16(), rejection.body_text()))
    }
}

/// A JSON body as `T`, or a refusal.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Refused))]
pub(crate) struct Sent<T>(pub(crate) T);

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(Refusal::request(rejection.status().as_u16(), rejection.body_text()))
    }
}
