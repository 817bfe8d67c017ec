//! The parameters of a request.

use std::str::FromStr;

/// Decoded names and values, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// Each value of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of `name`.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The number given as `name`, if any.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.first(name).map(|value| value.parse().map_err(|_| format!("{name} is not a number: {value}"))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_may_repeat() {
        let query = Query::parse("user=a%20b&group=1&group=2");
        assert_eq!(query.first("user"), Some("a b"));
        assert_eq!(query.all("group").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.first("session"), None);
    }

    #[test]
    fn what_is_no_number_is_refused_by_name() {
        assert_eq!(Query::parse("count=5").number("count"), Ok(Some(5)));
        assert_eq!(Query::parse("").number::<u64>("count"), Ok(None));
        assert_eq!(Query::parse("count=x").number::<u64>("count"), Err("count is not a number: x".to_owned()));
    }
}
