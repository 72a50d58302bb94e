//! Tokens: what is issued verifies as it was said, and nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use std::sync::LazyLock;

use common::record::Record;
use common::{NOW, masters, subject};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::encoding::{base64url, decode_into};
use doorward_policy::id::SessionId;
use doorward_policy::keys::{KeyRing, Purpose};
use doorward_policy::token::{Claims, Method, UntrustedToken, VerifiedSession, issue};
use proptest::prelude::*;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static RING: LazyLock<KeyRing> = LazyLock::new(|| masters().ring(Purpose::Session));

fn verify(text: &[u8], now: Timestamp) -> Option<VerifiedSession> {
    UntrustedToken::parse(text).ok()?.verify(&RING, now).ok()
}

prop_compose! {
    fn claims()(
        session in any::<[u8; 16]>(),
        name in "[^\\p{Cc}]{1,16}",
        bits in 0..16_u16,
        method in prop_oneof![Just(Method::Link), Just(Method::Code), Just(Method::Desktop)],
        age in 0..100_000_u32,
        life in 1..100_000_u32,
        rest in 0..100_000_u32,
    ) -> Claims {
        let now = NOW.as_secs();
        Claims {
            session: SessionId::new(session),
            subject: subject(&name),
            capabilities: Capabilities::from_bits(bits).unwrap(),
            method,
            issued_at: Timestamp::from_secs(now - age),
            expires_at: Timestamp::from_secs(now + life),
            absolute_end: Timestamp::from_secs(now + life + rest),
        }
    }
}

fn text_of(claims: &Claims) -> Vec<u8> {
    issue(claims, &RING, NOW).unwrap().expose().as_bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_issued_verifies_as_it_was_said(claims in claims()) {
        let text = text_of(&claims);
        prop_assert!(text.len() <= 256);
        let verified = verify(&text, NOW).unwrap();
        prop_assert_eq!(*verified.claims(), claims);
        prop_assert!(verify(&text, claims.expires_at).is_none());
    }

    //= req: TOKEN-3, type=property
    #[test]
    fn a_token_with_any_single_character_changed_is_refused(
        claims in claims(),
        place in any::<prop::sample::Index>(),
        other in any::<u8>(),
    ) {
        let mut text = text_of(&claims);
        let place = place.index(text.len());
        prop_assume!(text[place] != other);
        text[place] = other;
        prop_assert!(verify(&text, NOW).is_none());
    }

    //= req: TOKEN-1, type=property
    #[test]
    fn a_token_with_a_character_more_or_less_is_refused(
        claims in claims(),
        place in any::<prop::sample::Index>(),
        extra in any::<u8>(),
    ) {
        let text = text_of(&claims);
        let at = place.index(text.len());
        let mut less = text.clone();
        less.remove(at);
        prop_assert!(verify(&less, NOW).is_none());
        let mut more = text;
        more.insert(at, extra);
        prop_assert!(verify(&more, NOW).is_none());
    }

    #[test]
    fn no_text_verifies_that_was_not_issued(text in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&text, NOW).is_none());
    }

    //= req: TOKEN-3, type=property
    #[test]
    fn no_record_verifies_without_its_tag(
        record in prop_oneof![Just(Record::good().bytes()), prop::collection::vec(any::<u8>(), 0..110)],
        tag in any::<[u8; 32]>(),
    ) {
        let mut record = record;
        if record.len() > 2 {
            record[0] = 1;
            record[1] = 1;
        }
        let text = common::record::join(&record, &tag);
        prop_assert!(verify(text.as_bytes(), NOW).is_none());
    }

    //= req: TOKEN-5, type=property
    #[test]
    fn a_signed_record_verifies_only_if_it_is_what_its_claims_give(
        // Sound as a rule, or hardly any record would be the one that its claims give.
        method in prop_oneof![7 => 1..=4_u8, 1 => any::<u8>()],
        capabilities in prop_oneof![0..32_u16, any::<u16>()],
        claimed_length in prop_oneof![4 => Just(None), 1 => (0..80_u8).prop_map(Some)],
        name in prop_oneof![
            4 => "[ -~]{1,64}".prop_map(String::into_bytes),
            2 => "\\PC{0,40}\\pC?".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 1..70),
        ],
        trailing in prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(any::<u8>(), 1..3)],
    ) {
        let record =
            Record { method, capabilities, claimed_length, subject: name, trailing, ..Record::good() };
        let text = record.token();
        if let Some(verified) = verify(text.as_bytes(), NOW) {
            prop_assert_eq!(text_of(verified.claims()), text.into_bytes());
        }
    }
}

proptest! {
    // Each case tries every place.
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_token_with_any_character_of_the_alphabet_in_any_place_is_refused(claims in claims()) {
        let text = text_of(&claims);
        for place in 0..text.len() {
            // One that differs in a single bit of the six, and one that differs in others.
            for other in [1, 2, 4, 8, 16, 32, 63] {
                let Some(value) = ALPHABET.iter().position(|byte| *byte == text[place]) else {
                    continue;
                };
                let mut text = text.clone();
                text[place] = ALPHABET[value ^ other];
                prop_assert!(verify(&text, NOW).is_none(), "{place}");
            }
        }
    }

    #[test]
    fn a_token_with_any_single_bit_changed_is_refused(claims in claims()) {
        let text = text_of(&claims);
        let dot = text.iter().position(|byte| *byte == b'.').unwrap();
        for (start, end) in [(0, dot), (dot + 1, text.len())] {
            let mut bytes = [0; 128];
            let length = decode_into(&text[start..end], &mut bytes).unwrap();
            for bit in 0..length * 8 {
                let mut bytes = bytes;
                bytes[bit / 8] ^= 1 << (bit % 8);
                let segment = base64url(&bytes[..length]);
                let forged = [&text[..start], segment.as_bytes(), &text[end..]].concat();
                prop_assert!(verify(&forged, NOW).is_none(), "bit {bit} from {start}");
            }
        }
    }
}
