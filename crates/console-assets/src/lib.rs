//! The console, embedded: `console/dist` as the build left it, packed.
//!
//! Compiles when it was never built; the page then says how to. Serving is the program's.

use flate2::read::GzDecoder;
use std::io::Read;

struct File {
    name: &'static str,
    bytes: &'static [u8],
    gzip: bool,
    etag: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// One file of the console.
pub struct Asset {
    bytes: &'static [u8],
    gzip: bool,
    pub content_type: &'static str,
    /// Quoted, as the header has it.
    pub etag: &'static str,
    pub caching: Caching,
}

impl Asset {
    /// For who reads gzip; none, where packing gains nothing.
    pub fn packed(&self) -> Option<&'static [u8]> {
        self.gzip.then_some(self.bytes)
    }

    pub fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        let unpacked = self.gzip && GzDecoder::new(self.bytes).read_to_end(&mut plain).is_ok();
        if unpacked { plain } else { self.bytes.to_vec() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// The name contains a hash of the content: it never changes.
    Immutable,
    /// Ask each time whether it changed.
    Revalidate,
}

impl Caching {
    /// The `Cache-Control` header.
    pub fn header(self) -> &'static str {
        match self {
            Caching::Immutable => "public, max-age=31536000, immutable",
            Caching::Revalidate => "no-cache",
        }
    }
}

/// The file at a request's path, such as `/assets/index-3f2a.js`; `None` when there is none.
pub fn asset(path: &str) -> Option<Asset> {
    let name = path.trim_start_matches('/');
    let file = FILES.iter().find(|file| file.name == name)?;
    Some(Asset {
        bytes: file.bytes,
        gzip: file.gzip,
        content_type: content_type(name),
        etag: file.etag,
        // Vite puts what it names by hash there, and nothing else.
        caching: match name.starts_with("assets/") {
            true => Caching::Immutable,
            false => Caching::Revalidate,
        },
    })
}

/// The page that every path without a file gets, so that the console can route by itself.
pub fn page() -> Asset {
    asset("index.html").unwrap_or(Asset {
        bytes: NOT_BUILT.as_bytes(),
        gzip: false,
        content_type: content_type("index.html"),
        etag: "\"not-built\"",
        caching: Caching::Revalidate,
    })
}

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Tagwerk</title>
<h1>This Tagwerk was built without its console</h1>
<p>The edge itself works: its API is at <a href=\"/api/v1/status\">/api/v1</a>, its health at
<a href=\"/health/ready\">/health/ready</a>, and <code>tagwerk status</code> shows how it fares.</p>
<p>To have the console, build it and then the program again, in the source tree:</p>
<pre>cd console
npm ci
npm run build
cd ..
cargo build --release --package tagwerk-edge</pre>
</html>
";

/// What Vite puts into a build; anything else is bytes.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_page() {
        let page = page();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert_eq!(page.caching, Caching::Revalidate);
        assert!(String::from_utf8_lossy(&page.plain()).to_lowercase().contains("<!doctype html>"));
    }

    #[test]
    fn nothing_but_the_console_is_embedded() {
        assert!(asset("/.gitignore").is_none());
        assert!(asset("/../../Cargo.toml").is_none());
        for file in FILES {
            assert_ne!(content_type(file.name), "application/octet-stream", "{}", file.name);
        }
    }

    #[test]
    fn what_is_packed_is_the_file() {
        let dist = std::path::Path::new("../../console/dist");
        for file in FILES {
            let asset = asset(file.name).expect("a file of the table");
            let there = std::fs::read(dist.join(file.name)).expect("what was embedded");
            assert!(asset.plain() == there, "{}", file.name);
            assert!(asset.packed().is_none_or(|packed| packed.len() < there.len()));
        }
    }
}
