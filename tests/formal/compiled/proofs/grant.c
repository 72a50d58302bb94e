#include "machine.h"

enum outcome { CONSUME, REPEAT, REVOKED, EXPIRED, SPENT, WORKSPACE, INSUFFICIENT };
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
  u64 said = Z_coreZ_grant_step(&core, grant->uses, grant->expires_at, grant->revoked,
                                attempt.repeats, attempt.lacking, attempt.now);
  grant->uses = (u32)said;
  return (enum outcome)(said >> 32);
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
