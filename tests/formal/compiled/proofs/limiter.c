#include "machine.h"

#define MINUTE UINT64_C(60000)

struct counter { u64 start; u32 codes, others; };
struct limits { u32 codes, others; };

#define ANY_CHARGE                                                                             \
  start();                                                                                     \
  struct counter counter = {nondet_u64(), nondet_u32(), nondet_u32()};                         \
  struct limits most = {nondet_u32(), nondet_u32()};                                           \
  bool code = nondet_bool();                                                                   \
  bool passed = Z_coreZ_limiter_charge(&core, counter.start, counter.codes, counter.others, code, \
                                       most.codes, most.others);                               \
  u64 codes = said(0), others = said(1), began = said(2), until = said(3)

/* By induction over the charges of a minute: never more pass than the limit says. */
void proof_no_count_passes_its_limit(void) {
  ANY_CHARGE;
  ASSUME(counter.codes <= most.codes && counter.others <= most.others);
  PROVE(codes <= most.codes && others <= most.others);
  if (passed) PROVE(codes + others == (u64)counter.codes + counter.others + 1);
}

void control_no_count_passes_its_limit(void) {
  ANY_CHARGE;
  ASSUME(counter.codes <= most.codes && counter.others <= most.others);
  PROVE(codes < most.codes);
}

void proof_whoever_has_none_left_is_refused(void) {
  ANY_CHARGE;
  PROVE(passed == (code ? counter.codes < most.codes : counter.others < most.others));
  if (!passed) PROVE(codes == counter.codes && others == counter.others);
}

void control_whoever_has_none_left_is_refused(void) {
  ANY_CHARGE;
  PROVE(passed == (code ? counter.codes <= most.codes : counter.others <= most.others));
}

/* A guess of one kind uses up nothing of the other's. */
void proof_the_kinds_are_counted_apart(void) {
  ANY_CHARGE;
  PROVE(code ? others == counter.others : codes == counter.codes);
}

void control_the_kinds_are_counted_apart(void) {
  ANY_CHARGE;
  PROVE(codes == counter.codes);
}

/* No charge moves the minute, so that a steady stream of guesses does not hold it open. */
void proof_a_minute_ends_a_minute_after_it_began(void) {
  ANY_CHARGE;
  u64 end = counter.start > UINT64_MAX - MINUTE ? UINT64_MAX : counter.start + MINUTE;
  PROVE(began == counter.start);
  PROVE(Z_coreZ_limiter_end(&core, counter.start) == end);
  if (!passed) PROVE(until == end);
}

void control_a_minute_ends_a_minute_after_it_began(void) {
  start();
  u64 began = nondet_u64();
  PROVE(Z_coreZ_limiter_end(&core, began) > began);
}

#define MAPPED(upper, lower) ((upper) == 0 && (lower) >> 32 == 0xffff)

/* An IPv4 address, mapped or not, is counted by itself; an IPv6 address with its /64. */
void proof_an_address_is_counted_with_its_own_network(void) {
  start();
  u64 upper = nondet_u64(), lower = nondet_u64();
  u32 v4 = nondet_u32();
  bool mapped = MAPPED(upper, lower);
  PROVE(Z_coreZ_limit_key_v6(&core, 0, upper, lower) == (mapped ? 4 : 6));
  PROVE(Z_coreZ_limit_key_v6(&core, 1, upper, lower) == (mapped ? (u32)lower : upper));
  PROVE(Z_coreZ_limit_key_v4(&core, 0, v4) == 4 && Z_coreZ_limit_key_v4(&core, 1, v4) == v4);
}

void control_an_address_is_counted_with_its_own_network(void) {
  start();
  u64 upper = nondet_u64(), lower = nondet_u64();
  PROVE(Z_coreZ_limit_key_v6(&core, 1, upper, lower) == upper);
}
