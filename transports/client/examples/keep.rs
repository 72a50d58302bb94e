//! Reads a pairing link from standard input, pairs, keeps a tunnel and prints its states.
#![allow(clippy::disallowed_methods, reason = "a program has a clock and a generator of its own")]

use std::error::Error;
use std::sync::Arc;

use doorward_client::{Client, Credential, Link, Surroundings, Trust};
use doorward_policy::Timestamp;

struct Machine;

impl Surroundings for Machine {
    fn now(&self) -> Timestamp {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
    }

    fn random(&self) -> [u8; 8] {
        getrandom::u64().unwrap_or(u64::MAX / 2).to_be_bytes()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let credential = Credential::parse(&std::io::read_to_string(std::io::stdin())?)?;
    let server = credential.quic().ok_or("the link names no QUIC port")?;
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce)?;
    let client = Client::new(Trust::system());
    let session = client.pair(server, &credential, nonce, Machine.now()).await?;
    let link = Link::new(client, session, None, Arc::new(Machine));
    let mut states = link.states();
    tokio::spawn(async move {
        while states.changed().await.is_ok() {
            println!("{:?}", *states.borrow_and_update());
        }
    });
    link.tunnel(async |tunnel| tunnel.closed().await).await;
    Ok(())
}
