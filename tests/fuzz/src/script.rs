//! Making a story of bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

/// As many as the bytes suffice for. By itself `Vec` would throw a coin after each, and random bytes would tell short
/// stories only.
pub(crate) fn to_the_end<'a, T: Arbitrary<'a>>(bytes: &mut Unstructured<'a>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(T::arbitrary(bytes)?);
    }
    Ok(all)
}
