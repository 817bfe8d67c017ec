//! Query strings, read strictly: what is misspelt is told, not ignored.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::answer::Answer;

/// The parameters of a request. Take those you know, then [`finish`](Self::finish): what is left is an error.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Answer> {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode_form(name)?, decode_form(value)?))
        });
        Ok(Self { pairs: pairs.collect::<Result<_, Answer>>()?, known: Vec::new() })
    }

    /// A parameter that may be repeated.
    pub(crate) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    /// A parameter that may be given once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Answer> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(Answer::bad(&format!("{name} may be given once only"))),
        }
    }

    /// A parameter that is `true` or `false`; `false` where it is absent.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Answer> {
        match self.one(name)?.as_deref() {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(other) => Err(Answer::bad(&format!("{name} is {other:?}; allowed are true and false"))),
        }
    }

    /// A number from `least` to `most`.
    pub(crate) fn number<T>(&mut self, name: &'static str, least: T, most: T) -> Result<Option<T>, Answer>
    where
        T: Copy + Display + FromStr + PartialOrd,
    {
        let Some(value) = self.one(name)? else { return Ok(None) };
        match value.parse() {
            Ok(number) if least <= number && number <= most => Ok(Some(number)),
            _ => Err(Answer::bad(&format!("{name} is {value:?}; allowed is a number from {least} to {most}"))),
        }
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Answer> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let known = match self.known.as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        Err(Answer::bad(&format!("unknown parameter {name:?}; known are: {known}")))
    }
}

/// Decodes a segment of a path. A `%` without two hex digits behind it is just a `%`.
pub(crate) fn decode(text: &str) -> Result<String, Answer> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| Answer::bad(&format!("{text:?} is not UTF-8 when decoded")))
}

/// The same for queries, where a `+` is a space.
fn decode_form(text: &str) -> Result<String, Answer> {
    decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_just_names() {
        let mut query = Query::parse(Some("user=a%2Fb%3A%25+%c3%a9&user=%&user=100%25&&user")).unwrap();
        assert_eq!(query.all("user"), ["a/b:% é", "%", "100%", ""]);
        query.finish().unwrap();
    }

    #[test]
    fn what_is_misspelt_is_told() {
        for (query, says) in [
            ("usr=1", "unknown parameter \"usr\"; known are: flag, count, name"),
            ("flag=maybe", "flag is \"maybe\"; allowed are true and false"),
            ("count=-1", "count is \"-1\"; allowed is a number from 0 to 9"),
            ("count=10", "count is \"10\"; allowed is a number from 0 to 9"),
            ("name=a&name=b", "name may be given once only"),
            ("name=%ff", "\"%ff\" is not UTF-8 when decoded"),
        ] {
            let read = || -> Result<(), Answer> {
                let mut query = Query::parse(Some(query))?;
                query.flag("flag")?;
                query.number::<u8>("count", 0, 9)?;
                query.one("name")?;
                query.finish()
            };
            let answer = read().expect_err(query);
            let error = serde_json::json!({ "error": says }).to_string();
            assert_eq!((answer.status, answer.body), (400, error));
        }
    }
}
