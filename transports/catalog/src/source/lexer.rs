//! Tells code from comments and literals in Rust.
//!
//! A citation is a comment, and not a line of a string that looks like one; a brace in a literal
//! opens nothing. Nothing else of the language has to be understood for that.

use std::iter::Peekable;
use std::str::Chars;

/// A comment from `//` to the end of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// Its text, `//` included.
    pub(crate) text: String,
    /// Whether it has a line of its own.
    pub(crate) alone: bool,
}

/// A source file, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lexed {
    /// The code, line by line: comments are gone, and literals are empty.
    pub(crate) code: Vec<String>,
    /// The line comments.
    pub(crate) comments: Vec<Comment>,
}

/// Takes a file apart. What is no Rust comes to something, but to nothing in particular.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { rest: text.chars().peekable(), done: Lexed::default() };
    lexer.done.code.push(String::new());
    while let Some(each) = lexer.next() {
        lexer.one(each);
    }
    lexer.done
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    done: Lexed,
}

impl Lexer<'_> {
    /// The next character; a line's end begins a new line of code, whatever it stands in.
    fn next(&mut self) -> Option<char> {
        let each = self.rest.next()?;
        if each == '\n' {
            self.done.code.push(String::new());
        }
        Some(each)
    }

    fn emit(&mut self, each: char) {
        if each != '\n'
            && let Some(line) = self.done.code.last_mut()
        {
            line.push(each);
        }
    }

    fn one(&mut self, each: char) {
        match (each, self.rest.peek().copied()) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('r', Some('"' | '#')) if matches!(self.word(), "" | "b" | "c") => self.raw(),
            ('\'', Some(next)) => self.quote(next),
            _ => self.emit(each),
        }
    }

    /// The word that the code so far ends with.
    fn word(&self) -> &str {
        let code = self.done.code.last().map_or("", String::as_str);
        let in_word = |each: char| each.is_alphanumeric() || each == '_';
        code.get(code.trim_end_matches(in_word).len()..).unwrap_or("")
    }

    fn line_comment(&mut self) {
        let line = self.done.code.len();
        let alone = self.done.code.last().is_some_and(|code| code.trim().is_empty());
        let mut text = String::from('/');
        while let Some(each) = self.rest.next_if(|each| *each != '\n') {
            text.push(each);
        }
        self.done.comments.push(Comment { line, text: text.trim_end().to_owned(), alone });
    }

    fn block_comment(&mut self) {
        let mut depth = 1_u32;
        _ = self.next();
        while let Some(each) = self.next() {
            match (each, self.rest.peek()) {
                ('/', Some('*')) => depth = depth.saturating_add(1),
                ('*', Some('/')) => depth = depth.saturating_sub(1),
                _ => continue,
            }
            _ = self.next();
            if depth == 0 {
                break;
            }
        }
        self.emit(' ');
    }

    fn string(&mut self) {
        self.emit('"');
        while let Some(each) = self.next() {
            match each {
                '\\' => _ = self.next(),
                '"' => break,
                _ => {}
            }
        }
        self.emit('"');
    }

    /// What follows an `r`: a raw string, or a raw identifier.
    fn raw(&mut self) {
        let mut hashes = 0_usize;
        while self.rest.next_if_eq(&'#').is_some() {
            hashes = hashes.saturating_add(1);
        }
        if self.rest.next_if_eq(&'"').is_none() {
            return;
        }
        self.emit('"');
        while let Some(each) = self.next() {
            let mut found = 0;
            while each == '"' && found < hashes && self.rest.next_if_eq(&'#').is_some() {
                found += 1;
            }
            if each == '"' && found == hashes {
                break;
            }
        }
        self.emit('"');
    }

    /// What follows a `'`: a character, or the name of a lifetime or a label.
    fn quote(&mut self, next: char) {
        let mut ahead = self.rest.clone();
        let is_character = next == '\\' || {
            _ = ahead.next();
            ahead.next() == Some('\'')
        };
        self.emit('\'');
        if !is_character {
            return;
        }
        while let Some(each) = self.next() {
            match each {
                '\\' => _ = self.next(),
                '\'' => break,
                _ => {}
            }
        }
        self.emit('\'');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        lex(text).code.join("\n")
    }

    #[test]
    fn literals_are_emptied_and_lines_are_kept() {
        assert_eq!(
            code("a(\"x {\n} \\\" y\", 'c', '\\'', b'{', b\"{\")"),
            "a(\"\n\", '', '', b'', b\"\")"
        );
        assert_eq!(code("r#\"a \" {\n\"# + r\"{\" + br##\"\"#\"##"), "\"\n\" + \"\" + b\"\"");
        assert_eq!(
            code("fn a<'a>(x: &'a str) { 'b: loop {} }"),
            "fn a<'a>(x: &'a str) { 'b: loop {} }"
        );
        assert_eq!(
            code("let r#fn = for_r(credential, bride);"),
            "let fn = for_r(credential, bride);"
        );
    }

    #[test]
    fn comments_are_told_from_strings() {
        let lexed = lex(
            "//= req: A-1\nlet a = \"\n//= req: B-2\n\"; // beside\n/* { /* */\n//= req: C-3\n*/ b",
        );
        assert_eq!(
            lexed.comments,
            [
                Comment { line: 1, text: "//= req: A-1".to_owned(), alone: true },
                Comment { line: 4, text: "// beside".to_owned(), alone: false },
            ]
        );
        assert_eq!(lexed.code.len(), 7);
        assert_eq!(lexed.code.last().map(|line| line.trim()), Some("b"));
    }
}
