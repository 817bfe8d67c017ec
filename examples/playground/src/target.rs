//! Targets: whom a request is about, as `all`, `user:ID`, `group:NAME` or `connection:ID`.

use ssehub::{Audience, Topic};

use crate::answer::Answer;
use crate::query::Query;

/// The topic that a target names. All behind the first `:` is the name.
pub(crate) fn topic(target: &str) -> Result<Topic, Answer> {
    match target.split_once(':') {
        Some(("user", id)) => Ok(Topic::user(id)),
        Some(("group", name)) => Ok(Topic::group(name)),
        Some(("connection", id)) => Ok(Topic::connection(id)),
        None if target == "all" => Ok(Topic::All),
        _ => {
            let allowed = "allowed are all, user:ID, group:NAME and connection:ID";
            Err(Answer::bad(&format!("{target:?} is no target; {allowed}")))
        }
    }
}

/// The union of the targets `to`, without the targets `except`.
pub(crate) fn audience(query: &mut Query) -> Result<Audience, Answer> {
    let to = query.all("to");
    if to.is_empty() {
        return Err(Answer::bad("to is missing; say who is to get it, such as to=all"));
    }
    let to = to.iter().map(|target| topic(target)).collect::<Result<Audience, _>>()?;
    let except = query.all("except");
    except.iter().try_fold(to, |audience, target| Ok(audience.except(topic(target)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_behind_the_first_colon_is_the_name() {
        assert!(matches!(topic("user:a:b"), Ok(Topic::User(id)) if &*id == "a:b"));
        assert!(matches!(topic("group:all"), Ok(Topic::Group(name)) if &*name == "all"));
        assert!(matches!(topic("all"), Ok(Topic::All)));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for bad in ["", "ALL", "all:", "bob", "users:bob", ":bob"] {
            assert_eq!(topic(bad).map_err(|answer| answer.status).err(), Some(400), "{bad:?}");
        }
    }
}
