//! What `cargo mutants` would change, by its own list.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::Problem;
use crate::rewrite::without_std;

/// A place in a file: line and column, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// From the first character to behind the last one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Span {
    /// The first character.
    pub start: At,
    /// Behind the last character.
    pub end: At,
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum Genre {
    /// A function's body gives way to a value.
    FnValue,
    /// One operator between two operands gives way to another.
    BinaryOperator,
    /// An operator before its operand goes.
    UnaryOperator,
    /// An arm of a match goes.
    MatchArm,
    /// An arm's condition is always met, or never.
    MatchArmGuard,
    /// A field keeps what the base of the struct expression has.
    StructField,
}

/// A change to one place of the source.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// From 1, in the order of the list of its package.
    pub id: u32,
    /// The file, from the top folder of the project.
    pub file: String,
    /// The function, as `cargo mutants` calls it, or the name of the constant.
    pub function: String,
    /// What is changed, without the place; the second one of the same words in a function ends in `(2)`.
    pub mutation: String,
    /// The kind of change.
    pub genre: Genre,
    /// What is put in the place of `span`.
    pub replacement: String,
    /// What is replaced.
    pub span: Span,
    /// What the function returns, from its arrow on.
    pub returns: String,
    /// Over the tokens of the function, or of the constant.
    pub hash: String,
    /// Whether it is in a value that the compiler computes.
    pub constant: bool,
    /// Whether it is in a function that the compiler may compute with.
    pub in_const_fn: bool,
}

impl Mutant {
    /// Where, and what: as `cargo mutants` says it.
    #[must_use]
    pub fn name(&self) -> String {
        let At { line, column } = self.span.start;
        let place = if self.mutation.contains(&self.function) {
            String::new()
        } else {
            format!(" in {}", self.function)
        };
        format!("{}:{line}:{column}: {}{place}", self.file, self.mutation)
    }
}

#[derive(Deserialize)]
struct Listed {
    file: String,
    function: Option<Function>,
    genre: Genre,
    name: String,
    replacement: String,
    span: Span,
}

#[derive(Deserialize)]
struct Function {
    function_name: String,
    return_type: String,
    span: Span,
}

/// The mutants of a package, in the order of the files.
///
/// # Errors
///
/// When there is no `cargo mutants`, or what it says is not understood.
pub fn mutants(root: &Path, package: &str, folder: &str) -> Result<Vec<Mutant>, Problem> {
    let program = std::env::var_os("CARGO_MUTANTS").unwrap_or_else(|| "cargo-mutants".into());
    let output = Command::new(&program)
        .args(["mutants", "--list", "--json", "--package", package])
        .current_dir(root)
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let top = std::fs::read_to_string(root.join(folder).join("src/lib.rs"))?;
    read(root, &output.stdout, !top.contains("#![no_std]"))
}

/// The mutants of a list, of a crate with or without `std`, whose sources are below `root`.
///
/// # Errors
///
/// When the list or a source is not understood.
pub fn read(root: &Path, json: &[u8], std: bool) -> Result<Vec<Mutant>, Problem> {
    let listed: Vec<Listed> = serde_json::from_slice(json)?;
    let mut sources = BTreeMap::new();
    let mut mutants: Vec<Mutant> = Vec::new();
    let mut seen = BTreeMap::<(String, String, String), u32>::new();
    for (one, id) in listed.into_iter().zip(1..) {
        if !sources.contains_key(&one.file) {
            sources.insert(one.file.clone(), Source::read(root, &one.file)?);
        }
        let Some(source) = sources.get(&one.file) else { continue };
        let constant = one.function.is_none();
        let (function, span, returns) = match one.function {
            Some(it) => (it.function_name, source.lines.range(it.span)?, it.return_type),
            None => source.constant_at(one.span)?,
        };
        let place = format!("{}:{}:{}: ", one.file, one.span.start.line, one.span.start.column);
        let words =
            one.name.strip_prefix(&place).ok_or_else(|| format!("{}: no place", one.name))?;
        let words = words.strip_suffix(&format!(" in {function}")).unwrap_or(words).to_owned();
        let times = seen.entry((one.file.clone(), function.clone(), words.clone())).or_default();
        *times += 1;
        let mutation = if *times == 1 { words } else { format!("{words} ({times})") };
        mutants.push(Mutant {
            id,
            hash: hash(&source.text[span.clone()])?,
            in_const_fn: source.text[span]
                .split('{')
                .next()
                .is_some_and(|head| head.contains("const fn")),
            file: one.file,
            function,
            mutation,
            genre: one.genre,
            replacement: if std { one.replacement } else { without_std(&one.replacement) },
            span: one.span,
            returns,
            constant,
        });
    }
    Ok(mutants)
}

/// A hash over the tokens of a text, without its documentation: what the compiler makes code of.
///
/// # Errors
///
/// When the text is no sequence of tokens.
pub fn hash(text: &str) -> Result<String, Problem> {
    let tokens: TokenStream = text.parse().map_err(|error| format!("no tokens: {error}"))?;
    let digest = Sha256::digest(without_documentation(tokens).to_string());
    Ok(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn without_documentation(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let TokenTree::Group(group) = token else {
            kept.push(token);
            continue;
        };
        let mut inside = group.stream().into_iter();
        let documents = group.delimiter() == Delimiter::Bracket
            && matches!(inside.next(), Some(TokenTree::Ident(name)) if name == "doc");
        if documents {
            while matches!(kept.last(), Some(TokenTree::Punct(mark)) if matches!(mark.as_char(), '#' | '!'))
            {
                kept.pop();
            }
        } else {
            let inside = without_documentation(group.stream());
            kept.push(proc_macro2::Group::new(group.delimiter(), inside).into());
        }
    }
    kept.into_iter().collect()
}

struct Source {
    text: String,
    lines: Lines,
    constants: Vec<(String, std::ops::Range<usize>)>,
}

impl Source {
    fn read(root: &Path, file: &str) -> Result<Self, Problem> {
        let text =
            std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let mut constants = Constants(Vec::new());
        constants.visit_file(&syn::parse_file(&text)?);
        Ok(Self { lines: Lines::of(&text), text, constants: constants.0 })
    }

    fn constant_at(&self, span: Span) -> Result<(String, std::ops::Range<usize>, String), Problem> {
        let place = self.lines.range(span)?;
        let around =
            |range: &std::ops::Range<usize>| range.start <= place.start && place.end <= range.end;
        let (name, range) = self
            .constants
            .iter()
            .filter(|(_, range)| around(range))
            .min_by_key(|(_, range)| range.len())
            .ok_or_else(|| {
                format!("line {}: neither in a function nor in a constant", span.start.line)
            })?;
        Ok((name.clone(), range.clone(), String::new()))
    }
}

struct Constants(Vec<(String, std::ops::Range<usize>)>);

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.0.push((item.ident.to_string(), item.span().byte_range()));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.0.push((item.ident.to_string(), item.span().byte_range()));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.0.push((item.ident.to_string(), item.span().byte_range()));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.0.push((item.ident.to_string(), item.span().byte_range()));
    }
}

/// Where the lines of a text begin.
pub struct Lines {
    starts: Vec<usize>,
    text: String,
}

impl Lines {
    /// The lines of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after).collect(), text: text.to_owned() }
    }

    /// The bytes of a span.
    ///
    /// # Errors
    ///
    /// When the text has no such place.
    pub fn range(&self, span: Span) -> Result<std::ops::Range<usize>, Problem> {
        Ok(self.offset(span.start)?..self.offset(span.end)?)
    }

    fn offset(&self, at: At) -> Result<usize, Problem> {
        let nowhere = || format!("there is no line {}, column {}", at.line, at.column);
        let start = *self.starts.get(at.line - 1).ok_or_else(nowhere)?;
        let rest = &self.text[start..];
        let mut places = rest.char_indices().map(|(offset, _)| offset).chain([rest.len()]);
        Ok(start + places.nth(at.column - 1).ok_or_else(nowhere)?)
    }
}
