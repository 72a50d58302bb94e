#include "machine.h"

/* How often `run` has loops unwound here: a subject of two bytes has no more steps. Those that go
 * over the bytes of a whole record are named in `run`. */
#define UNWIND 3

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

/* The bytes of a record before its subject, and where its fields begin. */
enum { FIXED = 34, KEY = 1, METHOD = 2, CAPABILITIES = 3, TIMES = 21, LENGTH = 33 };
enum { LINK = 1, DESKTOP = 3, ALL = 15 };

/* A record of these many bytes, any bytes. */
static u8 *any_record(u32 length) {
  start();
  u8 *record = &memory[Z_coreZ_token_record(&core)];
  for (u32 i = 0; i < length; i++) record[i] = nondet_u8();
  return record;
}

static bool same(const u8 *a, const u8 *b, u32 length) {
  bool same = true;
  for (u32 i = 0; i < length; i++) same = same && a[i] == b[i];
  return same;
}

static u32 capabilities(const u8 *record) { return (u32)record[CAPABILITIES] << 8 | record[CAPABILITIES + 1]; }

/* Whether what comes before the subject is as Doorward writes it, before one of this length. */
static bool is_known(const u8 *record, u8 length) {
  return record[METHOD] >= LINK && record[METHOD] <= DESKTOP && capabilities(record) <= ALL && record[LENGTH] == length;
}

typedef struct { u8 bytes[12]; } three_times;

static void for_no_times(u8 *record) { *(three_times *)(record + TIMES) = (three_times){{0}}; }

static bool is_printable(u8 byte) { return byte >= 0x20 && byte < 0x7f; }

/* One character, U+00A0 to U+07FF, whose UTF-8 has two bytes. */
static bool is_pair(u8 first, u8 second) {
  return first >= 0xc2 && first <= 0xdf && second >= (first == 0xc2 ? 0xa0 : 0x80) && second <= 0xbf;
}

static bool is_none_read(u32 shortest, u32 longest) {
  bool none = true;
  for (u32 length = shortest; length <= longest; length++) none = none && !Z_coreZ_token_read(&core, length);
  return none;
}

void proof_no_record_is_one_without_a_subject(void) {
  any_record(FIXED);
  PROVE(is_none_read(0, FIXED));
}

void control_no_record_is_one_without_a_subject(void) {
  any_record(FIXED + 1);
  PROVE(is_none_read(FIXED, FIXED + 1));
}

/* Exactly those whose method and capabilities are known, whose length is right, and whose subject is text. */
void proof_a_record_is_read_where_doorward_writes_it_alone(void) {
  u8 *record = any_record(FIXED + 1);
  bool well_formed = is_known(record, 1) && is_printable(record[FIXED]);
  PROVE(Z_coreZ_token_read(&core, FIXED + 1) == well_formed);
}

void control_a_record_is_read_where_doorward_writes_it_alone(void) {
  u8 *record = any_record(FIXED + 1);
  bool well_formed = record[METHOD] != 0 && capabilities(record) <= ALL && record[LENGTH] == 1;
  PROVE(Z_coreZ_token_read(&core, FIXED + 1) == (well_formed && is_printable(record[FIXED])));
}

void proof_a_subject_is_text_of_the_length_that_is_said(void) {
  u8 *record = any_record(FIXED + 2);
  const u8 *subject = record + FIXED;
  bool text = (is_printable(subject[0]) && is_printable(subject[1])) || is_pair(subject[0], subject[1]);
  PROVE(Z_coreZ_token_read(&core, FIXED + 2) == (is_known(record, 2) && text));
}

void control_a_subject_is_text_of_the_length_that_is_said(void) {
  u8 *record = any_record(FIXED + 2);
  if (Z_coreZ_token_read(&core, FIXED + 2)) PROVE(is_printable(record[FIXED]) && is_printable(record[FIXED + 1]));
}

void proof_nothing_follows_a_subject(void) {
  u8 *record = any_record(FIXED + 2);
  if (Z_coreZ_token_read(&core, FIXED + 2)) PROVE(record[LENGTH] == 2);
}

void control_nothing_follows_a_subject(void) {
  u8 *record = any_record(FIXED + 2);
  if (Z_coreZ_token_read(&core, FIXED + 2)) PROVE(record[LENGTH] < 2);
}

void proof_no_record_carries_an_unknown_capability(void) {
  u8 *record = any_record(FIXED + 1);
  if (Z_coreZ_token_read(&core, FIXED + 1)) PROVE(capabilities(record) <= ALL);
}

void control_no_record_carries_an_unknown_capability(void) {
  u8 *record = any_record(FIXED + 1);
  if (Z_coreZ_token_read(&core, FIXED + 1)) PROVE(capabilities(record) < ALL);
}

void proof_a_record_says_its_method_and_capabilities(void) {
  u8 *record = any_record(FIXED + 1);
  if (Z_coreZ_token_read(&core, FIXED + 1)) PROVE(said(3) == ((u64)record[METHOD] << 16 | capabilities(record)));
}

void control_a_record_says_its_method_and_capabilities(void) {
  u8 *record = any_record(FIXED + 1);
  if (Z_coreZ_token_read(&core, FIXED + 1)) PROVE(said(3) == ((u64)LINK << 16 | capabilities(record)));
}

/* Its version apart, which is looked at before: that of what is written is 1. Its times apart, too. */
void proof_a_record_is_written_as_it_was_read(void) {
  u8 *record = any_record(FIXED + 1);
  for_no_times(record);
  u32 length = Z_coreZ_token_rewrite(&core, FIXED + 1);
  if (length == NOTHING) return;
  const u8 *written = &memory[Z_coreZ_token_written(&core)];
  PROVE(length == FIXED + 1 && written[0] == 1);
  PROVE(same(written + KEY, record + KEY, FIXED + 1 - KEY));
}

void control_a_record_is_written_as_it_was_read(void) {
  u8 *record = any_record(FIXED + 1);
  for_no_times(record);
  if (Z_coreZ_token_rewrite(&core, FIXED + 1) == NOTHING) return;
  PROVE(memory[Z_coreZ_token_written(&core)] == record[0]);
}
