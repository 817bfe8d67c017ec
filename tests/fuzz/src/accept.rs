//! `Accept`: never a panic, and for every header that RFC 9110 defines, the verdict of a second reading of it.
//!
//! The input is the header's values, one a line.

use ssehub::{ConnectErrorKind, ConnectRequest, Hub};

thread_local! {
    static HUB: Hub = Hub::new();
}

/// See the [crate].
pub fn accept(data: &[u8]) {
    let values: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    // A HEAD request is refused like any other, and opens nothing.
    let request = ConnectRequest::from_http("HEAD", values.iter().copied(), None, None);
    let accepted = match HUB.with(|hub| hub.connect(request)) {
        Ok(connection) => {
            assert!(connection.is_over(), "a HEAD request opens nothing");
            true
        }
        Err(error) => {
            assert_eq!((error.kind(), error.status()), (ConnectErrorKind::NotAcceptable, 406));
            false
        }
    };
    if let Some(expected) = expected(&values) {
        assert_eq!(accepted, expected, "{:?}", String::from_utf8_lossy(data));
    }
}

/// A media range, and whether its weight lets it in.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    allowed: bool,
}

/// What the standard says, where it says something: the most specific range decides, and of two equal ones the one that
/// allows. Which parameters a range has is not looked at. What has quotes is left to the hub.
fn expected(values: &[&[u8]]) -> Option<bool> {
    let mut ranges = Vec::new();
    for value in values {
        let value = std::str::from_utf8(value).ok()?;
        for element in value.split(',').map(trim).filter(|element| !element.is_empty()) {
            ranges.push(range(element)?);
        }
    }
    if ranges.is_empty() {
        return Some(true);
    }
    for (kind, subtype) in [("text", "event-stream"), ("text", "*"), ("*", "*")] {
        let is_it =
            |range: &&Range<'_>| range.kind.eq_ignore_ascii_case(kind) && range.subtype.eq_ignore_ascii_case(subtype);
        let matching: Vec<_> = ranges.iter().filter(is_it).collect();
        if !matching.is_empty() {
            return Some(matching.into_iter().any(|range| range.allowed));
        }
    }
    Some(false)
}

/// One element, if the standard's grammar makes it.
fn range(element: &str) -> Option<Range<'_>> {
    let mut parts = element.split(';').map(trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    if !is_token(kind) || !is_token(subtype) || kind == "*" && subtype != "*" {
        return None;
    }
    let mut weight = None;
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        if !is_token(name) || !is_token(value) {
            return None;
        }
        if name.eq_ignore_ascii_case("q") && weight.replace(is_positive(value)?).is_some() {
            return None;
        }
    }
    Some(Range { kind, subtype, allowed: weight.unwrap_or(true) })
}

/// `qvalue`, and whether it is more than nothing.
fn is_positive(weight: &str) -> Option<bool> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = fraction.bytes().all(|byte| byte == b'0');
    match whole {
        "0" if digits => Some(!zeros),
        "1" if digits && zeros => Some(true),
        _ => None,
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
