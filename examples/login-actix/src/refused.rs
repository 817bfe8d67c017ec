//! What the site refuses, and what actix does, as answers: all of them JSON.

use actix_web::error::{JsonPayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, ResponseError};
use login::Refusal;
use ssehub_actix::SseError;

/// A refusal as actix's answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The adapter knows how to say who is let in by what, when to come back, and not to.
    #[error(transparent)]
    Stream(SseError),
    #[error(transparent)]
    Other(Refusal),
}

impl Refused {
    pub(crate) fn query(error: &QueryPayloadError) -> Self {
        Self::Other(Refusal::request(error.status_code().as_u16(), error.to_string()))
    }

    pub(crate) fn json(error: &JsonPayloadError) -> Self {
        Self::Other(match error {
            JsonPayloadError::ContentType => Refusal::request(415, "the Content-Type must be application/json"),
            error => Refusal::request(error.status_code().as_u16(), error.to_string()),
        })
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Connect(error) => Self::Stream(SseError(error)),
            refusal => Self::Other(refusal),
        }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Stream(error) => error.status_code(),
            Self::Other(refusal) => StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Stream(error) => error.error_response(),
            Self::Other(refusal) => {
                HttpResponse::build(self.status_code()).content_type(ContentType::json()).body(refusal.to_json())
            }
        }
    }
}
