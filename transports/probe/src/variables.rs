//! What is known by name while an attack is played, and how secrets are kept out of its report.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::template::{Spelling, Template};

/// What is known by name: `${a.token}`.
#[derive(Default)]
pub struct Variables {
    values: BTreeMap<String, Vec<u8>>,
    /// What is shown for each secret, and for what was made of one.
    secrets: Vec<(Zeroizing<Vec<u8>>, String)>,
}

/// The shortest text that is replaced because it was made of a secret or looks like one: a shorter
/// one is found in every answer. What is known to be a secret is replaced however short it is.
const SHORTEST: usize = 8;

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Variables {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names something that everybody may see, such as `a.id`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.set_bytes(name, value.as_bytes());
    }

    /// Names a secret, such as `a.token`. What is sent and received shows its name instead.
    pub fn set_secret(&mut self, name: &str, value: &str) {
        self.set(name, value);
        self.hide(value.as_bytes(), &format!("${{{name}}}"));
    }

    /// Shows `instead` wherever these bytes were sent or received, unless they are so few that they
    /// are found in every answer.
    pub fn conceal(&mut self, secret: &[u8], instead: &str) {
        if secret.len() >= SHORTEST {
            self.hide(secret, instead);
        }
    }

    fn hide(&mut self, secret: &[u8], instead: &str) {
        let known = self.secrets.iter().any(|(known, _)| known.as_slice() == secret);
        if !secret.is_empty() && !known {
            // A secret may be a part of another one: the longer is replaced first.
            let at = self.secrets.partition_point(|(known, _)| known.len() >= secret.len());
            self.secrets.insert(at, (Zeroizing::new(secret.to_vec()), instead.to_owned()));
        }
    }

    pub(crate) fn set_bytes(&mut self, name: &str, value: &[u8]) {
        self.values.insert(name.to_owned(), value.to_vec());
    }

    /// The value of a name; `None` for a name that isn't known, and for bytes that are no text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// Fills in the templates of a text, such as that of [`Step::Ticket`](crate::Step::Ticket).
    ///
    /// # Errors
    ///
    /// Says what can't be filled in.
    pub fn fill(&mut self, text: &str) -> Result<String, String> {
        let bytes = Template::parse(text, Spelling::Plain)?.fill(self)?;
        String::from_utf8(bytes).map_err(|_| format!("`{text}` comes to what is no text"))
    }

    /// Whether a secret, or what was made of one, is in this.
    pub(crate) fn is_secret(&self, value: &[u8]) -> bool {
        let holds = |secret: &[u8]| value.windows(secret.len()).any(|window| window == secret);
        self.secrets.iter().any(|(secret, _)| holds(secret))
    }

    /// These bytes with every secret replaced by what it is called.
    #[must_use]
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        self.redact_some(bytes, usize::MAX).0
    }

    /// The beginning of these bytes with every secret replaced by what it is called, about so many
    /// of them, and whether that is all. What nobody sees is not looked through either.
    pub(crate) fn redact_some(&self, bytes: &[u8], most: usize) -> (Vec<u8>, bool) {
        let mut shown = Vec::with_capacity(bytes.len().min(most));
        let mut rest = bytes;
        while shown.len() < most
            && let Some((&first, behind)) = rest.split_first()
        {
            let found = self.secrets.iter().find(|(secret, _)| rest.starts_with(secret));
            match found.and_then(|(secret, name)| Some((rest.get(secret.len()..)?, name))) {
                Some((behind, name)) => {
                    shown.extend_from_slice(name.as_bytes());
                    rest = behind;
                }
                None => {
                    shown.push(first);
                    rest = behind;
                }
            }
        }
        (shown, rest.is_empty())
    }
}
