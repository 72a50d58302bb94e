//! Doorward's HTTP surface: pairing, sessions, pages and the reverse proxy, on hyper.
//!
//! [`Site::serve`] carries one connection. Of every request it builds the policy's view, asks the
//! [`Gate`](doorward_gate::Gate), and does what the verdict says: it answers for Doorward's own
//! pages and endpoints, passes an admitted request to the guarded server, or refuses. What becomes
//! of an admitted WebSocket is left to [`Sockets`].

mod admin;
mod answer;
mod behind;
mod body;
mod endpoints;
mod headers;
mod links;
mod pages;
mod proxy;
mod readahead;
mod rooms;
mod site;
mod sockets;
mod upgrade;
mod who;

pub use admin::Administered;
pub use links::LinkPlace;
pub use proxy::{Upstream, UpstreamError};
pub use site::{Limits, QuicInfo, Site, SiteParts};
pub use sockets::{
    Active, Carried, Duplex, Ended, Ending, MayWrite, Part, Shared, Sockets, Stream,
};
