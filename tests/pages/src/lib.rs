//! Keeps the repository's own pages true to the crates: each page is the documentation of an item here, and
//! `cargo test` compiles the examples of documentation.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/operations.md")]
struct Operations;

#[cfg(test)]
mod tests {
    const README: &str = include_str!("../../../README.md");

    /// The first example in a crate's documentation.
    fn example(source: &str) -> String {
        let lines = source.lines().skip_while(|line| *line != "//! ```no_run").skip(1);
        let code = lines.take_while(|line| *line != "//! ```");
        code.map(|line| line.strip_prefix("//! ").unwrap_or("").to_owned() + "\n").collect()
    }

    #[test]
    fn the_quick_starts_are_the_examples_of_the_adapters() {
        for (adapter, source) in [
            ("axum", include_str!("../../../crates/axum-adapter/src/lib.rs")),
            ("actix", include_str!("../../../crates/actix-adapter/src/lib.rs")),
            ("rocket", include_str!("../../../crates/rocket-adapter/src/lib.rs")),
        ] {
            let example = example(source);
            assert!(example.contains("fn events("), "no example found in the {adapter} adapter: {example:?}");
            let shown = format!("```rust,no_run\n{example}```\n");
            assert!(README.contains(&shown), "README.md shows another example than the {adapter} adapter:\n{example}");
        }
    }
}
