//! The first grant: a link made at start, or one that a parent process hands down.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use doorward_gate::admin::issue_grant;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::{Gate, random};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret};
use doorward_policy::settings::Exposure;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::announce::Announcement;
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::state::State;

/// Where the first grant comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// From nowhere: nobody would see it, or nobody needs it.
    None,
    /// Made at start and shown once.
    Made,
    /// Read from a file.
    File(PathBuf),
    /// Read from an inherited file descriptor.
    Descriptor(u32),
}

impl Source {
    pub(super) fn choose(args: &ServeArgs, config: &Config) -> Outcome<Self> {
        let handed = match (&args.grant_file, args.grant_fd) {
            (Some(file), _) => Some(Self::File(file.clone())),
            (None, Some(number)) => Some(Self::Descriptor(number)),
            (None, None) => None,
        };
        let desktop = config.exposure() == Exposure::Desktop;
        match handed {
            Some(_) if !desktop => Err(Failure::usage(
                "--grant-file and --grant-fd are for --exposure desktop, where a parent process \
                 hands over the first grant",
            )),
            None if desktop && !config.unguarded => Err(Failure::usage(
                "--exposure desktop needs the first grant from the parent process: --grant-fd or \
                 --grant-file",
            )),
            Some(handed) => Ok(handed),
            //= req: SECRET-6
            None if config.unguarded || !Announcement::is_watched(args.ready_json) => {
                Ok(Self::None)
            }
            None => Ok(Self::Made),
        }
    }

    /// Makes the grant, or keeps the one that was handed over; the secret of the one that is to
    /// be shown.
    pub(super) async fn issue(
        &self,
        gate: &Gate,
        state: &State,
        config: &Config,
    ) -> Outcome<Option<GrantSecret>> {
        let (digester, clock, entropy) = (&state.keys.digester(), &*state.clock, &*state.entropy);
        let request = |method, label| GrantRequest {
            label: Subject::new(label).unwrap_or_else(|| unreachable!("a label that is fit")),
            capabilities: Capabilities::START_UP,
            method,
            uses: 1,
            life: config.start_up_grant_life,
        };
        let secret = match self {
            Self::None => return Ok(None),
            Self::Made => {
                let request = request(Method::Link, "start-up link");
                let issued = issue_grant(
                    &**gate.store(),
                    digester,
                    clock,
                    entropy,
                    &request,
                    Capabilities::ALL,
                );
                return issued.await.map(|(secret, _)| Some(secret)).map_err(Failure::failed);
            }
            Self::File(path) => from_file(path)?,
            Self::Descriptor(number) => from_descriptor(*number)?,
        };
        let now = gate.now().map_err(Failure::failed)?;
        let id = random(entropy).map_err(Failure::failed)?;
        let request = request(Method::Desktop, "desktop");
        let record = GrantRecord::issue(&request, Capabilities::ALL, id, now);
        let record = record.map_err(Failure::failed)?;
        let audit = AuditRecord::new(Event::GrantMade, now).about_grant(&record);
        let kept = gate.store().insert_grant(secret.digest(digester), record, audit).await;
        kept.map(|()| None).map_err(|error| {
            Failure::failed(format!(
                "the grant that was handed over can't be kept ({error}): hand over a new one at \
                 every start"
            ))
        })
    }
}

//= req: SECRET-9
/// Reads a grant from a file that is its owner's alone.
pub(crate) fn read_private(path: &Path) -> Outcome<Zeroizing<String>> {
    let fail = |what: &str| Failure::failed(format!("{} {what}", path.display()));
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nofollow).open(path);
    let file = file.map_err(|error| fail(&format!("can't be read: {error}")))?;
    let seen = file.metadata().map_err(|error| fail(&format!("can't be read: {error}")))?;
    let user = rustix::process::geteuid().as_raw();
    exposed(&seen, user).map_or(Ok(()), |what| Err(fail(what)))?;
    text_of(file).map_err(|error| fail(&format!("can't be read: {error}")))
}

/// What others may have done with a file that is to be a user's alone.
fn exposed(seen: &Metadata, user: u32) -> Option<&'static str> {
    if !seen.is_file() || seen.uid() != user {
        return Some("is not a file of yours: a grant is read from nowhere else");
    }
    let open = "can be read by others, who could pair with it: chmod 600 it, and make a new grant";
    (seen.mode() & 0o077 != 0).then_some(open)
}

fn from_file(path: &Path) -> Outcome<GrantSecret> {
    let text = read_private(path)?;
    parse(&text).ok_or_else(|| {
        Failure::failed(format!("{} doesn't hold a grant: {EXPECTED}", path.display()))
    })
}

fn from_descriptor(number: u32) -> Outcome<GrantSecret> {
    let path = format!("/proc/self/fd/{number}");
    let text = File::open(path).and_then(text_of).map_err(|error| {
        Failure::failed(format!("can't read the grant from file descriptor {number}: {error}"))
    })?;
    parse(&text).ok_or_else(|| {
        Failure::failed(format!("file descriptor {number} doesn't hold a grant: {EXPECTED}"))
    })
}

const EXPECTED: &str = "it is 32 random bytes in base64url, 43 characters";

fn parse(text: &str) -> Option<GrantSecret> {
    GrantSecret::parse(text.trim()).filter(|secret| !secret.is_code())
}

fn text_of(file: File) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(4096).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    //= req: SECRET-9, type=test
    /// Nobody but root can give a file away, but anybody can ask for somebody else.
    #[test]
    fn a_grant_is_read_from_no_link_and_from_nobody_elses_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, link) = (dir.path().join("grant"), dir.path().join("link"));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let seen = made.and_then(|file| file.metadata()).expect("made");
        assert_eq!(exposed(&seen, seen.uid()), None);
        let said = exposed(&seen, seen.uid().wrapping_add(1)).expect("another user's");
        assert!(said.contains("not a file of yours"), "{said}");
        read_private(&path).expect("its owner's alone");
        symlink(&path, &link).expect("linked");
        read_private(&link).expect_err("a link");
        fs::remove_file(&path).expect("removed");
    }
}
