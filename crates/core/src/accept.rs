//! `Accept`: whether a client takes an event stream (RFC 9110, section 12.5.1).

/// Whether `text/event-stream` is acceptable. The most specific range that matches decides; `q=0` excludes. A missing
/// header, or one that is empty, accepts everything; a range that cannot be read matches nothing.
pub(crate) fn accepts_event_stream<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut named = false;
    let mut best: Option<(u8, bool)> = None;
    for value in values {
        let Ok(value) = std::str::from_utf8(value) else { return true };
        for range in value.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            named = true;
            let mut parts = range.split(';').map(str::trim);
            let Some(specificity) = parts.next().and_then(specificity) else { continue };
            let allowed = parts.all(|parameter| !is_zero_quality(parameter));
            // Of two equally specific ranges the one that allows wins.
            best = best.max(Some((specificity, allowed)));
        }
    }
    best.map_or(!named, |(_, allowed)| allowed)
}

/// How exactly a media range names `text/event-stream`; none if it does not.
fn specificity(range: &str) -> Option<u8> {
    let (kind, subtype) = range.split_once('/')?;
    let (kind, subtype) = (kind.trim(), subtype.trim());
    let text = kind.eq_ignore_ascii_case("text");
    match subtype {
        "*" if kind == "*" => Some(0),
        "*" if text => Some(1),
        _ if text && subtype.eq_ignore_ascii_case("event-stream") => Some(2),
        _ => None,
    }
}

fn is_zero_quality(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let accepts = |values: &[&str]| accepts_event_stream(values.iter().map(|value| value.as_bytes()));
        let yes: &[&[&str]] = &[
            &[],
            &[""],
            &["text/event-stream"],
            &["TEXT/Event-Stream; charset=utf-8"],
            &["*/*"],
            &["text/*;q=0.1"],
            &["application/json", "text/event-stream;q=0.5"],
            &["text/html, */*;q=0.1"],
            &["*/*;q=0, text/event-stream"],
            &["text/event-stream;q=0.001"],
        ];
        let no: &[&[&str]] = &[
            &["application/json"],
            &["text/html, application/*"],
            &["text/event-stream;q=0"],
            &["*/*, text/event-stream; Q=0.000"],
            &["text/*;q=0, */*"],
            &["text/event-streams"],
        ];
        assert!(yes.iter().all(|values| accepts(values)), "{:?}", yes.iter().find(|values| !accepts(values)));
        assert!(!no.iter().any(|values| accepts(values)), "{:?}", no.iter().find(|values| accepts(values)));
    }
}
