#include "machine.h"

enum { ADMINISTER = 8, ALL = 15 };
enum { ALIVE, DEAD, UNKNOWN };
#define LIFE (UINT64_C(30) * 24 * 60 * 60 * 1000)

void proof_a_local_token_carries_only_what_its_issuer_has(void) {
  start();
  u32 wanted = nondet_u32(), issuer = nondet_u32();
  ASSUME(wanted <= ALL && issuer <= ALL);
  bool may = wanted != 0 && (wanted & ~issuer) == 0 && (wanted & ADMINISTER) == 0;
  PROVE(Z_coreZ_local_issue(&core, wanted, issuer) == (may ? wanted : NOTHING));
}

void control_a_local_token_carries_only_what_its_issuer_has(void) {
  start();
  u32 wanted = nondet_u32(), issuer = nondet_u32();
  ASSUME(wanted <= ALL && issuer <= ALL);
  bool may = wanted != 0 && (wanted & ~issuer) == 0;
  PROVE(Z_coreZ_local_issue(&core, wanted, issuer) == (may ? wanted : NOTHING));
}

void proof_a_local_token_ends_with_its_time_and_its_process(void) {
  start();
  bool there = nondet_bool();
  u64 made_at = nondet_u64(), now = nondet_u64();
  u32 liveness = nondet_u32();
  ASSUME(liveness <= UNKNOWN && made_at <= UINT64_MAX - LIFE);
  bool holds = there && now < made_at + LIFE && liveness == ALIVE;
  PROVE((Z_coreZ_local_verify(&core, there, made_at, liveness, now) == 0) == holds);
}

void control_a_local_token_ends_with_its_time_and_its_process(void) {
  start();
  u64 made_at = nondet_u64(), now = nondet_u64();
  u32 liveness = nondet_u32();
  ASSUME(liveness <= UNKNOWN && made_at <= UINT64_MAX - LIFE);
  if (now < made_at + LIFE) PROVE((Z_coreZ_local_verify(&core, 1, made_at, liveness, now) == 0) == (liveness != DEAD));
}
