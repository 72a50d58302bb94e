/* The machine that the compiled code runs on: a page of memory, and traps that no proof allows. A
 * trap is a panic, an overflow, an access out of bounds, or a request for memory. */

/* Every access is checked against the memory's size, by the code that wasm2c wrote. */
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 0
#define WASM_RT_USE_STACK_DEPTH_COUNT 0

#include <string.h>
#include <wasm-rt.h>

/* One access to memory is one step for the model checker, and not a loop over its bytes. */
#undef wasm_rt_memcpy
#define wasm_rt_memcpy(to, from, size)                                                        \
  __builtin_choose_expr(sizeof(*(to)) == (size), *(to) = *(typeof(&*(to)))(from),             \
                        *(typeof(&*(from)))(to) = *(from))

/* A value of the policy that is moved is one step too: wasm2c moves it with a length that is written
 * in the code, and these are the lengths that there are. Text is moved byte by byte. */
#define MOVE(length)                                                                          \
  case length: {                                                                              \
    struct { uint8_t bytes[length]; } moved = *(typeof(&moved))from;                          \
    *(typeof(&moved))to = moved;                                                              \
    break;                                                                                    \
  }

static void move(uint8_t *to, const uint8_t *from, uint32_t length) {
  switch (length) {
    MOVE(65)
    MOVE(112)
    default: memmove(to, from, length);
  }
}

#define memmove move

/* A division is what its quotient and remainder are defined by: the solver is spared the circuit
 * that divides. `run` puts these into what wasm2c wrote. */
uint64_t nondet_quotient(void);

static uint64_t quotient(uint64_t dividend, uint64_t divisor) {
  uint64_t quotient = nondet_quotient();
  __ESBMC_assert(divisor != 0, "no input divides by zero");
  __ESBMC_assume(quotient <= UINT64_MAX / divisor && quotient * divisor <= dividend);
  __ESBMC_assume(dividend - quotient * divisor < divisor);
  return quotient;
}

static uint64_t remainder_of(uint64_t dividend, uint64_t divisor) {
  return dividend - quotient(dividend, divisor) * divisor;
}

#include "core.c"

#define MEMORY_PAGES 1
#define MEMORY_BYTES (MEMORY_PAGES * 65536)

static Z_core_instance_t core;
static u8 memory[MEMORY_BYTES];

bool wasm_rt_is_initialized(void) { return true; }

void wasm_rt_trap(wasm_rt_trap_t reason) {
  (void)reason;
  __ESBMC_assert(0, "no input traps");
  abort();
}

u32 wasm_rt_register_func_type(u32 params, u32 results, ...) {
  (void)params, (void)results;
  return 1;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *wanted, u32 pages, u32 most) {
  (void)most;
  __ESBMC_assert(pages == MEMORY_PAGES, "the machine has the memory that is asked for");
  wanted->data = memory;
  wanted->pages = pages;
  wanted->max_pages = pages;
  wanted->size = MEMORY_BYTES;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) { (void)memory; }

/* Begins a proof: the machine as it is after start-up. */
static void start(void) {
  Z_core_init_module();
  Z_core_instantiate(&core);
}

/* What the last call put down beside its answer. */
static u64 said(u32 number) { return *(u64 *)&memory[Z_coreZ_answers(&core) + 8 * number]; }

u8 nondet_u8(void);
u16 nondet_u16(void);
u32 nondet_u32(void);
u64 nondet_u64(void);
bool nondet_bool(void);

/* What a function answers where its arguments are none that the policy can hold. */
#define NOTHING UINT32_MAX

#define ASSUME(condition) __ESBMC_assume(condition)
#define PROVE(condition) __ESBMC_assert(condition, #condition)
