//! The tables of `docs/requirements`.

use doorward_policy::threat::{Invariant, Threat, ThreatId};

use crate::model::{Fault, Requirement, RequirementId, Rule};

const HEADING: [&str; 4] = ["id", "requirement", "threats", "invariants"];

/// Takes up every table of a page. A row that is not of the form is a fault, and no requirement.
pub(crate) fn parse(file: &str, text: &str) -> (Vec<Requirement>, Vec<Fault>) {
    let mut requirements: Vec<Requirement> = Vec::new();
    let mut faults = Vec::new();
    let mut before: Option<&str> = None;
    for (line, row) in (1..).zip(text.lines()) {
        let above = before.replace(row);
        if !row.trim_start().starts_with('|') {
            continue;
        }
        match parse_row(row, above) {
            Ok(None) => {}
            Ok(Some(parsed)) => {
                requirements.push(Requirement { file: file.to_owned(), line, ..parsed });
            }
            Err(what) => {
                let fault =
                    Fault { file: file.to_owned(), line: Some(line), rule: Rule::Readable, what };
                faults.push(fault);
            }
        }
    }
    (requirements, faults)
}

/// One line of a table; `None` for its heading and the line below that.
fn parse_row(row: &str, above: Option<&str>) -> Result<Option<Requirement>, String> {
    let cells = cells(row)?;
    let begins = !above.is_some_and(|above| above.trim_start().starts_with('|'));
    if begins {
        let heading = format!("| {} |", HEADING.join(" | "));
        return if cells == HEADING {
            Ok(None)
        } else {
            Err(format!("a table of requirements begins with `{heading}`"))
        };
    }
    let ruler = |cell: &String| cell.len() >= 3 && cell.bytes().all(|byte| byte == b'-');
    if cells.iter().all(ruler) {
        return Ok(None);
    }
    let [id, text, threats, invariants] = cells.as_slice() else {
        return Err(format!(
            "this row has {} cells instead of 4; write `\\|` for a bar in a text",
            cells.len()
        ));
    };
    let id = RequirementId::new(id).ok_or_else(|| {
        format!(
            "\"{id}\" is no name of a requirement, which is capital letters, a hyphen, a number"
        )
    })?;
    if !["MUST", "MUST NOT"].iter().any(|word| has_word(text, word)) {
        return Err(format!("{id} says nowhere what MUST hold; write it as one MUST sentence"));
    }
    if !text.ends_with('.') {
        return Err(format!("{id} is no whole sentence: it ends without a full stop"));
    }
    Ok(Some(Requirement {
        threats: listed(&id, threats, "threat", |name| {
            Threat::find(name).filter(|row| row.name == name).map(|row| row.id)
        })?,
        invariants: listed(&id, invariants, "invariant", |name| {
            Invariant::ALL.into_iter().find(|one| one.name() == name)
        })?,
        id,
        text: text.clone(),
        file: String::new(),
        line: 0,
    }))
}

/// The cells of a row; `\|` is a bar in a text.
fn cells(row: &str) -> Result<Vec<String>, String> {
    let inner = row
        .trim()
        .strip_prefix('|')
        .and_then(|rest| rest.strip_suffix('|'))
        .filter(|inner| !inner.ends_with('\\'))
        .ok_or("a row of a table ends with `|`")?;
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for each in inner.chars() {
        match (escaped, each) {
            (false, '\\') => escaped = true,
            (false, '|') => cells.push(String::new()),
            (was, each) => {
                escaped = false;
                if let Some(cell) = cells.last_mut() {
                    if was && each != '|' {
                        cell.push('\\');
                    }
                    cell.push(each);
                }
            }
        }
    }
    Ok(cells.into_iter().map(|cell| cell.trim().to_owned()).collect())
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|each: char| !each.is_alphanumeric() && each != ' ')
        .any(|part| format!(" {part} ").contains(&format!(" {word} ")))
}

/// A list with commas of things that exist, none of them twice.
fn listed<T: PartialEq>(
    id: &RequirementId,
    cell: &str,
    what: &str,
    find: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for name in cell.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let one = find(name)
            .ok_or_else(|| format!("{id} names \"{name}\", and no {what} is called that"))?;
        if found.contains(&one) {
            return Err(format!("{id} names the {what} {name} twice"));
        }
        found.push(one);
    }
    if found.is_empty() {
        return Err(format!("{id} names no {what}; give at least one"));
    }
    Ok(found)
}

/// Names that stand twice, which is a fault where they stand again.
pub(crate) fn twice(requirements: &[Requirement]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, one) in requirements.iter().enumerate() {
        if let Some(first) = requirements.iter().take(index).find(|other| other.id == one.id) {
            faults.push(Fault {
                file: one.file.clone(),
                line: Some(one.line),
                rule: Rule::Readable,
                what: format!(
                    "{} stands in {}:{} already; give this one a number of its own",
                    one.id, first.file, first.line
                ),
            });
        }
    }
    faults
}

/// Whether a requirement is one of a threat's.
pub(crate) fn of(requirements: &[Requirement], threat: ThreatId) -> Vec<&Requirement> {
    requirements.iter().filter(|one| one.threats.contains(&threat)).collect()
}
