#include "machine.h"

/* Moments and spans in milliseconds; the far end of time is the largest number. */
#define END_OF_TIME UINT64_MAX
/* The last second that a token can spell. */
#define LATEST (UINT32_MAX * UINT64_C(1000))

void proof_no_moment_wraps(void) {
  start();
  u64 moment = nondet_u64(), span = nondet_u64();
  u64 later = Z_coreZ_time_plus(&core, moment, span);
  u64 earlier = Z_coreZ_time_minus(&core, moment, span);
  PROVE(later == (moment > END_OF_TIME - span ? END_OF_TIME : moment + span));
  PROVE(earlier == (moment < span ? 0 : moment - span));
}

void control_no_moment_wraps(void) {
  start();
  u64 moment = nondet_u64(), span = nondet_u64();
  PROVE(Z_coreZ_time_plus(&core, moment, span) == moment + span);
}

void proof_a_token_spells_whole_seconds(void) {
  start();
  u64 moment = nondet_u64();
  u32 secs = nondet_u32();
  u64 floor = Z_coreZ_time_floor(&core, moment);
  PROVE(floor <= moment && floor <= LATEST);
  if (moment <= LATEST) PROVE(moment - floor < 1000);
  PROVE(Z_coreZ_time_spelt(&core, secs) == secs);
}

void control_a_token_spells_whole_seconds(void) {
  start();
  u64 moment = nondet_u64();
  PROVE(moment - Z_coreZ_time_floor(&core, moment) < 1000);
}
