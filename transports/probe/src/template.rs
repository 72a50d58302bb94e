//! The templates of attack files: `${a.token | drop 1}`, `${repeat 3 .}`, and escapes in bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rustls::crypto::aws_lc_rs;

use crate::pipe::Pipe;
use crate::variables::Variables;

/// The most bytes that one template may come to.
const LARGEST: usize = 16 << 20;

/// Whether a text has escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// A backslash is a backslash.
    Plain,
    /// `\r`, `\n`, `\t`, `\0`, `\\`, `\$` and `\xNN`; a line break of the file behind `\r\n` is
    /// none of the bytes.
    Escaped,
}

/// A parsed text.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Filled(Expression),
}

/// What stands in one pair of braces.
#[derive(Clone, Debug)]
struct Expression {
    /// As it is written.
    source: String,
    value: Value,
    pipes: Vec<Pipe>,
}

#[derive(Clone, Debug)]
enum Value {
    Named(String),
    Nonce,
    Random(usize),
    Repeat(usize, Template),
    Base64(Template),
    Counted8(Template),
    Counted16(Template),
    Frame(u8, Template),
}

/// Bytes, and whether a secret is in them or was used to make them.
struct Filled {
    bytes: Vec<u8>,
    secret: bool,
}

impl Template {
    /// # Errors
    ///
    /// What can't be read, and what would do.
    pub(crate) fn parse(text: &str, spelling: Spelling) -> Result<Self, String> {
        let (mut parts, mut bytes) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(inner) = rest.strip_prefix("${") {
                let (inside, behind) = braced(inner)?;
                if !bytes.is_empty() {
                    parts.push(Part::Bytes(std::mem::take(&mut bytes)));
                }
                parts.push(Part::Filled(Expression::parse(inside, spelling)?));
                rest = behind;
            } else if first == '\\' && spelling == Spelling::Escaped {
                rest = escape(rest, &mut bytes)?;
            } else {
                let behind = rest.get(first.len_utf8()..).unwrap_or_default();
                let break_of_file = first == '\n' && spelling == Spelling::Escaped;
                if !(break_of_file && bytes.ends_with(b"\r\n")) {
                    bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
                }
                rest = behind;
            }
        }
        if !bytes.is_empty() {
            parts.push(Part::Bytes(bytes));
        }
        Ok(Self { parts })
    }

    /// The names that have to be known.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for part in &self.parts {
            let Part::Filled(expression) = part else { continue };
            match &expression.value {
                Value::Named(name) => names.push(name.as_str()),
                Value::Nonce | Value::Random(_) => {}
                Value::Repeat(_, inner)
                | Value::Base64(inner)
                | Value::Counted8(inner)
                | Value::Counted16(inner)
                | Value::Frame(_, inner) => names.extend(inner.names()),
            }
        }
        names
    }

    /// Fills everything in. What was made of a secret is concealed from then on.
    ///
    /// # Errors
    ///
    /// For a name that isn't known, and for what can't be made of a value.
    pub(crate) fn fill(&self, known: &mut Variables) -> Result<Vec<u8>, String> {
        self.filled(known).map(|filled| filled.bytes)
    }

    fn filled(&self, known: &mut Variables) -> Result<Filled, String> {
        let mut whole = Filled { bytes: Vec::new(), secret: false };
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => whole.bytes.extend_from_slice(bytes),
                Part::Filled(expression) => {
                    let filled = expression.fill(known)?;
                    whole.bytes.extend_from_slice(&filled.bytes);
                    whole.secret |= filled.secret;
                }
            }
            if whole.bytes.len() > LARGEST {
                return Err(format!("it comes to more than {LARGEST} bytes"));
            }
        }
        Ok(whole)
    }
}

impl Expression {
    fn parse(source: &str, spelling: Spelling) -> Result<Self, String> {
        let mut pieces = split_pipes(source).into_iter();
        let first = pieces.next().unwrap_or_default();
        let value = Value::parse(first, spelling)?;
        let pipes = pieces.map(Pipe::parse).collect::<Result<_, _>>()?;
        Ok(Self { source: source.to_owned(), value, pipes })
    }

    fn fill(&self, known: &mut Variables) -> Result<Filled, String> {
        let mut filled = self.value.fill(known)?;
        for pipe in &self.pipes {
            filled.bytes = pipe.apply(&filled.bytes).map_err(|why| self.wrong(&why))?;
        }
        if filled.secret {
            known.conceal(&filled.bytes, &format!("${{{}}}", self.source));
        }
        Ok(filled)
    }

    fn wrong(&self, why: &str) -> String {
        format!("`${{{}}}`: {why}", self.source)
    }
}

impl Value {
    fn parse(text: &str, spelling: Spelling) -> Result<Self, String> {
        let (word, argument) = text.split_once(' ').unwrap_or((text, ""));
        let inner = || Template::parse(argument, spelling);
        Ok(match word {
            "" => return Err("`${}` names nothing".to_owned()),
            "nonce" => Self::Nonce,
            "random" => Self::Random(number(argument)?),
            "b64" => Self::Base64(inner()?),
            "counted8" => Self::Counted8(inner()?),
            "counted16" => Self::Counted16(inner()?),
            "repeat" | "frame" => {
                let (count, text) = argument.split_once(' ').unwrap_or((argument, ""));
                let (count, inner) = (number(count)?, Template::parse(text, spelling)?);
                if word == "repeat" {
                    Self::Repeat(count, inner)
                } else {
                    let first = u8::try_from(count).map_err(|_| "the first byte of a frame")?;
                    Self::Frame(first, inner)
                }
            }
            name if argument.is_empty() => Self::Named(name.to_owned()),
            _ => return Err(format!("`${{{word} …}}` is no function; {FUNCTIONS}")),
        })
    }

    fn fill(&self, known: &mut Variables) -> Result<Filled, String> {
        let open = |bytes| Ok(Filled { bytes, secret: false });
        match self {
            Self::Named(name) => {
                let value = known.bytes(name).ok_or_else(|| format!("`{name}` is not known"))?;
                let secret = known.is_secret(value);
                Ok(Filled { bytes: value.to_vec(), secret })
            }
            Self::Nonce => open(URL_SAFE_NO_PAD.encode(random(18)?).into_bytes()),
            Self::Random(count) => open(URL_SAFE_NO_PAD.encode(random(*count)?).into_bytes()),
            Self::Repeat(count, inner) => {
                let filled = inner.filled(known)?;
                if filled.bytes.len().saturating_mul(*count) > LARGEST {
                    return Err(format!("it comes to more than {LARGEST} bytes"));
                }
                Ok(Filled { bytes: filled.bytes.repeat(*count), ..filled })
            }
            Self::Base64(inner) => {
                let filled = inner.filled(known)?;
                Ok(Filled { bytes: URL_SAFE_NO_PAD.encode(&filled.bytes).into_bytes(), ..filled })
            }
            Self::Counted8(inner) => {
                counted(inner, known, |length| u8::try_from(length).ok().map(|length| vec![length]))
            }
            Self::Counted16(inner) => counted(inner, known, |length| {
                u16::try_from(length).ok().map(|length| length.to_be_bytes().to_vec())
            }),
            Self::Frame(first, inner) => {
                let filled = inner.filled(known)?;
                let bytes = crate::play::client_frame(*first, &filled.bytes);
                Ok(Filled { bytes, ..filled })
            }
        }
    }
}

const FUNCTIONS: &str = "there are repeat, b64, random, counted8, counted16 and frame";

fn counted(
    inner: &Template,
    known: &mut Variables,
    length: impl Fn(usize) -> Option<Vec<u8>>,
) -> Result<Filled, String> {
    let mut filled = inner.filled(known)?;
    let mut bytes = length(filled.bytes.len()).ok_or("it is longer than its length can say")?;
    bytes.append(&mut filled.bytes);
    Ok(Filled { bytes, ..filled })
}

fn random(count: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; count.min(LARGEST)];
    // The generator of the TLS library: nothing is decided by what an attack makes up.
    let generator = aws_lc_rs::default_provider().secure_random;
    generator.fill(&mut bytes).map_err(|_| "the generator fails")?;
    Ok(bytes)
}

pub(crate) fn number(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| format!("`{}` has to be a number", text.trim()))
}

/// What is in the braces that were opened, and what is behind them.
fn braced(inner: &str) -> Result<(&str, &str), String> {
    let mut depth = 1_usize;
    for (at, found) in inner.char_indices() {
        match found {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            let inside = inner.get(..at).unwrap_or_default();
            let behind = inner.get(at.saturating_add(1)..).unwrap_or_default();
            return Ok((inside, behind));
        }
    }
    Err(format!("`${{{inner}` is never closed: write `}}` behind it"))
}

/// Splits at ` | ` outside of braces.
fn split_pipes(text: &str) -> Vec<&str> {
    let (mut pieces, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, found) in text.char_indices() {
        match found {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && text.get(at..).is_some_and(|rest| rest.starts_with(" | ")) => {
                pieces.extend(text.get(start..at));
                start = at.saturating_add(3);
            }
            _ => {}
        }
    }
    pieces.extend(text.get(start..));
    pieces
}

/// Reads one escape; returns what is behind it.
fn escape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let mut found = text.chars();
    let _backslash = found.next();
    let byte = match found.next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('$') => b'$',
        Some('x') => {
            let byte = text.get(2..4).and_then(|pair| u8::from_str_radix(pair, 16).ok());
            bytes.push(byte.ok_or("`\\x` needs two hexadecimal digits")?);
            return Ok(text.get(4..).unwrap_or_default());
        }
        _ => {
            return Err("a backslash begins \\r, \\n, \\t, \\0, \\$ or \\xNN; write \\\\ for one"
                .to_owned());
        }
    };
    bytes.push(byte);
    Ok(found.as_str())
}

/// Base64 in the alphabet of RFC 4648, section 4, of what is in that of section 5.
pub(crate) fn standard_alphabet(text: &[u8]) -> Vec<u8> {
    let other = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => *byte,
    };
    text.iter().map(other).collect()
}

/// Decodes either alphabet, without padding.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let standard = STANDARD_NO_PAD.decode(standard_alphabet(text));
    standard.map_err(|_| "it is not base64url".to_owned())
}
