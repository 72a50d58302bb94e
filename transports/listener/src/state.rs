//! The state directory of a command: keys, store, clock and generator.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::keyfile::{KEYS, STORE, open_state};
use doorward_gate::store::Store;
use doorward_gate::{Clock as _, SystemClock, SystemEntropy};
use doorward_policy::Timestamp;
use doorward_policy::keys::MasterKeys;

use crate::cli::StateArgs;
use crate::config::Config;
use crate::failure::{Failure, Outcome};

/// An opened state directory.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dir: PathBuf,
    pub(crate) keys: MasterKeys,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) entropy: Arc<SystemEntropy>,
}

impl State {
    /// Opens the state directory, or makes it.
    pub(crate) async fn create(dir: &Path) -> Outcome<Self> {
        let entropy = Arc::new(SystemEntropy);
        let now = SystemClock::new(Timestamp::EPOCH).now().map_err(Failure::failed)?;
        let opened = open_state(dir, now, &*entropy).map_err(Failure::failed)?;
        let store: Arc<dyn Store> = Arc::new(opened.store);
        let floor = store.clock().await.map_err(Failure::failed)?;
        let clock = Arc::new(SystemClock::new(floor));
        Ok(Self { dir: dir.to_owned(), keys: opened.keys, store, clock, entropy })
    }

    /// Opens the state directory that a command names.
    pub(crate) async fn open(args: &StateArgs) -> Outcome<Self> {
        let config = Config::load(args.config.as_deref(), args.overrides())?;
        Self::existing(&config.state_dir()?).await
    }

    /// Opens a state directory that a listener has made.
    pub(crate) async fn existing(dir: &Path) -> Outcome<Self> {
        if !dir.join(KEYS).exists() && !dir.join(STORE).exists() {
            return Err(Failure::failed(format!(
                "there is no state in {} yet: run `doorward serve` first, or name its directory \
                 with --state-dir",
                dir.display()
            )));
        }
        Self::create(dir).await
    }

    pub(crate) fn now(&self) -> Outcome<Timestamp> {
        self.clock.now().map_err(Failure::failed)
    }

    /// An audit record of something that is done here, on the command line.
    pub(crate) fn audit(&self, event: Event) -> Outcome<AuditRecord> {
        Ok(AuditRecord::new(event, self.now()?).because("command line"))
    }
}
