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

/// What a person sees whose navigation is refused: words alone, without a script.
///
/// What is filled in may repeat what a stranger sent, so it is text and never markup.
pub(crate) fn refused(code: &str, message: &str, trace: &str) -> (String, &'static str) {
    const HTML: &str = include_str!("pages/refused.html");
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = hash(between(HTML, "<style>", "</style>"));
        format!(
            "default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; \
            form-action 'none'; frame-ancestors 'none'"
        )
    });
    // Each place is in the page once, and none is looked for in what another was filled with.
    let fill = |rest: &str, place: &str, text: &str| match rest.split_once(place) {
        Some((before, after)) => (format!("{before}{}", escaped(text)), after.to_owned()),
        None => (String::new(), rest.to_owned()),
    };
    let (start, rest) = fill(HTML, "{message}", message);
    let (middle, rest) = fill(&rest, "{code}", code);
    let (end, rest) = fill(&rest, "{trace}", trace);
    (format!("{start}{middle}{end}{rest}"), &POLICY)
}

/// Text as HTML (the HTML standard, section 13.1.3): no character of it begins markup.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, one| {
        match one {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
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
    fn a_page_runs_what_is_its_own_asks_its_own_origin_and_is_in_no_frame() {
        for page in [&*PAIR, &*CONSOLE, &*ADMIN] {
            let script = hash(between(page.html, "<script>", "</script>"));
            let style = hash(between(page.html, "<style>", "</style>"));
            let directives: Vec<&str> = page.policy.split("; ").collect();
            for expected in [
                "default-src 'none'",
                &format!("script-src {script}"),
                &format!("style-src {style}"),
                "connect-src 'self'",
                "frame-ancestors 'none'",
            ] {
                assert!(directives.contains(&expected), "{expected} not in {directives:?}");
            }
        }
    }

    //= req: HTTP-11, type=test
    #[test]
    fn a_refusal_is_words_and_never_markup() {
        let (html, policy) = refused("<b>", "a \"host\" {code} <script>&'", "{trace}");
        assert!(html.contains("<dd>&lt;b&gt;</dd>"), "{html}");
        assert!(
            html.contains("<p>a &quot;host&quot; {code} &lt;script&gt;&amp;&#39;</p>"),
            "{html}"
        );
        assert!(html.contains("<dd>{trace}</dd>") && html.ends_with("</html>\n"), "{html}");
        assert!(!policy.contains("script-src") && policy.starts_with("default-src 'none'"));
    }

    #[test]
    fn the_hash_source_is_that_of_the_text() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
}
