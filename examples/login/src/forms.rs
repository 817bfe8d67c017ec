//! What a page asks for, and what it is answered: the bodies of requests and answers, as JSON.
//!
//! A field that is missing is an empty one, so that what is wrong with it is said here and alike on every framework.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// The longest note, in characters.
pub(crate) const MAX_NOTE: usize = 280;

/// Who wants to log in: the body of `POST /login`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewLogin {
    user: String,
}

impl NewLogin {
    /// The user's name, if it can be one.
    pub(crate) fn check(&self) -> Result<&str, Refusal> {
        let user = &self.user;
        let is_user = (1..=32).contains(&user.chars().count())
            && user.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if is_user { Ok(user) } else { Err(Refusal::User) }
    }
}

/// A login: the answer to `POST /login`.
#[derive(Clone, Serialize)]
pub struct Login {
    pub(crate) user: String,
    /// For the `Authorization` header of all requests but the stream's. The page keeps it in memory and nowhere else.
    pub(crate) token: String,
    /// In seconds.
    pub(crate) expires_in: u64,
}

/// Without the token.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// What opens a stream, once: the answer to `POST /ticket`.
#[derive(Clone, Serialize)]
pub struct FreshTicket {
    pub(crate) ticket: String,
}

/// Without the ticket.
impl fmt::Debug for FreshTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshTicket").finish_non_exhaustive()
    }
}

/// A note for all tabs of its user: the body of `POST /notes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewNote {
    text: String,
}

impl NewNote {
    /// What it says, if it says something.
    pub(crate) fn check(&self) -> Result<&str, Refusal> {
        let text = self.text.trim();
        if (1..=MAX_NOTE).contains(&text.chars().count()) { Ok(text) } else { Err(Refusal::Note) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_one_is_refused() {
        let user = |user: &str| NewLogin { user: user.to_owned() }.check().map(str::to_owned);
        for name in ["a", "zoë", "calm-otter-42", "a.b_c", &"x".repeat(32)] {
            assert_eq!(user(name).unwrap(), name);
        }
        for name in ["", "a b", "a\n", "<b>", &"x".repeat(33)] {
            assert!(matches!(user(name), Err(Refusal::User)), "{name}");
        }
    }

    #[test]
    fn a_note_says_something_and_not_too_much() {
        let note = |text: &str| NewNote { text: text.to_owned() }.check().map(str::to_owned);
        assert_eq!(note(" buy milk\n").unwrap(), "buy milk");
        assert_eq!(note(&"é".repeat(MAX_NOTE)).unwrap().chars().count(), MAX_NOTE);
        for text in ["", " \n", &"x".repeat(MAX_NOTE + 1)] {
            assert!(matches!(note(text), Err(Refusal::Note)), "{text}");
        }
    }

    #[test]
    fn a_token_and_a_ticket_are_in_no_debug_text() {
        let login = Login { user: "alice".to_owned(), token: "secret".to_owned(), expires_in: 1 };
        let ticket = FreshTicket { ticket: "secret".to_owned() };
        assert!(!format!("{login:?}{ticket:?}").contains("secret"));
    }
}
