//! `doorward token inspect`.

use doorward_gate::rfc3339;
use doorward_policy::keys::Purpose;
use doorward_policy::token::{TokenError, UntrustedToken};
use serde_json::json;

use super::names;
use crate::arguments::refusal;
use crate::cli::InspectArgs;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;
use crate::terminal::read_secret;

/// Verifies the token on standard input and prints what it says; the token itself is not repeated.
pub(super) async fn inspect(args: &InspectArgs) -> Outcome {
    if args.token.is_some() {
        return Err(refusal("a token"));
    }
    let state = State::open(&args.state).await?;
    let text = read_secret("Token: ").await?;
    let token = UntrustedToken::parse(text.as_bytes()).map_err(explain)?;
    let verified =
        token.verify(&state.keys.ring(Purpose::Session), state.now()?).map_err(explain)?;
    let claims = verified.claims();
    let sessions = state.store.sessions().await.map_err(Failure::failed)?;
    let standing = match sessions.iter().find(|session| session.id == claims.session) {
        Some(session) if session.revoked_at.is_some() => "revoked",
        Some(_) => "live",
        None => "unknown",
    };
    let said = json!({
        "session_id": claims.session.to_string(),
        "subject": claims.subject.as_str(),
        "capabilities": names(claims.capabilities),
        "method": claims.method.name(),
        "issued_at": rfc3339(claims.issued_at),
        "expires_at": rfc3339(claims.expires_at),
        "absolute_end": rfc3339(claims.absolute_end),
        "key_id": verified.key_id(),
        "state": standing,
    });
    if args.json {
        return output::json(&said);
    }
    let lines = [
        ("session", claims.session.to_string()),
        ("subject", output::printable(claims.subject.as_str())),
        ("capabilities", claims.capabilities.to_string()),
        ("method", claims.method.name().to_owned()),
        ("issued at", rfc3339(claims.issued_at)),
        ("expires at", rfc3339(claims.expires_at)),
        ("absolute end", rfc3339(claims.absolute_end)),
        ("key", verified.key_id().to_string()),
        ("state", standing.to_owned()),
    ];
    lines.iter().try_for_each(|(name, value)| output::line(&format!("{name:<14}{value}")))
}

fn explain(error: TokenError) -> Failure {
    Failure::failed(match error {
        TokenError::Malformed => {
            "this is no session token of Doorward: it has two segments of base64url and one dot"
                .to_owned()
        }
        TokenError::UnknownKey => {
            "no key of this state directory has signed this token: it belongs to another \
             installation, or its key was retired"
                .to_owned()
        }
        TokenError::BadTag => {
            "the tag is not the record's: the token was altered, or belongs to another installation"
                .to_owned()
        }
        TokenError::BadRecord => "the tag verifies, but the record is damaged".to_owned(),
        TokenError::NotYetValid => {
            "the token was issued too far in the future: compare the clocks".to_owned()
        }
        TokenError::Expired(session, subject) => {
            let subject = output::printable(subject.as_str());
            format!("the tag verifies, and the token of session {session} ({subject}) has expired")
        }
    })
}
