//! Another product than Doorward, as its profile describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::attack::Step;
use crate::fetch::{Fetch, Reply};
use crate::pace::Pace;
use crate::profile::{Found, Profile, SignIn};
use crate::run::Door;
use crate::target::{Audited, HttpAddress, NotOffered, Pending, QuicAddress, Target};
use crate::variables::Variables;

/// Another product than Doorward. It can be signed in at, and asked; nothing else of it is known.
#[derive(Debug)]
pub struct Product {
    http: HttpAddress,
    profile: Profile,
    secret: Option<Zeroizing<String>>,
    pace: Arc<Pace>,
}

/// Why a server can't be spoken to as its profile says.
#[derive(Debug, PartialEq, Eq)]
pub enum ProductError {
    /// It asks for a secret, and there is none.
    NoSecret,
    /// It has no such page, or the secret isn't on it.
    SecretNotFound(String),
    /// It was not signed in.
    NotSignedIn(String),
}

impl fmt::Display for ProductError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSecret => f.write_str("it takes a secret to sign in there"),
            Self::SecretNotFound(why) => {
                write!(f, "its secret is not where its profile says: {why}")
            }
            Self::NotSignedIn(why) => write!(f, "signing in did not work: {why}"),
        }
    }
}

impl std::error::Error for ProductError {}

impl Product {
    /// Meets a server: finds the secret that its pages carry, or takes the one given, and signs in
    /// once, to see that it is good and what the cookie is called.
    ///
    /// # Errors
    ///
    /// If there is no secret where one is needed, or it is not taken.
    pub async fn meet(
        http: HttpAddress,
        mut profile: Profile,
        secret: Option<Zeroizing<String>>,
        pace: Arc<Pace>,
    ) -> Result<Self, ProductError> {
        let secret = match &profile.secret {
            Some(found) => Some(find(&http, found, &pace).await?),
            None => secret,
        };
        if profile.takes_secret() && secret.is_none() {
            return Err(ProductError::NoSecret);
        }
        if let Some((sign_in, secret)) = profile.sign_in.as_ref().zip(secret.as_deref()) {
            let (name, _) = signed_in(&http, &profile, sign_in, secret, &pace).await?;
            profile.cookie_name = Some(name);
        }
        Ok(Self { http, profile, secret, pace })
    }

    async fn session(&self, name: &str, known: &mut Variables) -> Result<(), NotOffered> {
        let Some(secret) = self.secret.as_deref() else {
            // Whoever asks for nothing overlooks what is presented.
            known.set(&format!("{name}.token"), "anonymous");
            known.set(&format!("{name}.cookie"), "anonymous");
            return Ok(());
        };
        if self.profile.bearer.is_some() || self.profile.query.is_some() {
            known.set_secret(&format!("{name}.token"), secret);
        }
        if let Some(sign_in) = &self.profile.sign_in {
            let (http, profile) = (&self.http, &self.profile);
            let (_, cookie) = signed_in(http, profile, sign_in, secret, &self.pace)
                .await
                .map_err(|error| NotOffered(error.to_string()))?;
            known.set_secret(&format!("{name}.cookie"), &cookie);
        }
        Ok(())
    }
}

/// The secret that a page carries.
async fn find(
    http: &HttpAddress,
    found: &Found,
    pace: &Pace,
) -> Result<Zeroizing<String>, ProductError> {
    let failed = |why: &str| ProductError::SecretNotFound(format!("{} {why}", found.page));
    let fetch = Fetch { method: "GET", path: &found.page, headers: &[], body: None };
    let reply = fetch.send(http, None, pace).await.map_err(|error| failed(&error.to_string()))?;
    let body = Zeroizing::new(String::from_utf8_lossy(&reply.body).into_owned());
    let (_, behind) = body.split_once(&found.after).ok_or_else(|| failed("doesn't have it"))?;
    let (secret, _) = behind.split_once(&found.before).ok_or_else(|| failed("doesn't end it"))?;
    Ok(Zeroizing::new(secret.to_owned()))
}

/// Signs in; the name and the value of the cookie.
async fn signed_in(
    http: &HttpAddress,
    profile: &Profile,
    sign_in: &SignIn,
    secret: &str,
    pace: &Pace,
) -> Result<(String, Zeroizing<String>), ProductError> {
    let failed = |why: String| ProductError::NotSignedIn(why);
    let filled = |text: &str| Zeroizing::new(text.replace("${secret}", secret));
    let (path, body) = (filled(&sign_in.path), sign_in.body.as_deref().map(filled));
    let headers: Vec<_> = sign_in.headers.iter().map(|line| filled(line)).collect();
    let fetch = Fetch {
        method: sign_in.method.as_deref().unwrap_or("GET"),
        path: &path,
        headers: &headers.iter().map(|line| line.as_str()).collect::<Vec<_>>(),
        body: body.as_ref().map(|body| body.as_str()),
    };
    let reply = fetch.send(http, None, pace).await;
    let reply = reply.map_err(|error| failed(error.to_string()))?;
    let wanted = profile.cookie_name.as_deref().unwrap_or("*");
    cookie(&reply, wanted).ok_or_else(|| {
        failed(format!("{} sets no cookie {wanted} ({})", sign_in.shown(), reply.status))
    })
}

/// The first cookie of this name that an answer sets; a name that ends in `*` is how it begins.
fn cookie(reply: &Reply, wanted: &str) -> Option<(String, Zeroizing<String>)> {
    let fits = |name: &str| match wanted.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == wanted,
    };
    let set = reply.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs = set.filter_map(|(_, value)| value.split(';').next()?.split_once('='));
    let (name, value) = pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, value)| fits(name) && !value.is_empty())?;
    Some((name.to_owned(), Zeroizing::new(value.to_owned())))
}

impl Door for Product {
    fn visit(&self) -> Box<dyn Target + '_> {
        Box::new(Visit(self))
    }
}

/// One attack on it: each is as any other.
struct Visit<'a>(&'a Product);

impl Target for Visit<'_> {
    fn http(&self) -> Option<HttpAddress> {
        Some(self.0.http.clone())
    }

    fn quic(&self) -> Option<QuicAddress> {
        None
    }

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        self.0.secret.iter().map(|secret| ("secret".to_owned(), secret.clone())).collect()
    }

    fn settle<'a>(
        &'a self,
        settings: &'a BTreeMap<String, toml::Value>,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(async move {
            match settings.keys().next() {
                None => Ok(()),
                Some(name) => Err(NotOffered(format!("a Doorward's setting {name}"))),
            }
        })
    }

    fn prepare<'a>(
        &'a self,
        step: &'a Step,
        known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(async move {
            match step {
                Step::Session { r#as, subject: None, can: None } => {
                    self.0.session(r#as, known).await
                }
                other => Err(NotOffered(lacking(other).to_owned())),
            }
        })
    }

    fn audit<'a>(&'a self, _trace_id: Option<&'a str>) -> Pending<'a, Audited> {
        Box::pin(async { Audited::Unreadable })
    }
}

/// What a product is not known to have.
const fn lacking(step: &Step) -> &'static str {
    match step {
        Step::Session { .. } => "sessions of several subjects, or of fewer rights",
        Step::Renew { .. } => "the renewal of a session",
        Step::Grant { .. } => "grants that buy a session",
        Step::Ticket { .. } => "tickets for one connection",
        Step::Local { .. } => "tokens for processes",
        Step::Workspace { .. } | Step::Member { .. } => "workspaces with members",
        Step::Revoke { .. } => "the revocation of a session",
        Step::Advance { .. } => "a clock that can be moved",
        Step::Fail { .. } => "a part that can be made to fail",
        Step::Restart {} => "a restart",
        Step::Ask(_)
        | Step::Send(_)
        | Step::Hello(_)
        | Step::Packets(_)
        | Step::Differ { .. }
        | Step::Say { .. } => "this step",
    }
}
