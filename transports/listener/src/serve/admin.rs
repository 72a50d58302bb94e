//! The origin of administration: a site of its own, behind a gate of its own, on a socket of its
//! own, over the same state.

use std::net::SocketAddr;

use doorward_http::{Administered, Site, SiteParts};
use tokio::net::TcpListener;

use super::connections::Door;
use crate::config::Config;
use crate::failure::Outcome;
use crate::tls::Acceptor;

/// A socket that nobody is let in at yet.
pub(super) struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds `--admin`, if it is set.
    pub(super) async fn new(config: &Config) -> Outcome<Option<Self>> {
        let Some(address) = config.admin else { return Ok(None) };
        let (socket, address) = super::bind(address, "--admin").await?;
        Ok(Some(Self { socket, address }))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The door to the page, from what a bare site is made of.
    pub(super) fn door(
        self,
        bare: SiteParts,
        administered: Administered,
        acceptor: Option<Acceptor>,
    ) -> Door {
        let parts = SiteParts { administered: Some(administered), ..bare };
        Door { socket: self.socket, site: Site::new(parts), acceptor }
    }
}
