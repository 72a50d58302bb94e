//! The incidents that no attack replays, and why: `tests/attacks/exempt.toml`.

use crate::controls::item;
use crate::model::{Exemption, Fault, Rule};

/// The file.
pub(crate) const FILE: &str = "tests/attacks/exempt.toml";

const FORM: &str = "an exemption is `[[incident]]` with `id`, `reason` and `test`, which is \
    `PACKAGE TARGET TEST`";

/// Reads the file. What is not of the form is a fault, and exempts nothing.
pub(crate) fn parse(text: &str) -> (Vec<Exemption>, Vec<Fault>) {
    let fault = |line, what| Fault { file: FILE.to_owned(), line, rule: Rule::Readable, what };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return (Vec::new(), vec![fault(None, format!("{error}").trim().to_owned())]),
    };
    let mut exemptions = Vec::new();
    let mut faults = Vec::new();
    for (key, value) in &table {
        let Some(list) = value.as_array().filter(|_| key == "incident") else {
            faults.push(fault(line_of(text, key), FORM.to_owned()));
            continue;
        };
        for one in list {
            match exemption(one, text) {
                Some(one) => exemptions.push(one),
                None => faults.push(fault(None, format!("{FORM}; this is none: {one}"))),
            }
        }
    }
    (exemptions, faults)
}

fn exemption(value: &toml::Value, text: &str) -> Option<Exemption> {
    let table = value.as_table().filter(|table| table.len() == 3)?;
    let get = |key| table.get(key).and_then(toml::Value::as_str).filter(|text| !text.is_empty());
    let incident = get("id")?.to_owned();
    Some(Exemption {
        line: line_of(text, &incident).unwrap_or(1),
        reason: get("reason")?.to_owned(),
        test: item(get("test")?)?,
        incident,
    })
}

/// The first line that something stands in and is no comment.
fn line_of(text: &str, what: &str) -> Option<usize> {
    let holds = |row: &str| !row.trim_start().starts_with('#') && row.contains(what);
    (1..).zip(text.lines()).find(|(_, row)| holds(row)).map(|(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exemption_names_incident_reason_and_test() {
        let text =
            "# CVE-1\n[[incident]]\nid = \"CVE-1\"\nreason = \"it is timing\"\ntest = \"p t n\"\n";
        let (exemptions, faults) = parse(text);
        assert_eq!(faults, []);
        let [one] = exemptions.as_slice() else { panic!("{exemptions:?}") };
        assert_eq!((one.incident.as_str(), one.line), ("CVE-1", 3));
        assert_eq!((one.reason.as_str(), one.test.to_string().as_str()), ("it is timing", "p t n"));
    }

    #[test]
    fn what_is_no_exemption_is_a_fault() {
        for text in [
            "[[incident]]\nid = \"CVE-1\"\nreason = \"x\"\n",
            "[[incident]]\nid = \"CVE-1\"\nreason = \"\"\ntest = \"p t n\"\n",
            "[[incident]]\nid = \"CVE-1\"\nreason = \"x\"\ntest = \"p t\"\n",
            "[[incident]]\nid = \"CVE-1\"\nreason = \"x\"\ntest = \"p t n\"\nmore = 1\n",
            "[[exempt]]\nid = \"CVE-1\"\n",
            "CVE-1 = ",
        ] {
            let (exemptions, faults) = parse(text);
            assert!(exemptions.is_empty() && faults.len() == 1, "{text}: {faults:?}");
        }
    }
}
