//! Comments and tests of files that are not Rust.

/// The text from the first line below that is neither empty nor a comment.
pub(crate) fn code_below<'a>(text: &'a str, line: usize, comment: &str) -> Option<&'a str> {
    let mut start = 0_usize;
    for (number, row) in (1..).zip(text.split_inclusive('\n')) {
        let code = row.trim();
        if number > line && !code.is_empty() && !code.starts_with(comment) {
            return text.get(start..).map(str::trim_start);
        }
        start = start.saturating_add(row.len());
    }
    None
}

/// The name of the test of Node's that begins here: `test('name', ...`, `it("name", ...`, or within
/// another one `await t.test(...`.
pub(crate) fn test_name(code: &str) -> Option<String> {
    let code = code.strip_prefix("await ").unwrap_or(code);
    let code = code.strip_prefix("t.").unwrap_or(code);
    let rest = ["test(", "it("].iter().find_map(|begin| code.strip_prefix(begin))?.trim_start();
    let quote = rest.chars().next().filter(|each| matches!(each, '\'' | '"' | '`'))?;
    let mut name = String::new();
    let mut characters = rest.chars().skip(1);
    while let Some(each) = characters.next() {
        match each {
            '\\' => name.push(characters.next()?),
            each if each == quote => return Some(name),
            each => name.push(each),
        }
    }
    None
}

/// The name of the theorem of Coq's that begins here.
pub(crate) fn theorem_name(code: &str) -> Option<String> {
    let name = |each: char| each.is_alphanumeric() || each == '_' || each == '\'';
    let rest = code.strip_prefix("Theorem ")?;
    let end = rest.find(|each| !name(each)).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Whether a name that was printed is that of a test, in which `${...}` stands for anything.
pub(crate) fn is_name(written: &str, printed: &str) -> bool {
    let Some((before, rest)) = written.split_once("${") else { return written == printed };
    let Some((_, after)) = rest.split_once('}') else { return written == printed };
    let Some(left) = printed.strip_prefix(before) else { return false };
    let mut places = left.char_indices().map(|(place, _)| place).chain([left.len()]);
    places.any(|place| left.get(place..).is_some_and(|left| is_name(after, left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_has_its_name_in_any_quotes() {
        let name = |code| test_name(code).unwrap_or_default();
        assert_eq!(name("test('a: b', async t => {"), "a: b");
        assert_eq!(name("test(\n  \"it's\", async t => {"), "it's");
        assert_eq!(name("it('it\\'s', () => {"), "it's");
        assert_eq!(name("await t.test(`x ${N} y`, async () => {"), "x ${N} y");
        assert_eq!(name("const x = test"), "");
        assert_eq!(name("test(name, async t => {"), "");
    }

    #[test]
    fn a_name_that_is_filled_in_is_known_again() {
        assert!(is_name(
            "race: ${ROUNDS} grants, by ${C} clients",
            "race: 200 grants, by 64 clients"
        ));
        assert!(!is_name("race: ${ROUNDS} grants", "race: 200 tickets"));
        assert!(is_name("plain", "plain") && !is_name("plain", "plainer"));
        assert!(!is_name("a ${b", "a x") && is_name("a ${b", "a ${b"));
    }

    #[test]
    fn what_is_below_a_comment_is_found_past_other_comments() {
        let text = "//= req: A-1\n\n// Says so.\ntest('a', () => {})\n";
        assert_eq!(code_below(text, 1, "//"), Some("test('a', () => {})\n"));
        assert_eq!(code_below(text, 4, "//"), None);
    }
}
