//! Doorward over QUIC (RFC 9000).
