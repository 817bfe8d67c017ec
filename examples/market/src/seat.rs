//! Who asks, and for what: the queries of the market's requests.
//!
//! A field that is missing is an empty one, so that what is wrong with it is said here and alike on every framework.

use serde::Deserialize;

use crate::Refusal;

/// Who opens a stream: the query of `GET /events`. `POST /cut` has the tab alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Seat {
    /// The user's name. The market believes whoever asks: this is where a real application has its login.
    pub user: String,
    /// The tab's id, drawn at random by the page.
    pub tab: String,
}

/// What a tab is to watch, or no longer: the query of `POST /watch` and `DELETE /watch`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// The tab's id.
    pub tab: String,
    /// The symbol of a stock.
    pub symbol: String,
}

impl Seat {
    /// The user and the tab, if they can be one.
    pub(crate) fn check(&self) -> Result<(&str, &str), Refusal> {
        let tab = &self.tab;
        let is_tab = (16..=64).contains(&tab.len()) && tab.chars().all(|c| c.is_ascii_alphanumeric());
        if is_tab { Ok((check_user(&self.user)?, tab)) } else { Err(Refusal::Tab) }
    }
}

/// The user, if it can be one.
pub(crate) fn check_user(user: &str) -> Result<&str, Refusal> {
    let is_user = (1..=32).contains(&user.chars().count())
        && user.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if is_user { Ok(user) } else { Err(Refusal::User) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAB: &str = "0123456789abcdef";

    fn seat(user: &str, tab: &str) -> Seat {
        Seat { user: user.to_owned(), tab: tab.to_owned() }
    }

    #[test]
    fn a_seat_has_a_user_and_a_tab() {
        for user in ["a", "zoë", "calm-otter-42", "a.b_c", &"x".repeat(32)] {
            assert_eq!(seat(user, TAB).check().unwrap(), (user, TAB));
        }
    }

    #[test]
    fn a_user_or_a_tab_that_cannot_be_one_is_refused() {
        for user in ["", "a b", "a\n", "<b>", &"x".repeat(33)] {
            assert!(matches!(seat(user, TAB).check(), Err(Refusal::User)), "{user}");
        }
        for tab in ["", "0123456789abcde", "0123456789abcde/", "0123456789abcdeé", &"x".repeat(65)] {
            assert!(matches!(seat("alice", tab).check(), Err(Refusal::Tab)), "{tab}");
        }
    }
}
