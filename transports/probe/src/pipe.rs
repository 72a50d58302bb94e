//! What is made of a value behind a `|`: ways to spoil a credential.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::template::{decode, number, standard_alphabet};

/// One change of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pipe {
    /// Without its last characters.
    Drop(usize),
    /// Its first characters alone.
    Take(usize),
    /// What stands before its last dot.
    Head,
    /// What stands behind its last dot.
    Tag,
    /// With so many bytes of its tag.
    CutTag(usize),
    /// With other unused bits in its last character: it decodes to the same in a lax decoder.
    Respell,
    /// With another last character, which decodes to something else.
    Flip,
    /// In the other alphabet of base64. Where it has nothing that differs, `+` is put behind it.
    StandardAlphabet,
    /// As base64url.
    Base64,
    /// As a JSON string, with its quotes.
    Json,
    /// Each byte as `%NN`.
    Percent,
    Upper,
    Lower,
}

const PIPES: &str = "there are drop N, take N, head, tag, cut-tag N, respell, flip, \
    standard-alphabet, b64, json, percent, upper and lower";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Pipe {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (word, argument) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Ok(match word {
            "drop" => Self::Drop(number(argument)?),
            "take" => Self::Take(number(argument)?),
            "cut-tag" => Self::CutTag(number(argument)?),
            "head" => Self::Head,
            "tag" => Self::Tag,
            "respell" => Self::Respell,
            "flip" => Self::Flip,
            "standard-alphabet" => Self::StandardAlphabet,
            "b64" => Self::Base64,
            "json" => Self::Json,
            "percent" => Self::Percent,
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            _ => return Err(format!("`| {word}` is nothing that can be done; {PIPES}")),
        })
    }

    pub(crate) fn apply(&self, value: &[u8]) -> Result<Vec<u8>, String> {
        let dot = || {
            let dot = value.iter().rposition(|&byte| byte == b'.').ok_or("it has no dot")?;
            Ok::<_, String>(value.split_at(dot))
        };
        Ok(match self {
            Self::Drop(count) => {
                let end = value.len().checked_sub(*count).ok_or("it is shorter than that")?;
                value.get(..end).unwrap_or_default().to_vec()
            }
            Self::Take(count) => value.get(..*count).ok_or("it is shorter than that")?.to_vec(),
            Self::Head => dot()?.0.to_vec(),
            Self::Tag => dot()?.1.iter().skip(1).copied().collect(),
            Self::CutTag(count) => {
                let (head, tag) = dot()?;
                let tag = decode(tag.get(1..).unwrap_or_default())?;
                let cut = tag.get(..*count).ok_or("its tag is shorter than that")?;
                [head, b".", URL_SAFE_NO_PAD.encode(cut).as_bytes()].concat()
            }
            Self::Respell => respell(value)?,
            Self::Flip => flip(value)?,
            Self::StandardAlphabet => {
                let other = standard_alphabet(value);
                if other == value { [value, b"+"].concat() } else { other }
            }
            Self::Base64 => URL_SAFE_NO_PAD.encode(value).into_bytes(),
            Self::Json => serde_json::to_vec(&String::from_utf8_lossy(value))
                .map_err(|error| error.to_string())?,
            Self::Percent => {
                value.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect()
            }
            Self::Upper => value.to_ascii_uppercase(),
            Self::Lower => value.to_ascii_lowercase(),
        })
    }
}

/// The value of the last character, and how many of its bits nothing is decoded from.
fn last(value: &[u8]) -> Result<(usize, u32), String> {
    let segment = value.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let last = segment.last().ok_or("it is empty")?;
    let digit = ALPHABET.iter().position(|known| known == last).ok_or("it is not base64url")?;
    match segment.len() % 4 {
        0 => Ok((digit, 0)),
        2 => Ok((digit, 4)),
        3 => Ok((digit, 2)),
        _ => Err("it is not base64url".to_owned()),
    }
}

fn with_last(value: &[u8], digit: usize) -> Vec<u8> {
    let mut changed = value.to_vec();
    if let (Some(last), Some(&other)) = (changed.last_mut(), ALPHABET.get(digit)) {
        *last = other;
    }
    changed
}

fn respell(value: &[u8]) -> Result<Vec<u8>, String> {
    match last(value)? {
        (_, 0) => Err("its last character has no unused bits".to_owned()),
        (digit, _) => Ok(with_last(value, digit ^ 1)),
    }
}

fn flip(value: &[u8]) -> Result<Vec<u8>, String> {
    let (digit, unused) = last(value)?;
    Ok(with_last(value, digit ^ (1 << unused)))
}
