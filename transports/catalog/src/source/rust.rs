//! The functions of a Rust file, and which of them are tests.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Lexed, lex};

/// A Rust file.
#[derive(Clone, Debug, Default)]
pub(crate) struct RustFile {
    /// Its lines.
    pub(crate) lexed: Lexed,
    /// Its functions.
    pub(crate) functions: Vec<Function>,
    /// Names in the call of a macro that makes tests of them.
    pub(crate) made: Vec<Made>,
    /// The modules that have files of their own: `mod NAME;`.
    pub(crate) modules: BTreeSet<String>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name, after the modules that it is in within its file: `tests::name`.
    pub(crate) path: String,
    /// The line on which its attributes begin.
    pub(crate) from: usize,
    /// The line of its name.
    pub(crate) line: usize,
    /// Whether an attribute makes it a test.
    pub(crate) is_test: bool,
}

impl Function {
    /// Its name alone.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or(&self.path)
    }
}

/// A name that a macro makes a test of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// The name. The modules that the macro puts it in are not known.
    pub(crate) name: String,
    /// Its line.
    pub(crate) line: usize,
}

impl RustFile {
    /// Reads a file.
    pub(crate) fn parse(text: &str) -> Self {
        let lexed = lex(text);
        let tokens = tokens(&lexed.code);
        let mut reader =
            Reader { tokens: &tokens, at: 0, file: Self::default(), makers: makers(&tokens) };
        reader.items(&mut Vec::new(), false);
        let file = reader.file;
        Self { lexed, ..file }
    }

    /// The first line of code below a line.
    pub(crate) fn code_below(&self, line: usize) -> Option<(usize, &str)> {
        let numbered = (1..).zip(&self.lexed.code);
        numbered
            .skip(line)
            .map(|(number, code)| (number, code.trim()))
            .find(|(_, code)| !code.is_empty())
    }
}

/// A word, or one character of anything else.
#[derive(Clone, Debug)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn tokens(code: &[String]) -> Vec<Token<'_>> {
    let in_word = |each: char| each.is_alphanumeric() || each == '_';
    let mut tokens = Vec::new();
    for (line, code) in (1..).zip(code) {
        let mut rest = code.trim_start();
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|each| !in_word(each)).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end.max(first.len_utf8()));
            tokens.push(Token { text, line });
            rest = after.trim_start();
        }
    }
    tokens
}

/// The macros whose definition has an attribute that makes a test, with the tests that they name
/// themselves.
fn makers(tokens: &[Token<'_>]) -> BTreeMap<String, Vec<String>> {
    let mut makers = BTreeMap::new();
    let mut at = 0;
    while let Some(rest) = tokens.get(at..).filter(|rest| !rest.is_empty()) {
        at += 1;
        let [word, bang, name, ..] = rest else { break };
        if word.text != "macro_rules" || bang.text != "!" {
            continue;
        }
        let end = group(tokens, at + 2);
        let body = tokens.get(at + 2..end).unwrap_or_default();
        let marks = body.windows(2).zip(1..).filter(|(pair, _)| marks_test(pair));
        let marks: Vec<usize> = marks.map(|(_, place)| place).collect();
        if !marks.is_empty() {
            let named = marks.iter().filter_map(|place| function_name(body.get(*place..)?));
            makers.insert(name.text.to_owned(), named.collect());
        }
        at = end;
    }
    makers
}

/// `test]` or `test(`: the end of an attribute that makes a test.
fn marks_test(pair: &[Token<'_>]) -> bool {
    matches!(pair, [word, end] if word.text == "test" && matches!(end.text, "]" | "("))
}

/// The name of the next function, if it is not one that the macro is given.
fn function_name(tokens: &[Token<'_>]) -> Option<String> {
    let at = tokens.iter().position(|token| token.text == "fn")?;
    let name = tokens.get(at.checked_add(1)?)?.text;
    is_word(name).then(|| name.to_owned())
}

/// The place after the group that begins at `at`.
fn group(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    tokens.len()
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    file: RustFile,
    makers: BTreeMap<String, Vec<String>>,
}

/// What has been seen of the item that is being read.
#[derive(Default)]
struct Begun {
    from: Option<usize>,
    is_test: bool,
}

impl<'a> Reader<'a> {
    fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    /// Reads up to the brace that closes what it is in, or to the end.
    fn items(&mut self, modules: &mut Vec<String>, in_maker: bool) {
        let mut begun = Begun::default();
        while let Some(token) = self.tokens.get(self.at) {
            match token.text {
                "#" => {
                    self.attribute(&mut begun);
                    continue;
                }
                "}" => {
                    self.at += 1;
                    return;
                }
                "{" => {
                    self.at += 1;
                    self.items(modules, false);
                    begun = Begun::default();
                    continue;
                }
                ";" => begun = Begun::default(),
                "macro_rules" if self.text(1) == "!" => {
                    self.at = group(self.tokens, self.at + 3);
                    begun = Begun::default();
                    continue;
                }
                "mod" if self.text(2) == ";" => {
                    self.file.modules.insert(self.text(1).to_owned());
                }
                "mod" if self.text(2) == "{" => {
                    modules.push(self.text(1).to_owned());
                    self.at += 3;
                    self.items(modules, false);
                    modules.pop();
                    begun = Begun::default();
                    continue;
                }
                "fn" if is_word(self.text(1)) => self.function(modules, &mut begun),
                word if self.text(1) == "!"
                    && self.makers.contains_key(word)
                    && self.text(2) == "{" =>
                {
                    let names = self.makers.get(word).into_iter().flatten();
                    let made = names.map(|name| Made { name: name.clone(), line: token.line });
                    self.file.made.extend(made);
                    self.at += 3;
                    self.items(modules, true);
                    begun = Begun::default();
                    continue;
                }
                word if in_maker && is_word(word) => {
                    self.file.made.push(Made { name: word.to_owned(), line: token.line });
                }
                _ => {}
            }
            begun.from = begun.from.or((token.text != ";").then_some(token.line));
            self.at += 1;
        }
    }

    /// `#[...]` belongs to what follows, `#![...]` to what it stands in.
    fn attribute(&mut self, begun: &mut Begun) {
        let Some(hash) = self.tokens.get(self.at) else { return };
        let inner = self.text(1) == "!";
        let opens = self.at + if inner { 2 } else { 1 };
        let end = group(self.tokens, opens).max(self.at + 1);
        let inside = self.tokens.get(opens + 1..end.saturating_sub(1)).unwrap_or_default();
        let path = inside.iter().map(|token| token.text);
        let path = path.take_while(|text| !matches!(*text, "(" | "="));
        if !inner {
            begun.from = begun.from.or(Some(hash.line));
            begun.is_test |= path.filter(|text| is_word(text)).last() == Some("test");
        }
        self.at = end;
    }

    fn function(&mut self, modules: &[String], begun: &mut Begun) {
        let Some(name) = self.tokens.get(self.at + 1) else { return };
        let path = modules.iter().map(String::as_str).chain([name.text]);
        self.file.functions.push(Function {
            path: path.collect::<Vec<_>>().join("::"),
            from: begun.from.unwrap_or(name.line),
            line: name.line,
            is_test: begun.is_test,
        });
        begun.is_test = false;
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests_of(text: &str) -> Vec<(String, usize, usize)> {
        let functions = RustFile::parse(text).functions.into_iter();
        functions.filter(|one| one.is_test).map(|one| (one.path, one.from, one.line)).collect()
    }

    #[test]
    fn a_test_is_found_under_its_attributes_and_in_its_modules() {
        let text = "
fn helper() { if x { y() } }

/// Says so.
#[test]
#[should_panic(expected = \"}\")]
fn one() { let fn_ = '}'; }

mod inner {
    #[tokio::test(
        flavor = \"multi_thread\"
    )]
    pub(crate) async fn two() {}
    mod deeper { #[test] fn three() {} fn no_test() {} }
}
#[cfg(test)]
fn no_test() {}
";
        assert_eq!(
            tests_of(text),
            [
                ("one".to_owned(), 5, 7),
                ("inner::two".to_owned(), 10, 13),
                ("inner::deeper::three".to_owned(), 14, 14),
            ]
        );
    }

    #[test]
    fn a_property_is_found_inside_its_macro() {
        let text = "
mod properties {
    proptest! {
        #![proptest_config(ProptestConfig { cases: 1, ..ProptestConfig::default() })]

        #[test]
        fn holds(x in 0..3u8) { prop_assert!(x < 3); }
    }
}
";
        assert_eq!(tests_of(text), [("properties::holds".to_owned(), 6, 7)]);
    }

    #[test]
    fn names_that_a_macro_makes_tests_of_are_found_in_its_call() {
        let text = "
mod common;
macro_rules! scenarios { ($($name:ident),*) => { mod memory { $(#[tokio::test] async fn $name() { super::$name() })* } #[test] fn whole() {} } }
macro_rules! harmless { ($($name:ident)*) => { $(fn $name() {})* } }
scenarios! {
    one,
    //= req: A-1
    two,
}
harmless! { three }
";
        let file = RustFile::parse(text);
        let made = file.made.iter().map(|one| (one.name.as_str(), one.line));
        assert_eq!(made.collect::<Vec<_>>(), [("whole", 5), ("one", 6), ("two", 8)]);
        assert_eq!(file.modules.into_iter().collect::<Vec<_>>(), ["common"]);
        assert_eq!(file.functions, []);
    }
}
