//! The hello frame and its answer: what a QUIC client and Doorward say to each other, once, on the
//! connection's first stream. `docs/quic-hello.md` is the specification.
//!
//! ```text
//! frame  = length u16, body            big-endian; at most 1,024 bytes of body
//! hello  = version u8 = 1
//!          purpose u8                  1 open, 2 token
//!          credentials u8              how many follow
//!          ( kind u8, length u16, bytes )*
//!          nonce: length u8, bytes     none, or 16 to 32
//!          workspace: length u8, bytes none, or 1 to 64 of UTF-8
//!          capabilities u16
//! accept = version u8 = 1
//!          sessions u8                 0, or 1 with what follows:
//!          ( id 16, capabilities u16, expires in u32, subject: length u8, bytes )
//!          token: length u16, bytes    none, or a session token
//! ```
//!
//! Nothing may follow. A refusal has no frame: it closes the connection, with its code and its
//! reason (RFC 9000, section 19.19).

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::capability::Capabilities;
use crate::denial::{Bound, Denial, HelloFault};
use crate::grant::{GrantSecret, NONCE_BYTES};
use crate::id::SessionId;
use crate::subject::Subject;
use crate::workspace::WorkspaceName;

/// The application protocol that is negotiated (RFC 7301).
pub const ALPN: &[u8] = b"doorward/1";
/// The most bytes of a frame's body.
pub const MAX_BODY: usize = 1024;
/// The bytes of a frame before its body.
pub const PREFIX: usize = 2;
const VERSION: u8 = 1;

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To reach what is guarded.
    Open,
    /// For a token alone: a grant is redeemed, a session renewed, and the connection ends.
    Token,
}

/// The kind of a presented credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session token.
    Session,
    /// A grant: a link's 43 characters, or a typed code.
    Grant,
    /// A ticket.
    Ticket,
    /// A local token.
    Local,
}

impl Kind {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Grant => 2,
            Self::Ticket => 3,
            Self::Local => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Session),
            2 => Some(Self::Grant),
            3 => Some(Self::Ticket),
            4 => Some(Self::Local),
            _ => None,
        }
    }
}

/// The credentials of a hello. More than one are never looked at: they could disagree.
#[derive(Clone, Copy)]
pub enum Offered<'a> {
    /// None.
    Nothing,
    /// Exactly one, in its text form.
    One(Kind, &'a [u8]),
    /// Two or more.
    Several,
}

impl fmt::Debug for Offered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            //= req: SECRET-1
            Self::One(kind, _) => write!(f, "One({kind:?}, ..)"),
            Self::Several => f.write_str("Several"),
        }
    }
}

/// A client's first words.
#[derive(Clone, Copy)]
pub struct Hello<'a> {
    /// What the connection is for.
    pub purpose: Purpose,
    /// What it presents.
    pub offered: Offered<'a>,
    /// What a redemption must repeat to get its session again: none, or 16 to 32 random bytes.
    pub nonce: &'a [u8],
    /// The workspace that it asks for; the session's own if there is none.
    pub workspace: Option<WorkspaceName>,
    /// What it must be able to do beside what the rules ask for.
    pub capabilities: Capabilities,
}

//= req: SECRET-1
impl fmt::Debug for Hello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("purpose", &self.purpose)
            .field("offered", &self.offered)
            .field("workspace", &self.workspace)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

/// How many bytes of body a frame's first two bytes announce.
///
/// # Errors
/// [`Denial::TooLarge`] above [`MAX_BODY`]; nothing of such a body need be read.
pub fn body_length(prefix: [u8; PREFIX]) -> Result<usize, Denial> {
    let length = usize::from(u16::from_be_bytes(prefix));
    //= req: HELLO-1
    if length > MAX_BODY { Err(Denial::TooLarge(Bound::HelloBytes)) } else { Ok(length) }
}

impl<'a> Hello<'a> {
    //= req: HELLO-2
    /// Parses the body of a frame.
    ///
    /// # Errors
    /// [`Denial::MalformedHello`] for whatever isn't exactly one hello, in its one spelling.
    pub fn parse(body: &'a [u8]) -> Result<Self, Denial> {
        if body.len() > MAX_BODY {
            return Err(Denial::TooLarge(Bound::HelloBytes));
        }
        let mut reader = Reader(body);
        if reader.u8()? != VERSION {
            return Err(HelloFault::Version.into());
        }
        let purpose = match reader.u8()? {
            1 => Purpose::Open,
            2 => Purpose::Token,
            _ => return Err(HelloFault::Purpose.into()),
        };
        let offered = read_credentials(&mut reader)?;
        let nonce = reader.short()?;
        if !is_nonce(nonce) {
            return Err(HelloFault::Nonce.into());
        }
        let workspace = match reader.short()? {
            [] => None,
            name => Some(read_workspace(name)?),
        };
        let capabilities = Capabilities::from_bits(reader.u16()?);
        let capabilities = capabilities.ok_or(HelloFault::Capabilities)?;
        reader.end()?;
        Ok(Self { purpose, offered, nonce, workspace, capabilities })
    }

    /// The grant that it offers and the nonce that this needs; `None` if it offers no grant.
    ///
    /// # Errors
    /// If the grant is in no form that grants have, or comes without a nonce.
    pub fn grant(&self) -> Result<Option<(GrantSecret, &'a [u8])>, HelloFault> {
        let Offered::One(Kind::Grant, text) = self.offered else { return Ok(None) };
        let grant = core::str::from_utf8(text).ok().and_then(GrantSecret::parse);
        let grant = grant.ok_or(HelloFault::Credential)?;
        if self.nonce.is_empty() { Err(HelloFault::Nonce) } else { Ok(Some((grant, self.nonce))) }
    }

    /// The whole frame; `None` if it would be above the bound or its nonce of a length that none
    /// has, and for several credentials. It holds the credential.
    #[must_use]
    pub fn frame(&self) -> Option<Zeroizing<Vec<u8>>> {
        if !is_nonce(self.nonce) {
            return None;
        }
        let mut writer = Writer::new();
        writer.byte(VERSION)?;
        writer.byte(match self.purpose {
            Purpose::Open => 1,
            Purpose::Token => 2,
        })?;
        match self.offered {
            Offered::Nothing => writer.byte(0)?,
            Offered::One(kind, text) => {
                writer.byte(1)?;
                writer.byte(kind.to_byte())?;
                writer.long(text)?;
            }
            // Nobody who means well says this.
            Offered::Several => return None,
        }
        writer.short(self.nonce)?;
        writer.short(self.workspace.as_ref().map_or(&[], |name| name.as_str().as_bytes()))?;
        writer.bytes(&self.capabilities.bits().to_be_bytes())?;
        writer.finish()
    }
}

fn read_credentials<'a>(reader: &mut Reader<'a>) -> Result<Offered<'a>, Denial> {
    let count = reader.u8()?;
    let mut offered = Offered::Nothing;
    for _ in 0..count {
        let kind = Kind::from_byte(reader.u8()?).ok_or(HelloFault::Credential)?;
        let text = reader.long()?;
        offered = match offered {
            Offered::Nothing => Offered::One(kind, text),
            Offered::One(..) | Offered::Several => Offered::Several,
        };
    }
    Ok(offered)
}

fn is_nonce(nonce: &[u8]) -> bool {
    nonce.is_empty() || NONCE_BYTES.contains(&nonce.len())
}

fn read_workspace(name: &[u8]) -> Result<WorkspaceName, Denial> {
    let name = core::str::from_utf8(name).ok().and_then(WorkspaceName::new);
    name.ok_or_else(|| HelloFault::Workspace.into())
}

/// The answer to a hello that was admitted.
pub struct Accept {
    /// The session; none where the server is unguarded.
    pub session: Option<AcceptedSession>,
    /// The session's token, where one was asked for or bought.
    pub token: Option<Zeroizing<Vec<u8>>>,
}

/// What an [`Accept`] says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedSession {
    /// Its id.
    pub id: SessionId,
    /// What it may do.
    pub capabilities: Capabilities,
    /// In how many seconds the token expires that comes along or, if none does, was presented.
    pub expires_in: u32,
    /// Whose it is.
    pub subject: Subject,
}

//= req: SECRET-1
impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Accept {
    /// Parses the body of a frame; `None` for whatever isn't exactly one accept.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        if body.len() > MAX_BODY || reader.u8().ok()? != VERSION {
            return None;
        }
        let session = match reader.u8().ok()? {
            0 => None,
            1 => Some(read_session(&mut reader)?),
            _ => return None,
        };
        let token = match reader.long().ok()? {
            [] => None,
            text => Some(Zeroizing::new(text.to_vec())),
        };
        reader.end().ok()?;
        Some(Self { session, token })
    }

    /// The whole frame; `None` if it would be above the bound. It holds the token.
    #[must_use]
    pub fn frame(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut writer = Writer::new();
        writer.byte(VERSION)?;
        match &self.session {
            None => writer.byte(0)?,
            Some(session) => {
                writer.byte(1)?;
                writer.bytes(session.id.as_bytes())?;
                writer.bytes(&session.capabilities.bits().to_be_bytes())?;
                writer.bytes(&session.expires_in.to_be_bytes())?;
                writer.short(session.subject.as_str().as_bytes())?;
            }
        }
        writer.long(self.token.as_ref().map_or(&[], |token| token.as_slice()))?;
        writer.finish()
    }
}

fn read_session(reader: &mut Reader<'_>) -> Option<AcceptedSession> {
    let id = SessionId::new(*reader.array::<16>().ok()?);
    let capabilities = Capabilities::from_bits(reader.u16().ok()?)?;
    let expires_in = u32::from_be_bytes(*reader.array::<4>().ok()?);
    let subject = Subject::from_utf8(reader.short().ok()?)?;
    Some(AcceptedSession { id, capabilities, expires_in, subject })
}

/// What is left of a body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], HelloFault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(HelloFault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], HelloFault> {
        self.take(N)?.first_chunk::<N>().ok_or(HelloFault::Truncated)
    }

    fn u8(&mut self) -> Result<u8, HelloFault> {
        self.array::<1>().map(|&[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, HelloFault> {
        self.array().copied().map(u16::from_be_bytes)
    }

    fn short(&mut self) -> Result<&'a [u8], HelloFault> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    fn long(&mut self) -> Result<&'a [u8], HelloFault> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    fn end(self) -> Result<(), HelloFault> {
        //= req: HELLO-2
        if self.0.is_empty() { Ok(()) } else { Err(HelloFault::Trailing) }
    }
}

/// A frame in the making, with room for the largest and no more: a secret in it is never moved and
/// left.
struct Writer(Zeroizing<Vec<u8>>);

const MAX_FRAME: usize = PREFIX + MAX_BODY;

impl Writer {
    fn new() -> Self {
        let mut frame = Zeroizing::new(Vec::with_capacity(MAX_FRAME));
        frame.extend_from_slice(&[0; PREFIX]);
        Self(frame)
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.bytes(&[byte])
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let room = MAX_FRAME.checked_sub(self.0.len())?;
        (bytes.len() <= room).then(|| self.0.extend_from_slice(bytes))
    }

    fn short(&mut self, bytes: &[u8]) -> Option<()> {
        self.byte(u8::try_from(bytes.len()).ok()?)?;
        self.bytes(bytes)
    }

    fn long(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes(&u16::try_from(bytes.len()).ok()?.to_be_bytes())?;
        self.bytes(bytes)
    }

    fn finish(mut self) -> Option<Zeroizing<Vec<u8>>> {
        let length = self.0.len().checked_sub(PREFIX)?;
        let prefix = u16::try_from(length).ok()?.to_be_bytes();
        self.0.get_mut(..PREFIX)?.copy_from_slice(&prefix);
        Some(self.0)
    }
}
