//! `doorward check-config`.

use crate::cli::CheckConfigArgs;
use crate::config::Config;
use crate::failure::Outcome;
use crate::output;

/// Checks the settings and prints them as a file would spell them. There is no secret among them.
pub(super) fn run(args: &CheckConfigArgs) -> Outcome {
    let settings = &args.settings;
    let mut config = Config::load(settings.config.as_deref(), settings.overrides())?;
    config.settings()?;
    config.state_dir = Some(config.state_dir()?);
    output::line(config.in_effect()?.trim_end())
}
