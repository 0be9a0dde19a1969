//! Embedded assets. Each is served under a name with its content's hash, so that it can be kept for ever.

use crate::url::Href;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;

const HASH_CHARS: usize = 16;
const FOR_EVER: &str = "public, max-age=31536000, immutable";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    hash: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    [
        (
            "console.css",
            "text/css; charset=utf-8",
            include_str!("../assets/console.css").as_bytes(),
        ),
        (
            "console.js",
            "text/javascript; charset=utf-8",
            include_str!("../assets/console.js").as_bytes(),
        ),
        (
            "htmx.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../assets/htmx-4.0.1.min.js"),
        ),
        ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg").as_bytes()),
    ]
    .into_iter()
    .map(|(name, content_type, bytes)| Asset { name, content_type, bytes, hash: hash(bytes) })
    .collect()
});

/// The link of an asset.
pub(crate) fn href(name: &str) -> Href {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.hash);
    Href::new(&format!("/assets/{hash}/{name}"), &[])
}

/// Answers `/favicon.ico`, which browsers ask for where a page names no icon.
pub(crate) async fn icon() -> Redirect {
    Redirect::temporary(&href("icon.svg").to_string())
}

/// Answers `/assets/{hash}/{name}`. A name under an old hash gives today's content, without the promise to
/// be kept.
pub(crate) async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if asset.hash == hash { FOR_EVER } else { "no-store" };
    ([(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, keep)], asset.bytes)
        .into_response()
}

fn hash(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(HASH_CHARS);
    for byte in Sha256::digest(bytes).iter().take(HASH_CHARS / 2) {
        // Writing to a String cannot fail.
        write!(out, "{byte:02x}").unwrap_or_default();
    }
    out
}
