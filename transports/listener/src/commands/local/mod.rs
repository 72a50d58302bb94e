//! `doorward local`: tokens of processes, which die with them.

mod process;

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward_gate::admin::{AdminError, Removed, issue_local, remove_locals};
use doorward_gate::audit::Event;
use doorward_gate::store::live_connections;
use doorward_gate::{Processes as _, SystemProcesses, random, rfc3339};
use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::local::{LocalRecord, LocalRequest, LocalSelector, VARIABLE};
use doorward_policy::subject::Subject;
use doorward_policy::workspace::WorkspaceName;
use serde_json::{Value, json};

use self::process::Process;
use super::{asking, block_on, capabilities, counted, names, unheard, workspace_name};
use crate::cli::{
    ExecArgs, ListLocalArgs, LocalCommand, LocalTokenArgs, MintArgs, RevokeLocalArgs,
};
use crate::failure::{Failure, Outcome};
use crate::locals::LocalFiles;
use crate::output;
use crate::presence;
use crate::state::State;

pub(super) fn run(command: &LocalCommand) -> Outcome {
    match command {
        LocalCommand::Mint(args) => block_on(mint(args)),
        LocalCommand::Exec(args) => exec(args),
        LocalCommand::List(args) => block_on(list(args)),
        LocalCommand::Revoke(args) => block_on(revoke(args)),
    }
}

async fn mint(args: &MintArgs) -> Outcome {
    let process = Process::find(args.pid.unwrap_or_else(parent_id))?;
    let (record, path) = register(&args.token, process).await?;
    if !args.json {
        let path = path
            .to_str()
            .ok_or_else(|| Failure::failed("the state directory's name is no UTF-8"))?;
        return output::line(&format!("{VARIABLE}={}", output::shell_word(path)));
    }
    output::json(&json!({
        "id": record.id.to_string(),
        "name": record.name.as_str(),
        "workspace": record.workspace.as_str(),
        "capabilities": names(record.capabilities),
        "pid": record.pid,
        "token_file": path,
        "ends_at": rfc3339(record.ends_at),
    }))
}

/// Registers this process and becomes the command: the id stays.
fn exec(args: &ExecArgs) -> Outcome {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("local exec takes a command: doorward local exec -- CMD"));
    };
    let mut process = Process::find(std::process::id())?;
    process.name = process::label(&base_name(program));
    let (record, path) = block_on(register(&args.token, process))?;
    let error = Command::new(program).args(arguments).env(VARIABLE, path).exec();
    block_on(take_back(&args.token, record.incarnation))?;
    Err(Failure::failed(format!("can't run {}: {error}", program.display())))
}

fn base_name(program: &OsString) -> String {
    let name = Path::new(program).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

async fn register(args: &LocalTokenArgs, process: Process) -> Outcome<(LocalRecord, PathBuf)> {
    let workspace = workspace_name("--workspace", &args.workspace)?;
    let capabilities = capabilities("--can", &args.can)?;
    let name = args.name.as_deref().map(|name| {
        Subject::new(name).ok_or_else(|| {
            Failure::usage("--name takes 1 to 64 bytes of text without control characters")
        })
    });
    let name = name.transpose()?.unwrap_or(process.name);
    let id = args.id.as_deref().map(id).transpose()?;
    let state = State::open(&args.state).await?;
    check_there(&state, workspace).await?;
    if presence::running(&state.dir).is_none() {
        output::hint(&format!(
            "no listener runs on {}: the token is good once one does",
            state.dir.display()
        ));
    }
    let id = id.map_or_else(|| random(&*state.entropy).map(SessionId::new), Ok);
    let request = LocalRequest {
        id: id.map_err(Failure::failed)?,
        name,
        workspace,
        capabilities,
        pid: process.pid,
        started: process.started,
        directory: process.directory,
    };
    keep(&state, &request).await
}

/// Keeps a new token, and writes its file.
async fn keep(state: &State, request: &LocalRequest) -> Outcome<(LocalRecord, PathBuf)> {
    let (store, clock) = (&*state.store, &*state.clock);
    let digester = state.keys.digester();
    let issued =
        issue_local(store, &digester, clock, &*state.entropy, request, Capabilities::ALL).await;
    let (secret, record) = issued.map_err(|error| match error {
        AdminError::Local(error) => Failure::usage(error),
        error => Failure::failed(error),
    })?;
    let files = LocalFiles::of(&state.dir);
    // That of the token which had this id before, and of those whose process has ended.
    files.tidy(store).await.map_err(Failure::failed)?;
    match files.write(record.incarnation, &secret) {
        Ok(path) => Ok((record, path)),
        Err(error) => {
            remove(state, LocalSelector::Incarnations(vec![record.incarnation])).await?;
            let dir = state.dir.display();
            Err(Failure::failed(format!("can't write the token's file to {dir}/local: {error}")))
        }
    }
}

async fn check_there(state: &State, workspace: WorkspaceName) -> Outcome {
    let directory = state.store.directory().await.map_err(Failure::failed)?;
    if directory.workspace(&workspace).is_some() || (directory.is_off() && workspace.is_main()) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "there is no workspace {workspace}; see `doorward workspaces list`"
    )))
}

async fn take_back(args: &LocalTokenArgs, incarnation: SessionId) -> Outcome {
    let state = State::open(&args.state).await?;
    remove(&state, LocalSelector::Incarnations(vec![incarnation])).await.map(|_| ())
}

/// Removes tokens, and their files.
async fn remove(state: &State, which: LocalSelector) -> Outcome<Removed> {
    let audit = state.audit(Event::LocalRemoved)?;
    let removed = remove_locals(&*state.store, &*state.clock, which, audit).await;
    let removed = removed.map_err(Failure::failed)?;
    let files = LocalFiles::of(&state.dir);
    removed.locals.iter().for_each(|local| files.remove(local.incarnation));
    Ok(removed)
}

fn id(text: &str) -> Outcome<SessionId> {
    SessionId::parse(text).ok_or_else(|| {
        Failure::usage("an id has 32 hexadecimal digits, in lower case; see `doorward local list`")
    })
}

async fn list(args: &ListLocalArgs) -> Outcome {
    let state = State::open(&args.state).await?;
    let now = state.now()?;
    let mut locals = state.store.locals().await.map_err(Failure::failed)?;
    locals.retain(|local| now < local.ends_at);
    let reports = state.store.reports(now).await.map_err(Failure::failed)?;
    let connections = live_connections(&reports);
    let live = |local: &LocalRecord| connections.get(&local.incarnation).copied().unwrap_or(0);
    if args.json {
        return output::json(&locals.iter().map(|local| shown(local, live(local))).collect());
    }
    if locals.is_empty() {
        return output::line("No process has a token; `doorward local mint` makes one.");
    }
    let row = |local: &LocalRecord| {
        [
            local.id.to_string(),
            local.name.to_string(),
            local.workspace.to_string(),
            local.capabilities.to_string(),
            local.pid.to_string(),
            if is_alive(local) { "yes" } else { "no" }.to_owned(),
            live(local).to_string(),
            output::minute(local.created_at),
            local.directory.clone(),
        ]
    };
    let rows: Vec<_> = locals.iter().map(row).collect();
    let headings = [
        "ID",
        "NAME",
        "WORKSPACE",
        "CAPABILITIES",
        "PID",
        "ALIVE",
        "CONNECTIONS",
        "SINCE",
        "DIRECTORY",
    ];
    output::table(headings, &rows)
}

fn is_alive(local: &LocalRecord) -> bool {
    SystemProcesses.started(local.pid).is_ok_and(|started| started == Some(local.started))
}

fn shown(local: &LocalRecord, connections: u32) -> Value {
    json!({
        "id": local.id.to_string(),
        "name": local.name.as_str(),
        "workspace": local.workspace.as_str(),
        "capabilities": names(local.capabilities),
        "pid": local.pid,
        "alive": is_alive(local),
        "directory": local.directory,
        "created_at": rfc3339(local.created_at),
        "ends_at": rfc3339(local.ends_at),
        "connections": connections,
    })
}

async fn revoke(args: &RevokeLocalArgs) -> Outcome {
    let which = args.id.as_deref().map(id).transpose()?;
    let which = which.map_or(LocalSelector::All, LocalSelector::Id);
    let state = State::open(&args.state).await?;
    let own = asking::local(&state).await?;
    if !args.self_too && own.is_some_and(|own| which.picks(&own)) {
        return Err(asking::refusal("this process's own token"));
    }
    let removed = remove(&state, which).await?;
    if removed.locals.is_empty() && args.id.is_some() {
        return Err(Failure::failed("there is no such token; see `doorward local list`"));
    }
    let tokens = counted(u64::try_from(removed.locals.len()).unwrap_or(u64::MAX), "token");
    let done = format!("Revoked {tokens}; closed {}", counted(removed.closed, "connection"));
    if removed.unheard > 0 {
        return Err(unheard(&done, removed.unheard));
    }
    output::line(&format!("{done}."))
}
