// What the compiler calls at every load, store and basic block of the learner's code (GCC's thread-sanitizer and
// coverage instrumentation, linked against these functions instead of GCC's own).
#include <cstring>
#include <dlfcn.h>
#include "layout.h"

extern "C" {
extern char __start_ws_device[] __attribute__((weak)), __stop_ws_device[] __attribute__((weak));
extern char __start_ws_constant[] __attribute__((weak)), __stop_ws_constant[] __attribute__((weak));
extern char __data_start __attribute__((weak)), _end __attribute__((weak));
}

namespace ws {

/** `__device__` variables are addressed as the first part of global memory. */
inline uintptr_t canonical(uintptr_t a) {
  uintptr_t at = a - (uintptr_t)__start_ws_device;
  return at < (uintptr_t)(__stop_ws_device - __start_ws_device) ? DEVICE + at : a;
}

/** Lets the other threads go on, and ends the block when the launch failed or the time is over. */
__attribute__((noinline)) void takeTurns(Fiber* f, uintptr_t pc) {
  if (stopping.load(std::memory_order_relaxed)) {
    fault("time-limit", "error", pc, 0, 0, 0, "");
    abandon();
  }
  if (f->worker->launch->failed.load(std::memory_order_relaxed)) abandon();
  f->yielded = true;
  f->pc = pc;
  yieldFiber();
}

/** Memory that is neither global, shared nor the thread's own: allowed to be read when it is constant, else a fault. */
__attribute__((noinline)) void elsewhere(uintptr_t a, size_t n, bool write, uintptr_t pc) {
  if (a - PARAMS < PARAMS_BYTES && !write) return;
  if (a - (uintptr_t)__start_ws_constant < (uintptr_t)(__stop_ws_constant - __start_ws_constant)) {
    if (!write) return;
    fault("constant-write", "error", pc, 0, a, n, "");
    abandon();
  }
  if (a < 4096) {
    fault("null-pointer", "error", pc, 0, a, n, write ? "write" : "read");
    abandon();
  }
  if (a - STACKS < STACKS_BYTES) {
    // The same slot was answered before: this is the stack of somebody else.
    fault("foreign-local", "error", pc, 0, a, n, write ? "write" : "read", fiberAt(a)->thread);
    abandon();
  }
  if (!write && a >= (uintptr_t)&__data_start - (64 << 20) && a < (uintptr_t)&__data_start) return;  // literals, constant tables
  fault("host-memory", "error", pc, 0, a, n, std::string(write ? "write" : "read") + (a >= (uintptr_t)&__data_start && a < (uintptr_t)&_end ? " of a host variable" : ""));
  abandon();
}

/** Out of bounds, or read before written. */
__attribute__((noinline)) void badState(uint8_t* valid, uintptr_t a, size_t n, bool write, bool shared, uintptr_t pc) {
  for (size_t i = 0; i < n; i++) {
    if (valid[i] & ALLOCATED) continue;
    fault("out-of-bounds", "error", pc, 0, a, n, std::string(write ? "write" : "read") + (shared ? " shared" : " global"));
    abandon();
  }
  if (write) return;
  for (size_t i = 0; i < n; i++) {
    if (valid[i] & WRITTEN) continue;
    fault("uninitialized", "error", pc, 0, a, n, shared ? "shared" : "global");
    for (size_t k = 0; k < n; k++) valid[k] |= WRITTEN;  // said once
    return;
  }
}

template <class Word> inline Word spread(uint8_t bits) { return (Word)(~(Word)0 / 255 * bits); }

/** The state bytes of an access: one comparison when all is as before, else look closer and count first touches. */
template <int N, bool W>
__attribute__((always_inline)) inline void checkState(Fiber* f, uint8_t* valid, uintptr_t a, bool shared, uintptr_t pc) {
  using Word = std::conditional_t<N == 1, uint8_t, std::conditional_t<N == 2, uint16_t, std::conditional_t<N == 4, uint32_t, std::conditional_t<N == 8, uint64_t, unsigned __int128>>>>;
  Word state;
  memcpy(&state, valid, N);
  const Word need = spread<Word>(W ? ALLOCATED | WRITTEN | (WRITTEN_NOW) : ALLOCATED | WRITTEN | READ_NOW);
  if (__builtin_expect((state & need) == need, 1)) return;
  const Word sound = spread<Word>(W ? ALLOCATED : ALLOCATED | WRITTEN);
  if ((state & sound) != sound) badState(valid, a, N, W, shared, pc);
  if (!shared) {
    for (int i = 0; i < N; i++) {
      if (W) f->worker->writtenOnce += !(valid[i] & WRITTEN_NOW);
      else f->worker->readOnce += !(valid[i] & (READ_NOW | WRITTEN_NOW));
    }
  }
  memcpy(&state, valid, N);
  state |= need;
  memcpy(valid, &state, N);
}

enum Mode { PLAIN, VOLATILE, ATOMIC };
void raceCheck(Fiber* f, Cell* cells, uintptr_t a, uint32_t n, bool write, bool relaxed, uint32_t site, uintptr_t pc);

template <int N, bool W>
__attribute__((always_inline)) inline void deviceAccess(Fiber* f, uintptr_t a, uintptr_t pc, Mode mode) {
  Worker& worker = *f->worker;
  if (__builtin_expect(f->unsettled, 0)) settle(f);
  uintptr_t at = a - worker.sharedBase;
  bool shared = at < worker.sharedBytes;
  uint8_t* valid;
  Cell* cells;
  if (shared) {
    valid = worker.sharedValid + at;
    if (__builtin_expect(*valid & COMPILERS, 0)) return;
    cells = worker.sharedRace + (at >> 2) * 3;
  } else {
    if (__builtin_expect(a - DEVICE >= DEVICE_BYTES, 0)) {
      uintptr_t c = canonical(a);
      if (c == a) return elsewhere(a, N, W, pc);
      a = c;
    }
    at = a - DEVICE;
    valid = (uint8_t*)(VALID + at);
    cells = (Cell*)(RACE + (at >> 2) * 24);
  }
  if (N > 1 && __builtin_expect((a & (N - 1)) != 0, 0)) {
    fault("misaligned", "error", pc, 0, a, N, W ? "write" : "read");
    abandon();
  }
  uint32_t site = siteOf(pc);
  checkState<N, W>(f, valid, a, shared, pc);
  if (limits.races) raceCheck(f, cells, a, N, W, mode == ATOMIC || (mode == VOLATILE && !shared), site, pc);
  record(f, site * KINDS + (shared ? 3 : 0) + (mode == ATOMIC ? 2 : W ? 1 : 0), a, N);
  if (mode == VOLATILE && !shared) {
    if (W) publish(f, a);
    else f->unsettled = true, f->acquireFrom = a;
  }
  worker.accesses++;
  if (__builtin_expect(--f->budget < 0, 0)) takeTurns(f, pc);
}

/** Host code is instrumented too, being in the same file: it must keep away from device memory. */
__attribute__((noinline)) void hostAccess(uintptr_t a, size_t n, bool write, uintptr_t pc) {
  if (a - DEVICE >= DEVICE_BYTES) return;
  if (*(uint8_t*)(VALID + (a - DEVICE)) & HOST_TOO) {
    if (write) for (size_t i = 0; i < n; i++) *(uint8_t*)(VALID + (a - DEVICE) + i) |= WRITTEN;
    return;
  }
  fault("device-memory-on-host", "error", pc, 0, a, n, write ? "write" : "read");
  finish(1);
}

template <int N, bool W>
__attribute__((always_inline)) inline void hook(void* p, void* pc, Mode mode = PLAIN) {
  if (LIBRARY) return;
  uintptr_t a = (uintptr_t)p, sp = (uintptr_t)__builtin_frame_address(0);
  if (__builtin_expect(!onDevice(sp), 0)) {
    if (__builtin_expect(a - DEVICE < DEVICE_BYTES, 0)) hostAccess(a, N, W, (uintptr_t)pc);
    return;
  }
  if (((a ^ sp) & ~(STACK_BYTES - 1)) == 0) return;  // the thread's own local memory
  deviceAccess<N, W>(fiberAt(sp), a, (uintptr_t)pc, mode);
}

/** A copy of any size, in the largest pieces that its alignment allows. */
__attribute__((noinline)) void rangeAccess(uintptr_t a, size_t n, bool write, uintptr_t pc) {
  void* at = (void*)pc;
  while (n > 0) {
    int piece = a % 16 == 0 && n >= 16 ? 16 : a % 8 == 0 && n >= 8 ? 8 : a % 4 == 0 && n >= 4 ? 4 : a % 2 == 0 && n >= 2 ? 2 : 1;
    switch (piece) {
      case 16: write ? hook<16, true>((void*)a, at) : hook<16, false>((void*)a, at); break;
      case 8: write ? hook<8, true>((void*)a, at) : hook<8, false>((void*)a, at); break;
      case 4: write ? hook<4, true>((void*)a, at) : hook<4, false>((void*)a, at); break;
      case 2: write ? hook<2, true>((void*)a, at) : hook<2, false>((void*)a, at); break;
      default: write ? hook<1, true>((void*)a, at) : hook<1, false>((void*)a, at);
    }
    a += piece;
    n -= piece;
  }
}

void atomicAccess(Fiber* f, uintptr_t a, int n, bool write, uintptr_t pc) {
  if (LIBRARY) {
    if ((f->budget -= 16) < 0) takeTurns(f, pc);
    return;
  }
  if (((a ^ (uintptr_t)f) & ~(STACK_BYTES - 1)) == 0) return;
  // An atomic reads before it writes.
  uintptr_t at = a - f->worker->sharedBase;
  bool shared = at < f->worker->sharedBytes;
  uintptr_t c = canonical(a);
  uint8_t* valid = shared ? f->worker->sharedValid + at : c - DEVICE < DEVICE_BYTES ? (uint8_t*)(VALID + (c - DEVICE)) : nullptr;
  if (valid && !(a & (n - 1))) for (int i = 0; i < n; i++) if ((valid[i] & (ALLOCATED | WRITTEN)) == ALLOCATED) { badState(valid, a, n, false, shared, pc); break; }
  switch (n) {
    case 1: write ? deviceAccess<1, true>(f, a, pc, ATOMIC) : deviceAccess<1, false>(f, a, pc, ATOMIC); break;
    case 2: write ? deviceAccess<2, true>(f, a, pc, ATOMIC) : deviceAccess<2, false>(f, a, pc, ATOMIC); break;
    case 4: write ? deviceAccess<4, true>(f, a, pc, ATOMIC) : deviceAccess<4, false>(f, a, pc, ATOMIC); break;
    case 8: write ? deviceAccess<8, true>(f, a, pc, ATOMIC) : deviceAccess<8, false>(f, a, pc, ATOMIC); break;
    default: write ? deviceAccess<16, true>(f, a, pc, ATOMIC) : deviceAccess<16, false>(f, a, pc, ATOMIC);
  }
  if (!valid) return;
  publish(f, c);
  f->unsettled = true;  // the value is read after this: what it brings is known at the next step
  f->acquireFrom = c;
  f->budget -= 15;  // those who spin on an atomic wait for somebody
}
}

using namespace ws;
#define PC __builtin_return_address(0)
extern "C" {
void __tsan_init() {}
#define HOOKS(N) \
  void __tsan_read##N(void* p) { hook<N, false>(p, PC); } \
  void __tsan_write##N(void* p) { hook<N, true>(p, PC); } \
  void __tsan_volatile_read##N(void* p) { hook<N, false>(p, PC, VOLATILE); } \
  void __tsan_volatile_write##N(void* p) { hook<N, true>(p, PC, VOLATILE); } \
  void __tsan_unaligned_read##N(void* p) { rangeAccess((uintptr_t)p, N, false, (uintptr_t)PC); } \
  void __tsan_unaligned_write##N(void* p) { rangeAccess((uintptr_t)p, N, true, (uintptr_t)PC); } \
  void __tsan_unaligned_volatile_read##N(void* p) { rangeAccess((uintptr_t)p, N, false, (uintptr_t)PC); } \
  void __tsan_unaligned_volatile_write##N(void* p) { rangeAccess((uintptr_t)p, N, true, (uintptr_t)PC); }
HOOKS(1) HOOKS(2) HOOKS(4) HOOKS(8) HOOKS(16)
void __tsan_read_range(void* p, size_t n) { rangeAccess((uintptr_t)p, n, false, (uintptr_t)PC); }
void __tsan_write_range(void* p, size_t n) { rangeAccess((uintptr_t)p, n, true, (uintptr_t)PC); }
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void ws_access(const void* p, size_t n, int write) { rangeAccess((uintptr_t)p, n, write, (uintptr_t)PC); }

void __sanitizer_cov_trace_pc() {
  uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
  if (__builtin_expect(!onDevice(sp), 0)) return;
  Fiber* f = fiberAt(sp);
  if (!LIBRARY) countBlock(f, (uintptr_t)PC);
  if (__builtin_expect(--f->budget < 0, 0)) takeTurns(f, (uintptr_t)PC);
}

// std::atomic and the compiler's own atomics, in host code and in kernels.
#define ATOMICS(BITS, T) \
  static void touch##BITS(const volatile T* a, bool write, void* pc) { if (Fiber* f = self()) atomicAccess(f, (uintptr_t)a, sizeof(T), write, (uintptr_t)pc); } \
  T __tsan_atomic##BITS##_load(const volatile T* a, int) { touch##BITS(a, false, PC); return __atomic_load_n(a, __ATOMIC_SEQ_CST); } \
  void __tsan_atomic##BITS##_store(volatile T* a, T v, int) { touch##BITS(a, true, PC); __atomic_store_n(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_exchange(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_exchange_n(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_fetch_add(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_fetch_add(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_fetch_sub(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_fetch_sub(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_fetch_and(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_fetch_and(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_fetch_or(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_fetch_or(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_fetch_xor(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_fetch_xor(a, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_fetch_nand(volatile T* a, T v, int) { touch##BITS(a, true, PC); return __atomic_fetch_nand(a, v, __ATOMIC_SEQ_CST); } \
  int __tsan_atomic##BITS##_compare_exchange_strong(volatile T* a, T* c, T v, int, int) { touch##BITS(a, true, PC); return __atomic_compare_exchange_n(a, c, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); } \
  int __tsan_atomic##BITS##_compare_exchange_weak(volatile T* a, T* c, T v, int, int) { touch##BITS(a, true, PC); return __atomic_compare_exchange_n(a, c, v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##BITS##_compare_exchange_val(volatile T* a, T c, T v, int, int) { touch##BITS(a, true, PC); __atomic_compare_exchange_n(a, &c, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); return c; }
ATOMICS(8, uint8_t) ATOMICS(16, uint16_t) ATOMICS(32, uint32_t) ATOMICS(64, uint64_t)
void __tsan_atomic_thread_fence(int) { if (Fiber* f = self()) fenceOf(f, 1); __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

// Indices past the end of an array whose size the compiler knows: also registers and local arrays.
struct UbsanLocation { const char* file; uint32_t line, column; };
struct UbsanType { uint16_t kind, info; char name[1]; };
struct UbsanBounds { UbsanLocation location; UbsanType* array; UbsanType* index; };
void __ubsan_handle_out_of_bounds(UbsanBounds* data, uintptr_t index) {
  fault("index", "error", (uintptr_t)PC, 0, index, 0, std::string(data->array->name));
  if (self()) abandon();
  finish(1);
}
void __ubsan_handle_out_of_bounds_abort(UbsanBounds* data, uintptr_t index) { __ubsan_handle_out_of_bounds(data, index); }
}
