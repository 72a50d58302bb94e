//! The comments that cite requirements.

use std::collections::BTreeSet;

use crate::model::{Citation, Fault, Item, Kind, Requirement, RequirementId, Rule};
use crate::source::script;
use crate::source::tree::{FUZZ_BODIES, Tree};

/// Everything that is cited, and every comment that cites nothing that can be made out.
pub(crate) fn collect(tree: &Tree) -> (Vec<Citation>, Vec<Fault>) {
    let mut collected = Collected { tree, citations: Vec::new(), faults: Vec::new() };
    for (file, rust) in &tree.rust {
        for comment in &rust.lexed.comments {
            if comment.alone {
                collected.comment(file, comment.line, &comment.text, "//");
            } else if cited("//", &comment.text).is_some() {
                let what = "a citation stands on a line of its own, above what it is about";
                collected.fault(file, comment.line, Rule::Readable, what.to_owned());
            }
        }
    }
    for (file, text) in &tree.scripts {
        let (begin, end) = match file.rsplit_once('.') {
            Some((_, "mjs")) => ("//", ""),
            Some((_, "v")) => ("(*", "*)"),
            _ => ("#", ""),
        };
        for (line, row) in (1..).zip(text.lines()) {
            let row = row.trim();
            collected.comment(file, line, row.strip_suffix(end).unwrap_or(row), begin);
        }
    }
    (collected.citations, collected.faults)
}

/// What a comment says after `//= req:`.
fn cited<'a>(begin: &str, comment: &'a str) -> Option<&'a str> {
    comment.strip_prefix(begin)?.strip_prefix("= req:")
}

struct Collected<'a> {
    tree: &'a Tree,
    citations: Vec<Citation>,
    faults: Vec<Fault>,
}

impl Collected<'_> {
    fn fault(&mut self, file: &str, line: usize, rule: Rule, what: String) {
        self.faults.push(Fault { file: file.to_owned(), line: Some(line), rule, what });
    }

    fn comment(&mut self, file: &str, line: usize, comment: &str, begin: &str) {
        let Some(text) = cited(begin, comment) else {
            let rest = comment.strip_prefix(begin).and_then(|rest| rest.strip_prefix('='));
            if rest.is_some_and(|rest| rest.trim_start().starts_with("req")) {
                let what = format!("a citation is written `{begin}= req: ID`, and this is not");
                self.fault(file, line, Rule::Readable, what);
            }
            return;
        };
        let parsed = match parse(text) {
            Ok(parsed) => parsed,
            Err(what) => return self.fault(file, line, Rule::Readable, what),
        };
        let item = self.below(file, line, parsed.kind, begin);
        let item = item.unwrap_or_else(|what| {
            self.fault(file, line, Rule::StandsAboveTest, what);
            None
        });
        self.citations.extend(parsed.requirements.into_iter().map(|requirement| Citation {
            requirement,
            kind: parsed.kind,
            file: file.to_owned(),
            line,
            item: item.clone(),
            reason: parsed.reason.clone(),
        }));
    }

    /// What a citation stands above.
    fn below(
        &self,
        file: &str,
        line: usize,
        kind: Kind,
        begin: &str,
    ) -> Result<Option<Item>, String> {
        let name = kind.name();
        if let Some(text) = self.tree.scripts.get(file) {
            let below = script::code_below(text, line, begin);
            return match kind {
                Kind::Exception => Ok(None),
                Kind::Implementation => code(file, below),
                Kind::Proof if file.ends_with(".v") => {
                    let theorem = below
                        .and_then(script::theorem_name)
                        .ok_or("this stands above no theorem; put it right above `Theorem name`")?;
                    Ok(Some(proof(file, theorem)))
                }
                Kind::Test if file.ends_with(".test.mjs") => {
                    let test = below.and_then(script::test_name).ok_or(
                        "this stands above no test; put it right above `test('name', ...`",
                    )?;
                    Ok(Some(scenario(file, test)))
                }
                _ => Err(format!(
                    "type={name} can't be cited here; cite it above a test in Rust, or type=test in \
                     tests/clients/*.test.mjs"
                )),
            };
        }
        let below = self.tree.rust.get(file).and_then(|rust| rust.code_below(line));
        match kind {
            Kind::Exception | Kind::Attack => Ok(None),
            Kind::Implementation => code(file, below.map(|(_, code)| code)),
            Kind::Proof => {
                let holds = below.is_some_and(|(_, code)| code.starts_with("const "));
                let what = "this stands above nothing that the compiler asserts; put it right above \
                            `const _: () = assert!(...)`";
                if holds { Ok(None) } else { Err(what.to_owned()) }
            }
            Kind::Fuzz => self.tree.fuzz_below(file, line).map(Some).ok_or_else(|| {
                format!(
                    "this stands above no fuzz target; put it right above a function of {FUZZ_BODIES} \
                     that has the name of a file of fuzz/fuzz_targets"
                )
            }),
            Kind::Test | Kind::Property | Kind::Model => {
                self.tree.test_below(file, line).map(Some).ok_or_else(|| {
                    format!(
                        "this stands above no test; put it right above the attributes of a `#[test]` \
                         function, or leave out type={name}"
                    )
                })
            }
        }
    }
}

/// An implementation is code, and no test.
fn code(file: &str, below: Option<&str>) -> Result<Option<Item>, String> {
    let is_test = ["tests/", "fuzz/", "benches/"].iter().any(|area| file.starts_with(area))
        || file.contains("/tests/");
    if is_test {
        return Err(
            "nothing here is code that is shipped; say which type of evidence this is, such \
                    as `, type=test`"
                .to_owned(),
        );
    }
    match below {
        Some(code) if !code.starts_with('}') => Ok(None),
        _ => Err("this stands above no code; put it right above what does it".to_owned()),
    }
}

/// A theorem of a file of `tests/formal/model`.
fn proof(file: &str, name: String) -> Item {
    let target = file.rsplit('/').next().and_then(|file| file.strip_suffix(".v"));
    Item { package: Item::MODEL.to_owned(), target: target.unwrap_or(file).to_owned(), name }
}

/// The test of a file of `tests/clients`.
fn scenario(file: &str, name: String) -> Item {
    let target = file.rsplit('/').next().unwrap_or(file);
    let target = target.strip_suffix(".test.mjs").unwrap_or(target).to_owned();
    Item { package: Item::CLIENTS.to_owned(), target, name }
}

/// What a citation says.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    requirements: Vec<String>,
    kind: Kind,
    reason: Option<String>,
}

/// `GRANT-1, GRANT-2, type=test`, or `X-1, type=exception, reason=TEXT`.
fn parse(text: &str) -> Result<Parsed, String> {
    let (list, reason) = match text.split_once("reason=") {
        Some((list, reason)) => (list, Some(reason.trim().to_owned())),
        None => (text, None),
    };
    let mut requirements = Vec::new();
    let mut kind = None;
    let parts = list.trim().trim_end_matches(',').split(',').map(str::trim);
    for part in parts {
        if let Some(name) = part.strip_prefix("type=") {
            let known = Kind::cited(name).ok_or_else(|| {
                let cited = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Attack);
                let names: Vec<&str> = cited.map(Kind::name).collect();
                format!("no citation is of type \"{name}\"; there are: {}", names.join(", "))
            })?;
            if kind.replace(known).is_some() {
                return Err("a citation has one type".to_owned());
            }
        } else if RequirementId::new(part).is_some() {
            requirements.push(part.to_owned());
        } else {
            return Err(format!("\"{part}\" is no name of a requirement, such as GRANT-1"));
        }
    }
    let kind = kind.unwrap_or(Kind::Implementation);
    if requirements.is_empty() {
        return Err("a citation names at least one requirement".to_owned());
    }
    match (kind, &reason) {
        (Kind::Exception, None) => Err("an exception has a reason: add `, reason=TEXT`".to_owned()),
        (Kind::Exception, Some(reason)) if reason.is_empty() => {
            Err("an exception has a reason, and this one is empty".to_owned())
        }
        (Kind::Exception, Some(_)) | (_, None) => Ok(Parsed { requirements, kind, reason }),
        (_, Some(_)) => Err("only an exception (`type=exception`) has a reason".to_owned()),
    }
}

/// The citations of requirements that don't exist.
pub(crate) fn of_nothing(citations: &[Citation], requirements: &[Requirement]) -> Vec<Fault> {
    let known: BTreeSet<&str> = requirements.iter().map(|one| one.id.as_str()).collect();
    let unknown = citations.iter().filter(|one| !known.contains(one.requirement.as_str()));
    unknown
        .map(|one| Fault {
            file: one.file.clone(),
            line: Some(one.line),
            rule: Rule::KnownRequirement,
            what: format!(
                "{} is no requirement; write it down in docs/requirements, or cite another",
                one.requirement
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_names_requirements_a_type_and_a_reason() {
        let parsed = |names: &[&str], kind, reason: Option<&str>| {
            Ok(Parsed {
                requirements: names.iter().map(|name| (*name).to_owned()).collect(),
                kind,
                reason: reason.map(str::to_owned),
            })
        };
        assert_eq!(parse(" GRANT-1"), parsed(&["GRANT-1"], Kind::Implementation, None));
        assert_eq!(parse("A-1, B-22, type=test"), parsed(&["A-1", "B-22"], Kind::Test, None));
        assert_eq!(
            parse(" A-1, type=exception, reason=the kernel does it, and nobody else"),
            parsed(&["A-1"], Kind::Exception, Some("the kernel does it, and nobody else"))
        );
    }

    #[test]
    fn what_is_no_citation_is_said_to_be_none() {
        let said = |text| parse(text).expect_err("refused");
        assert!(said("").contains("no name of a requirement"));
        assert!(said("type=test").contains("at least one"));
        assert!(said("grant-1").contains("\"grant-1\""));
        assert!(said("A-1 B-2").contains("\"A-1 B-2\""));
        assert!(said("A-1, type=proven").contains("there are: implementation, test"));
        assert!(said("A-1, type=attack").contains("\"attack\""));
        assert!(said("A-1, type=test, type=model").contains("one type"));
        assert!(said("A-1, type=exception").contains("add `, reason=TEXT`"));
        assert!(said("A-1, type=exception, reason=").contains("empty"));
        assert!(said("A-1, type=test, reason=because").contains("only an exception"));
    }
}
