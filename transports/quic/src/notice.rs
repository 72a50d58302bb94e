//! Tells a client when its session ends.

use std::time::Duration;

use doorward_gate::{Admission, Deadline};
use doorward_policy::Timestamp;
use doorward_policy::notice::Notice;
use quinn::{Connection, WriteError};
use tokio::time::timeout;

/// Ahead of what is guarded, which may be plenty.
const PRIORITY: i32 = 1;

/// What there is to tell of a session's end.
pub(crate) fn of(deadline: Deadline, admission: &Admission, now: Timestamp) -> Notice {
    let left = deadline.ends_at.since(now).as_secs();
    // What goes by no token is never renewed.
    let moves = |absolute_end| deadline.ends_at < absolute_end;
    let absolute = !admission.admitted.claims().is_some_and(|it| moves(it.absolute_end));
    Notice { left: u32::try_from(left).unwrap_or(u32::MAX), absolute }
}

/// Tells it on a stream of its own. A client that allows none, or doesn't take it within
/// `patience`, goes without: it need not care.
pub(crate) async fn tell(connection: Connection, notice: Notice, patience: Duration) {
    let told = async {
        let mut stream = connection.open_uni().await?;
        let _result = stream.set_priority(PRIORITY);
        stream.write_all(&notice.frame()).await?;
        let _result = stream.finish();
        Ok::<_, WriteError>(())
    };
    if !matches!(timeout(patience, told).await, Ok(Ok(()))) {
        tracing::debug!("a client takes no notice of its session's end");
    }
}
