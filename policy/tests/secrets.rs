//! Whatever a secret is, nothing prints it, it is the same as itself alone, and it is wiped.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

use core::fmt::Debug;
use core::mem::needs_drop;

use doorward_policy::Capabilities;
use doorward_policy::Timestamp;
use doorward_policy::admission::Greeting;
use doorward_policy::encoding::{base64url, hex};
use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::hello::{Accept, Hello, Kind, Offered, Purpose};
use doorward_policy::keys::{MasterKeys, Purpose as KeyPurpose};
use doorward_policy::link::LinkFragment;
use doorward_policy::local::LocalSecret;
use doorward_policy::secret::Secret;
use doorward_policy::ticket::TicketSecret;
use doorward_policy::token::SessionToken;
use proptest::prelude::*;
use zeroize::Zeroizing;

/// Both prints of a value.
fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// Each way in which a print may show bytes, or enough of them. What prints alike for every secret
/// says nothing of this one.
fn is_told(shown: &str, secret: &[u8]) -> bool {
    let decimals = |bytes: &[u8]| {
        let list = format!("{bytes:?}");
        list.trim_matches(['[', ']']).to_owned()
    };
    let plain: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let eighth = &secret[..8];
    [
        String::from_utf8_lossy(eighth).into_owned(),
        base64url(eighth)[..10].to_owned(),
        hex(eighth),
        hex(eighth).to_uppercase(),
        decimals(eighth),
    ]
    .iter()
    .any(|spelling| plain.contains(spelling.as_str()))
}

/// 32 bytes in which nothing repeats that could stand in a print by itself.
fn secret() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_filter("plain", |bytes| bytes[..8].iter().any(|byte| *byte > 32))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //= req: SECRET-1, type=property
    #[test]
    fn no_print_shows_a_secret(secret in secret(), other in any::<[u8; 32]>()) {
        let keys = MasterKeys::generate([1; 16], secret, secret, Timestamp::from_secs(1));
        let (ring, digester) = (keys.ring(KeyPurpose::Session), keys.digester());
        let endpoint = keys.endpoint("127.0.0.1:8766");
        let code = GrantSecret::code(core::array::from_fn(|at| secret[at]));
        let text = base64url(&secret);
        let nonce = Nonce::from_bytes(&secret, &digester).unwrap();
        let fragment = LinkFragment { grant: GrantSecret::link(secret), pin: None, quic_port: None };
        let kinds = [Kind::Session, Kind::Grant, Kind::Ticket, Kind::Local];
        let mut prints = vec![
            shown(&Secret::new(secret)),
            shown(&GrantSecret::link(secret)),
            shown(&TicketSecret::new(secret)),
            shown(&LocalSecret::new(secret)),
            shown(&fragment),
            shown(&nonce),
            shown(&keys),
            shown(&ring),
            shown(&digester),
            shown(&GrantSecret::link(secret).digest(&digester)),
        ];
        for kind in kinds {
            let hello = Hello {
                purpose: Purpose::Open,
                offered: Offered::One(kind, text.as_bytes()),
                nonce: &secret,
                workspace: None,
                capabilities: Capabilities::NONE,
            };
            let body = hello.frame().unwrap();
            let peer = [127, 0, 0, 1].into();
            let protocol = b"doorward/1";
            let greeting = Greeting { body: &body, server_name: None, protocol, peer };
            prints.extend([shown(&hello), shown(&hello.offered), shown(&greeting)]);
        }
        let token = Some(Zeroizing::new(text.clone().into_bytes()));
        prints.push(shown(&Accept { session: None, token }));
        for print in &prints {
            prop_assert!(!is_told(print, &secret), "{print}");
            prop_assert!(!print.contains(&text[..10]), "{print}");
        }
        prop_assert!(!is_told(&shown(&endpoint), endpoint.address_tokens.expose()));
        prop_assert!(shown(&endpoint.reset).contains("TagKey(..)"));
        let keys = MasterKeys::generate([1; 16], other, other, Timestamp::from_secs(1));
        prop_assert_eq!(shown(&keys.endpoint("127.0.0.1:8766")), shown(&endpoint));
        prop_assert!(!shown(&code).contains(&code.expose()[..4]), "{code:?}");
        let unlike = GrantSecret::link(other);
        prop_assert_eq!(shown(&unlike), shown(&GrantSecret::link(secret)));
    }

    //= req: SECRET-2, type=property
    #[test]
    fn a_secret_is_the_same_as_itself_alone(
        secret in any::<[u8; 32]>(),
        other in any::<[u8; 32]>(),
        bit in 0_usize..256,
    ) {
        let mut flipped = secret;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let one = Secret::new(secret);
        prop_assert!(one.same(&Secret::new(secret)));
        prop_assert!(!one.same(&Secret::new(flipped)));
        prop_assert_eq!(one.same(&Secret::new(other)), secret == other);
    }
}

//= req: SECRET-3, type=test
#[test]
fn what_holds_a_secret_has_something_to_do_when_it_is_dropped() {
    assert!(needs_drop::<Secret<32>>());
    assert!(needs_drop::<GrantSecret>() && needs_drop::<TicketSecret>());
    assert!(needs_drop::<LocalSecret>() && needs_drop::<SessionToken>());
}
