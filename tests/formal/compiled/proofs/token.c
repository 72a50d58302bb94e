#include "machine.h"

#define SKEW UINT64_C(300000)

enum { HOLDS, NOT_YET, NO_LONGER };

struct claims { u64 issued_at, expires_at, absolute_end; };

static u32 check(struct claims claims, u64 now) {
  return Z_coreZ_token_times(&core, claims.issued_at, claims.expires_at, claims.absolute_end, now);
}

#define ANY_CLAIMS                                                         \
  start();                                                                 \
  struct claims claims = {nondet_u64(), nondet_u64(), nondet_u64()};       \
  u64 now = nondet_u64()

/* Exactly from five minutes before it was issued to the moment before it expires. */
void proof_a_token_holds_in_its_window_alone(void) {
  ANY_CLAIMS;
  u64 latest = now > UINT64_MAX - SKEW ? UINT64_MAX : now + SKEW;
  bool window = claims.issued_at <= latest && now < claims.expires_at && now < claims.absolute_end;
  PROVE((check(claims, now) == HOLDS) == window);
}

void control_a_token_holds_in_its_window_alone(void) {
  ANY_CLAIMS;
  u64 latest = now > UINT64_MAX - SKEW ? UINT64_MAX : now + SKEW;
  PROVE((check(claims, now) == HOLDS) == (claims.issued_at <= latest && now < claims.expires_at));
}

void proof_a_token_that_is_over_is_told_from_one_to_come(void) {
  ANY_CLAIMS;
  u32 answer = check(claims, now);
  PROVE(answer == HOLDS || answer == NOT_YET || answer == NO_LONGER);
  if (answer == NOT_YET) PROVE(claims.issued_at > now && claims.issued_at - now > SKEW);
  if (answer == NO_LONGER) PROVE(now >= claims.expires_at || now >= claims.absolute_end);
}

void control_a_token_that_is_over_is_told_from_one_to_come(void) {
  ANY_CLAIMS;
  if (now >= claims.expires_at) PROVE(check(claims, now) == NO_LONGER);
}
