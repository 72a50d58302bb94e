//! The hello and its answer, read and written from their tables of bytes.

/// What a hello says, in the units of its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) purpose: u8,
    pub(crate) credentials: Vec<(u8, Vec<u8>)>,
    pub(crate) nonce: Vec<u8>,
    /// Empty for none.
    pub(crate) workspace: String,
    pub(crate) capabilities: u16,
}

/// What an accept says; the id, the capabilities, the seconds and the subject of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) session: Option<([u8; 16], u16, u32, String)>,
    pub(crate) token: Vec<u8>,
}

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLarge,
    Version,
    Purpose,
    Truncated,
    Trailing,
    Credential,
    Nonce,
    Text,
    Capabilities,
    Sessions,
}

/// Reads at places counted from the start.
struct Body<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Body<'_> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.bytes.get(self.at).ok_or(Fault::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    fn many(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        (0..count).map(|_| self.byte()).collect()
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Fault> {
        Ok(self.many(bytes)?.iter().fold(0, |number, byte| number * 256 + usize::from(*byte)))
    }

    fn sized(&mut self, bytes: usize) -> Result<Vec<u8>, Fault> {
        let count = self.number(bytes)?;
        self.many(count)
    }

    fn capabilities(&mut self) -> Result<u16, Fault> {
        let bits = self.number(2)?;
        if bits > 15 { Err(Fault::Capabilities) } else { Ok(bits as u16) }
    }

    fn end(&self) -> Result<(), Fault> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(Fault::Trailing) }
    }
}

fn plain_text(bytes: Vec<u8>) -> Result<String, Fault> {
    let text = String::from_utf8(bytes).map_err(|_| Fault::Text)?;
    let plain = !text.chars().any(|char| char < ' ' || ('\u{7f}'..='\u{9f}').contains(&char));
    if plain && (1..=64).contains(&text.len()) { Ok(text) } else { Err(Fault::Text) }
}

fn begin(bytes: &[u8]) -> Result<Body<'_>, Fault> {
    let mut body = Body { bytes, at: 0 };
    if bytes.len() > 1024 {
        return Err(Fault::TooLarge);
    }
    if body.byte()? == 1 { Ok(body) } else { Err(Fault::Version) }
}

pub(crate) fn read(bytes: &[u8]) -> Result<Hello, Fault> {
    let mut body = begin(bytes)?;
    let mut hello = Hello { purpose: body.byte()?, ..Hello::default() };
    if hello.purpose == 0 || hello.purpose > 2 {
        return Err(Fault::Purpose);
    }
    for _ in 0..body.byte()? {
        let kind = body.byte()?;
        if kind == 0 || kind > 4 {
            return Err(Fault::Credential);
        }
        hello.credentials.push((kind, body.sized(2)?));
    }
    hello.nonce = body.sized(1)?;
    if (1..16).contains(&hello.nonce.len()) || hello.nonce.len() > 32 {
        return Err(Fault::Nonce);
    }
    let workspace = body.sized(1)?;
    if !workspace.is_empty() {
        hello.workspace = plain_text(workspace)?;
    }
    hello.capabilities = body.capabilities()?;
    body.end()?;
    Ok(hello)
}

pub(crate) fn read_accept(bytes: &[u8]) -> Result<Accept, Fault> {
    let mut body = begin(bytes)?;
    let session = match body.byte()? {
        0 => None,
        1 => {
            let id = body.many(16)?.try_into().expect("16 bytes");
            let capabilities = body.capabilities()?;
            let seconds = body.number(4)? as u32;
            Some((id, capabilities, seconds, plain_text(body.sized(1)?)?))
        }
        _ => return Err(Fault::Sessions),
    };
    let token = body.sized(2)?;
    body.end()?;
    Ok(Accept { session, token })
}

/// The seconds left, and whether nothing moves that end.
pub(crate) fn read_notice(bytes: &[u8]) -> Option<(u32, bool)> {
    let known = bytes.len() == 7 && bytes.starts_with(&[1, 1]) && bytes[6] < 2;
    let seconds = || bytes[2..6].iter().fold(0, |sum, byte| sum * 256 + u32::from(*byte));
    known.then(|| (seconds(), bytes[6] == 1))
}

/// Bytes after their length; cut to what the length can say.
fn sized(bytes: &[u8], most: usize) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(most)];
    let length = (bytes.len() as u16).to_be_bytes();
    let length = if most < 256 { &length[1..] } else { &length[..] };
    [length, bytes].concat()
}

impl Hello {
    /// The body, well-formed or not.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = vec![1, self.purpose, self.credentials.len() as u8];
        for (kind, text) in self.credentials.iter().take(255) {
            body.push(*kind);
            body.extend(sized(text, 65_535));
        }
        body.extend(sized(&self.nonce, 255));
        body.extend(sized(self.workspace.as_bytes(), 255));
        body.extend(self.capabilities.to_be_bytes());
        body
    }
}
