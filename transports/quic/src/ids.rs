//! Connection ids that this endpoint knows again after a restart, and that nobody else can make.
//!
//! A reset token is a function of the id that it is for (RFC 9000, section 10.3.2), and every
//! client is told those of its own ids. So no two connections may ever have an id in common, or one
//! would know what resets the other; and an id that was made up must not be answered by a reset.

use std::time::Duration;

use doorward_policy::keys::TagKey;
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator};
use quinn_proto::{InvalidCid, RandomConnectionIdGenerator};

/// Random bytes: two ids in common are to be expected after some five thousand million of them.
const RANDOM: usize = 8;
/// Bytes of a tag over them.
const TAG: usize = 8;
/// Bytes of a tag over an id, of which quinn takes the first 16 for its reset token (RFC 9000, section 10.3).
const RESET_TAG: usize = 32;

/// Makes ids, and knows its own.
pub(crate) struct ConnectionIds {
    random: RandomConnectionIdGenerator,
    key: TagKey,
}

impl ConnectionIds {
    pub(crate) fn new(key: TagKey) -> Self {
        Self { random: RandomConnectionIdGenerator::new(RANDOM), key }
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    //= req: QUIC-10
    fn generate_cid(&mut self) -> ConnectionId {
        let random = self.random.generate_cid();
        let tag: [u8; TAG] = self.key.tag(&random);
        let mut id = [0; RANDOM + TAG];
        for (to, from) in id.iter_mut().zip(random.iter().chain(&tag)) {
            *to = *from;
        }
        ConnectionId::new(&id)
    }

    //= req: QUIC-10
    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        let (random, tag) = id.split_at_checked(RANDOM).ok_or(InvalidCid)?;
        let tag: &[u8; TAG] = tag.try_into().map_err(|_| InvalidCid)?;
        self.key.verify(random, tag).then_some(()).ok_or(InvalidCid)
    }

    fn cid_len(&self) -> usize {
        RANDOM + TAG
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Makes the reset tokens of ids.
pub(crate) struct ResetKey(pub(crate) TagKey);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        debug_assert_eq!(signature_out.len(), RESET_TAG, "what is left would stay");
        let Self(key) = self;
        let tag: [u8; RESET_TAG] = key.tag(data);
        for (to, from) in signature_out.iter_mut().zip(tag) {
            *to = from;
        }
    }

    fn signature_len(&self) -> usize {
        RESET_TAG
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let Self(key) = self;
        let signature: &[u8; RESET_TAG] = signature.try_into().map_err(|_| CryptoError)?;
        key.verify(data, signature).then_some(()).ok_or(CryptoError)
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
        let longer = [&id[..], &[0]].concat();
        assert!(after.validate(&ConnectionId::new(&longer)).is_err());
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
        assert!(key.verify(b"id", &token[..31]).is_err());
        assert!(key.verify(b"id", &[&token[..], &[0]].concat()).is_err());
        assert!(other.verify(b"id", &token).is_err());
    }
}
