//! Workspaces of a world: made, placed, joined and left.

use doorward_policy::capability::Capabilities;
use doorward_policy::denial::Denial;
use doorward_policy::id::SessionId;
use doorward_policy::local::{LocalRecord, LocalRequest, LocalSecret};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{
    Change, ChangeRefusal, Claim, Member, Placing, Server, WorkspaceName,
};
use doorward_policy::{Admitted, Denied};

use super::{RawHello, Request, World, claims, subject};

pub const OBSERVE: Capabilities = Capabilities::OBSERVE;
pub const OPERATE: Capabilities = Capabilities::OPERATE;
pub const BOTH: Capabilities = Capabilities::START_UP;

pub fn name(text: &str) -> WorkspaceName {
    WorkspaceName::new(text).expect("a name")
}

pub fn claim(text: &str) -> Claim {
    Claim::parse(text).expect("a claim")
}

/// What has these claims, and no server.
pub fn placing(claims: &[&str]) -> Placing {
    Placing { claims: claims.iter().map(|text| claim(text)).collect(), ..Placing::default() }
}

pub fn server(text: &str) -> Option<Server> {
    Some(Server::new(text).expect("an address"))
}

pub fn member(who: &str, capabilities: Capabilities) -> Member {
    Member { subject: subject(who), capabilities, home: false }
}

pub fn at_home(who: &str, capabilities: Capabilities) -> Member {
    Member { home: true, ..member(who, capabilities) }
}

impl World {
    /// Changes the workspaces of the store, and what is known of them.
    pub fn change(&mut self, change: &Change) -> Result<(), ChangeRefusal> {
        self.revision += 1;
        let changed = self.ledger.change_directory(change, self.revision);
        self.directory = self.ledger.directory().clone();
        changed.map(drop)
    }

    pub fn create(&mut self, workspace: &str, claims: &[&str]) {
        self.change(&Change::Create(name(workspace), placing(claims))).expect("it is new");
    }

    pub fn place(&mut self, workspace: &str, placing: Placing) {
        self.change(&Change::Place(name(workspace), placing)).expect("it is there");
    }

    pub fn delete(&mut self, workspace: &str) {
        self.change(&Change::Delete(name(workspace))).expect("it is there");
    }

    pub fn enrol(&mut self, workspace: &str, member: Member) {
        self.change(&Change::Admit(name(workspace), member)).expect("there is room");
    }

    pub fn expel(&mut self, workspace: &str, who: &str) {
        self.change(&Change::Expel(name(workspace), subject(who))).expect("they are a member");
    }

    /// A token of somebody's that may do anything.
    pub fn token_for(&self, who: &str) -> String {
        self.token_of(&Claims {
            subject: subject(who),
            capabilities: Capabilities::ALL,
            ..claims()
        })
    }

    /// Keeps a local token for a workspace, of process 1, and returns its text.
    pub fn local_token(&mut self, workspace: &str, seed: u8) -> String {
        let request = LocalRequest {
            id: SessionId::new([seed; 16]),
            name: subject("a process"),
            workspace: name(workspace),
            capabilities: BOTH,
            pid: 1,
            started: 7,
            directory: "/srv".into(),
        };
        let record = LocalRecord::issue(&request, Capabilities::ALL, [seed ^ 0xff; 16], self.now);
        let secret = LocalSecret::new([seed; 32]);
        let digest = secret.digest(&self.digester);
        self.ledger.insert_local(digest, record.expect("within bounds")).expect("there is room");
        secret.expose().to_string()
    }

    pub fn settled(&mut self, request: &Request) -> Result<Admitted, Denied> {
        let decision = self.decide(request);
        self.settle(decision)
    }

    pub fn settled_hello(&mut self, hello: &RawHello) -> Result<Admitted, Denied> {
        let decision = self.decide_hello(hello);
        self.settle(decision)
    }

    /// The workspace that somebody's request to this path comes to; `None` for none.
    pub fn reached(&mut self, who: &str, path: &str) -> Option<String> {
        let request = Request::get(path).bearer(&self.token_for(who));
        joined(self.settled(&request))
    }

    /// The workspace that somebody's hello comes to, which names one or, empty, none.
    pub fn greeted(&mut self, who: &str, workspace: &str) -> Option<String> {
        let hello = RawHello::open().session(&self.token_for(who)).workspace(workspace);
        joined(self.settled_hello(&hello))
    }
}

/// The workspace that was joined, or `None` if there is none for whoever asked.
pub fn joined(settled: Result<Admitted, Denied>) -> Option<String> {
    match settled {
        Ok(admitted) => Some(admitted.joined().expect("it is guarded").name.to_string()),
        Err(denied) => {
            assert_eq!(denied.denial, Denial::WorkspaceUnknown);
            None
        }
    }
}
