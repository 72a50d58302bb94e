//! Tickets: how long one lives.

use doorward_policy::ticket::TicketRecord;

use crate::session::claims;
use crate::time::at;

/// When a ticket expires that a token's holder asks for.
#[unsafe(no_mangle)]
extern "C" fn ticket_issue(token_expires_at: u64, now: u64) -> u64 {
    let claims = claims(0, token_expires_at, token_expires_at);
    TicketRecord::issue(&claims, None, at(now)).expires_at.as_millis()
}
