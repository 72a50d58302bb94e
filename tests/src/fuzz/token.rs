//! Session tokens: `doorward_policy::token`.

use doorward_policy::token::{TokenError, UntrustedToken, VerifiedSession, issue};
use doorward_policy::{Capabilities, Timestamp};
use sha2::{Digest as _, Sha256};

use super::input::Input;
use super::naive;
use super::world::{FOREIGN, KEYS, NOW, claims, key, ring_of, token as valid_token};

/// Input: a kind, then what it needs.
///
/// - `r`: a text.
/// - `s`, a key, a record: the record under a tag that verifies.
/// - `m`, then pairs of place and byte: a valid token, changed there.
/// - `f`, then forgeries (`forge`) of a valid token, with another one at hand.
///
/// Oracle: a second implementation gives the same verdict, to the reason, at every moment at which
/// a verdict can change. What verifies re-encodes to the very same text. A text that nobody issued
/// and whose tag wasn't made for it verifies nowhere.
//= req: TOKEN-1, TOKEN-2, TOKEN-3, TOKEN-4, TOKEN-5, TOKEN-6, TOKEN-7, TOKEN-8, type=fuzz
pub fn token(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() {
        b's' => signed(&mut input),
        b'm' => mutated(&mut input),
        b'f' => forged(&mut input),
        _ => _ = check(input.rest()),
    }
}

fn signed(input: &mut Input<'_>) {
    let foreign = &FOREIGN[..];
    let (signer, ours) = match input.byte() {
        b'a' => (&foreign[0], false),
        b'i' => (&foreign[1], false),
        b'2' => (&KEYS.naive[1], true),
        _ => (&KEYS.naive[0], true),
    };
    let mut record = input.rest().to_vec();
    if let Some(place) = record.get_mut(1).filter(|_| ours) {
        // Under its own id, or every such input would end at the tag.
        *place = signer.id;
    }
    let verified = check(signer.sign(&record).as_bytes());
    assert!(ours || verified.is_none(), "a key of another purpose or issuer verified");
}

fn mutated(input: &mut Input<'_>) {
    let subject = "x".repeat(1 + input.below(64));
    let subject = doorward_policy::subject::Subject::new(&subject).expect("it is sound");
    let original = valid_token(&doorward_policy::token::Claims {
        subject,
        ..claims(1, Capabilities::START_UP)
    });
    assert!(check(original.as_bytes()).is_some(), "a token that was just issued is refused");
    let mut changed = original.clone().into_bytes();
    while !input.is_empty() {
        let place = usize::from(input.byte());
        match input.byte() {
            b'<' => changed.truncate(place),
            b'>' => changed.insert(place.min(changed.len()), input.byte()),
            byte => {
                let at = place % changed.len().max(1);
                changed.splice(at..changed.len().min(at + 1), [byte]);
            }
        }
    }
    let verified = check(&changed).is_some();
    assert!(!verified || changed == original.as_bytes(), "a changed token verified");
}

fn forged(input: &mut Input<'_>) {
    let issued = [1, 2].map(|session| valid_token(&claims(session, Capabilities::START_UP)));
    let mut text = issued[0].clone().into_bytes();
    // Past the bound of a token nothing becomes one again, and what grows doubles.
    while !input.is_empty() && text.len() <= 1024 {
        text = forge(&text, issued[1].as_bytes(), input);
    }
    let verified = check(&text).is_some();
    let known = issued.iter().any(|one| one.as_bytes() == text);
    assert_eq!(verified, known, "forged: {}", String::from_utf8_lossy(&text));
}

/// One step of a forger who has seen tokens, knows the format and has no key.
///
/// - `~`, a place, a bit: that bit flips.
/// - `x`: record and tag change places; `r`, `t`: the record, the tag of the other token.
/// - `i`, a key: says that it is under that one.
/// - `k`, a key: a tag under one of another purpose, of another installation, or not of this ring.
/// - `h`, `z`, `e`: a tag without a key: a hash, zeros, nothing.
/// - `c`, a bit: another capability.
/// - `u`, `=`, `+`, `.`: another spelling: unused bits, padding, the other alphabet, a segment.
fn forge(text: &[u8], other: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let halves = |text: &[u8]| {
        let dot = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
        (text[..dot].to_vec(), text[text.len().min(dot + 1)..].to_vec())
    };
    let joined = |record: &[u8], tag: &[u8]| [record, b".", tag].concat();
    let ((record, tag), (other_record, other_tag)) = (halves(text), halves(other));
    let plain = naive::base64url_decode(&record).unwrap_or_default();
    let changed = |place: usize, change: &dyn Fn(u8) -> u8| {
        let mut plain = plain.clone();
        plain.iter_mut().skip(place).take(1).for_each(|byte| *byte = change(*byte));
        joined(naive::base64url(&plain).as_bytes(), &tag)
    };
    let tagged = |tag: &[u8]| joined(&record, naive::base64url(tag).as_bytes());
    match input.byte() {
        b'~' => {
            let (place, bit) = (usize::from(input.byte()), 1 << input.below(8));
            let mut text = text.to_vec();
            let place = place % text.len().max(1);
            text.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= bit);
            text
        }
        b'x' => joined(&tag, &record),
        b'r' => joined(&other_record, &tag),
        b't' => joined(&record, &other_tag),
        b'i' => {
            let id = input.below(4) as u8;
            changed(1, &|_| id)
        }
        b'k' => {
            let signer = match input.below(3) {
                0 => &FOREIGN[0],
                1 => &FOREIGN[1],
                _ => &key(3),
            };
            signer.sign(&plain).into_bytes()
        }
        b'h' => tagged(&Sha256::digest(&plain)),
        b'z' => tagged(&[0; 32]),
        b'e' => joined(&record, b""),
        b'c' => {
            let bit = 1 << input.below(8);
            changed(4, &|byte| byte ^ bit)
        }
        // The next symbol of the alphabet differs from an even one in its last bit alone.
        b'u' => text
            .split_last()
            .map_or_else(Vec::new, |(last, rest)| [rest, &[last.wrapping_add(1)]].concat()),
        b'=' => [text, b"="].concat(),
        b'+' => text.iter().map(|byte| if *byte == b'-' { b'+' } else { *byte }).collect(),
        b'.' => [text, b".", &tag].concat(),
        _ => text.to_vec(),
    }
}

/// Compares both implementations at every moment that matters to this text.
fn check(text: &[u8]) -> Option<VerifiedSession> {
    let parsed = UntrustedToken::parse(text);
    let mut moments = vec![NOW.as_millis(), 0, u64::from(u32::MAX) * 1000];
    if let Some(record) = text.split(|byte| *byte == b'.').next().and_then(naive::base64url_decode)
    {
        for seconds in record.get(21..33).unwrap_or_default().chunks(4) {
            let seconds = seconds.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            let millis = seconds * 1000;
            moments.extend([millis, millis.saturating_sub(1)]);
            moments.extend([millis.saturating_sub(300_000), millis.saturating_sub(300_001)]);
        }
    }
    for moment in moments {
        let now = Timestamp::from_millis(moment);
        let verdict = match &parsed {
            Ok(parsed) => parsed.verify(&KEYS.ring, now),
            Err(error) => Err(*error),
        };
        let expected = naive::token::verify(text, &KEYS.naive, moment);
        match (&verdict, &expected) {
            (Ok(verified), Ok(expected)) => check_claims(text, verified, expected),
            (Err(error), Err(fault)) => assert_eq!(fault_of(*error), *fault),
            _ => panic!("verdicts differ: {verdict:?}, expected {expected:?}"),
        }
    }
    parsed.and_then(|parsed| parsed.verify(&KEYS.ring, NOW)).ok()
}

fn check_claims(text: &[u8], verified: &VerifiedSession, expected: &naive::token::Claims) {
    let claims = verified.claims();
    let found = naive::token::Claims {
        key: verified.key_id(),
        method: claims.method.to_byte(),
        capabilities: claims.capabilities.bits(),
        session: *claims.session.as_bytes(),
        issued_at: claims.issued_at.as_secs(),
        expires_at: claims.expires_at.as_secs(),
        absolute_end: claims.absolute_end.as_secs(),
        subject: claims.subject.as_str().to_owned(),
    };
    assert_eq!(found, *expected);
    let again = key(found.key).sign(&found.record());
    assert_eq!(again.as_bytes(), text, "two spellings of one token");
    let elsewhere = UntrustedToken::parse(text).and_then(|token| token.verify(&KEYS.admin, NOW));
    assert!(elsewhere.is_err(), "it verifies for another purpose too");
    let issued = issue(claims, &ring_of(found.key), NOW).expect("a key signs");
    assert_eq!(issued.expose().as_bytes(), text, "what was read isn't what is written");
    assert!(UntrustedToken::looks_like_ours(text), "a token of ours would be passed on");
}

const fn fault_of(error: TokenError) -> naive::token::Fault {
    use naive::token::Fault;
    match error {
        TokenError::Malformed => Fault::Malformed,
        TokenError::UnknownKey => Fault::UnknownKey,
        TokenError::BadTag => Fault::BadTag,
        TokenError::BadRecord => Fault::BadRecord,
        TokenError::NotYetValid => Fault::NotYetValid,
        TokenError::Expired(..) => Fault::Expired,
    }
}
