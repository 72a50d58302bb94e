//! `doorward pair`: another link or code, beside a running listener.

use std::io::{self, IsTerminal as _};

use doorward_gate::admin::{AdminError, issue_grant};
use doorward_gate::rfc3339;
use doorward_http::LinkPlace;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret};
use doorward_policy::keys::Purpose;
use doorward_policy::link::CertificatePin;
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
    let place = Place::find(args.admin, given, &state)?;
    let digester = state.keys.digester_for(place.purpose());
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
enum Place {
    /// With the listener, for what it guards.
    Guarded(LinkPlace),
    /// With its origin of administration, at this URL.
    Admin(String),
}

impl Place {
    /// The listener that runs on this state directory, under its own address or the one given.
    fn find(admin: bool, given: Option<PublicUrl>, state: &State) -> Outcome<Self> {
        let (running, dir) = (presence::running(&state.dir), state.dir.display());
        let given = given.map(|url| url.to_string());
        let Some(listener) = running else {
            let base = given.ok_or_else(|| {
                Failure::failed(format!(
                    "no listener runs on {dir}: start one with `doorward serve`, or say with \
                     --url where it will be"
                ))
            })?;
            let guarded = |base| LinkPlace { base, pin: None, quic_port: None };
            return Ok(if admin { Self::Admin(base) } else { Self::Guarded(guarded(base)) });
        };
        if admin {
            let base = given.or(listener.admin).ok_or_else(|| {
                Failure::failed(format!(
                    "the listener on {dir} serves no page of administration: start it with \
                     --admin 127.0.0.1:8770, or say with --url where it will be"
                ))
            });
            return base.map(Self::Admin);
        }
        let pin = listener.pin.as_deref().and_then(CertificatePin::parse_hex);
        let base = given.unwrap_or(listener.base);
        Ok(Self::Guarded(LinkPlace { base, pin, quic_port: listener.quic_port }))
    }

    /// What its secrets are kept under: each origin knows its own alone.
    const fn purpose(&self) -> Purpose {
        match self {
            Self::Guarded(_) => Purpose::Session,
            Self::Admin(_) => Purpose::Admin,
        }
    }

    fn link(&self, grant: GrantSecret) -> Zeroizing<String> {
        match self {
            Self::Guarded(links) => links.link(grant),
            Self::Admin(base) => {
                let secret = grant.expose();
                let parts = [base, "/#", secret.as_str()];
                // Room for all of it at once: growing would leave a copy of the grant behind.
                let room = parts.iter().map(|part| part.len()).sum();
                let mut link = Zeroizing::new(String::with_capacity(room));
                parts.iter().for_each(|part| link.push_str(part));
                link
            }
        }
    }

    /// Where a code is typed.
    fn page(&self) -> String {
        match self {
            Self::Guarded(links) => links.page(),
            Self::Admin(base) => format!("{base}/"),
        }
    }

    /// What to know of the link on another machine, if it doesn't simply work there.
    fn elsewhere(&self) -> Option<&'static str> {
        match self {
            Self::Guarded(links) => links.elsewhere(),
            Self::Admin(base) if base.starts_with("https://") => None,
            Self::Admin(_) => Some("It works on this machine only."),
        }
    }
}

fn request(args: &PairArgs) -> Outcome<GrantRequest> {
    let capabilities = match &args.can {
        Some(list) => super::capabilities("--can", list)?,
        None if args.admin => Capabilities::ALL,
        None => Capabilities::START_UP,
    };
    if args.admin && !capabilities.contains(Capabilities::ADMINISTER) {
        return Err(Failure::usage("--admin needs administer among what --can lists"));
    }
    let label = args.label.as_deref().unwrap_or(match args {
        PairArgs { admin: true, .. } => "administrator",
        PairArgs { code: true, .. } => "code",
        _ => "link",
    });
    let label = Subject::new(label).ok_or_else(|| {
        Failure::usage("--label takes 1 to 64 bytes of text without control characters")
    })?;
    let method = if args.code { Method::Code } else { Method::Link };
    Ok(GrantRequest { label, capabilities, method, uses: args.uses, life: args.ttl })
}

fn print(args: &PairArgs, place: &Place, secret: GrantSecret, record: &GrantRecord) -> Outcome {
    let credential = secret.expose();
    let link = (!args.code).then(|| place.link(secret));
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
            output::line(&format!("Open {} and type, {uses} within {life}:\n", place.page()))?;
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
    fn a_link_for_administrators_leads_to_the_page_with_its_grant_in_the_fragment() {
        let place = Place::Admin("http://127.0.0.1:8770".to_owned());
        let link = place.link(GrantSecret::link([0; 32]));
        assert_eq!(*link, format!("http://127.0.0.1:8770/#{}", "A".repeat(43)));
        assert_eq!(link.capacity(), link.len());
        assert!(place.elsewhere().is_some_and(|said| said.contains("this machine only")));
        assert_eq!(Place::Admin("https://a.example:8770".to_owned()).elsewhere(), None);
    }
}
