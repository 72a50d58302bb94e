#include "machine.h"

enum { OBSERVE = 1, OPERATE = 2, SPAWN = 4, ADMINISTER = 8, ALL = 15 };

static u32 any_set(void) {
  u32 set = nondet_u32();
  ASSUME(set <= ALL);
  return set;
}

void proof_no_unknown_capability_is_held(void) {
  start();
  u32 bits = nondet_u32();
  PROVE(Z_coreZ_capabilities_from_bits(&core, bits) == (bits <= ALL ? bits : NOTHING));
}

void control_no_unknown_capability_is_held(void) {
  start();
  u32 bits = nondet_u32();
  PROVE(Z_coreZ_capabilities_from_bits(&core, bits) == (bits < ALL ? bits : NOTHING));
}

void proof_what_two_have_in_common_each_of_them_has(void) {
  start();
  u32 a = any_set(), b = any_set(), one = any_set();
  u32 common = Z_coreZ_capabilities_common(&core, a, b);
  PROVE((common & ~a) == 0 && (common & ~b) == 0);
  if ((one & ~a) == 0 && (one & ~b) == 0) PROVE((one & ~common) == 0);
}

void control_what_two_have_in_common_each_of_them_has(void) {
  start();
  u32 a = any_set(), b = any_set();
  PROVE(Z_coreZ_capabilities_common(&core, a, b) == (a < b ? a : b));
}

void proof_nothing_lacks_only_what_is_contained(void) {
  start();
  u32 held = any_set(), needed = any_set();
  u32 lacking = Z_coreZ_capabilities_without(&core, needed, held);
  PROVE((lacking & held) == 0 && (lacking | (needed & held)) == needed);
  PROVE((lacking == 0) == (Z_coreZ_capabilities_contains(&core, held, needed) != 0));
}

void control_nothing_lacks_only_what_is_contained(void) {
  start();
  u32 held = any_set(), needed = any_set();
  u32 lacking = Z_coreZ_capabilities_without(&core, needed, held);
  PROVE((lacking == 0) == (Z_coreZ_capabilities_contains(&core, needed, held) != 0));
}
