//! Connection ids that this endpoint knows again after a restart, and that nobody else can make.
//!
//! A reset token is a function of the id that it is for (RFC 9000, section 10.3.2), and every
//! client is told those of its own ids. So no two connections may ever have an id in common, or one
//! would know what resets the other; and an id that was made up must not be answered by a reset.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use doorward_policy::secret::Secret;
use quinn::{ConnectionId, ConnectionIdGenerator};
use quinn_proto::{InvalidCid, RandomConnectionIdGenerator};

/// Random bytes: too many for an id to come twice.
const RANDOM: usize = 8;
/// Bytes of a MAC over them.
const TAG: usize = 8;

/// Makes ids, and knows its own.
pub(crate) struct ConnectionIds {
    random: RandomConnectionIdGenerator,
    key: hmac::Key,
}

impl ConnectionIds {
    pub(crate) fn new(secret: &Secret<32>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        Self { random: RandomConnectionIdGenerator::new(RANDOM), key }
    }

    fn tag(&self, random: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, random)
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    //= req: QUIC-10
    fn generate_cid(&mut self) -> ConnectionId {
        let random = self.random.generate_cid();
        let tag = self.tag(&random);
        let mut id = [0; RANDOM + TAG];
        for (to, from) in id.iter_mut().zip(random.iter().chain(tag.as_ref())) {
            *to = *from;
        }
        ConnectionId::new(&id)
    }

    //= req: QUIC-10
    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        let (random, tag) = id.split_at_checked(RANDOM).ok_or(InvalidCid)?;
        let known = self.tag(random);
        let known = known.as_ref().get(..TAG).unwrap_or_default();
        //= req: SECRET-2
        verify_slices_are_equal(tag, known).map_err(|_| InvalidCid)
    }

    fn cid_len(&self) -> usize {
        RANDOM + TAG
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: QUIC-10, type=test
    #[test]
    fn an_endpoint_knows_its_ids_after_a_restart_and_no_others() {
        let mut before = ConnectionIds::new(&Secret::new([1; 32]));
        let after = ConnectionIds::new(&Secret::new([1; 32]));
        let other = ConnectionIds::new(&Secret::new([2; 32]));
        let id = before.generate_cid();
        assert_eq!(id.len(), after.cid_len());
        assert!(after.validate(&id).is_ok());
        assert!(other.validate(&id).is_err());
        for place in 0..id.len() {
            let mut forged = id.to_vec();
            forged[place] ^= 1;
            assert!(after.validate(&ConnectionId::new(&forged)).is_err(), "{place}");
            assert!(after.validate(&ConnectionId::new(&id[..place])).is_err(), "{place}");
        }
    }

    //= req: QUIC-10, type=test
    #[test]
    fn no_id_comes_twice() {
        let mut ids = ConnectionIds::new(&Secret::new([1; 32]));
        // Of three random bytes, as quinn's own ids have, some would.
        let mut made: Vec<_> = (0..100_000).map(|_| ids.generate_cid().to_vec()).collect();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 100_000);
    }
}
