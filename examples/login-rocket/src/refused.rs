//! What the site refuses, and what Rocket does, as answers: all of them JSON.

use login::Refusal;
use rocket::http::{ContentType, Status};
use rocket::response::{self, Responder};
use rocket::serde::json;
use rocket::{Request, catch};
use ssehub_rocket::SseError;

/// A refusal as Rocket's answer.
pub(crate) struct Refused(pub(crate) Refusal);

impl<'r> Responder<'r, 'static> for Refused {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self.0 {
            // The adapter knows how to say who is let in by what, when to come back, and not to.
            Refusal::Connect(error) => SseError(error).respond_to(request),
            refusal => (Status::new(refusal.status()), (ContentType::JSON, refusal.to_json())).respond_to(request),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<json::Error<'_>> for Refused {
    fn from(error: json::Error<'_>) -> Self {
        let status = match error {
            // Rocket cuts what is too long, which leaves it without its end.
            json::Error::Io(_) => Status::PayloadTooLarge,
            json::Error::Parse(..) => Status::BadRequest,
        };
        Self(Refusal::request(status.code, error.to_string()))
    }
}

/// What Rocket refuses before any route is asked.
#[catch(default)]
pub(crate) fn by_rocket(status: Status, _: &Request<'_>) -> Refused {
    Refused(match status {
        Status::NotFound => Refusal::NothingHere,
        status => Refusal::request(status.code, status.to_string()),
    })
}
