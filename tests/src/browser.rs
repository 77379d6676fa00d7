//! A Chromium without a window, driven through chromedriver.

use crate::outside::free_port;
use crate::wait::wait_for;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);

/// chromedriver on a port of its own; killed when dropped, with the browsers that it started.
pub struct Driver {
    child: Child,
    port: u16,
}

/// How a browser shows pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A window 1280 pixels wide.
    Desk,
    /// A phone's screen, 390 pixels wide.
    Phone,
}

/// A browser.
pub struct Browser {
    client: Client,
    _profile: tempfile::TempDir,
}

impl Driver {
    /// Starts it and waits until it listens.
    pub fn start() -> Driver {
        let port = free_port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        wait_for("chromedriver to listen", PATIENCE, || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Driver { child, port }
    }

    /// Opens a browser with a fresh profile.
    pub async fn open(&self, screen: Screen) -> Browser {
        let profile = tempfile::tempdir().expect("temporary folder");
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--lang=en-US",
            "--window-size=1280,900",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut options = json!({ "args": arguments });
        if screen == Screen::Phone {
            options["mobileEmulation"] = json!({"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 1.0}});
        }
        let capabilities = json!({"goog:chromeOptions": options})
            .as_object()
            .cloned()
            .unwrap_or_default();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .expect("a browser starts");
        Browser {
            client,
            _profile: profile,
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Browser {
    /// Opens a page.
    pub async fn go(&self, url: &str) {
        self.client
            .goto(url)
            .await
            .unwrap_or_else(|error| panic!("cannot open {url}: {error}"));
    }

    /// Waits until there is an element, given by XPath.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn see(&self, path: &str) {
        if let Err(error) = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::XPath(path))
            .await
        {
            let text = self.value("document.body.innerText").await;
            panic!("waited for {path}: {error}\n{text}");
        }
    }

    /// Waits for an element, given by XPath, and brings it into view: plots are drawn when they are looked at.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn scroll_to(&self, path: &str) {
        self.see(path).await;
        let script = "document.evaluate(arguments[0], document, null, 9, null).singleNodeValue.scrollIntoView()";
        let done = self.client.execute(script, vec![path.into()]).await;
        done.unwrap_or_else(|error| panic!("cannot scroll to {path}: {error}"));
    }

    /// Waits for an element, given by XPath, and clicks on it.
    pub async fn click(&self, path: &str) {
        self.see(path).await;
        let found = self.client.find(Locator::XPath(path)).await.expect("it was there");
        found
            .click()
            .await
            .unwrap_or_else(|error| panic!("cannot click on {path}: {error}"));
    }

    /// What an expression in the page is.
    pub async fn value(&self, expression: &str) -> serde_json::Value {
        self.client
            .execute(&format!("return {expression}"), vec![])
            .await
            .expect("the script runs")
    }

    /// Whether everything is reached without scrolling sideways.
    pub async fn fits(&self) -> bool {
        self.value("document.documentElement.scrollWidth <= innerWidth").await == true
    }

    /// Ends the browser.
    pub async fn close(self) {
        self.client.close().await.expect("the browser ends");
    }
}
