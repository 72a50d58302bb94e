//! Workspaces: which there are, whose, and changing them.

use doorward_gate::admin;
use doorward_gate::audit::Event;
use doorward_policy::capability::Capabilities;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{
    Change, Claim, Member, Placing, Server, Workspace, WorkspaceName,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::input::{CapabilityList, Input, Text};
use super::{Answered, Asking, names, ok};
use crate::proxy::Upstream;

/// One change.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Wanted {
    Create {
        name: Text<WorkspaceName>,
        #[serde(default)]
        routes: Vec<String>,
        web: Option<String>,
        bytes: Option<String>,
    },
    Place {
        name: Text<WorkspaceName>,
        #[serde(default)]
        routes: Vec<String>,
        web: Option<String>,
        bytes: Option<String>,
    },
    Delete {
        name: Text<WorkspaceName>,
    },
    Admit {
        name: Text<WorkspaceName>,
        subject: Text<Subject>,
        capabilities: CapabilityList,
        #[serde(default)]
        home: bool,
    },
    Expel {
        name: Text<WorkspaceName>,
        subject: Text<Subject>,
    },
}

impl Input for Wanted {
    const EXPECTED: &'static str = "\"do\": \"create\" or \"place\" with \"name\", \"routes\", \
        \"web\" and \"bytes\"; \"delete\" with \"name\"; \"admit\" with \"name\", \"subject\", \
        \"capabilities\" and \"home\"; or \"expel\" with \"name\" and \"subject\"";
}

impl Wanted {
    fn change(&self) -> Result<Change, Fault> {
        Ok(match self {
            Self::Create { name, routes, web, bytes } => {
                Change::Create(name.0, placing(routes, web.as_deref(), bytes.as_deref())?)
            }
            Self::Place { name, routes, web, bytes } => {
                Change::Place(name.0, placing(routes, web.as_deref(), bytes.as_deref())?)
            }
            Self::Delete { name } => Change::Delete(name.0),
            Self::Admit { name, subject, capabilities, home } => {
                let (subject, home) = (subject.0, *home);
                Change::Admit(name.0, Member { subject, capabilities: capabilities.0, home })
            }
            Self::Expel { name, subject } => Change::Expel(name.0, subject.0),
        })
    }

    /// What it gives to somebody: without workspaces, everybody has all that their token allows.
    fn gives(&self) -> Capabilities {
        match self {
            Self::Admit { capabilities, .. } => capabilities.0,
            Self::Delete { name } if name.0.is_main() => {
                Capabilities::ALL.without(Capabilities::ADMINISTER)
            }
            _ => Capabilities::NONE,
        }
    }
}

fn placing(routes: &[String], web: Option<&str>, bytes: Option<&str>) -> Result<Placing, Fault> {
    let claim = |route: &String| {
        Claim::parse(route).ok_or_else(|| {
            Fault::Malformed(format!(
                "\"{route}\" is no route: give a path such as /lab, or a host."
            ))
        })
    };
    Ok(Placing {
        claims: routes.iter().map(claim).collect::<Result<_, _>>()?,
        web: web.map(web_server).transpose()?,
        bytes: bytes.map(byte_server).transpose()?,
    })
}

fn web_server(url: &str) -> Result<Server, Fault> {
    // Never repeats it: it may have a password in it.
    let usable =
        Upstream::parse(url).map_err(|error| Fault::Malformed(format!("\"web\": {error}.")));
    usable.and_then(|_| {
        Server::new(url).ok_or_else(|| Fault::Malformed("\"web\" is too long.".to_owned()))
    })
}

fn byte_server(address: &str) -> Result<Server, Fault> {
    let path = address.strip_prefix("unix:").is_some_and(|path| path.starts_with('/'));
    let host = address.strip_prefix("tcp://").is_some_and(has_port);
    Server::new(address).filter(|_| path || host).ok_or_else(|| {
        Fault::Malformed("\"bytes\" takes tcp://HOST:PORT or unix:/PATH.".to_owned())
    })
}

fn has_port(authority: &str) -> bool {
    authority.parse::<http::uri::Authority>().is_ok_and(|parsed| {
        parsed.port_u16().is_some_and(|port| port != 0) && !authority.contains('@')
    })
}

impl Asking<'_> {
    /// All of them, read from the store: a change shows at once.
    pub(super) async fn workspaces(&self) -> Answered {
        let directory = self.gate.store().directory().await?;
        let shown: Vec<Value> = directory.workspaces().iter().map(shown).collect();
        ok(&json!({ "workspaces": shown }))
    }

    /// Changes them, and answers once every listener goes by that, or with how many have not said
    /// so in time.
    pub(super) async fn change_workspaces(&self, wanted: Wanted) -> Answered {
        let change = wanted.change()?;
        self.check_held(wanted.gives())?;
        let audit = self.audit(Event::WorkspaceChanged, self.now()?).about_change(&change);
        let (store, clock) = (&**self.gate.store(), &**self.gate.clock());
        let changed = admin::change_directory(store, clock, change, audit).await?;
        let unheard = changed.map_err(Fault::Workspaces)?;
        ok(&json!({ "unheard": unheard }))
    }
}

fn shown(workspace: &Workspace) -> Value {
    let members = workspace.members().iter().map(|member| {
        json!({
            "subject": member.subject.as_str(),
            "capabilities": names(member.capabilities),
            "home": member.home,
        })
    });
    json!({
        "name": workspace.name().as_str(),
        "routes": workspace.claims().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "web": workspace.web().map(Server::as_str),
        "bytes": workspace.bytes().map(Server::as_str),
        "members": members.collect::<Vec<_>>(),
    })
}
