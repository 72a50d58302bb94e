//! The audit log of the Doorward that is probed: what it says since the probe began.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward_gate::export::AUDIT;
use doorward_gate::store::Store;
use doorward_probe::{Audited, Recorded};
use serde_json::Value;
use tokio::time::sleep;

use crate::failure::{Failure, Outcome};
use crate::state::State;

/// How many lines are asked of the store at once.
const PAGE: usize = 1024;
/// How often it is looked for a record.
const LOOK: Duration = Duration::from_millis(50);
/// How often at most: records of denials lag by up to a second.
const LOOKS: u32 = 60;
/// After this many looks nothing lags any more.
const SETTLED: u32 = 24;

/// The audit log from some moment on.
#[derive(Debug)]
pub(super) struct Watched {
    file: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What there was before is nobody's business here.
    before: u64,
    /// By their numbers.
    records: BTreeMap<u64, String>,
    /// How far the file was read.
    offset: u64,
}

impl Watched {
    /// From now on.
    pub(super) async fn begin(state: &State) -> Outcome<Self> {
        let watched = Self { file: state.dir.join(AUDIT), seen: Mutex::default() };
        watched.refresh(&*state.store).await?;
        let mut seen = watched.lock();
        seen.before = seen.records.last_key_value().map_or(0, |(number, _)| *number);
        seen.records.clear();
        drop(seen);
        Ok(watched)
    }

    /// The record with this trace id or, without one, the last refusal since the last one that was
    /// `told`; of this address alone, where the attack has one of its own.
    pub(super) async fn find(
        &self,
        store: &dyn Store,
        trace_id: Option<&str>,
        from: Option<IpAddr>,
        told: &AtomicU64,
    ) -> Audited {
        let from = from.map(|from| from.to_string());
        for look in 0..LOOKS {
            if self.refresh(store).await.is_err() {
                return Audited::Unreadable;
            }
            // The last one is not known before all are there.
            if (trace_id.is_some() || look >= SETTLED)
                && let Some((number, found)) =
                    self.lock().find(trace_id, from.as_deref(), told.load(Ordering::Relaxed))
            {
                told.fetch_max(number, Ordering::Relaxed);
                return Audited::Recorded(found);
            }
            sleep(LOOK).await;
        }
        Audited::Missing
    }

    /// Every record since the beginning, once nothing lags any more.
    pub(super) async fn all(&self, store: &dyn Store) -> Option<Vec<String>> {
        sleep(LOOK.saturating_mul(SETTLED)).await;
        self.refresh(store).await.ok()?;
        Some(self.lock().records.values().cloned().collect())
    }

    /// Reads what is new: the store first, since what moves into the file meanwhile is then found
    /// twice, and never missed.
    async fn refresh(&self, store: &dyn Store) -> Outcome {
        let mut after = 0;
        loop {
            let page = store.audit_lines(after, PAGE).await.map_err(Failure::failed)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            let mut seen = self.lock();
            page.iter().for_each(|line| seen.add(line.number, &line.json));
        }
        self.lock()
            .read(&self.file)
            .map_err(|error| Failure::failed(format!("can't read the audit log: {error}")))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn add(&mut self, number: u64, json: &str) {
        if number > self.before {
            self.records.entry(number).or_insert_with(|| json.to_owned());
        }
    }

    /// Reads what was added to the file; all of it where another has taken its place.
    fn read(&mut self, path: &PathBuf) -> std::io::Result<()> {
        let Ok(mut file) = File::open(path) else { return Ok(()) };
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
            self.offset = self.offset.saturating_add(u64::try_from(line.len()).unwrap_or_default());
            if let Ok(record) = serde_json::from_str::<Value>(&line)
                && let Some(number) = record.get("n").and_then(Value::as_u64)
            {
                self.add(number, line.trim_end());
            }
            line.clear();
        }
        Ok(())
    }

    fn find(
        &self,
        trace_id: Option<&str>,
        from: Option<&str>,
        told: u64,
    ) -> Option<(u64, Recorded)> {
        self.records.iter().rev().find_map(|(number, json)| {
            let record: Value = serde_json::from_str(json).ok()?;
            let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
            let fits = match trace_id {
                Some(trace_id) => text("trace_id") == trace_id,
                None => {
                    let refused = matches!(text("event"), "denied" | "closed");
                    *number > told && refused && from.is_none_or(|from| text("peer") == from)
                }
            };
            let recorded =
                Recorded { reason: text("reason").to_owned(), threat: text("threat").to_owned() };
            // An admission has the trace id of its connection's end, and no reason; neither has what
            // a client closes.
            (fits && !recorded.reason.is_empty()).then_some((*number, recorded))
        })
    }
}
