//! The catalog in the formats that people and other tools read.
//!
//! An export is a function of the catalog alone: it holds no date and no path of this machine, so
//! that the same source gives the same bytes. `docs/catalog-export.md` says what stands where.

mod cyclonedx;
mod html;
mod json;
mod links;
mod markdown;
mod otm;
mod sarif;
mod view;

use crate::Catalog;
use view::View;

/// What the catalog can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Everything there is, in a shape of our own (`tests/schemas/doorward-catalog.schema.json`).
    Json,
    /// The page `docs/threats.md`; its links lead from the folder `docs`.
    Markdown,
    /// One page that needs nothing but itself.
    Html,
    /// An Open Threat Model, version 0.2.0.
    Otm,
    /// CycloneDX 1.6: what is claimed, for which requirements, with which evidence.
    Cyclonedx,
    /// SARIF 2.1.0: a rule and a result for each threat.
    Sarif,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Json, Self::Markdown, Self::Html, Self::Otm, Self::Cyclonedx, Self::Sarif];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Otm => "otm",
            Self::Cyclonedx => "cyclonedx",
            Self::Sarif => "sarif",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Writes the catalog as `format`, ending with a line feed.
#[must_use]
pub fn export(catalog: &Catalog, format: Format) -> String {
    let view = View::of(catalog);
    match format {
        Format::Json => json::write(&view),
        Format::Markdown => markdown::write(&view),
        Format::Html => html::write(&view),
        Format::Otm => otm::write(&view),
        Format::Cyclonedx => cyclonedx::write(&view),
        Format::Sarif => sarif::write(&view),
    }
}

/// The version of Doorward that all this is about.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What all formats say about this project.
const REPOSITORY_NOTE: &str = "Paths are from the root of Doorward's repository.";
