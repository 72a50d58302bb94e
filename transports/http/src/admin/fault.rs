//! What goes wrong with a request of an administrator.

use doorward_gate::Admission;
use doorward_gate::admin::AdminError;
use doorward_gate::store::StoreError;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Bound, Denial, Outage};
use doorward_policy::workspace::ChangeRefusal;
use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::site::Site;

/// Why nothing was done.
#[derive(Debug)]
pub(super) enum Fault {
    /// The body is not what the endpoint takes; says what is.
    Malformed(String),
    /// There is none of what was named; says what there is none of.
    NotFound(&'static str),
    /// It would end, or change, the session that asks.
    OwnSession,
    /// The workspaces can't be changed so.
    Workspaces(ChangeRefusal),
    /// It would hand on what the administrator lacks.
    Beyond(Capabilities),
    /// The body is too long, came too late, or what it takes doesn't answer.
    Denied(Denial),
}

impl Fault {
    pub(super) const TOO_LONG: Self = Self::Denied(Denial::TooLarge(Bound::BodyBytes));
    pub(super) const TOO_LATE: Self = Self::Denied(Denial::DeadlinePassed);

    /// The answer, in the shape of every other refusal.
    pub(super) fn answer(self, site: &Site, admission: &Admission) -> Response<Body> {
        let problem =
            |status, code, message: &str| answer::problem(status, code, message, admission.trace);
        match self {
            Self::Malformed(expected) => problem(StatusCode::BAD_REQUEST, "malformed", &expected),
            Self::NotFound(what) => problem(StatusCode::NOT_FOUND, "not_found", what),
            Self::OwnSession => {
                let message = "This would end the session that asks for it, or its right to; say \
                               \"self\": true if that is meant.";
                problem(StatusCode::CONFLICT, "own_session", message)
            }
            Self::Workspaces(refusal) => {
                let message = format!("Nothing was changed: {refusal}.");
                problem(StatusCode::CONFLICT, "workspaces_unchanged", &message)
            }
            Self::Beyond(lacking) => refusal(site, admission, Denial::CapabilityLacking(lacking)),
            Self::Denied(denial) => refusal(site, admission, denial),
        }
    }
}

fn refusal(site: &Site, admission: &Admission, denial: Denial) -> Response<Body> {
    answer::refusal(&site.gate.refuse_admitted(admission, denial))
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an administrator's request failed");
        Self::Denied(Denial::Unavailable(match error {
            StoreError::Full => Outage::Full,
            StoreError::Unavailable(_) | StoreError::Exists => Outage::Store,
        }))
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Asking => Self::OwnSession,
            AdminError::Request(error) => Self::Malformed(format!("Nothing was made: {error}.")),
            AdminError::Local(error) => Self::Malformed(format!("Nothing was made: {error}.")),
            AdminError::Store(error) => error.into(),
            AdminError::Entropy(_) => Self::Denied(Denial::Unavailable(Outage::Entropy)),
            AdminError::Clock(_) => Self::Denied(Denial::Unavailable(Outage::Clock)),
        }
    }
}
