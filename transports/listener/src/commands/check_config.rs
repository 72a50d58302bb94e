//! `doorward check-config`.

use crate::cli::CheckConfigArgs;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Checks the settings and prints them as a file would spell them. There is no secret among them.
pub(super) fn run(args: &CheckConfigArgs) -> Outcome {
    let settings = &args.settings;
    let mut config = Config::load(settings.config.as_deref(), settings.overrides())?;
    config.settings()?;
    config.state_dir = Some(config.state_dir()?);
    let text = toml::to_string(&config.to_toml()).map_err(Failure::failed)?;
    output::line(text.trim_end())
}
