//! What is behind the door, workspace by workspace: the listener's own server for `main`, and for
//! any other the one that the directory names.

use doorward_policy::denial::{Denial, Outage};
use doorward_policy::workspace::{Directory, Joined};

use crate::upstream::Upstream;

/// What a stream of a workspace is a connection to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// A server.
    Server(Upstream),
    /// The built-in echo, where there is none.
    Echo,
    /// A server whose address is none that can be dialled.
    Unusable,
}

impl Behind {
    /// That of the workspace that was joined, unless it has moved since.
    ///
    /// # Errors
    /// Why the connection must end.
    pub(crate) fn of(
        main: Option<&Upstream>,
        joined: Option<&Joined>,
        directory: &Directory,
    ) -> Result<Self, Denial> {
        // Whatever goes to the guarded server has joined a workspace.
        let joined = joined.ok_or(Denial::WorkspaceUnknown)?;
        if joined.name.is_main() {
            return Ok(main.cloned().map_or(Self::Echo, Self::Server));
        }
        let workspace = directory
            .workspace(&joined.name)
            //= req: PROXY-7
            .filter(|workspace| workspace.placement() == joined.placement)
            .ok_or(Denial::Unavailable(Outage::Moved))?;
        Ok(workspace.bytes().map_or(Self::Echo, |server| {
            Upstream::parse(server.as_str()).map_or(Self::Unusable, Self::Server)
        }))
    }
}

#[cfg(test)]
mod tests {
    use doorward_policy::workspace::{Change, Placing, Server, WorkspaceName};

    use super::*;

    fn name(text: &str) -> WorkspaceName {
        WorkspaceName::new(text).expect("a name")
    }

    fn directory(bytes: Option<&str>) -> Directory {
        let mut directory = Directory::default();
        let placing = Placing { claims: vec![], web: None, bytes: bytes.and_then(Server::new) };
        directory.apply(&Change::Create(name("lab"), placing), 7).expect("there is room");
        directory
    }

    fn at(place: &str, placement: u64, directory: &Directory) -> Result<Behind, Denial> {
        let main = Upstream::parse("tcp://127.0.0.1:1").expect("valid");
        Behind::of(Some(&main), Some(&Joined { name: name(place), placement }), directory)
    }

    #[test]
    fn each_workspace_has_its_own_server_and_main_the_listeners() {
        let server = |text| Ok(Behind::Server(Upstream::parse(text).expect("valid")));
        let directory = directory(Some("tcp://127.0.0.1:2"));
        assert_eq!(at("main", 0, &directory), server("tcp://127.0.0.1:1"));
        assert_eq!(at("lab", 7, &directory), server("tcp://127.0.0.1:2"));
    }

    #[test]
    fn without_a_server_there_is_the_echo_and_never_the_server_of_another() {
        assert_eq!(at("lab", 7, &directory(None)), Ok(Behind::Echo));
        assert_eq!(at("lab", 7, &directory(Some("http://h:1"))), Ok(Behind::Unusable));
    }

    //= req: PROXY-7, type=test
    #[test]
    fn what_has_moved_since_it_was_joined_is_not_dialled() {
        let directory = directory(Some("tcp://127.0.0.1:2"));
        for (place, placement) in [("lab", 6), ("other", 7)] {
            let moved = at(place, placement, &directory);
            assert_eq!(moved, Err(Denial::Unavailable(Outage::Moved)));
        }
        assert_eq!(Behind::of(None, None, &directory), Err(Denial::WorkspaceUnknown));
    }
}
