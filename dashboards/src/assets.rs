//! Files that pages load, compiled in. Each has its content's hash in its URL, so browsers may keep it for ever.

use std::sync::LazyLock;

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Name for people, such as `app.css`.
    pub name: &'static str,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: &'static [u8],
    /// Where it is served: `/assets/{hash}/{name}`.
    pub url: String,
}

/// What comes before the hash in every asset's URL.
pub const PREFIX: &str = "/assets/";

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

macro_rules! file {
    ($name:literal, $type:expr, $path:literal) => {
        asset($name, $type, include_bytes!(concat!("../assets/", $path)))
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        file!("app.css", CSS, "app.css"),
        file!("app.js", JS, "app.js"),
        file!("favicon.svg", "image/svg+xml", "favicon.svg"),
        file!("htmx.js", JS, "vendor/htmx-2.0.11.min.js"),
        file!("htmx-LICENSE.txt", PLAIN, "vendor/htmx-LICENSE"),
        file!("uplot.js", JS, "vendor/uplot-1.6.32.min.js"),
        file!("uplot.css", CSS, "vendor/uplot-1.6.32.min.css"),
        file!("uplot-LICENSE.txt", PLAIN, "vendor/uplot-LICENSE"),
    ]
});

fn asset(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    // FNV-1a, 64 bit (Fowler, Noll, Vo): tells versions apart, protects against nothing.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    });
    Asset {
        name,
        content_type,
        bytes,
        url: format!("{PREFIX}{hash:016x}/{name}"),
    }
}

/// Every file.
pub fn all() -> &'static [Asset] {
    &ASSETS
}

/// The file behind a URL path; a wrong hash is no file.
pub fn by_url(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.url == path)
}

/// The URL of a file by name.
pub(crate) fn url(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found
        .map(|asset| asset.url.as_str())
        .expect("pages name only files that are compiled in")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_hash_and_name_only() {
        for asset in all() {
            assert_eq!(by_url(&asset.url).map(|a| a.name), Some(asset.name));
            assert!(!asset.bytes.is_empty());
        }
        assert!(by_url("/assets/0000000000000000/app.css").is_none());
        assert!(by_url("/assets/../Cargo.toml").is_none());
    }

    #[test]
    fn vendored_code_comes_with_its_licence() {
        let text = |name| {
            let found = all().iter().find(|a| a.name == name).expect("there");
            String::from_utf8_lossy(found.bytes).to_lowercase()
        };
        assert!(text("uplot-LICENSE.txt").contains("mit license"));
        assert!(text("htmx-LICENSE.txt").contains("zero-clause bsd"));
    }
}
