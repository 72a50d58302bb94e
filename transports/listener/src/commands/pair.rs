//! `doorward pair`: another link or code, beside a running listener.

use std::io::{self, IsTerminal as _};

use doorward_gate::admin::{AdminError, issue_grant};
use doorward_gate::rfc3339;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret};
use doorward_policy::host::{Authority, is_loopback_name};
use doorward_policy::link::{CertificatePin, LinkFragment};
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::PairArgs;
use crate::config::parse::{PublicUrl, show_duration};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::presence;
use crate::qr;
use crate::state::State;

pub(super) async fn run(args: &PairArgs) -> Outcome {
    let request = request(args)?;
    let given = args.url.as_deref().map(PublicUrl::parse).transpose();
    let given = given.map_err(|expected| Failure::usage(format!("--url takes {expected}")))?;
    let state = State::open(&args.state).await?;
    let place = Place::find(given, &state)?;
    let digester = state.keys.digester();
    let issued = issue_grant(
        &*state.store,
        &digester,
        &*state.clock,
        &*state.entropy,
        &request,
        Capabilities::ALL,
    );
    let (secret, record) = issued.await.map_err(|error| match error {
        AdminError::Request(error) => Failure::usage(error),
        error => Failure::failed(error),
    })?;
    print(args, &place, secret, &record)
}

/// Where to pair.
struct Place {
    base: String,
    pin: Option<CertificatePin>,
    quic_port: Option<u16>,
}

impl Place {
    /// The listener that runs on this state directory, under its own address or the one given.
    fn find(given: Option<PublicUrl>, state: &State) -> Outcome<Self> {
        let running = presence::running(&state.dir);
        let own = running.as_ref().map(|listener| listener.base.clone());
        let base = given.map(|url| url.to_string()).or(own).ok_or_else(|| {
            Failure::failed(format!(
                "no listener runs on {}: start one with `doorward serve`, or say with --url where \
                 it will be",
                state.dir.display()
            ))
        })?;
        let pin = running.as_ref().and_then(|listener| listener.pin.as_deref());
        let pin = pin.and_then(CertificatePin::parse_hex);
        let quic_port = running.and_then(|listener| listener.quic_port);
        Ok(Self { base, pin, quic_port })
    }

    /// What to know of the link on another machine, if it doesn't simply work there.
    fn elsewhere(&self) -> Option<&'static str> {
        let authority = self.base.strip_prefix("http://").and_then(Authority::parse)?;
        Some(match self.quic_port {
            Some(_) if !is_loopback_name(&authority.host) => {
                "On another machine it is good for `doorward connect` alone, over QUIC; a browser \
                 needs TLS there (see `serve --help`)."
            }
            _ => "It works on this machine only; another one needs TLS (see `serve --help`).",
        })
    }

    fn link(&self, grant: GrantSecret) -> Zeroizing<String> {
        LinkFragment { grant, pin: self.pin, quic_port: self.quic_port }.link(&self.base)
    }
}

fn request(args: &PairArgs) -> Outcome<GrantRequest> {
    let capabilities = Capabilities::parse(&args.can).map_err(|word| {
        let known = Capabilities::ALL;
        Failure::usage(format!("--can: no capability is called \"{word}\"; there are: {known}"))
    })?;
    let label = args.label.as_deref().unwrap_or(if args.code { "code" } else { "link" });
    let label = Subject::new(label).ok_or_else(|| {
        Failure::usage("--label takes 1 to 64 bytes of text without control characters")
    })?;
    let method = if args.code { Method::Code } else { Method::Link };
    Ok(GrantRequest { label, capabilities, method, uses: args.uses, life: args.ttl })
}

fn print(args: &PairArgs, place: &Place, secret: GrantSecret, record: &GrantRecord) -> Outcome {
    let credential = secret.expose();
    let link = (!args.code).then(|| place.link(secret));
    let base = &place.base;
    if args.json {
        let line = json!({
            "grant_id": record.id.to_string(),
            "credential": *credential,
            "url": link.as_deref(),
            "expires_at": rfc3339(record.expires_at),
        });
        return output::line(&Zeroizing::new(line.to_string()));
    }
    let uses = match args.uses {
        1 => "once".to_owned(),
        uses => format!("{uses} times"),
    };
    let life = show_duration(args.ttl);
    match &link {
        None => {
            output::line(&format!("Open {base}/.doorward/pair and type, {uses} within {life}:\n"))?;
            output::line(&format!("    {}\n", *credential))?;
        }
        Some(link) => {
            output::line(&format!("Open this link to pair, {uses} within {life}:\n"))?;
            output::line(&format!("    {}\n", **link))?;
            if io::stdout().is_terminal()
                && let Some(drawn) = qr::render(link).map(Zeroizing::new)
            {
                output::line(&drawn)?;
            }
            if let Some(where_else) = place.elsewhere() {
                output::line(&format!("{where_else}\n"))?;
            }
        }
    }
    output::line(&format!("To take it back: doorward grants revoke {}", record.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_clear_says_where_it_works() {
        let said = |base: &str, quic_port| {
            Place { base: base.to_owned(), pin: None, quic_port }.elsewhere().unwrap_or_default()
        };
        assert!(said("http://127.0.0.1:8765", Some(4433)).contains("this machine only"));
        assert!(said("http://dev.example:8765", None).contains("this machine only"));
        assert!(said("http://dev.example:8765", Some(4433)).contains("over QUIC"));
        assert_eq!(said("https://dev.example", Some(4433)), "");
    }
}
