//! Text that becomes markup, and no way around it.

/// Text as it stands between tags or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            each => escaped.push(each),
        }
    }
    escaped
}

/// A sentence of the catalog: what stands in backticks is code.
pub(super) fn prose(text: &str) -> String {
    let whole = text.matches('`').count().is_multiple_of(2);
    if !whole {
        return escape(text);
    }
    let parts = text.split('`').zip([false, true].into_iter().cycle());
    parts.map(|(part, is_code)| if is_code { code(part) } else { escape(part) }).collect()
}

/// Code, a path, the name of a test. It may break after what separates its words.
pub(super) fn code(text: &str) -> String {
    let mut shown = String::from("<code>");
    for part in text.split_inclusive(['/', '_', ':']) {
        shown.push_str(&escape(part));
        if part.ends_with(['/', '_', ':']) {
            shown.push_str("<wbr>");
        }
    }
    shown.push_str("</code>");
    shown
}

/// A link to another place.
pub(super) fn link(url: &str, text: &str) -> String {
    format!("<a href=\"{}\" rel=\"noreferrer\">{}</a>", escape(url), escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        let hostile = "<script>alert('x')</script>\" onload=\"x & `<b>`";
        for text in [escape(hostile), prose(hostile), code(hostile), link(hostile, hostile)] {
            assert!(!text.contains("<script") && !text.contains("<b>"), "{text}");
            assert!(!text.contains("\" onload"), "{text}");
        }
        assert_eq!(escape("a & b"), "a &amp; b");
    }

    #[test]
    fn backticks_are_code_where_they_come_in_pairs() {
        assert_eq!(prose("a `b<c` d"), "a <code>b&lt;c</code> d");
        assert_eq!(prose("a ` b"), "a ` b");
        assert_eq!(code("a/b"), "<code>a/<wbr>b</code>");
    }
}
