//! Steps 1 to 8, in their order.

use core::net::IpAddr;

use super::local::AwaitLocal;
use super::redeem::{AwaitGrant, AwaitTicket};
use super::upgrade;
use super::{Admitted, Context, Decision, Denied, Opened, Transport, Wire};
use crate::cookie::CookieName;
use crate::credential::{self, Carrier, CredentialProof, Failure, Identity, Presented};
use crate::denial::{Denial, HeadFault, Invalid};
use crate::forwarding;
use crate::grant::Counter;
use crate::host::{self, Authority, HostProof};
use crate::keys::{Digester, KeyRing};
use crate::limiter::{Charge, Guess};
use crate::origin::{self, OriginProof, Question};
use crate::request::{Fields, Head};
use crate::route::{Access, Path, RouteProof, Target, verify_capability};
use crate::session;
use crate::settings::{Settings, Surface};
use crate::standing::Standings;
use crate::tenure::Tenure;
use crate::time::Timestamp;
use crate::token::{self, Claims, SessionToken};
use crate::workspace::{self, Asked, Directory, Visitor};

/// All that decisions are taken on, borrowed for the length of one.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'g> {
    /// What the operator chose.
    pub settings: &'g Settings,
    /// The live keys.
    pub keys: &'g KeyRing,
    /// Turns secrets into what a store finds them by.
    pub digester: &'g Digester,
    /// What is known of revocations.
    pub standings: &'g Standings,
    /// The workspaces, as of the same moment.
    pub directory: &'g Directory,
}

/// What stands after step 5, before a credential is verified: the same for every transport.
pub(super) struct Examined<'a> {
    pub(super) context: Context,
    pub(super) host: HostProof,
    pub(super) origin: OriginProof,
    pub(super) access: Access,
    pub(super) presented: Presented<'a>,
    pub(super) origin_text: Option<&'a [u8]>,
    pub(super) asked: Asked,
}

impl Guard<'_> {
    /// Decides on a request, or says what is to be done first.
    ///
    /// Mutates nothing but `limiter`, and that only for a failed verification.
    pub fn decide(&self, head: &Head<'_>, limiter: &mut impl Charge, now: Timestamp) -> Decision {
        match self.examine(head) {
            Ok(examined) => self.judge(examined, limiter, now),
            Err(denied) => Decision::Deny(denied),
        }
    }

    /// Steps 6 to 8, of which there is one for every transport.
    //= req: ROUTE-6
    pub(super) fn judge(
        &self,
        examined: Examined<'_>,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Decision {
        match examined.access {
            Access::Open => Decision::Open(open(examined)),
            Access::Redeem(counter, needed) => {
                Decision::Grant(AwaitGrant::new(examined, counter, needed))
            }
            Access::Anyone if matches!(examined.presented, Presented::Nothing) => {
                Decision::Open(open(examined))
            }
            //= req: CRED-3
            Access::Anyone => self.verify(examined, crate::Capabilities::NONE, limiter, now),
            Access::Session(needed) => self.verify(examined, needed, limiter, now),
            Access::Process => {
                or_deny(self.verify_process(examined, limiter, now), Decision::Local)
            }
        }
    }

    /// Steps 1 to 5: nothing here looks at a secret, and nothing is charged.
    fn examine<'a>(&self, head: &Head<'a>) -> Result<Examined<'a>, Denied> {
        let wire = if head.tls { Wire::Tls } else { Wire::Plain };
        let mut context = Context::new(head.peer, wire);
        // Each step reports what is known by then.
        self.examine_into(head, &mut context).map_err(|denial| context.deny(denial))
    }

    fn examine_into<'a>(
        &self,
        head: &Head<'a>,
        context: &mut Context,
    ) -> Result<Examined<'a>, Denial> {
        // 1. Shape.
        let mut fields = Fields::default();
        fields.sort(head.fields)?;
        context.client = forwarding::resolve(head, &fields, self.settings)?;
        context.navigation = origin::is_navigation(&fields);
        let (host_text, authority) = one_host(&fields)?;
        let upgrade = upgrade::verify(head.method, &fields)?;
        context.transport = if upgrade { Transport::WebSocket } else { Transport::Http };
        let path = Path::parse(head.target)?;

        // 2. Host, and that nothing secret crosses a network in the clear.
        let scheme = context.client.scheme;
        let secure = scheme.is_secure();
        let host = host::verify(&authority, host_text, secure, self.settings, self.directory)?;
        let name = CookieName::of(scheme, authority.port_or_default(secure));
        context.cookie = Some(name);
        check_transport(context)?;

        // 3. Route.
        let route = self.settings.routes.resolve(&path, head.method, self.settings.surface)?;
        context.target = route.target;
        let asked = match route.target {
            Target::Guarded => Asked::by_route(self.directory, &authority, secure, &path),
            Target::Own(_) => Asked::Own,
        };
        //= req: ROUTE-5
        if fields.service_worker.is_present() && !self.settings.service_workers {
            return Err(Denial::ServiceWorkerScript);
        }

        // 4. Credential: found, not yet verified.
        let name = match self.settings.surface {
            Surface::Guarded => Some(name),
            //= req: ADMIN-2
            Surface::Admin => None,
        };
        let presented = match route.access {
            //= req: CRED-5
            Access::Open | Access::Redeem(..) => Presented::Nothing,
            Access::Anyone | Access::Session(_) | Access::Process => {
                credential::extract(&fields, name, upgrade)?
            }
        };

        // 5. Origin.
        let origin =
            self.check_origin(head, &fields, (host_text, &authority), context, &route, &presented)?;
        let origin_text = fields.origin.value();
        let (context, access) = (*context, route.access);
        Ok(Examined { context, host, origin, access, presented, origin_text, asked })
    }

    fn check_origin(
        &self,
        head: &Head<'_>,
        fields: &Fields<'_>,
        (host_text, host): (&str, &Authority<'_>),
        context: &Context,
        route: &RouteProof,
        presented: &Presented<'_>,
    ) -> Result<OriginProof, Denial> {
        let for_programs = matches!(route.access, Access::Redeem(Counter::Token, _));
        //= req: ORIGIN-5
        if for_programs && fields.origin.is_present() {
            return Err(Denial::BrowserRefused);
        }
        let question = Question {
            fields,
            scheme: context.client.scheme,
            host,
            host_text,
            ambient: presented.is_ambient(),
            upgrade: context.is_upgrade(),
            method: head.method,
        };
        origin::verify(&question, self.settings)
    }

    /// Steps 6 to 8.
    fn verify(
        &self,
        examined: Examined<'_>,
        needed: crate::Capabilities,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Decision {
        let context = examined.context;
        if let Some(credential) = credential::unguarded(self.settings) {
            //= req: CRED-6
            return or_deny(self.complete(examined, credential, needed), Decision::Admit);
        }
        let (text, carrier) = match examined.presented {
            //= req: CRED-1
            Presented::Nothing => return Decision::Deny(context.deny(Denial::CredentialMissing)),
            Presented::Local(text) => {
                let looked_up = self
                    .await_local(examined, text, needed, now)
                    .map_err(|failure| self.refuse(context, failure, limiter, now));
                return or_deny(looked_up, Decision::Local);
            }
            Presented::Ticket { ticket, cookie } => {
                let consumed = cookie
                    .map(|text| self.verify_token(context, text, Carrier::Cookie, limiter, now))
                    .transpose()
                    .and_then(|beside| {
                        self.await_ticket(examined, ticket, beside, needed, now)
                            .map_err(|failure| self.refuse(context, failure, limiter, now))
                    });
                return or_deny(consumed, Decision::Ticket);
            }
            Presented::Cookie(text) => (text, Carrier::Cookie),
            Presented::Bearer(text) => (text, Carrier::Bearer),
        };
        match self.verify_token(context, text, carrier, limiter, now) {
            Ok(credential) => or_deny(self.complete(examined, credential, needed), Decision::Admit),
            Err(denied) => Decision::Deny(denied),
        }
    }

    /// Steps 6 to 8 for what only a local token may ask.
    fn verify_process(
        &self,
        examined: Examined<'_>,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Result<AwaitLocal, Denied> {
        let context = examined.context;
        match examined.presented {
            Presented::Nothing => Err(context.deny(Denial::CredentialMissing)),
            // Not through `verify`: where no guard was asked for, whatever came would pass for a token.
            Presented::Local(text) => self
                .await_local(examined, text, crate::Capabilities::NONE, now)
                .map_err(|failure| self.refuse(context, failure, limiter, now)),
            Presented::Cookie(_) | Presented::Bearer(_) | Presented::Ticket { .. } => {
                //= req: LOCAL-7
                Err(context.deny(Denial::LocalOnly))
            }
        }
    }

    fn await_local(
        &self,
        examined: Examined<'_>,
        text: &[u8],
        needed: crate::Capabilities,
        now: Timestamp,
    ) -> Result<AwaitLocal, Failure> {
        // Administration is for people.
        if self.settings.surface == Surface::Admin {
            return Err(Denial::CredentialInvalid(Invalid::LocalUnknown).into());
        }
        let digest = credential::local_digest(text, self.digester)?;
        credential::check_fresh(self.standings, now)?;
        Ok(AwaitLocal::new(examined, digest, needed))
    }

    fn verify_token(
        &self,
        context: Context,
        text: &[u8],
        carrier: Carrier,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Result<CredentialProof, Denied> {
        //= req: LIMIT-6
        match credential::verify_token(text, carrier, self.keys, self.standings, now) {
            Ok(credential) => Ok(credential),
            Err(failure) => {
                let mut denied = self.refuse(context, failure, limiter, now);
                denied.expire_cookie = stale_cookie(carrier, &denied);
                Err(denied)
            }
        }
    }

    fn await_ticket(
        &self,
        examined: Examined<'_>,
        ticket: &[u8],
        beside: Option<CredentialProof>,
        needed: crate::Capabilities,
        now: Timestamp,
    ) -> Result<AwaitTicket, Failure> {
        let digest = credential::ticket_digest(ticket, self.digester)?;
        credential::check_fresh(self.standings, now)?;
        let beside = beside.and_then(|proof| proof.identity().claims().map(|c| c.session));
        Ok(AwaitTicket::new(examined, digest, beside, needed))
    }

    /// Step 7: a failed verification is charged as a guess, unless its MAC showed that it is none.
    pub(super) fn refuse(
        &self,
        context: Context,
        failure: Failure,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Denied {
        let guessed =
            //= req: LIMIT-4
            matches!(failure.denial, Denial::CredentialInvalid(_)) && failure.known.is_none();
        let charged = if guessed { context.charge(Guess::Other, limiter, now) } else { Ok(()) };
        let denial = charged.err().unwrap_or(failure.denial);
        Denied { known: failure.known, ..context.deny(denial) }
    }

    /// Step 8, and the admission.
    fn complete(
        &self,
        examined: Examined<'_>,
        credential: CredentialProof,
        needed: crate::Capabilities,
    ) -> Result<Admitted, Denied> {
        let Examined { context, host, origin, asked, .. } = examined;
        self.admit(context, host, origin, credential, asked, needed)
    }

    /// Step 8: the workspace, then the capability. Everything that is admitted passes here.
    pub(super) fn admit(
        &self,
        context: Context,
        host: HostProof,
        origin: OriginProof,
        credential: CredentialProof,
        asked: Asked,
        needed: crate::Capabilities,
    ) -> Result<Admitted, Denied> {
        let identity = credential.identity();
        let known = identity.holder().map(|holder| (holder.id, holder.subject));
        let deny = |denial| Denied { known, ..context.deny(denial) };
        let visitor = Visitor::of(identity);
        let workspace =
            workspace::verify(self.directory, asked, visitor, context.reach()).map_err(deny)?;
        //= req: CAP-1
        let held = identity.capabilities().common(workspace.capabilities);
        let capability = verify_capability(held, needed).map_err(deny)?;
        Ok(Admitted::new(context, host, origin, credential, workspace, capability))
    }

    /// The token that renews the session of an admitted request, if it is time for one. Only a
    /// token renews: a ticket would otherwise buy more than the one connection that it is for.
    #[must_use]
    pub fn renew(&self, admitted: &Admitted, now: Timestamp) -> Option<(Claims, SessionToken)> {
        //= req: TICKET-7
        let Identity::Session { claims, carrier: Carrier::Cookie | Carrier::Bearer } =
            admitted.identity()
        else {
            return None;
        };
        let claims = session::renewal(claims, &self.settings.lifetimes, now)?;
        let token = token::issue(&claims, self.keys, now)?;
        Some((claims, token))
    }

    /// Looks once more at a session that was admitted a moment ago: its connection is registered
    /// by now, so that a revocation either is seen here or finds the connection.
    ///
    /// # Errors
    /// What has changed.
    //= req: SESSION-10
    pub fn still_stands(&self, admitted: &Admitted, now: Timestamp) -> Result<(), Denial> {
        credential::check_fresh(self.standings, now)?;
        let never = Timestamp::from_millis(u64::MAX);
        let expires_at = admitted.holder().map_or(never, |holder| holder.expires_at);
        self.tenure(&Tenure::of(admitted), expires_at, now)
    }
}

/// What is decided where a step has passed. Not by `Result::map`: what an admission holds would be moved
/// once more, which costs as much as a check.
#[inline]
fn or_deny<T>(passed: Result<T, Denied>, decided: impl FnOnce(T) -> Decision) -> Decision {
    match passed {
        Ok(passed) => decided(passed),
        Err(denied) => Decision::Deny(denied),
    }
}

fn open(examined: Examined<'_>) -> Opened {
    Opened { context: examined.context, _host: examined.host, _origin: examined.origin }
}

fn one_host<'a>(fields: &Fields<'a>) -> Result<(&'a str, Authority<'a>), Denial> {
    let malformed = Denial::MalformedHead(HeadFault::Host);
    //= req: HEAD-6
    let text = fields.host.value().and_then(|value| core::str::from_utf8(value).ok());
    let text = text.ok_or(malformed)?;
    Ok((text, Authority::parse(text).ok_or(malformed)?))
}

fn check_transport(context: &Context) -> Result<(), Denial> {
    let near = match context.client.address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback(),
    };
    //= req: FORWARD-4
    if context.client.scheme.is_secure() || near { Ok(()) } else { Err(Denial::InsecureTransport) }
}

/// A cookie that proves nothing any more is removed, or it would be sent for as long as it lasts.
fn stale_cookie(carrier: Carrier, denied: &Denied) -> Option<CookieName> {
    let dead = matches!(
        denied.denial,
        Denial::CredentialInvalid(_) | Denial::SessionExpired | Denial::SessionRevoked
    );
    //= req: COOKIE-6
    denied.context.cookie.filter(|_| dead && carrier == Carrier::Cookie)
}
