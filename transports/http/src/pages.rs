//! The pages, each one self-contained document under a strict Content-Security-Policy.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A page and the policy under which it is shown.
pub(crate) struct Page {
    pub(crate) html: &'static str,
    /// Content Security Policy Level 3: exactly the page's own script and style, by their hashes,
    /// and requests to this server alone. With Trusted Types, no text becomes markup.
    pub(crate) policy: String,
}

/// Where a person pairs.
pub(crate) static PAIR: LazyLock<Page> =
    LazyLock::new(|| Page::new(include_str!("pages/pair.html")));
/// The built-in console.
pub(crate) static CONSOLE: LazyLock<Page> =
    LazyLock::new(|| Page::new(include_str!("pages/console.html")));
/// Administration, on an origin of its own.
pub(crate) static ADMIN: LazyLock<Page> =
    LazyLock::new(|| Page::new(include_str!("pages/admin.html")));

impl Page {
    fn new(html: &'static str) -> Self {
        let script = hash(between(html, "<script>", "</script>"));
        let style = hash(between(html, "<style>", "</style>"));
        //= req: HTTP-11
        let policy = format!(
            "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
            require-trusted-types-for 'script'; trusted-types 'none'"
        );
        Self { html, policy }
    }
}

fn between(html: &'static str, start: &str, end: &str) -> &'static str {
    html.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(text, _)| text)
}

/// A hash source: base64 with padding, as browsers expect it.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let plain = doorward_policy::encoding::base64url(&digest).replace('-', "+").replace('_', "/");
    format!("'sha256-{plain}='")
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: HTTP-11, type=test
    #[test]
    fn each_page_has_one_script_and_one_style() {
        for page in [&*PAIR, &*CONSOLE, &*ADMIN] {
            assert_eq!(page.html.matches("<script").count(), 1);
            assert_eq!(page.html.matches("<style").count(), 1);
            assert!(!between(page.html, "<script>", "</script>").is_empty());
            assert!(!between(page.html, "<style>", "</style>").is_empty());
        }
    }

    //= req: HTTP-11, type=test
    #[test]
    fn the_hash_source_is_that_of_the_text() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
}
