//! A server in this process, as the player sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorward_gate::store::sqlite::SqliteSettings;
use doorward_gate::store::{MemoryStore, SqliteStore, Store};
use doorward_http::Upstream;
use doorward_policy::id::Issuer;
use doorward_policy::settings::Settings;
use doorward_probe::{
    Attack, Audited, HttpAddress, NotOffered, Pending, Profile, QuicAddress, Recorded, Step,
    Target, Variables,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::door::Door;
use crate::failing::Breakable;
use crate::guarded::{mirror, nobody};
use crate::quic::Wicket;
use crate::settings::{Asked, Behind};

/// A server in this process.
pub(crate) struct Server {
    profile: Profile,
    pub(crate) running: Mutex<Running>,
    addresses: std::sync::Mutex<(HttpAddress, QuicAddress)>,
    asked: Asked,
    directory: Option<TempDir>,
}

/// What of it can be started anew.
pub(crate) struct Running {
    /// Gone only while it is started anew.
    door: Option<Door>,
    _wicket: Wicket,
    pub(crate) store: Arc<Breakable>,
    /// Another way in to the same state, for what has to be prepared where this machine is a
    /// stranger to the server under attack.
    aside: Option<Door>,
    /// How many records of the audit log were looked at without a trace id.
    seen: usize,
}

impl Running {
    pub(crate) fn door(&self) -> &Door {
        self.door.as_ref().expect("it runs")
    }

    /// The way in for preparations.
    pub(crate) fn way_in(&self) -> &Door {
        self.aside.as_ref().unwrap_or_else(|| self.door())
    }
}

impl Server {
    /// Starts the one that an attack asks for.
    pub(crate) async fn open(attack: &Attack) -> Result<Self, String> {
        let asked = Asked::read(&attack.settings)?;
        let restarts = attack.steps.iter().any(|step| matches!(step, Step::Restart {}));
        let directory = restarts.then(|| tempfile::tempdir().expect("it can be made"));
        let store: Arc<dyn Store> = match &directory {
            Some(directory) => Arc::new(database(directory, &asked)),
            None => Arc::new(MemoryStore::new(asked.capacity, [3; 8])),
        };
        let store = Arc::new(Breakable::new(store));
        let upstream = behind(asked.behind).await;
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let door = Door::on(shared, asked.settings.clone(), upstream, asked.http).await;
        let wicket = Wicket::with(&door, None, asked.quic);
        let aside = if asked.settings.exposure.is_remote() {
            Some(door.beside(Settings::default(), None).await)
        } else {
            None
        };
        let addresses = std::sync::Mutex::new(addresses(&door, &wicket));
        let running = Running { door: Some(door), _wicket: wicket, store, aside, seen: 0 };
        let profile = Profile::doorward();
        Ok(Self { profile, running: Mutex::new(running), addresses, asked, directory })
    }

    /// Ends it as if it were killed, and starts it on what it had written down.
    pub(crate) async fn restart(&self, running: &mut Running) -> Result<(), NotOffered> {
        let lacking = || NotOffered("a restart without a database".to_owned());
        let directory = self.directory.as_ref().ok_or_else(lacking)?;
        let door = running.door.take().expect("it runs");
        let store = Arc::new(Breakable::new(Arc::new(database(directory, &self.asked))));
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let (settings, upstream) = (self.asked.settings.clone(), behind(self.asked.behind).await);
        let door = door.restarted(shared, settings, upstream, self.asked.http).await;
        let wicket = Wicket::with(&door, None, self.asked.quic);
        *self.addresses.lock().expect("nobody panics") = addresses(&door, &wicket);
        running.store = store;
        running.door = Some(door);
        running._wicket = wicket;
        Ok(())
    }
}

fn database(directory: &TempDir, asked: &Asked) -> SqliteStore {
    let settings = SqliteSettings { capacity: asked.capacity, ..SqliteSettings::default() };
    let path = directory.path().join("doorward.db");
    SqliteStore::open(&path, Issuer::new([7; 16]), settings).expect("it opens")
}

async fn behind(behind: Behind) -> Option<Upstream> {
    let address = match behind {
        Behind::Nothing => return None,
        Behind::Mirror => mirror().await,
        Behind::Refuses => nobody().await,
    };
    Some(Upstream::parse(&format!("http://{address}")).expect("it is one"))
}

fn addresses(door: &Door, wicket: &Wicket) -> (HttpAddress, QuicAddress) {
    let authority = door.address.to_string();
    let http =
        HttpAddress { address: door.address, tls: false, certificate_sha256: None, authority };
    let (address, server_name) = (wicket.address, "localhost".to_owned());
    (http, QuicAddress { address, server_name, certificate_sha256: None })
}

impl Target for Server {
    fn http(&self) -> Option<HttpAddress> {
        Some(self.addresses.lock().expect("nobody panics").0.clone())
    }

    fn quic(&self) -> Option<QuicAddress> {
        Some(self.addresses.lock().expect("nobody panics").1.clone())
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    /// It was started with what the attack asks for.
    fn settle<'a>(
        &'a self,
        _settings: &'a BTreeMap<String, toml::Value>,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(async { Ok(()) })
    }

    fn prepare<'a>(
        &'a self,
        step: &'a Step,
        known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(self.take(step, known))
    }

    fn audit<'a>(&'a self, trace_id: Option<&'a str>) -> Pending<'a, Audited> {
        Box::pin(async move {
            let mut running = self.running.lock().await;
            let records = read(&running).await;
            let record = match trace_id {
                Some(trace_id) => records.iter().rfind(|record| record["trace_id"] == trace_id),
                None => {
                    let new = records.get(running.seen..).unwrap_or_default();
                    let refused = |record: &&Value| {
                        record["event"] == "denied" || record["event"] == "closed"
                    };
                    new.iter().rfind(refused)
                }
            };
            match record {
                None => Audited::Missing,
                Some(record) => {
                    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
                    let recorded = Recorded { reason: text("reason"), threat: text("threat") };
                    running.seen = records.len();
                    Audited::Recorded(recorded)
                }
            }
        })
    }

    fn records(&self) -> Pending<'_, Option<Vec<String>>> {
        Box::pin(async {
            let running = self.running.lock().await;
            Some(read(&running).await.iter().map(Value::to_string).collect())
        })
    }
}

/// The audit log. A store that was broken is mended as long as it is read.
async fn read(running: &Running) -> Vec<Value> {
    let was_broken = running.store.set_broken(false);
    let records = running.door().audit().await;
    running.store.set_broken(was_broken);
    records
}
