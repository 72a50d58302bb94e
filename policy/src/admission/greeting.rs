//! Steps 1 to 5 for the hello of a QUIC connection.

use core::fmt;
use core::net::IpAddr;

use super::guard::Examined;
use super::{Context, Decision, Denied, Guard, Wire};
use crate::credential::Presented;
use crate::denial::Denial;
use crate::grant::Counter;
use crate::hello::{Hello, Kind, Offered, Purpose};
use crate::host;
use crate::limiter::Charge;
use crate::origin;
use crate::route::{Access, Endpoint, Target};
use crate::settings::Surface;
use crate::time::Timestamp;
use crate::workspace::Asked;

/// A QUIC connection's hello, with what its handshake has shown.
#[derive(Clone, Copy)]
pub struct Greeting<'a> {
    /// The body of the hello frame.
    pub body: &'a [u8],
    /// The server name that the client asked for, if it asked for one.
    pub server_name: Option<&'a str>,
    /// The application protocol that was negotiated.
    pub protocol: &'a [u8],
    /// The address that the handshake has validated.
    pub peer: IpAddr,
}

//= req: SECRET-1
/// Without the body, which may hold a credential.
impl fmt::Debug for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting")
            .field("server_name", &self.server_name)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Guard<'_> {
    /// Decides on a hello, or says what is to be done first: [`Decision::Grant`] asks for what the
    /// hello itself brings.
    ///
    /// Mutates nothing but `limiter`, and that only for a failed verification.
    pub fn decide_hello(
        &self,
        greeting: &Greeting<'_>,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Decision {
        let examined = self.examine_hello(greeting);
        examined.map_or_else(Decision::Deny, |examined| self.judge(examined, limiter, now))
    }

    fn examine_hello<'a>(&self, greeting: &Greeting<'a>) -> Result<Examined<'a>, Denied> {
        let mut context = Context::new(greeting.peer, Wire::Quic);
        self.examine_hello_into(greeting, &mut context).map_err(|denial| context.deny(denial))
    }

    fn examine_hello_into<'a>(
        &self,
        greeting: &Greeting<'a>,
        context: &mut Context,
    ) -> Result<Examined<'a>, Denial> {
        // 1. Shape.
        let hello = Hello::parse(greeting.body)?;
        //= req: HELLO-3
        hello.grant()?;

        // 2. Host: the name that the certificate was asked for under.
        let host = host::verify_server_name(greeting.server_name, self.settings, self.directory)?;

        // 3. Route: nothing is reached by this protocol on the origin of administration. Streams of bytes pass all rules at once, so they need what any of them needs.
        if self.settings.surface == Surface::Admin {
            return Err(Denial::NoRoute);
        }
        let (target, needed) = match (hello.purpose, hello.offered) {
            (Purpose::Open, _) => {
                //= req: ROUTE-4
                (Target::Guarded, self.settings.routes.whole().ok_or(Denial::NoRoute)?)
            }
            (Purpose::Token, Offered::One(Kind::Grant, _)) => {
                (Target::Own(Endpoint::Token), crate::Capabilities::NONE)
            }
            (Purpose::Token, _) => (Target::Own(Endpoint::Renew), crate::Capabilities::NONE),
        };
        context.target = target;
        let asked = match (target, hello.workspace) {
            // What is named has to be there for whoever names it, whatever it is named for.
            (Target::Guarded, name) | (Target::Own(_), name @ Some(_)) => Asked::by_name(name),
            (Target::Own(_), None) => Asked::Own,
        };
        //= req: CAP-4
        let needed = needed.with(hello.capabilities);

        // 4. Credential: found, not yet verified.
        let (access, presented) = match hello.offered {
            //= req: CRED-2
            Offered::Several => return Err(Denial::CredentialAmbiguous),
            Offered::Nothing => (Access::Session(needed), Presented::Nothing),
            Offered::One(kind, text) => match kind {
                Kind::Session => (Access::Session(needed), Presented::Bearer(text)),
                Kind::Ticket => {
                    (Access::Session(needed), Presented::Ticket { ticket: text, cookie: None })
                }
                Kind::Local => (Access::Session(needed), Presented::Local(text)),
                Kind::Grant => (Access::Redeem(Counter::Hello, needed), Presented::Nothing),
            },
        };

        // 5. Origin: no page speaks this protocol.
        let origin = origin::verify_protocol(greeting.protocol)?;
        let context = *context;
        Ok(Examined { context, host, origin, access, presented, origin_text: None, asked })
    }
}
