//! The hub as a part of a Rocket: managed from ignition on, and shut down with it.

use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind, Result};
use rocket::http::Method;
use rocket::{Build, Data, Ignite, Orbit, Request, Rocket, tokio};
use ssehub::{Hub, Shutdown};

/// Rocket looks once, right after its shutdown fairings, whether all requests are done, and sleeps through the
/// whole grace period if not. Streams have ended by then; this lets their tasks end too.
const LET_TASKS_END: Duration = Duration::from_millis(100);

/// The fairing that makes a [`Hub`] part of a Rocket.
///
/// It manages the hub, so that handlers take `&State<Hub>`; it ends all streams when Rocket is told to shut down,
/// and waits for them, so that Rocket's grace period ends at once; and it lets [`SseRequest`](crate::SseRequest)
/// know a `HEAD`. The launch fails if another hub is managed already.
#[derive(Debug)]
pub struct SseHub {
    hub: Hub,
    shutdown: Shutdown,
}

impl SseHub {
    /// The fairing for `hub`, which `shutdown` ends when Rocket does.
    #[must_use]
    pub fn fairing(hub: Hub, shutdown: Shutdown) -> Self {
        Self { hub, shutdown }
    }

    pub(crate) fn is_attached(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached>().is_some()
    }
}

#[rocket::async_trait]
impl Fairing for SseHub {
    fn info(&self) -> Info {
        Info { name: "ssehub (at most one hub may be managed)", kind: Kind::Ignite | Kind::Request | Kind::Shutdown }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> Result {
        // `manage` panics on a second value of one type.
        if rocket.state::<Hub>().is_some() {
            return Err(rocket);
        }
        Ok(rocket.manage(self.hub.clone()).manage(Attached))
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        if request.method() == Method::Head {
            request.local_cache(|| CameAsHead(true));
        }
    }

    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        self.hub.shutdown(self.shutdown.clone()).await;
        tokio::time::sleep(LET_TASKS_END).await;
    }
}

/// In Rocket's state where an [`SseHub`] has been attached.
struct Attached;

/// In a request's cache: whether the client asked with `HEAD`, whatever Rocket has made of it since.
struct CameAsHead(bool);

pub(crate) fn came_as_head(request: &Request<'_>) -> bool {
    request.local_cache(|| CameAsHead(false)).0
}
