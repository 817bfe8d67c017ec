//! A headless Chromium, driven through WebDriver.

use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::program::Program;

const INSTALL: &str = "the browser tests need Debian's packages chromium and chromium-driver: \
                       apt-get install chromium chromium-driver";

/// A browser that has no past, asks nobody but the page's server for anything, and runs where there is no screen.
const ARGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// Runs a test in a new browser, and ends the browser whatever became of the test.
pub(crate) async fn with<Test, Done>(test: Test)
where
    Test: FnOnce(WebDriver) -> Done,
    Done: Future<Output = ()> + Send + 'static,
{
    let port = |line: &str| {
        let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
        Some(format!("http://127.0.0.1:{}", port.trim_end_matches('.')))
    };
    let driver = Program::start("chromedriver", &["--port=0"], port).await;
    let driver = driver.unwrap_or_else(|problem| panic!("{problem}; {INSTALL}"));
    let profile = TempDir::new().unwrap();

    let mut wanted = DesiredCapabilities::chrome();
    for arg in ARGS {
        wanted.add_arg(arg).unwrap();
    }
    wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
    let browser = WebDriver::new(&driver.address, wanted).await;
    let browser = browser.unwrap_or_else(|problem| panic!("chromium cannot be started: {problem}; {INSTALL}"));

    // In a task, so that a test that fails leaves no browser behind.
    let outcome = tokio::spawn(test(browser.clone())).await;
    browser.quit().await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}
