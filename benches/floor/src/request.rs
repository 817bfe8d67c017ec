//! What is asked for: the first line of a request, and nothing else of it.

use crate::query::Query;

/// Longer request heads are refused; a stream in 1,000 groups needs about 12 KiB.
const LONGEST: usize = 64 * 1024;

/// Method, path and parameters.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Query,
}

/// How far the bytes that came so far reach.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// The head has not ended yet.
    Incomplete,
    Complete(Request),
    /// No request, or one that is too long.
    Bad,
}

/// Reads a request from `bytes`. It may have no body: none that is served needs one.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    if !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        return if bytes.len() > LONGEST { Parsed::Bad } else { Parsed::Incomplete };
    }
    let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return Parsed::Bad };
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        return Parsed::Bad;
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Parsed::Complete(Request { method: method.to_owned(), path: path.to_owned(), query: Query::parse(query) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_complete_with_its_empty_line() {
        let whole = b"GET /events?user=7 HTTP/1.1\r\nhost: here\r\n\r\n";
        for end in 0..whole.len() {
            assert!(matches!(parse(&whole[..end]), Parsed::Incomplete), "{end}");
        }
        let Parsed::Complete(request) = parse(whole) else { panic!("not complete") };
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/events"));
        assert_eq!(request.query.first("user"), Some("7"));
    }

    #[test]
    fn what_is_no_request_is_bad() {
        for bad in ["\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
            assert!(matches!(parse(bad.as_bytes()), Parsed::Bad), "{bad}");
        }
        assert!(matches!(parse(&vec![b'a'; LONGEST + 1]), Parsed::Bad));
    }
}
