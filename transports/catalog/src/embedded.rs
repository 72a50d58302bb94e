//! What the binary carries: the requirements and the attacks of its source.

use doorward_probe::Attack;

use crate::model::{Catalog, Fault, Rule};
use crate::requirements;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

impl Catalog {
    /// What was compiled in: requirements and attacks. Citations and negative controls need the
    /// source beside them ([`Catalog::read`]).
    #[must_use]
    pub fn embedded() -> Self {
        let mut catalog = Self::default();
        for (file, text) in REQUIREMENTS {
            catalog.take_requirements(file, text);
        }
        for (id, text) in doorward_probe::SOURCES {
            catalog.take_attack(&format!("tests/attacks/{id}.toml"), text);
        }
        catalog.unread.extend(requirements::twice(&catalog.requirements));
        catalog
    }

    /// Takes up the requirements of a page.
    pub(crate) fn take_requirements(&mut self, file: &str, text: &str) {
        let (requirements, faults) = requirements::parse(file, text);
        self.requirements.extend(requirements);
        self.unread.extend(faults);
    }

    /// Takes up an attack.
    pub(crate) fn take_attack(&mut self, file: &str, text: &str) {
        let name = file.rsplit('/').next().unwrap_or(file);
        match Attack::parse(name.strip_suffix(".toml").unwrap_or(name), text) {
            Ok(attack) => self.attacks.push(attack),
            Err(error) => self.unread.push(Fault {
                file: file.to_owned(),
                line: error.line,
                rule: Rule::Readable,
                what: format!("this is no attack: {}", error.reason.trim()),
            }),
        }
    }
}
