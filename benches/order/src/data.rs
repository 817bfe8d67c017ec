//! An event's data: its counter, its time, and as much besides as makes it as large as it is to be.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

const PADDING: &str = match str::from_utf8(&[b'x'; 256]) {
    Ok(padding) => padding,
    Err(_) => "x",
};

/// The longest counter and time, with what is between them.
const LONGEST_START: usize = 44;

/// `#COUNTER UNIX_NANOS xxx…`, of `size` bytes where counter and time leave room. The time is now.
pub fn data(counter: u64, size: usize) -> String {
    // A clock before 1970 is no reason to fail, nor is one behind 2554.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let mut data = String::with_capacity(size.max(LONGEST_START));
    // Writing to a String cannot fail.
    let _ = write!(data, "#{counter} {now}");
    if data.len() < size {
        data.push(' ');
    }
    while data.len() < size {
        let here = PADDING.len().min(size - data.len());
        data.push_str(PADDING.get(..here).unwrap_or(PADDING));
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_exactly_the_size_that_was_asked_for() {
        for size in [24, 25, 26, 100, 256, 4096] {
            let data = data(7, size);
            assert_eq!(data.len(), size);
            let mut fields = data.split(' ');
            assert_eq!(fields.next(), Some("#7"));
            assert!(fields.next().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000_000_000);
            assert!(fields.next().unwrap_or_default().bytes().all(|byte| byte == b'x'));
        }
    }

    #[test]
    fn a_small_size_still_tells_counter_and_time() {
        assert_eq!(data(0, 3).split(' ').count(), 2);
        assert!(data(u64::MAX, 0).len() <= LONGEST_START);
    }
}
