//! The steps of an input.

use doorward_policy::Capabilities;
use doorward_policy::token::Method;

use crate::fuzz::input::Input;

/// A place to ask for: the default, or the workspace of this letter.
pub(super) type Place = Option<char>;

/// A credential to come with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    Nothing,
    /// A token by its number, and one with a character changed.
    Token(usize),
    Forged(usize),
    Ticket(usize),
    Local(usize),
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// `g`, capabilities, uses, `c` for a code: a grant is made.
    Grant(Capabilities, u32, Method),
    /// `r`, a grant, a nonce: a grant is redeemed; one that was never made, past the last.
    Redeem(usize, u8),
    /// `o`, a credential, a place: a connection is opened.
    Open(Shown, Place),
    /// `n`, a credential: a token is asked for in its place.
    Renew(Shown),
    /// `t`, a credential: a ticket is asked for.
    Ticket(Shown),
    /// `l`, a process, capabilities, a place: a local token is made.
    Local(u32, Capabilities, Place),
    /// `x`, a token: its session is revoked; `X`: all are.
    Revoke(usize),
    RevokeAll,
    /// `m`, a token, capabilities: its session is left with no more.
    Limit(usize, Capabilities),
    /// `u`, a grant: it is revoked.
    RevokeGrant(usize),
    /// `w`, a place: a workspace is made; `d`: is deleted.
    Make(Place),
    Delete(Place),
    /// `j`, a place, capabilities, `h` for a home: everybody's subject becomes a member.
    Join(Place, Capabilities, bool),
    /// `e`, a place: is no member any more.
    Expel(Place),
    /// `k`, a process: it ends.
    Kill(u32),
    /// `+`, a digit for the span: time goes on; `.`: the gates hear what has changed.
    Wait(u64),
    Hear,
    /// `p`, a digit: it is another client from here on.
    From(u8),
}

/// In milliseconds: moments, the ends of tickets, minutes, days, halves of lives, ends.
const SPANS: [u64; 12] = [
    1,
    1000,
    4999,
    5001,
    29_999,
    60_000,
    600_000,
    3_600_000,
    86_400_000,
    302_400_000,
    604_800_000,
    2_592_000_000,
];

pub(super) fn steps(input: &mut Input<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    while !input.is_empty() {
        steps.extend(step(&mut Input::new(input.line())));
    }
    steps
}

fn step(line: &mut Input<'_>) -> Option<Step> {
    Some(match line.byte() {
        b'g' => {
            let (held, uses) = (capabilities(line), line.below(4) as u32);
            let method = if line.byte() == b'c' { Method::Code } else { Method::Link };
            Step::Grant(held, uses, method)
        }
        b'r' => Step::Redeem(line.below(8), line.byte()),
        b'o' => Step::Open(shown(line), place(line)),
        b'n' => Step::Renew(shown(line)),
        b't' => Step::Ticket(shown(line)),
        b'l' => Step::Local(line.below(4) as u32, capabilities(line), place(line)),
        b'x' => Step::Revoke(line.below(8)),
        b'X' => Step::RevokeAll,
        b'm' => Step::Limit(line.below(8), capabilities(line)),
        b'u' => Step::RevokeGrant(line.below(8)),
        b'w' => Step::Make(place(line)),
        b'd' => Step::Delete(place(line)),
        b'j' => Step::Join(place(line), capabilities(line), line.byte() == b'h'),
        b'e' => Step::Expel(place(line)),
        b'k' => Step::Kill(line.below(4) as u32),
        b'+' => Step::Wait(line.pick(&SPANS)),
        b'.' => Step::Hear,
        b'p' => Step::From(line.byte()),
        _ => return None,
    })
}

fn capabilities(line: &mut Input<'_>) -> Capabilities {
    Capabilities::from_bits(line.below(16) as u16).expect("all 16 are known")
}

fn shown(line: &mut Input<'_>) -> Shown {
    let kind = line.byte();
    let number = line.below(8);
    match kind {
        b't' => Shown::Token(number),
        b'f' => Shown::Forged(number),
        b'k' => Shown::Ticket(number),
        b'l' => Shown::Local(number),
        _ => Shown::Nothing,
    }
}

fn place(line: &mut Input<'_>) -> Place {
    match line.byte() {
        b'a' => Some('a'),
        b'b' => Some('b'),
        _ => None,
    }
}
