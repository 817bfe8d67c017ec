//! What a page brings when it opens its stream, or when its browser opens it again.
//!
//! An `EventSource` can send no header. It has its URL, which ends up in logs, and it has cookies. So the URL holds a
//! ticket, which is worth something once, and the answer sets a cookie, which lets this one stream in again.

use std::fmt;
use std::time::Duration;

use cookie::{Cookie, SameSite, time};
use serde::Deserialize;

use crate::Refusal;

/// The query of `GET /events`. A field that is missing is an empty one.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Visit {
    /// The ticket that `POST /ticket` has answered.
    pub ticket: String,
    /// The name of the stream's session, drawn at random by the page.
    pub session: String,
}

impl Visit {
    /// The name of the stream's cookie. Each session has one of its own, so that two tabs of one browser can be two
    /// users.
    pub fn cookie_name(&self) -> String {
        format!("stream-{}", self.session)
    }

    /// The value of the stream's cookie, if the `Cookie` headers of a request have it.
    pub fn find_cookie<'a>(&self, headers: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let name = self.cookie_name();
        let mut cookies = headers.into_iter().flat_map(Cookie::split_parse).flatten();
        cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    }

    /// The stream's cookie. Scripts don't see it, other sites don't cause it to be sent, no other path gets it, and it
    /// ends with the rest of the login. Where the application is served over TLS, `secure(true)` belongs here too.
    pub(crate) fn cookie(&self, secret: String, rest: Duration) -> Cookie<'static> {
        Cookie::build((self.cookie_name(), secret))
            .path("/events")
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(time::Duration::seconds(rest.as_secs().try_into().unwrap_or(i64::MAX)))
            .build()
    }

    /// The session's name, if it can be one: it is part of a cookie's name.
    pub(crate) fn session(&self) -> Result<&str, Refusal> {
        let name = &self.session;
        let is_session = (22..=64).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if is_session { Ok(name) } else { Err(Refusal::Session) }
    }
}

/// Without the ticket.
impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("session", &self.session).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "0123456789abcdefABCDEF";

    fn visit(session: &str) -> Visit {
        Visit { ticket: "a-ticket".to_owned(), session: session.to_owned() }
    }

    #[test]
    fn a_session_that_can_be_guessed_or_is_no_part_of_a_cookie_is_refused() {
        assert_eq!(visit(SESSION).session().unwrap(), SESSION);
        for session in
            ["", "012345678901234567890", "0123456789abcdefABCDE;", "0123456789abcdefABCDE é", &"x".repeat(65)]
        {
            assert!(matches!(visit(session).session(), Err(Refusal::Session)), "{session}");
        }
    }

    #[test]
    fn a_stream_finds_its_own_cookie_and_no_other() {
        let other = SESSION.replace('F', "G");
        let headers = [format!("a=b; stream-{other}=wrong"), format!("stream-{SESSION}=right; c=d")];
        assert_eq!(visit(SESSION).find_cookie(headers.iter().map(String::as_str)).as_deref(), Some("right"));
        assert_eq!(visit(&SESSION.replace('F', "H")).find_cookie(headers.iter().map(String::as_str)), None);
        assert_eq!(visit(SESSION).find_cookie(["", ";;", "=", "stream-"]), None);
    }

    #[test]
    fn the_cookie_is_the_streams_alone_and_ends_with_the_login() {
        let cookie = visit(SESSION).cookie("secret".to_owned(), Duration::from_millis(60_900));
        let expected = format!("stream-{SESSION}=secret; HttpOnly; SameSite=Strict; Path=/events; Max-Age=60");
        assert_eq!(cookie.to_string(), expected);
    }

    #[test]
    fn a_ticket_is_in_no_debug_text() {
        assert!(!format!("{:?}", visit(SESSION)).contains("a-ticket"));
    }
}
