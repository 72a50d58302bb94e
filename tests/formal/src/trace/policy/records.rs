//! Grants, sessions and workspaces in the ledger.

use std::time::Duration;

use doorward_policy::grant::{GrantRecord, GrantRequest, GrantRequestError, GrantSecret};
use doorward_policy::id::GrantId;
use doorward_policy::ledger::{NotKept, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, ChangeRefusal, Claim, Member, Placing, WorkspaceName};

use super::{Installation, capabilities, numbers, say, session_id, session_number, small};
use crate::trace::request::workspace;
use crate::trace::{Kind, Operation};

impl Installation {
    pub(super) fn record(&mut self, operation: &Operation, out: &mut String) {
        match (operation.kind, operation.numbers()) {
            (Kind::Grant, all) => match self.issue(all) {
                Ok(number) => say(out, format_args!("grant {number}")),
                Err(why) => out.push_str(why),
            },
            (Kind::RevokeGrant, [grant]) => {
                let found = self.ledger.revoke_grant(grant_id(*grant), self.now);
                out.push_str(if found { "done" } else { "refused unknown" });
            }
            (Kind::Revoke, [how, whose]) => {
                let revoked = self.ledger.revoke_sessions(&selector(*how, *whose), self.now);
                for session in &revoked {
                    self.standings.note(session.id, Standing::Revoked, session.absolute_end);
                }
                out.push_str("revoked");
                ascending(out, &revoked);
            }
            (Kind::Limit, [how, whose, most]) => {
                let which = selector(*how, *whose);
                let limited = self.ledger.limit_sessions(&which, capabilities(*most), self.now);
                for session in &limited {
                    let standing = Standing::Limited(session.capabilities);
                    self.standings.note(session.id, standing, session.absolute_end);
                }
                out.push_str("limited");
                ascending(out, &limited);
            }
            (Kind::Uses, [grant]) => {
                match self.ledger.grants().find(|one| one.id == grant_id(*grant)) {
                    Some(record) => say(out, format_args!("uses {}", record.uses_left)),
                    None => out.push_str("none"),
                }
            }
            (_, all) => self.row(all.first().copied().unwrap_or_default(), out),
        }
    }

    fn row(&self, session: u64, out: &mut String) {
        let Some(row) = self.ledger.session(session_id(session)) else {
            out.push_str("none");
            return;
        };
        out.push_str("row");
        let revoked = u64::from(row.revoked_at.is_some());
        let times = [row.expires_at.as_millis(), row.absolute_end.as_millis()];
        numbers(out, [u64::from(row.capabilities.bits()), times[0], times[1], revoked]);
    }

    fn issue(&mut self, numbers: &[u64]) -> Result<usize, &'static str> {
        let [uses, life, wanted, method, label, issuer] = *numbers else { return Err("error") };
        let request = GrantRequest {
            label: subject(label),
            capabilities: capabilities(wanted),
            method: match method {
                0 => Method::Link,
                1 => Method::Code,
                _ => Method::Desktop,
            },
            uses: small(uses),
            life: Duration::from_millis(life),
        };
        let number = self.grants.len();
        let id = *grant_id(number as u64).as_bytes();
        let issued = GrantRecord::issue(&request, capabilities(issuer), id, self.now);
        let record = issued.map_err(|error| match error {
            GrantRequestError::Capabilities => "refused capabilities",
            GrantRequestError::Uses => "refused uses",
            GrantRequestError::Life => "refused life",
        })?;
        let secret = grant_secret(number, request.method);
        let kept = self.ledger.insert_grant(secret.digest(&self.digester), record);
        kept.map_err(|error| match error {
            NotKept::Full => "refused full",
            NotKept::Exists => "refused exists",
        })?;
        self.grants.push(secret);
        Ok(number)
    }

    pub(super) fn change(&mut self, operation: &Operation, out: &mut String) {
        let Some(change) = directory_change(operation) else {
            out.push_str("error");
            return;
        };
        self.revision += 1;
        match self.ledger.change_directory(&change, self.revision) {
            Ok(_) => out.push_str("done"),
            Err(refusal) => {
                out.push_str("refused ");
                out.push_str(match refusal {
                    ChangeRefusal::Exists => "exists",
                    ChangeRefusal::Unknown => "unknown",
                    ChangeRefusal::NoMember => "no-member",
                    ChangeRefusal::Full => "full",
                    ChangeRefusal::Claimed => "claimed",
                    ChangeRefusal::Main => "main",
                    ChangeRefusal::OthersLeft => "others-left",
                    ChangeRefusal::Nothing => "nothing",
                });
            }
        }
    }
}

fn directory_change(operation: &Operation) -> Option<Change> {
    let (number, rest) = operation.numbers().split_first()?;
    let name = WorkspaceName::new(&workspace(*number))?;
    let placing = || {
        let claim = Claim::parse(&format!("w{number}.example"));
        Placing { claims: claim.into_iter().collect(), ..Placing::default() }
    };
    Some(match (operation.kind, rest) {
        (Kind::Create, _) => Change::Create(name, placing()),
        (Kind::Place, _) => Change::Place(name, placing()),
        (Kind::Delete, _) => Change::Delete(name),
        (Kind::Member, [label, most, home]) => {
            let (subject, capabilities) = (subject(*label), capabilities(*most));
            Change::Admit(name, Member { subject, capabilities, home: *home > 0 })
        }
        (Kind::Expel, [label]) => Change::Expel(name, subject(*label)),
        _ => return None,
    })
}

/// What a grant's number is hidden in. Codes differ in characters that a code has.
fn grant_secret(number: usize, method: Method) -> GrantSecret {
    let bytes = (number as u64).to_be_bytes();
    if method == Method::Code {
        let mut entropy = [0; 12];
        for (at, place) in entropy.iter_mut().enumerate() {
            *place = (number >> (5 * at)) as u8 & 31;
        }
        return GrantSecret::code(entropy);
    }
    let mut entropy = [0x61; 32];
    entropy[..8].copy_from_slice(&bytes);
    GrantSecret::link(entropy)
}

fn grant_id(number: u64) -> GrantId {
    let mut bytes = [0x67; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    GrantId::new(bytes)
}

fn subject(number: u64) -> Subject {
    // A label is never empty.
    Subject::new(&format!("subject {number}")).unwrap_or_else(|| unreachable!("it is short"))
}

fn selector(how: u64, whose: u64) -> Selector {
    match how {
        0 => Selector::Session(session_id(whose)),
        1 => Selector::Subject(subject(whose)),
        2 => Selector::AllBut(session_id(whose)),
        _ => Selector::All,
    }
}

fn ascending(out: &mut String, sessions: &[SessionRecord]) {
    let mut all: Vec<_> = sessions.iter().map(|session| session_number(session.id)).collect();
    all.sort_unstable();
    numbers(out, all);
}
