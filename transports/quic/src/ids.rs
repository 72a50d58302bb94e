//! Connection ids that this endpoint knows again after a restart, and that nobody else can make.
//!
//! A reset token is a function of the id that it is for (RFC 9000, section 10.3.2), and every
//! client is told those of its own ids. So no two connections may ever have an id in common, or one
//! would know what resets the other; and an id that was made up must not be answered by a reset.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use doorward_policy::keys::{Digest, Digester};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator};
use quinn_proto::{InvalidCid, RandomConnectionIdGenerator};

/// Random bytes: too many for an id to come twice.
const RANDOM: usize = 8;
/// Bytes of a MAC over them.
const TAG: usize = 8;

/// Makes ids, and knows its own.
pub(crate) struct ConnectionIds {
    random: RandomConnectionIdGenerator,
    key: Digester,
}

impl ConnectionIds {
    pub(crate) fn new(key: Digester) -> Self {
        Self { random: RandomConnectionIdGenerator::new(RANDOM), key }
    }

    fn tag(&self, random: &[u8]) -> Digest {
        self.key.digest(random)
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    //= req: QUIC-10
    fn generate_cid(&mut self) -> ConnectionId {
        let random = self.random.generate_cid();
        let tag = self.tag(&random);
        let mut id = [0; RANDOM + TAG];
        for (to, from) in id.iter_mut().zip(random.iter().chain(tag.as_bytes())) {
            *to = *from;
        }
        ConnectionId::new(&id)
    }

    //= req: QUIC-10
    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        let (random, tag) = id.split_at_checked(RANDOM).ok_or(InvalidCid)?;
        let known = self.tag(random);
        let known = known.as_bytes().get(..TAG).unwrap_or_default();
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

/// Makes the reset tokens of ids.
pub(crate) struct ResetKey(pub(crate) Digester);

impl ResetKey {
    fn tag(&self, id: &[u8]) -> Digest {
        let Self(key) = self;
        key.digest(id)
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        debug_assert_eq!(signature_out.len(), self.signature_len(), "what is left would stay");
        for (to, from) in signature_out.iter_mut().zip(self.tag(data).as_bytes()) {
            *to = *from;
        }
    }

    fn signature_len(&self) -> usize {
        size_of::<Digest>()
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        //= req: SECRET-2
        verify_slices_are_equal(signature, self.tag(data).as_bytes()).map_err(|_| CryptoError)
    }
}

#[cfg(test)]
mod tests {
    use doorward_policy::Timestamp;
    use doorward_policy::keys::{EndpointSecrets, MasterKeys};

    use super::*;

    fn secrets(pepper: u8) -> EndpointSecrets {
        let keys = MasterKeys::generate([3; 16], [pepper; 32], [5; 32], Timestamp::EPOCH);
        keys.endpoint("[::1]:8765")
    }

    fn ids(pepper: u8) -> ConnectionIds {
        ConnectionIds::new(secrets(pepper).connection_ids)
    }

    //= req: QUIC-10, type=test
    #[test]
    fn an_endpoint_knows_its_ids_after_a_restart_and_no_others() {
        let mut before = ids(1);
        let after = ids(1);
        let other = ids(2);
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
        let mut ids = ids(1);
        // Of three random bytes, as quinn's own ids have, some would.
        let mut made: Vec<_> = (0..100_000).map(|_| ids.generate_cid().to_vec()).collect();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 100_000);
    }

    //= req: QUIC-10, type=test
    #[test]
    fn a_reset_token_is_that_of_its_id_and_its_endpoint() {
        let (key, other) = (ResetKey(secrets(1).reset), ResetKey(secrets(2).reset));
        let mut token = [0; 32];
        key.sign(b"id", &mut token);
        assert_eq!(key.signature_len(), token.len());
        assert!(key.verify(b"id", &token).is_ok());
        assert!(key.verify(b"another", &token).is_err());
        assert!(key.verify(b"id", &token[1..]).is_err());
        assert!(other.verify(b"id", &token).is_err());
    }
}
