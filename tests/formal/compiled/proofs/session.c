#include "machine.h"

#define MINUTE 60
#define CEILING (90 * 24 * 60 * MINUTE)
#define NANOS 1000000000
/* The last second that a token can spell. */
#define LATEST (UINT32_MAX * UINT64_C(1000))

/* In whole seconds. */
struct lifetimes { u32 idle, absolute; };
struct token { u64 issued_at, expires_at, absolute_end; };

static struct lifetimes any_lifetimes(void) {
  struct lifetimes life = {nondet_u32(), nondet_u32()};
  ASSUME(life.idle >= MINUTE && life.idle <= life.absolute && life.absolute <= CEILING);
  return life;
}

static u64 any_whole_second(void) { return nondet_u32() * UINT64_C(1000); }

#define ANY_LENGTHS                                                             \
  start();                                                                      \
  u64 idle = nondet_u64(), absolute = nondet_u64();                             \
  u32 idle_nanos = nondet_u32(), absolute_nanos = nondet_u32();                 \
  ASSUME(idle_nanos < NANOS && absolute_nanos < NANOS);                         \
  bool accepted = Z_coreZ_session_lifetimes(&core, idle, idle_nanos, absolute, absolute_nanos)

void proof_no_lifetime_is_out_of_bounds(void) {
  ANY_LENGTHS;
  bool whole = idle_nanos == 0 && absolute_nanos == 0;
  PROVE(accepted == (whole && idle >= MINUTE && idle <= absolute && absolute <= CEILING));
}

void control_no_lifetime_is_out_of_bounds(void) {
  ANY_LENGTHS;
  if (idle >= MINUTE && idle <= absolute && absolute <= CEILING) PROVE(accepted);
}

#define ANY_SESSION                                                                \
  start();                                                                         \
  struct lifetimes life = any_lifetimes();                                         \
  u64 now = nondet_u64();                                                          \
  Z_coreZ_session_times(&core, life.idle, life.absolute, now);                     \
  u64 began = said(0), expires_at = said(1), absolute_end = said(2)

/* Before the year 2106 to the second; after it, a session is over when it is opened. */
void proof_a_session_begins_with_its_lifetimes(void) {
  ANY_SESSION;
  PROVE(began <= now && (now > LATEST || now - began < 1000));
  PROVE(expires_at == began + life.idle * UINT64_C(1000));
  PROVE(absolute_end == began + life.absolute * UINT64_C(1000));
}

void control_a_session_begins_with_its_lifetimes(void) {
  ANY_SESSION;
  (void)began, (void)absolute_end;
  PROVE(expires_at == now + life.idle * UINT64_C(1000));
}

#define ANY_RENEWAL                                                                       \
  start();                                                                                \
  struct lifetimes life = any_lifetimes();                                                \
  struct token token = {any_whole_second(), any_whole_second(), any_whole_second()};      \
  u64 now = nondet_u64();                                                                 \
  u32 renewed = Z_coreZ_session_renewal(&core, token.issued_at, token.expires_at,         \
                                        token.absolute_end, life.idle, life.absolute, now); \
  u64 issued_at = said(0), expires_at = said(1), absolute_end = said(2);                  \
  (void)issued_at, (void)expires_at, (void)absolute_end;                                  \
  if (!renewed) return

void proof_no_renewal_passes_the_absolute_end(void) {
  ANY_RENEWAL;
  PROVE(expires_at <= token.absolute_end && absolute_end == token.absolute_end);
  PROVE(expires_at > token.expires_at);
  PROVE(expires_at <= now + life.idle * UINT64_C(1000));
}

void control_no_renewal_passes_the_absolute_end(void) {
  ANY_RENEWAL;
  PROVE(expires_at < token.absolute_end);
}

void proof_a_renewal_changes_nothing_but_times(void) {
  ANY_RENEWAL;
  PROVE(renewed == 1 && issued_at <= now);
}

void control_a_renewal_changes_nothing_but_times(void) {
  ANY_RENEWAL;
  PROVE(issued_at == token.issued_at);
}

void proof_a_sessions_expiry_moves_on_and_not_past_its_end(void) {
  start();
  u64 expires_at = nondet_u64(), absolute_end = nondet_u64(), to = nondet_u64();
  ASSUME(expires_at <= absolute_end);
  u64 moved = Z_coreZ_session_extend(&core, expires_at, absolute_end, to);
  PROVE(moved >= expires_at && moved <= absolute_end);
  PROVE(moved == expires_at || moved == absolute_end || moved == to);
}

void control_a_sessions_expiry_moves_on_and_not_past_its_end(void) {
  start();
  u64 expires_at = nondet_u64(), absolute_end = nondet_u64(), to = nondet_u64();
  ASSUME(expires_at <= absolute_end);
  PROVE(Z_coreZ_session_extend(&core, expires_at, absolute_end, to) >= to);
}

void proof_a_session_is_live_until_it_ends(void) {
  start();
  bool revoked = nondet_bool();
  u64 expires_at = nondet_u64(), now = nondet_u64();
  PROVE(Z_coreZ_session_is_live(&core, revoked, expires_at, now) == (!revoked && now < expires_at));
}

void control_a_session_is_live_until_it_ends(void) {
  start();
  bool revoked = nondet_bool();
  u64 expires_at = nondet_u64(), now = nondet_u64();
  PROVE(Z_coreZ_session_is_live(&core, revoked, expires_at, now) == (!revoked && now <= expires_at));
}

void proof_a_limit_gives_nothing(void) {
  start();
  u32 held = nondet_u32(), to = nondet_u32();
  ASSUME(held <= 15 && to <= 15);
  PROVE(Z_coreZ_session_limit(&core, held, to) == (held & to));
}

void control_a_limit_gives_nothing(void) {
  start();
  u32 held = nondet_u32(), to = nondet_u32();
  ASSUME(held <= 15 && to <= 15);
  PROVE(Z_coreZ_session_limit(&core, held, to) == to);
}
