// The language: qualifiers, built-in variables, barriers, warp operations, atomics, fences.
#pragma once
#include "vector_types.h"
#include <type_traits>

#define __CUDACC__ 1
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
#define __CUDA_ARCH__ 900
#define __WHETSTONE_EMULATOR__ 1
#define __global__
#define __device__
#define __host__
#define __managed__ __attribute__((section("ws_device")))
#define __ws_device_variable__ __attribute__((section("ws_device"), used))
#define __constant__ __attribute__((section("ws_constant"), used))
// The system's thread that runs the block keeps the block's copy. 16 bytes, as vector accesses to shared arrays need.
#define __shared__ static thread_local __attribute__((aligned(16)))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_assume(x) ((void)0)
#define __restrict __restrict__
static constexpr int warpSize = 32;

static WS_INLINE const ws_thread* ws_self() {
  uintptr_t sp;
#if defined(__x86_64__)
  asm("mov %%rsp, %0" : "=r"(sp));
#else
  asm("mov %0, sp" : "=r"(sp));
#endif
  return (const ws_thread*)((sp | (WS_STACK_BYTES - 1)) + 1 - WS_FIBER_BYTES);
}
#define threadIdx (ws_self()->threadIdx)
#define blockIdx (ws_self()->blockIdx)
#define blockDim (ws_self()->blockDim)
#define gridDim (ws_self()->gridDim)

WS_INLINE void __syncthreads() { ws_barrier(0, 0); }
WS_INLINE int __syncthreads_count(int p) { return ws_barrier(1, p); }
WS_INLINE int __syncthreads_and(int p) { return ws_barrier(2, p); }
WS_INLINE int __syncthreads_or(int p) { return ws_barrier(3, p); }
WS_INLINE void __threadfence_block() { ws_fence(0); }
WS_INLINE void __threadfence() { ws_fence(1); }
WS_INLINE void __threadfence_system() { ws_fence(2); }
WS_INLINE void __syncwarp(unsigned mask = 0xffffffffu) { ws_warp(WS_SYNC, mask, nullptr, nullptr); }
WS_INLINE unsigned __activemask() { return ws_active_mask(); }
WS_INLINE void __nanosleep(unsigned) { ws_fence(0); }
WS_INLINE void __trap() { ws_trap(); }
WS_INLINE void __brkpt() {}
WS_INLINE long long clock64() { return ws_clock(); }
WS_INLINE long clock() { return (long)ws_clock(); }
WS_INLINE unsigned long long globaltimer() { return (unsigned long long)ws_clock(); }

template <class T> WS_INLINE uint64_t ws_to_bits(T v) {
  static_assert(sizeof(T) <= 8, "a warp exchanges values of at most 8 bytes");
  uint64_t b = 0;
  __builtin_memcpy(&b, &v, sizeof v);
  return b;
}
template <class T> WS_INLINE T ws_of_bits(uint64_t b) {
  T v;
  __builtin_memcpy((void*)&v, &b, sizeof v);
  return v;
}
template <class T> WS_INLINE T ws_shuffle(int kind, unsigned mask, T v, int source, int width) {
  ws_warp_op op{ws_to_bits(v), 0, source, width, 0};
  ws_warp(kind, mask, &op, nullptr);
  return ws_of_bits<T>(op.out);
}
template <class T> WS_INLINE T __shfl_sync(unsigned mask, T v, int lane, int width = 32) { return ws_shuffle(WS_SHFL, mask, v, lane, width); }
template <class T> WS_INLINE T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) { return ws_shuffle(WS_SHFL_UP, mask, v, (int)delta, width); }
template <class T> WS_INLINE T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) { return ws_shuffle(WS_SHFL_DOWN, mask, v, (int)delta, width); }
template <class T> WS_INLINE T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32) { return ws_shuffle(WS_SHFL_XOR, mask, v, lanes, width); }

WS_INLINE uint64_t ws_vote(int kind, unsigned mask, uint64_t in, int source = 0) {
  ws_warp_op op{in, 0, source, 0, 0};
  ws_warp(kind, mask, &op, nullptr);
  return op.out;
}
WS_INLINE int __all_sync(unsigned mask, int p) { return (int)ws_vote(WS_ALL, mask, p != 0); }
WS_INLINE int __any_sync(unsigned mask, int p) { return (int)ws_vote(WS_ANY, mask, p != 0); }
WS_INLINE int __uni_sync(unsigned mask, int p) { return (int)ws_vote(WS_UNI, mask, p != 0); }
WS_INLINE unsigned __ballot_sync(unsigned mask, int p) { return (unsigned)ws_vote(WS_BALLOT, mask, p != 0); }
template <class T> WS_INLINE unsigned __match_any_sync(unsigned mask, T v) { return (unsigned)ws_vote(WS_MATCH_ANY, mask, ws_to_bits(v)); }
template <class T> WS_INLINE unsigned __match_all_sync(unsigned mask, T v, int* all) {
  ws_warp_op op{ws_to_bits(v), 0, 0, 0, 0};
  ws_warp(WS_MATCH_ALL, mask, &op, nullptr);
  *all = op.flag;
  return (unsigned)op.out;
}
#define WS_REDUCTION(name, T, kind) WS_INLINE T name(unsigned mask, T v) { return (T)ws_vote(WS_REDUCE, mask, (uint64_t)v, kind); }
WS_REDUCTION(__reduce_add_sync, int, WS_ADD) WS_REDUCTION(__reduce_add_sync, unsigned, WS_UADD)
WS_REDUCTION(__reduce_min_sync, int, WS_MIN) WS_REDUCTION(__reduce_min_sync, unsigned, WS_UMIN)
WS_REDUCTION(__reduce_max_sync, int, WS_MAX) WS_REDUCTION(__reduce_max_sync, unsigned, WS_UMAX)
WS_REDUCTION(__reduce_and_sync, unsigned, WS_AND) WS_REDUCTION(__reduce_or_sync, unsigned, WS_OR) WS_REDUCTION(__reduce_xor_sync, unsigned, WS_XOR)

#define WS_ATOMIC(name, T, type, op) \
  WS_INLINE T name(T* p, T v) { return ws_of_bits<T>(ws_atomic(op, type, p, ws_to_bits(v), 0)); } \
  WS_INLINE T name##_block(T* p, T v) { return name(p, v); } \
  WS_INLINE T name##_system(T* p, T v) { return name(p, v); }
#define WS_ATOMIC_INTEGERS(name, op) WS_ATOMIC(name, int, WS_I32, op) WS_ATOMIC(name, unsigned, WS_U32, op) WS_ATOMIC(name, unsigned long long, WS_U64, op)
WS_ATOMIC_INTEGERS(atomicAdd, WS_A_ADD) WS_ATOMIC(atomicAdd, float, WS_F32, WS_A_ADD) WS_ATOMIC(atomicAdd, double, WS_F64, WS_A_ADD)
WS_ATOMIC(atomicSub, int, WS_I32, WS_A_SUB) WS_ATOMIC(atomicSub, unsigned, WS_U32, WS_A_SUB)
WS_ATOMIC_INTEGERS(atomicExch, WS_A_EXCH) WS_ATOMIC(atomicExch, float, WS_F32, WS_A_EXCH)
WS_ATOMIC_INTEGERS(atomicMin, WS_A_MIN) WS_ATOMIC(atomicMin, long long, WS_I64, WS_A_MIN)
WS_ATOMIC_INTEGERS(atomicMax, WS_A_MAX) WS_ATOMIC(atomicMax, long long, WS_I64, WS_A_MAX)
WS_ATOMIC(atomicInc, unsigned, WS_U32, WS_A_INC) WS_ATOMIC(atomicDec, unsigned, WS_U32, WS_A_DEC)
WS_ATOMIC_INTEGERS(atomicAnd, WS_A_AND) WS_ATOMIC_INTEGERS(atomicOr, WS_A_OR) WS_ATOMIC_INTEGERS(atomicXor, WS_A_XOR)
#define WS_ATOMIC_CAS(T, type) WS_INLINE T atomicCAS(T* p, T compare, T v) { return ws_of_bits<T>(ws_atomic(WS_A_CAS, type, p, ws_to_bits(v), ws_to_bits(compare))); } \
  WS_INLINE T atomicCAS_block(T* p, T compare, T v) { return atomicCAS(p, compare, v); }
WS_ATOMIC_CAS(int, WS_I32) WS_ATOMIC_CAS(unsigned, WS_U32) WS_ATOMIC_CAS(unsigned long long, WS_U64) WS_ATOMIC_CAS(unsigned short, WS_U16)

template <class T> WS_INLINE T __ldg(const T* p) { return *p; }
template <class T> WS_INLINE T __ldcg(const T* p) { return *p; }
template <class T> WS_INLINE T __ldca(const T* p) { return *p; }
template <class T> WS_INLINE T __ldcs(const T* p) { return *p; }
template <class T> WS_INLINE T __ldlu(const T* p) { return *p; }
template <class T> WS_INLINE T __ldcv(const T* p) { return *p; }
template <class T> WS_INLINE void __stcg(T* p, T v) { *p = v; }
template <class T> WS_INLINE void __stcs(T* p, T v) { *p = v; }
template <class T> WS_INLINE void __stwb(T* p, T v) { *p = v; }
template <class T> WS_INLINE void __stwt(T* p, T v) { *p = v; }
// Copies that real devices make in the background happen at once.
WS_INLINE void __pipeline_memcpy_async(void* to, const void* from, size_t n, size_t zero = 0) {
  if (n == 16) *(float4*)to = *(const float4*)from;
  else if (n == 8) *(float2*)to = *(const float2*)from;
  else *(int*)to = *(const int*)from;
  (void)zero;
}
WS_INLINE void __pipeline_commit() {}
WS_INLINE void __pipeline_wait_prior(size_t) {}
WS_INLINE size_t __cvta_generic_to_shared(const void* p) { return (size_t)p; }
WS_INLINE bool __isShared(const void* p) { size_t at = (size_t)p - (size_t)ws_dynamic_shared(); return at < (1u << 18); }
