//! How a server is spoken to: where its pages are, and how a credential is written for it.

use std::collections::BTreeMap;

use doorward_policy::threat::Threat;
use serde::Deserialize;

use crate::attack::Transport;
use crate::check::ALWAYS;
use crate::template::{Spelling, Template};

/// How a server is spoken to. In its texts `${credential}` stands for the credential, and the
/// server's own values are filled in as in an attack (`${port}`, `${cookie_name}`).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, such as `doorward`.
    pub name: String,
    /// Whether it is a Doorward: everything that an attack expects is checked then. Of another
    /// product only the outcome is.
    #[serde(default)]
    pub strict: bool,
    /// The path of a page that needs a session. In the attacks it is `/`, and the WebSocket is
    /// `/echo`.
    pub page: String,
    /// The path of its WebSocket; none where it has none.
    pub websocket: Option<String>,
    /// Where it sends who has no session: a redirect to a path that begins so is a refusal.
    pub login: Option<String>,
    /// Where a grant is redeemed; only a Doorward has it.
    pub redeem: Option<String>,
    /// The name of its session cookie.
    pub cookie_name: Option<String>,
    /// The header line of a bearer token.
    pub bearer: Option<String>,
    /// The header line of a cookie.
    pub cookie: Option<String>,
    /// The header line of a ticket.
    pub ticket: Option<String>,
    /// The header line of a local token.
    pub local: Option<String>,
    /// How a bearer token is written in the query of an upgrade, such as `token=${credential}`;
    /// `bearer` then has no part in upgrades.
    pub query: Option<String>,
    /// Further header lines of every upgrade.
    #[serde(default)]
    pub upgrade: Vec<String>,
    /// Where it asks nobody for a credential: an attack's own is left out there, as it would be
    /// overlooked. What is forged, stale or stolen means nothing there, and is not played.
    #[serde(default)]
    pub unguarded: Vec<Transport>,
    /// Where one of its pages carries the secret; without it, a person gives it.
    pub secret: Option<Found>,
    /// The request that gets a cookie for the secret.
    pub sign_in: Option<SignIn>,
    /// The attacks that mean something else there, by their names, and why: they are not played.
    #[serde(default)]
    pub beside_the_point: BTreeMap<String, String>,
    /// What is to be said of a threat, by its name: what is meant to be so, and why.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
}

/// Where a page carries a secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The page's path.
    pub page: String,
    /// The text that it stands behind.
    pub after: String,
    /// The text that follows it.
    pub before: String,
}

/// A request that gets a cookie. In all of its texts `${secret}` stands for the secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The method; `GET` without it.
    pub method: Option<String>,
    /// The target.
    pub path: String,
    /// Further header lines.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The body.
    pub body: Option<String>,
}

impl SignIn {
    /// How it is called in an error: without the secret.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method.as_deref().unwrap_or("GET"), self.path)
    }
}

/// The profiles that are built in, by name.
const BUILT_IN: [(&str, &str); 3] = [
    ("jupyter", include_str!("../profiles/jupyter.toml")),
    ("vite", include_str!("../profiles/vite.toml")),
    ("websocketd", include_str!("../profiles/websocketd.toml")),
];

impl Profile {
    /// That of a Doorward.
    #[must_use]
    pub fn doorward() -> Self {
        let some = |text: &str| Some(text.to_owned());
        Self {
            name: "doorward".to_owned(),
            strict: true,
            page: "/".to_owned(),
            websocket: some("/echo"),
            login: some("/.doorward/pair"),
            redeem: some("/.doorward/api/token"),
            cookie_name: some("doorward_${port}"),
            bearer: some("Authorization: Bearer ${credential}"),
            cookie: some("Cookie: ${cookie_name}=${credential}"),
            ticket: some("Sec-WebSocket-Protocol: doorward, doorward.ticket.${credential}"),
            local: some("Authorization: Doorward-Session ${credential}"),
            query: None,
            upgrade: Vec::new(),
            unguarded: Vec::new(),
            secret: None,
            sign_in: None,
            beside_the_point: BTreeMap::new(),
            notes: BTreeMap::new(),
        }
    }

    /// The built-in profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == "doorward" {
            return Some(Self::doorward());
        }
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Self::parse(text).ok()
    }

    /// The names of the built-in profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once("doorward").chain(BUILT_IN.iter().map(|(name, _)| *name))
    }

    /// Whether a person has to give a secret.
    #[must_use]
    pub fn takes_secret(&self) -> bool {
        let presents = self.bearer.is_some() || self.query.is_some() || self.sign_in.is_some();
        presents && self.secret.is_none()
    }

    /// Reads a profile from TOML.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let profile: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        profile.check().map(|()| profile)
    }

    /// Finds what a reader of TOML can't know.
    fn check(&self) -> Result<(), String> {
        let paths = [Some(&self.page), self.websocket.as_ref(), self.login.as_ref()];
        let sign_in = self.sign_in.as_ref().map(|sign_in| &sign_in.path);
        let found = self.secret.as_ref().map(|found| &found.page);
        for path in paths.into_iter().chain([sign_in, found]).flatten() {
            if !path.starts_with('/') || path.contains(char::is_whitespace) {
                return Err(format!(
                    "\"{path}\" is no path: one begins with a / and has no spaces"
                ));
            }
        }
        let written = [&self.bearer, &self.cookie, &self.ticket, &self.local, &self.query];
        for text in written.into_iter().flatten() {
            if !text.contains("${credential}") {
                return Err(format!("\"{text}\" doesn't say where the ${{credential}} goes"));
            }
        }
        let lines = [&self.bearer, &self.cookie, &self.ticket, &self.local];
        let more = self.sign_in.iter().flat_map(|sign_in| &sign_in.headers);
        for line in lines.into_iter().flatten().chain(&self.upgrade).chain(more) {
            let named = line.split_once(':').is_some_and(|(name, _)| !name.is_empty());
            if !named || line.contains(['\r', '\n']) {
                return Err(format!(
                    "\"{line}\" is no header line, such as Authorization: Bearer ${{credential}}"
                ));
            }
        }
        self.check_names()?;
        if self.cookie.is_some() && self.cookie_name.is_none() {
            return Err("a cookie needs its cookie_name".to_owned());
        }
        if let Some(name) = self.notes.keys().find(|name| Threat::find(name).is_none()) {
            return Err(format!("notes: no threat is called \"{name}\""));
        }
        Ok(())
    }

    /// Finds a name that means nothing where it stands: every attack would be not applicable.
    fn check_names(&self) -> Result<(), String> {
        let presented = [&self.bearer, &self.cookie, &self.ticket, &self.local, &self.query];
        for text in presented.into_iter().flatten() {
            only(text, |name| name == "credential" || ALWAYS.contains(&name))?;
        }
        let places = [Some(&self.page), self.websocket.as_ref(), self.redeem.as_ref()];
        for text in places.into_iter().flatten().chain(&self.upgrade) {
            only(text, |name| ALWAYS.contains(&name))?;
        }
        if let Some(text) = &self.cookie_name {
            only(text, |name| name != "cookie_name" && ALWAYS.contains(&name))?;
        }
        if let Some(sign_in) = &self.sign_in {
            for text in [Some(&sign_in.path), sign_in.body.as_ref()].into_iter().flatten() {
                only(text, |name| name == "secret")?;
            }
            sign_in.headers.iter().try_for_each(|line| only(line, |name| name == "secret"))?;
        }
        Ok(())
    }
}

/// Refuses a text with another name than these.
fn only(text: &str, known: impl Fn(&str) -> bool) -> Result<(), String> {
    let template = Template::parse(text, Spelling::Plain)?;
    match template.names().into_iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(format!("\"{text}\": `${{{name}}}` is not known there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_can_be_read_and_speaks_of_attacks_that_there_are() {
        let corpus = crate::corpus().expect("a corpus");
        for name in Profile::names() {
            let profile = Profile::named(name).expect(name);
            assert_eq!(profile.name, name);
            for id in profile.beside_the_point.keys() {
                assert!(corpus.iter().any(|attack| attack.id == *id), "{name}: {id}");
            }
        }
        assert_eq!(Profile::named("no-such"), None);
        assert!(Profile::named("doorward").is_some_and(|profile| profile.strict));
        assert!(Profile::named("jupyter").is_some_and(|profile| profile.takes_secret()));
        assert!(Profile::named("vite").is_some_and(|profile| !profile.takes_secret()));
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_said() {
        let wrong = |more: &str| {
            let text = format!("name = \"a\"\n{more}");
            Profile::parse(&text).expect_err(more)
        };
        for (more, told) in [
            ("", "page"),
            ("page = \"app\"", "no path"),
            ("page = \"/a b\"", "no path"),
            ("page = \"/\"\ncolour = 1", "colour"),
            ("page = \"/\"\nbearer = \"Authorization: Bearer\"", "${credential}"),
            ("page = \"/\"\nbearer = \"${credential}\"", "no header line"),
            ("page = \"/\"\nupgrade = [\"A: b\\r\\nC: d\"]", "no header line"),
            ("page = \"/\"\ncookie = \"Cookie: a=${credential}\"", "cookie_name"),
            ("page = \"/\"\n[notes]\nDW-NO-SUCH = \"a\"", "DW-NO-SUCH"),
            ("page = \"/\"\n[sign_in]\npath = \"login\"", "no path"),
        ] {
            assert!(wrong(more).contains(told), "{more}: {}", wrong(more));
        }
    }
}
