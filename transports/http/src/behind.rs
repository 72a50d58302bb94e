//! What is behind the door, workspace by workspace: the listener's own server for `main`, and for
//! any other the one that the directory names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use doorward_gate::{Admission, Gate};
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::workspace::{Claim, Directory, Joined, MOST_WORKSPACES, Server, Workspace};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::answer;
use crate::body::Body;
use crate::endpoints::bad_gateway;
use crate::pages::CONSOLE;
use crate::proxy::Upstream;

/// What answers in a workspace.
pub(crate) enum Behind {
    /// A web server.
    Server(Arc<Upstream>),
    /// Doorward's own console and echo, where there is none. Its page is at each of these paths,
    /// none of which ends with a slash.
    BuiltIn(Vec<String>),
}

/// Why nothing does.
#[derive(Debug)]
pub(crate) enum Misplaced {
    /// The workspace is not, or no longer, where it was when it was joined.
    Denied(Denial),
    /// Its server's address is none that can be dialled.
    Unusable,
}

impl Misplaced {
    /// The answer that it comes to.
    pub(crate) fn answer(&self, gate: &Gate, admission: &Admission) -> Response<Body> {
        match self {
            Self::Denied(denial) => answer::refusal(&gate.refuse_admitted(admission, *denial)),
            Self::Unusable => bad_gateway(
                "The address of this workspace's server is no http URL; place it anew.",
                admission.trace,
            ),
        }
    }
}

/// The servers of all workspaces.
pub(crate) struct Servers {
    main: Option<Arc<Upstream>>,
    /// Those that were dialled, by their address: each with its own idle connections.
    others: Mutex<HashMap<String, Arc<Upstream>>>,
}

impl Servers {
    pub(crate) fn new(main: Option<Upstream>) -> Self {
        Self { main: main.map(Arc::new), others: Mutex::default() }
    }

    /// The listener's own server.
    pub(crate) fn main(&self) -> Option<&Upstream> {
        self.main.as_deref()
    }

    /// What is behind the workspace that was joined, unless it has moved since.
    pub(crate) fn of(
        &self,
        joined: Option<&Joined>,
        directory: &Directory,
    ) -> Result<Behind, Misplaced> {
        // Whatever goes to the guarded server has joined a workspace.
        let joined = joined.ok_or(Misplaced::Denied(Denial::WorkspaceUnknown))?;
        if joined.name.is_main() {
            let built_in = || Behind::BuiltIn(vec![String::new()]);
            return Ok(self.main.clone().map_or_else(built_in, Behind::Server));
        }
        let workspace = directory
            .workspace(&joined.name)
            //= req: PROXY-7
            .filter(|workspace| workspace.placement() == joined.placement)
            .ok_or(Misplaced::Denied(Denial::Unavailable(Outage::Moved)))?;
        match workspace.web() {
            Some(server) => self.at(server, directory).map(Behind::Server),
            None => Ok(Behind::BuiltIn(roots(workspace))),
        }
    }

    fn at(&self, server: &Server, directory: &Directory) -> Result<Arc<Upstream>, Misplaced> {
        // The table is consistent between any two statements.
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.get(server.as_str()) {
            return Ok(Arc::clone(known));
        }
        let dialled = Upstream::parse(server.as_str()).map_err(|_| Misplaced::Unusable)?;
        if others.len() >= MOST_WORKSPACES {
            let servers = || directory.workspaces().iter().filter_map(Workspace::web);
            others.retain(|known, _| servers().any(|server| server.as_str() == known));
        }
        let dialled = Arc::new(dialled);
        others.insert(server.as_str().to_owned(), Arc::clone(&dialled));
        Ok(dialled)
    }
}

/// The built-in console, at the places where its page is.
pub(crate) fn console(
    request: &Request<Incoming>,
    admission: &Admission,
    roots: &[String],
) -> Response<Body> {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    let root = path.strip_suffix('/').unwrap_or(path);
    if reading && roots.iter().any(|one| one == root) {
        return answer::page(&CONSOLE, StatusCode::OK);
    }
    let message = "There is nothing here; the built-in console is at /.";
    answer::problem(StatusCode::NOT_FOUND, "not_found", message, admission.trace)
}

/// Where the pages of a workspace begin: at the root, and at each of its own paths.
fn roots(workspace: &Workspace) -> Vec<String> {
    let paths = workspace.claims().iter().filter_map(|claim| match claim {
        Claim::Path(prefix) => Some(prefix.to_string().trim_end_matches('/').to_owned()),
        Claim::Host(_) => None,
    });
    std::iter::once(String::new()).chain(paths).collect()
}

#[cfg(test)]
mod tests {
    use doorward_policy::workspace::{Change, Placing, WorkspaceName};

    use super::*;

    fn name(text: &str) -> WorkspaceName {
        WorkspaceName::new(text).expect("a name")
    }

    fn directory(web: Option<&str>) -> Directory {
        let mut directory = Directory::default();
        let placing = Placing {
            claims: vec![Claim::parse("/lab").expect("a path")],
            web: web.and_then(Server::new),
            bytes: None,
        };
        directory.apply(&Change::Create(name("lab"), placing), 7).expect("there is room");
        directory
    }

    fn joined(text: &str, placement: u64) -> Joined {
        Joined { name: name(text), placement }
    }

    #[test]
    fn each_workspace_has_its_own_server_and_main_the_listeners() {
        let servers = Servers::new(Some(Upstream::parse("http://127.0.0.1:1").expect("a URL")));
        let directory = directory(Some("http://127.0.0.1:2"));
        let at = |joined: Joined| match servers.of(Some(&joined), &directory) {
            Ok(Behind::Server(upstream)) => upstream.authority().to_owned(),
            _ => String::new(),
        };
        assert_eq!(at(joined("main", 0)), "127.0.0.1:1");
        assert_eq!(at(joined("lab", 7)), "127.0.0.1:2");
    }

    //= req: PROXY-7, type=test
    #[test]
    fn what_has_moved_since_it_was_joined_is_not_dialled() {
        let (servers, directory) = (Servers::new(None), directory(Some("http://127.0.0.1:2")));
        for gone in [joined("lab", 6), joined("other", 7)] {
            let moved = servers.of(Some(&gone), &directory);
            assert!(matches!(moved, Err(Misplaced::Denied(Denial::Unavailable(Outage::Moved)))));
        }
        assert!(matches!(
            servers.of(None, &directory),
            Err(Misplaced::Denied(Denial::WorkspaceUnknown))
        ));
    }

    #[test]
    fn a_workspace_without_a_server_has_the_console_at_its_own_paths() {
        let (servers, directory) = (Servers::new(None), directory(None));
        let Ok(Behind::BuiltIn(roots)) = servers.of(Some(&joined("lab", 7)), &directory) else {
            panic!("it has a server")
        };
        assert_eq!(roots, ["", "/lab"]);
    }
}
