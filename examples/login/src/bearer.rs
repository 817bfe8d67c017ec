//! How a page says who it is where it can set a header: everywhere but on its stream.

/// The token in an `Authorization` header, as RFC 6750 has it: `Bearer TOKEN`. Without one it is empty, which is
/// nobody's.
pub fn bearer(authorization: Option<&str>) -> &str {
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_its_header_and_in_nothing_else() {
        for (header, token) in
            [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("Bearer", ""), ("", "")]
        {
            assert_eq!(bearer(Some(header)), token, "{header}");
        }
        assert_eq!(bearer(None), "");
    }
}
