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
const IMAGE: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $content_type:expr) => {
        Asset { name: $name, content_type: $content_type, body: include_str!(concat!("../page/", $name)) }
    };
}

/// What the page asks for, under `/page/NAME`.
const ASSETS: [Asset; 9] = [
    asset!("icon.svg", IMAGE),
    asset!("style.css", STYLE),
    asset!("main.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("stream.js", SCRIPT),
    asset!("widget.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("orders.js", SCRIPT),
    asset!("journal.js", SCRIPT),
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
    fn the_page_asks_nobody_else_for_anything() {
        for file in ASSETS.into_iter().chain([INDEX]) {
            let without_namespaces = file.body.replace("http://www.w3.org/", "");
            for foreign in ["http://", "https://", "\"//"] {
                assert!(!without_namespaces.contains(foreign), "{}: {foreign}", file.name);
            }
        }
    }
}
