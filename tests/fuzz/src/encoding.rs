//! Percent-encoding, in as many ways as there are, and the obvious way back.

use std::borrow::Cow;

/// Encodes text for a query. `style` chooses among the ways: each character that may stand for itself does or does not,
/// hex digits are small or large, and a space is a `+` or not.
pub(crate) fn encode_query(text: &str, style: u8) -> String {
    encode(text, style, true)
}

/// Encodes text for a segment of a path, where a `+` is a plus.
pub(crate) fn encode_segment(text: &str, style: u8) -> String {
    encode(text, style, false)
}

fn encode(text: &str, style: u8, plus: bool) -> String {
    let mut encoded = String::new();
    let mut dice = u32::from(style);
    for byte in text.bytes() {
        // Any sequence will do that the input decides alone.
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (plain, upper) = (dice >> 16 & 1 == 0, dice >> 17 & 1 == 0);
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' if plain => {
                encoded.push(char::from(byte));
            }
            b' ' if plain && plus => encoded.push('+'),
            _ if upper => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
}

/// The bytes that form-encoded text stands for. A `%` without two hex digits behind it is a `%`.
pub(crate) fn decode_query(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return decoded,
            [b'+', rest @ ..] => {
                decoded.push(b' ');
                rest
            }
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(digit(*high) << 4 | digit(*low));
                rest
            }
            [byte, rest @ ..] => {
                decoded.push(*byte);
                rest
            }
        };
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        b'a'..=b'f' => hex - b'a' + 10,
        _ => hex - b'A' + 10,
    }
}

/// The name and the value of each pair of a query, as bytes.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_query(name), decode_query(value))
    })
}

/// Text as a URI has it: whatever else was given is replaced.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
