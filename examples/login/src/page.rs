//! The page: plain HTML, CSS and JavaScript modules, part of the program.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    name: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// What is in it.
    pub body: &'static str,
}

/// The page itself, for `GET /`.
pub const INDEX: Asset =
    Asset { name: "index.html", content_type: "text/html; charset=utf-8", body: include_str!("../page/index.html") };

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page asks for, under `/page/NAME`.
const ASSETS: [Asset; 4] = [
    Asset { name: "style.css", content_type: STYLE, body: include_str!("../page/style.css") },
    Asset { name: "main.js", content_type: SCRIPT, body: include_str!("../page/main.js") },
    Asset { name: "api.js", content_type: SCRIPT, body: include_str!("../page/api.js") },
    Asset { name: "stream.js", content_type: SCRIPT, body: include_str!("../page/stream.js") },
];

/// The file of a name, for `GET /page/NAME`.
pub fn asset(name: &str) -> Option<Asset> {
    ASSETS.into_iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_page_refers_to_is_served() {
        let mut count = 0;
        for file in ASSETS.into_iter().chain([INDEX]) {
            for before in ["\"/page/", "\"./"] {
                for rest in file.body.split(before).skip(1) {
                    let name = rest.split('"').next().unwrap();
                    assert!(asset(name).is_some(), "{} refers to {name}", file.name);
                    count += 1;
                }
            }
        }
        assert!(count >= ASSETS.len(), "only {count} references found");
    }

    #[test]
    fn the_page_asks_nobody_else_for_anything_and_keeps_nothing() {
        for file in ASSETS.into_iter().chain([INDEX]) {
            for foreign in ["http://", "https://", "\"//", "localStorage", "sessionStorage", "document.cookie"] {
                assert!(!file.body.contains(foreign), "{}: {foreign}", file.name);
            }
        }
    }
}
