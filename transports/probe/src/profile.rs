//! How a server is spoken to: where its pages are, and how a credential is written for it.

use serde::Deserialize;

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
    /// The path of a page that needs a session.
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
}

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
        }
    }

    /// Reads a profile from TOML.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}
