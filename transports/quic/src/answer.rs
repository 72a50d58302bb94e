//! What ends a connection: an application error code, and the reason in words.

use doorward_gate::{Problem, Refusal};
use doorward_policy::Timestamp;
use doorward_policy::denial::Denial;
use doorward_policy::id::TraceId;
use quinn::{Connection, VarInt};

/// Nothing went wrong.
pub(crate) const DONE: VarInt = VarInt::from_u32(0);
/// A stream's own code, where the guarded server doesn't answer: 4000 and HTTP's 502.
pub(crate) const BAD_GATEWAY: VarInt = VarInt::from_u32(4502);

/// Closes a connection that was refused.
pub(crate) fn refuse(connection: &Connection, refusal: &Refusal) {
    close(connection, refusal.denied.denial, &refusal.problem());
}

/// Closes a connection that was admitted, and must end.
pub(crate) fn end(connection: &Connection, denial: Denial, trace: TraceId, now: Timestamp) {
    let retry_after = denial.retry_after(now);
    close(connection, denial, &Problem { retry_after, ..Problem::new(denial, trace) });
}

fn close(connection: &Connection, denial: Denial, problem: &Problem<'_>) {
    // Strings and a number: serialising them can't fail.
    let reason = serde_json::to_vec(problem).unwrap_or_default();
    connection.close(code(denial), &reason);
}

/// The error code of a refusal.
pub(crate) fn code(denial: Denial) -> VarInt {
    VarInt::from_u32(denial.public().error_code().into())
}
