//! Cargo in the copy: what it builds, and what it says of code that does not compile.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::Problem;

/// Set where this program is asked to be the compiler.
pub const AS_COMPILER: &str = "DOORWARD_MUTANTS_COMPILER";

/// A test program.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file to run.
    pub path: PathBuf,
    /// The folder of its package, in which it runs.
    pub folder: PathBuf,
}

/// Code that does not compile.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The compiler's code for it, such as `E0277`.
    pub code: String,
    /// Where it is, first what it is about: files as the compiler names them, and bytes.
    pub places: Vec<(String, std::ops::Range<usize>)>,
    /// As a reader is shown it.
    pub rendered: String,
}

/// What became of a build.
#[derive(Debug)]
pub enum Built {
    /// It worked.
    Programs(Vec<Program>),
    /// It did not.
    Faults(Vec<Fault>),
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerArtifact {
        manifest_path: PathBuf,
        executable: Option<PathBuf>,
        profile: Profile,
    },
    CompilerMessage {
        message: Message,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Message {
    code: Option<Code>,
    level: String,
    spans: Vec<Place>,
    children: Vec<Child>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Child {
    spans: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Place,
}

/// Builds tests in `tree`: `selection` is what `cargo test` is told to build.
///
/// # Errors
///
/// When cargo can't be run, or fails without saying where.
pub fn build(tree: &Path, target: &Path, selection: &[&str]) -> Result<Built, Problem> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["test", "--quiet", "--no-run", "--offline", "--message-format", "json"])
        .args(selection)
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "1")
        // Only what is of this project is compiled otherwise than always: all else is there already.
        .env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe()?)
        .env(AS_COMPILER, "1")
        .stdin(Stdio::null())
        .output()?;
    let mut programs = Vec::new();
    let mut faults = Vec::new();
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")) {
        match serde_json::from_slice(line)? {
            Line::CompilerArtifact { manifest_path, executable: Some(path), profile }
                if profile.test =>
            {
                let folder = manifest_path.parent().unwrap_or(tree).to_owned();
                programs.push(Program { path, folder });
            }
            Line::CompilerMessage { message } if message.level == "error" => {
                faults.push(fault(message))
            }
            _ => {}
        }
    }
    if output.status.success() {
        return Ok(Built::Programs(programs));
    }
    faults.retain(|fault| !fault.places.is_empty());
    if faults.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(Built::Faults(faults))
}

fn fault(message: Message) -> Fault {
    let mut places = Vec::new();
    let mut spans = message.spans;
    spans.sort_by_key(|span| !span.is_primary);
    for span in spans.into_iter().chain(message.children.into_iter().flat_map(|child| child.spans))
    {
        add(&mut places, span);
    }
    Fault {
        code: message.code.map_or_else(String::new, |code| code.code),
        places,
        rendered: message.rendered.unwrap_or_default(),
    }
}

// Of a macro's own code, what counts is where it was called.
fn add(places: &mut Vec<(String, std::ops::Range<usize>)>, span: Place) {
    places.push((span.file_name, span.byte_start..span.byte_end));
    if let Some(expansion) = span.expansion {
        add(places, expansion.span);
    }
}

/// What this program does where cargo takes it for the compiler: it compiles, with the unstable intrinsic that the
/// switch needs, and without holding the copy to the project's lints.
///
/// # Errors
///
/// When the compiler can't be run.
pub fn compile() -> Result<i32, Problem> {
    let mut arguments = std::env::args_os().skip(1);
    let compiler = arguments.next().ok_or("no compiler was named")?;
    let status = Command::new(compiler)
        .args(arguments)
        .args(["--cap-lints", "allow"])
        .env("RUSTC_BOOTSTRAP", "1")
        .status()?;
    Ok(status.code().unwrap_or(1))
}

/// The names of the tests in a program.
///
/// # Errors
///
/// When it does not list them.
pub fn tests_of(program: &Program) -> Result<BTreeSet<String>, Problem> {
    let output = Command::new(&program.path)
        .args(["--list", "--format", "terse"])
        .current_dir(&program.folder)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}
