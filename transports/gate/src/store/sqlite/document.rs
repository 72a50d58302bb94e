//! The workspaces as one strict JSON document. What no changes come to is an error, and never a
//! wider right.

use doorward_policy::Capabilities;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Claim, Directory, Kept, Member, Placing, Server, WorkspaceName};
use serde::{Deserialize, Serialize};

use super::rows::Corrupt;

/// The document of no workspaces.
pub(super) const EMPTY: &str = "[]";

const WRONG: Corrupt = Corrupt("directory");

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkspaceText {
    name: String,
    placement: u64,
    claims: Vec<String>,
    // Is there, if as null.
    #[serde(deserialize_with = "Option::deserialize")]
    web: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    bytes: Option<String>,
    members: Vec<MemberText>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberText {
    subject: String,
    capabilities: u16,
    home: bool,
}

/// The document of a directory.
#[must_use]
pub fn encode(directory: &Directory) -> String {
    let workspaces = directory.workspaces().iter().map(Kept::from).map(WorkspaceText::from);
    let workspaces = workspaces.collect::<Vec<_>>();
    // Strings, numbers and booleans alone: serialising them can't fail, and what is no document
    // is refused when it is read.
    serde_json::to_string(&workspaces).unwrap_or_default()
}

//= req: STORE-5
/// The directory of a document that [`encode`] wrote.
///
/// # Errors
/// If it can't have written that.
pub fn decode(text: &str) -> Result<Directory, Corrupt> {
    let workspaces = serde_json::from_str::<Vec<WorkspaceText>>(text).map_err(|_| WRONG)?;
    let kept = workspaces.iter().map(WorkspaceText::decode).collect::<Option<Vec<_>>>();
    kept.and_then(Directory::restore).ok_or(WRONG)
}

impl From<Kept> for WorkspaceText {
    fn from(kept: Kept) -> Self {
        let text = |server: Option<Server>| server.map(|server| server.as_str().to_owned());
        Self {
            name: kept.name.to_string(),
            placement: kept.placement,
            claims: kept.placing.claims.iter().map(Claim::to_string).collect(),
            web: text(kept.placing.web),
            bytes: text(kept.placing.bytes),
            members: kept.members.iter().map(MemberText::from).collect(),
        }
    }
}

impl WorkspaceText {
    fn decode(&self) -> Option<Kept> {
        Some(Kept {
            name: WorkspaceName::new(&self.name)?,
            placement: self.placement,
            placing: Placing {
                claims: self
                    .claims
                    .iter()
                    .map(|claim| Claim::parse(claim))
                    .collect::<Option<_>>()?,
                web: server(self.web.as_deref())?,
                bytes: server(self.bytes.as_deref())?,
            },
            members: self.members.iter().map(MemberText::decode).collect::<Option<_>>()?,
        })
    }
}

/// None, one, or what is no server.
fn server(text: Option<&str>) -> Option<Option<Server>> {
    text.map_or(Some(None), |text| Server::new(text).map(Some))
}

impl From<&Member> for MemberText {
    fn from(member: &Member) -> Self {
        Self {
            subject: member.subject.to_string(),
            capabilities: member.capabilities.bits(),
            home: member.home,
        }
    }
}

impl MemberText {
    fn decode(&self) -> Option<Member> {
        Some(Member {
            subject: Subject::new(&self.subject)?,
            capabilities: Capabilities::from_bits(self.capabilities)?,
            home: self.home,
        })
    }
}
