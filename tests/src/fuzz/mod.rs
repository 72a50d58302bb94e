//! One function for each target. A panic is a finding.
//!
//! Each body holds an oracle that shares no code with what it judges: `naive` spells the formats
//! out once more, the plain way, and every target compares verdicts with it.

#[cfg(feature = "listener")]
mod config;
mod cookie;
mod credential;
mod decision;
mod grant;
mod head;
mod hello;
mod host_origin;
mod input;
mod naive;
mod path;
#[cfg(feature = "gate")]
mod record;
mod token;
#[cfg(feature = "gate")]
mod transports;
mod world;

#[cfg(feature = "listener")]
pub use config::config;
pub use cookie::cookie;
pub use credential::credential;
pub use decision::decision;
pub use grant::grant;
pub use head::head;
pub use hello::hello;
pub use host_origin::host_origin;
pub use path::path;
#[cfg(feature = "gate")]
pub use record::record;
pub use token::token;
#[cfg(feature = "gate")]
pub use transports::transports;

/// A target: its name, which is that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    #[cfg(feature = "listener")]
    ("config", config),
    ("cookie", cookie),
    ("credential", credential),
    ("decision", decision),
    ("grant", grant),
    ("head", head),
    ("hello", hello),
    ("host_origin", host_origin),
    ("path", path),
    #[cfg(feature = "gate")]
    ("record", record),
    ("token", token),
    #[cfg(feature = "gate")]
    ("transports", transports),
];
