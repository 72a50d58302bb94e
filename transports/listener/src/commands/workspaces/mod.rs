//! `doorward workspaces`: what one guards beside another, and who may see which.

mod shown;

use doorward_gate::admin::change_directory;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{
    Change, ChangeRefusal, Claim, Directory, Member, Placing, Server, WorkspaceName,
};

use super::{capabilities, unheard};
use crate::cli::{
    AddMemberArgs, ListWorkspacesArgs, NameArgs, PlaceWorkspaceArgs, RemoveMemberArgs,
    ShowWorkspaceArgs, WorkspacesCommand,
};
use crate::config::Guarded;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::presence;
use crate::state::State;

pub(super) async fn run(command: &WorkspacesCommand) -> Outcome {
    match command {
        WorkspacesCommand::List(args) => list(args).await,
        WorkspacesCommand::Show(args) => show(args).await,
        WorkspacesCommand::Create(args) => create(args).await,
        WorkspacesCommand::Place(args) => place(args).await,
        WorkspacesCommand::Delete(args) => delete(args).await,
        WorkspacesCommand::Add(args) => add(args).await,
        WorkspacesCommand::Remove(args) => remove(args).await,
    }
}

async fn list(args: &ListWorkspacesArgs) -> Outcome {
    let state = State::open(&args.state).await?;
    let directory = directory(&state).await?;
    if args.json {
        return output::json(&directory.workspaces().iter().map(shown::as_json).collect());
    }
    if directory.is_off() {
        return output::line(
            "There are no workspaces: every session reaches what the listener guards. `doorward \
             workspaces create` makes one.",
        );
    }
    shown::table(directory.workspaces())
}

async fn show(args: &ShowWorkspaceArgs) -> Outcome {
    let name = name(&args.which)?;
    let state = State::open(&args.which.state).await?;
    let directory = directory(&state).await?;
    let workspace = directory.workspace(&name).ok_or_else(|| refused(ChangeRefusal::Unknown))?;
    if args.json { output::json(&shown::as_json(workspace)) } else { shown::whole(workspace) }
}

async fn create(args: &PlaceWorkspaceArgs) -> Outcome {
    let (name, placing) = (name(&args.which)?, placing(args)?);
    let state = State::open(&args.which.state).await?;
    let first = directory(&state).await?.is_off();
    change(&state, Change::Create(name, placing.clone())).await?;
    output::line(&format!(
        "Made workspace {name}: {}. It has no members yet:\n\n    doorward workspaces add {} SUBJECT\n",
        shown::placing(&placing),
        quoted(name)
    ))?;
    if first {
        output::line(
            "From now on membership counts: whoever is a member of no workspace reaches nothing. \
             What the\nlistener guards itself is `main`, which has no members yet either:\n\n    \
             doorward workspaces add main SUBJECT\n",
        )?;
        shown::subjects(&state).await?;
    }
    advise(&state, &placing)
}

async fn place(args: &PlaceWorkspaceArgs) -> Outcome {
    let (name, placing) = (name(&args.which)?, placing(args)?);
    if args.routes.is_empty() && args.upstreams.is_empty() {
        return Err(Failure::usage(
            "say where the workspace is to be, with --route and --upstream: what isn't named goes",
        ));
    }
    let state = State::open(&args.which.state).await?;
    change(&state, Change::Place(name, placing.clone())).await?;
    output::line(&format!(
        "Placed {name}: {}. Its connections end, and come back to where it is now.",
        shown::placing(&placing)
    ))?;
    advise(&state, &placing)
}

async fn delete(args: &NameArgs) -> Outcome {
    let name = name(args)?;
    let state = State::open(&args.state).await?;
    change(&state, Change::Delete(name)).await?;
    output::line(&format!("Removed workspace {name}, and its members with it."))?;
    if directory(&state).await?.is_off() {
        return output::line(
            "There are no workspaces any more: every session reaches what the listener guards.",
        );
    }
    Ok(())
}

async fn add(args: &AddMemberArgs) -> Outcome {
    let (name, subject) = (name(&args.which)?, subject(&args.subject)?);
    let member =
        Member { subject, capabilities: capabilities("--can", &args.can)?, home: args.home };
    let state = State::open(&args.which.state).await?;
    change(&state, Change::Admit(name, member)).await?;
    let home = if member.home { ", which is its default" } else { "" };
    output::line(&format!("{subject} may {} in {name}{home}.", member.capabilities))?;
    if shown::known_subjects(&state).await?.contains(&subject) {
        return Ok(());
    }
    output::line(&format!(
        "Nobody is paired as {subject} yet: doorward pair --label {}",
        output::shell_word(subject.as_str())
    ))
}

async fn remove(args: &RemoveMemberArgs) -> Outcome {
    let (name, subject) = (name(&args.which)?, subject(&args.subject)?);
    let state = State::open(&args.which.state).await?;
    change(&state, Change::Expel(name, subject)).await?;
    output::line(&format!("{subject} is no member of {name} any more."))
}

async fn directory(state: &State) -> Outcome<Directory> {
    state.store.directory().await.map_err(Failure::failed)
}

async fn change(state: &State, change: Change) -> Outcome {
    let audit: AuditRecord = state.audit(Event::WorkspaceChanged)?.about_change(&change);
    let changed = change_directory(&*state.store, &*state.clock, change, audit).await;
    match changed.map_err(Failure::failed)?.map_err(refused)? {
        0 => Ok(()),
        listeners => Err(unheard("it is changed", listeners)),
    }
}

fn refused(refusal: ChangeRefusal) -> Failure {
    let advice = match refusal {
        ChangeRefusal::Unknown | ChangeRefusal::OthersLeft => "; see `doorward workspaces list`",
        ChangeRefusal::NoMember => "; see `doorward workspaces show`",
        ChangeRefusal::Exists => "; `doorward workspaces place` gives it other routes and servers",
        ChangeRefusal::Full
        | ChangeRefusal::Claimed
        | ChangeRefusal::Main
        | ChangeRefusal::Nothing => "",
    };
    Failure::failed(format!("{refusal}{advice}"))
}

fn name(args: &NameArgs) -> Outcome<WorkspaceName> {
    super::workspace_name("NAME", &args.name)
}

fn subject(text: &str) -> Outcome<Subject> {
    Subject::new(text).ok_or_else(|| {
        Failure::usage(
            "a subject has 1 to 64 bytes and no control characters; see `doorward sessions list`",
        )
    })
}

fn quoted(name: WorkspaceName) -> String {
    output::shell_word(name.as_str())
}

fn placing(args: &PlaceWorkspaceArgs) -> Outcome<Placing> {
    let claims = args.routes.iter().map(|route| {
        Claim::parse(route).ok_or_else(|| {
            Failure::usage(format!(
                "--route doesn't take \"{route}\": it takes a host, such as shop.example, or a \
                 plain path outside of /.doorward, such as /notebook, but not /"
            ))
        })
    });
    let mut placing = Placing { claims: claims.collect::<Outcome<_>>()?, ..Placing::default() };
    for upstream in &args.upstreams {
        let (server, is_web) = server(upstream)?;
        let place = if is_web { &mut placing.web } else { &mut placing.bytes };
        if place.replace(server).is_some() {
            return Err(Failure::usage(
                "--upstream takes one web server (http://…) and one of bytes (tcp://… or unix:…) \
                 at most",
            ));
        }
    }
    Ok(placing)
}

/// A server, and whether it is a web server. What is wrong is not repeated: it may hold a password.
fn server(text: &str) -> Outcome<(Server, bool)> {
    let guarded = Guarded::parse(text)
        .map_err(|expected| Failure::usage(format!("--upstream takes {expected}")))?;
    let server = Server::new(text).ok_or_else(|| {
        Failure::usage("--upstream takes at most 256 characters of ASCII, without spaces")
    })?;
    Ok((server, matches!(guarded, Guarded::Web(_))))
}

/// What to know of a workspace that can't be reached as things are.
fn advise(state: &State, placing: &Placing) -> Outcome {
    let running = presence::running(&state.dir);
    let quic = running.as_ref().is_none_or(|listener| listener.quic_port.is_some());
    if placing.bytes.is_some() && !quic {
        return output::line(
            "Bytes are reached over QUIC, which the running listener doesn't speak: give it --quic.",
        );
    }
    if placing.claims.is_empty() && placing.web.is_some() {
        return output::line(
            "It has no route: over HTTP only those get there whose default it is (`add --home`).",
        );
    }
    Ok(())
}
