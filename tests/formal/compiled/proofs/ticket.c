#include "machine.h"

#define LIFE UINT64_C(30000)

void proof_a_ticket_outlives_neither_its_life_nor_its_token(void) {
  start();
  u64 token_expires_at = nondet_u64(), now = nondet_u64();
  u64 expires_at = Z_coreZ_ticket_issue(&core, token_expires_at, now);
  PROVE(expires_at <= token_expires_at);
  if (now <= UINT64_MAX - LIFE) PROVE(expires_at <= now + LIFE);
}

void control_a_ticket_outlives_neither_its_life_nor_its_token(void) {
  start();
  u64 token_expires_at = nondet_u64(), now = nondet_u64();
  PROVE(Z_coreZ_ticket_issue(&core, token_expires_at, now) > now);
}
