#include "machine.h"

enum outcome { CONSUME, REPEAT, REVOKED, EXPIRED, SPENT, WORKSPACE, INSUFFICIENT, UNKNOWN, SESSION_GONE };
enum { MET, NO_WORKSPACE, LACKING };

struct grant { u32 uses; u64 expires_at; bool revoked; };
struct attempt { bool repeats; u32 lacking; u64 now; };

static struct grant any_grant(void) {
  return (struct grant){nondet_u32(), nondet_u64(), nondet_bool()};
}

static struct attempt any_attempt(void) {
  struct attempt attempt = {nondet_bool(), nondet_u32(), nondet_u64()};
  ASSUME(attempt.lacking <= LACKING);
  return attempt;
}

/* What the compiled code says, and the grant as the driver keeps it then. */
static enum outcome step(struct grant *grant, struct attempt attempt) {
  u64 answer = Z_coreZ_grant_step(&core, grant->uses, grant->expires_at, grant->revoked,
                                  attempt.repeats, attempt.lacking, attempt.now);
  grant->uses = (u32)answer;
  return (enum outcome)(answer >> 32);
}

#define ANY_STEP                            \
  start();                                  \
  struct grant before = any_grant();        \
  struct grant grant = before;              \
  struct attempt attempt = any_attempt();   \
  enum outcome outcome = step(&grant, attempt)

void proof_a_use_is_consumed_one_at_a_time(void) {
  ANY_STEP;
  if (outcome == CONSUME) PROVE(before.uses > 0 && grant.uses == before.uses - 1);
}

void control_a_use_is_consumed_one_at_a_time(void) {
  ANY_STEP;
  if (outcome == CONSUME) PROVE(before.uses > 1);
}

void proof_a_refusal_and_a_repetition_change_nothing(void) {
  ANY_STEP;
  if (outcome != CONSUME) PROVE(grant.uses == before.uses);
}

void control_a_refusal_and_a_repetition_change_nothing(void) {
  ANY_STEP;
  if (outcome == CONSUME || outcome == REPEAT) PROVE(grant.uses == before.uses);
}

void proof_an_expired_grant_opens_nothing(void) {
  ANY_STEP;
  if (attempt.now >= before.expires_at) PROVE(outcome != CONSUME);
}

void control_an_expired_grant_opens_nothing(void) {
  ANY_STEP;
  if (attempt.now + 1 >= before.expires_at) PROVE(outcome != CONSUME);
}

void proof_a_revoked_grant_yields_nothing(void) {
  ANY_STEP;
  if (before.revoked) PROVE(outcome == REVOKED);
}

void control_a_revoked_grant_yields_nothing(void) {
  ANY_STEP;
  PROVE(outcome == REVOKED);
}

void proof_whoever_lacks_something_spends_nothing(void) {
  ANY_STEP;
  if (attempt.lacking != MET) PROVE(outcome != CONSUME && outcome != REPEAT && grant.uses == before.uses);
}

void control_whoever_lacks_something_spends_nothing(void) {
  ANY_STEP;
  if (attempt.lacking != LACKING) PROVE(grant.uses == before.uses);
}

/* A bad grant says why it is bad, whatever the request lacks besides. */
void proof_only_a_good_grant_tells_what_it_lacks(void) {
  ANY_STEP;
  if (outcome == WORKSPACE || outcome == INSUFFICIENT)
    PROVE(!before.revoked && (attempt.repeats || (attempt.now < before.expires_at && before.uses > 0)));
}

void control_only_a_good_grant_tells_what_it_lacks(void) {
  ANY_STEP;
  if (outcome == WORKSPACE || outcome == INSUFFICIENT) PROVE(attempt.now < before.expires_at);
}

/* The other way round: what is good is never refused. */
void proof_a_good_grant_buys_a_session(void) {
  ANY_STEP;
  bool good = !before.revoked && attempt.now < before.expires_at && before.uses > 0;
  if (good && !attempt.repeats && attempt.lacking == MET) PROVE(outcome == CONSUME);
  if (!before.revoked && attempt.repeats && attempt.lacking == MET) PROVE(outcome == REPEAT);
}

void control_a_good_grant_buys_a_session(void) {
  ANY_STEP;
  bool good = !before.revoked && attempt.now <= before.expires_at && before.uses > 0;
  if (good && !attempt.repeats && attempt.lacking == MET) PROVE(outcome == CONSUME);
}

#define REPEAT_WINDOW UINT64_C(60000)

void proof_a_redemption_is_repeated_for_a_minute(void) {
  start();
  u64 consumed_at = nondet_u64(), now = nondet_u64();
  ASSUME(consumed_at <= UINT64_MAX - REPEAT_WINDOW);
  PROVE(Z_coreZ_grant_is_recent(&core, consumed_at, now) == (now < consumed_at + REPEAT_WINDOW));
}

void control_a_redemption_is_repeated_for_a_minute(void) {
  start();
  u64 consumed_at = nondet_u64(), now = nondet_u64();
  ASSUME(consumed_at <= UINT64_MAX - REPEAT_WINDOW);
  PROVE(Z_coreZ_grant_is_recent(&core, consumed_at, now) == (now <= consumed_at + REPEAT_WINDOW));
}

void proof_a_repetition_shows_only_a_live_session(void) {
  start();
  bool there = nondet_bool(), revoked = nondet_bool();
  u64 expires_at = nondet_u64(), now = nondet_u64();
  u32 refused = Z_coreZ_grant_repeat(&core, there, revoked, expires_at, now);
  PROVE((refused == 0) == (there && !revoked && now < expires_at));
  if (refused != 0) PROVE(refused == (there && revoked ? REVOKED : SESSION_GONE));
}

void control_a_repetition_shows_only_a_live_session(void) {
  start();
  bool there = nondet_bool(), revoked = nondet_bool();
  u64 expires_at = nondet_u64(), now = nondet_u64();
  u32 refused = Z_coreZ_grant_repeat(&core, there, revoked, expires_at, now);
  PROVE((refused == 0) == (there && now < expires_at));
}

enum { LINK = 1, CODE, DESKTOP };

#define MOST_USES 1000
#define LONGEST_CODE (UINT64_C(10) * 60)
#define LONGEST_LINK (UINT64_C(30) * 24 * 60 * 60)
#define NANOS 1000000000

/* A life in seconds and nanoseconds. */
struct wish { u32 capabilities, issuer, method, uses; u64 life; u32 nanos; u64 now; };

static struct wish any_wish(void) {
  struct wish wish = {nondet_u32(), nondet_u32(), nondet_u32(), nondet_u32(), nondet_u64(), nondet_u32(), nondet_u64()};
  ASSUME(wish.capabilities <= 15 && wish.issuer <= 15 && wish.nanos < NANOS);
  ASSUME(wish.method >= LINK && wish.method <= DESKTOP);
  return wish;
}

static bool issued(struct wish wish) {
  return Z_coreZ_grant_issue(&core, wish.capabilities, wish.issuer, wish.method, wish.uses,
                             wish.life, wish.nanos, wish.now) == 0;
}

static bool granted(struct wish wish) {
  u64 longest = wish.method == CODE ? LONGEST_CODE : LONGEST_LINK;
  return wish.capabilities != 0 && (wish.capabilities & ~wish.issuer) == 0 && wish.uses > 0 &&
         wish.uses <= MOST_USES && (wish.life > 0 || wish.nanos > 0) &&
         (wish.life < longest || (wish.life == longest && wish.nanos == 0));
}

void proof_a_grant_is_made_within_its_bounds_alone(void) {
  start();
  struct wish wish = any_wish();
  PROVE(issued(wish) == granted(wish));
}

void control_a_grant_is_made_within_its_bounds_alone(void) {
  start();
  struct wish wish = any_wish();
  ASSUME(wish.life < LONGEST_LINK && wish.nanos == 0);
  bool bounds = wish.capabilities != 0 && (wish.capabilities & ~wish.issuer) == 0 && wish.uses > 0 &&
                wish.uses <= MOST_USES && wish.life > 0;
  PROVE(issued(wish) == bounds);
}

void proof_a_grant_is_what_was_asked_for(void) {
  start();
  struct wish wish = any_wish();
  wish.life = nondet_u32();
  wish.nanos = 0;
  ASSUME(granted(wish) && wish.now <= UINT64_MAX - LONGEST_LINK * 1000);
  PROVE(issued(wish));
  PROVE(said(0) == wish.now + wish.life * 1000 && said(1) == wish.uses && said(2) == wish.capabilities);
}

void control_a_grant_is_what_was_asked_for(void) {
  start();
  struct wish wish = any_wish();
  if (issued(wish)) PROVE(said(2) == wish.issuer);
}
