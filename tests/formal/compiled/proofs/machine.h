/* The machine that the compiled code runs on: a page of memory, and traps that no proof allows. A
 * trap is a panic, an overflow, an access out of bounds, or a request for memory. */

/* Every access is checked against the memory's size, by the code that wasm2c wrote. */
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 0
#define WASM_RT_USE_STACK_DEPTH_COUNT 0

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

u8 nondet_u8(void);
u16 nondet_u16(void);
u32 nondet_u32(void);
u64 nondet_u64(void);
bool nondet_bool(void);

#define ASSUME(condition) __ESBMC_assume(condition)
#define PROVE(condition) __ESBMC_assert(condition, #condition)
