//! The headers of the negative controls.

use doorward_policy::threat::Threat;

use crate::model::{Control, Fault, Item, Rule};

/// Reads the header of a patch.
pub(crate) fn parse(file: &str, text: &str) -> Result<Control, Fault> {
    let mut threat = None;
    let mut guard = None;
    let mut evidence = Vec::new();
    let mut has_patch = false;
    for (line, row) in (1..).zip(text.lines()) {
        let failed = |what: String| Fault {
            file: file.to_owned(),
            line: Some(line),
            rule: Rule::Readable,
            what,
        };
        if row.starts_with("diff --git ") {
            has_patch = true;
            break;
        }
        match row.split_once(':').map(|(key, value)| (key, value.trim())) {
            Some(("Threat", name)) => {
                let row = Threat::find(name)
                    .ok_or_else(|| failed(format!("no threat is called \"{name}\"")))?;
                threat = Some(row.id);
            }
            Some(("Guard", value)) if !value.is_empty() => guard = Some(value.to_owned()),
            Some(("Evidence", value)) => evidence.push(item(value).ok_or_else(|| {
                failed("an evidence is `Evidence: PACKAGE TEST_TARGET FILTER`".to_owned())
            })?),
            _ if row.trim().is_empty() => {}
            _ => {
                return Err(failed(
                    "the header of a negative control is lines of `Threat:`, `Guard:` and \
                     `Evidence:`, and then a `git diff`"
                        .to_owned(),
                ));
            }
        }
    }
    let missing = |what: &str| Fault {
        file: file.to_owned(),
        line: None,
        rule: Rule::Readable,
        what: format!("this negative control has no {what}"),
    };
    let threat = threat.ok_or_else(|| missing("line `Threat:`"))?;
    let guard = guard.ok_or_else(|| missing("line `Guard:` that says what is taken out"))?;
    if !has_patch {
        return Err(missing("patch: `diff --git` follows the header"));
    }
    let name = file.rsplit('/').next().and_then(|name| name.strip_suffix(".patch"));
    if name != Some(threat.name()) {
        return Err(Fault {
            file: file.to_owned(),
            line: None,
            rule: Rule::Readable,
            what: format!("the negative control of {0} is called {0}.patch", threat.name()),
        });
    }
    Ok(Control { threat, guard, evidence, file: file.to_owned() })
}

/// `PACKAGE TEST_TARGET FILTER`.
pub(crate) fn item(text: &str) -> Option<Item> {
    let mut words = text.splitn(3, ' ').map(|word| word.trim().to_owned());
    let item = Item { package: words.next()?, target: words.next()?, name: words.next()? };
    let whole = [&item.package, &item.target, &item.name].iter().all(|word| !word.is_empty());
    whole.then_some(item)
}

#[cfg(test)]
mod tests {
    use doorward_policy::threat::ThreatId;

    use super::*;

    const FILE: &str = "tests/negative-controls/DW-GRANT-REPLAY.patch";
    const HEADER: &str = "Threat: DW-GRANT-REPLAY
Guard: a spent grant is refused (policy/src/grant.rs)
Evidence: doorward-policy grants a_spent_grant_buys_nothing
Evidence: doorward-tests attacks grant-replay

diff --git a/policy/src/grant.rs b/policy/src/grant.rs
Anything: else
";

    #[test]
    fn a_header_says_what_is_taken_out_and_what_must_fail() {
        let control = parse(FILE, HEADER).expect("a control");
        assert_eq!(control.threat, ThreatId::GrantReplay);
        assert_eq!(control.guard, "a spent grant is refused (policy/src/grant.rs)");
        let evidence: Vec<String> = control.evidence.iter().map(Item::to_string).collect();
        assert_eq!(
            evidence,
            [
                "doorward-policy grants a_spent_grant_buys_nothing",
                "doorward-tests attacks grant-replay"
            ]
        );
    }

    #[test]
    fn a_header_that_lacks_something_is_refused_with_its_line() {
        let said = |file: &str, from: &str, to: &str| {
            parse(file, &HEADER.replace(from, to)).expect_err("refused").to_string()
        };
        assert!(said(FILE, "DW-GRANT-REPLAY", "DW-NOTHING").contains(":1: no threat is called"));
        assert!(said(FILE, "Guard:", "Gard:").contains(":2: the header of"));
        assert!(
            said(FILE, "Guard: a spent grant is refused (policy/src/grant.rs)\n", "")
                .contains("`Guard:`")
        );
        assert!(
            said(FILE, " grants a_spent_grant_buys_nothing", " grants")
                .contains(":3: an evidence is")
        );
        assert!(said(FILE, "diff --git a", "").contains("the header of"));
        assert!(
            said("tests/negative-controls/DW-X.patch", "x", "x").contains("DW-GRANT-REPLAY.patch")
        );
        let cut = HEADER.split("diff").next().unwrap_or_default();
        assert!(parse(FILE, cut).expect_err("refused").what.contains("no patch"));
    }
}
