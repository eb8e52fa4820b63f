// Warp matrix products (nvcuda::wmma) at 16x16x16. Which lane holds which element is the hardware's secret, so programs
// may not rely on it; here lane l holds 8 neighbours of row l/2. Products of halves are summed in float.
#pragma once
#include "cuda_fp16.h"
#include "cuda_bf16.h"

namespace nvcuda { namespace wmma {
struct row_major {};
struct col_major {};
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int m, int n, int k, class T, class Layout = void> struct fragment {
  static_assert(m == 16 && n == 16 && k == 16, "the emulator has fragments of 16x16x16");
  static constexpr int num_elements = 8;
  T x[8];
};

template <class F, class V> WS_INLINE void fill_fragment(F& f, V v) {
  for (int i = 0; i < 8; i++) f.x[i] = v;
}

/** The lane's 8 neighbours lie together in memory: one or two vector accesses. */
template <class T> WS_INLINE void ws_fragment_load(T* x, const T* base, unsigned ld, bool row) {
  unsigned lane = (threadIdx.x + threadIdx.y * blockDim.x + threadIdx.z * blockDim.x * blockDim.y) & 31;
  const T* from = base + (lane / 2) * ld + (lane & 1) * 8;
  (void)row;
  ws_access(from, 8 * sizeof(T), 0);
  __builtin_memcpy((void*)x, (const void*)from, 8 * sizeof(T));
}

// In column-major order the same 8 neighbours are of one column: the fragment is held transposed, and says so by type.
template <class Use, class T, class Layout> WS_INLINE void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout>& f, const T* p, unsigned ld) {
  __syncwarp();
  ws_fragment_load(f.x, p, ld, std::is_same<Layout, row_major>::value);
}
template <class T> __attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage)) void ws_transpose(void** lanes, unsigned) {
  T whole[16][16];
  for (int l = 0; l < 32; l++) for (int i = 0; i < 8; i++) whole[(l & 1) * 8 + i][l / 2] = ((T*)lanes[l])[i];
  for (int l = 0; l < 32; l++) for (int i = 0; i < 8; i++) ((T*)lanes[l])[i] = whole[l / 2][(l & 1) * 8 + i];
}
template <class T> WS_INLINE void load_matrix_sync(fragment<accumulator, 16, 16, 16, T>& f, const T* p, unsigned ld, layout_t layout) {
  __syncwarp();
  ws_fragment_load(f.x, p, ld, true);
  if (layout == mem_col_major) ws_warp(WS_CUSTOM, 0xffffffffu, f.x, ws_transpose<T>);
}
template <class T> WS_INLINE void store_matrix_sync(T* p, const fragment<accumulator, 16, 16, 16, T>& f, unsigned ld, layout_t layout) {
  fragment<accumulator, 16, 16, 16, T> copy;
  for (int i = 0; i < 8; i++) copy.x[i] = f.x[i];
  if (layout == mem_col_major) ws_warp(WS_CUSTOM, 0xffffffffu, copy.x, ws_transpose<T>);
  unsigned lane = (threadIdx.x + threadIdx.y * blockDim.x + threadIdx.z * blockDim.x * blockDim.y) & 31;
  T* to = p + (lane / 2) * ld + (lane & 1) * 8;
  ws_access(to, 8 * sizeof(T), 1);
  __builtin_memcpy((void*)to, (const void*)copy.x, 8 * sizeof(T));
  __syncwarp();
}

template <class A, class B, class C> struct ws_product { C* d; const A* a; const B* b; const C* c; };
template <class A, class B, class C, bool aRow, bool bRow>
__attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage)) void ws_multiply(void** lanes, unsigned) {
  typedef typename std::conditional<std::is_integral<C>::value, int, float>::type Sum;
  Sum a[16][16], b[16][16], c[16][16];
  for (int l = 0; l < 32; l++) {
    auto& p = *(ws_product<A, B, C>*)lanes[l];
    for (int i = 0; i < 8; i++) {
      int outer = l / 2, inner = (l & 1) * 8 + i;
      a[aRow ? outer : inner][aRow ? inner : outer] = (Sum)p.a[i];
      b[bRow ? outer : inner][bRow ? inner : outer] = (Sum)p.b[i];
      c[outer][inner] = (Sum)p.c[i];
    }
  }
  for (int i = 0; i < 16; i++) for (int k = 0; k < 16; k++) for (int j = 0; j < 16; j++) c[i][j] += a[i][k] * b[k][j];
  for (int l = 0; l < 32; l++) for (int i = 0; i < 8; i++) ((ws_product<A, B, C>*)lanes[l])->d[i] = (C)c[l / 2][(l & 1) * 8 + i];
}
template <class A, class B, class C, class LA, class LB>
WS_INLINE void mma_sync(fragment<accumulator, 16, 16, 16, C>& d, const fragment<matrix_a, 16, 16, 16, A, LA>& a, const fragment<matrix_b, 16, 16, 16, B, LB>& b,
                        const fragment<accumulator, 16, 16, 16, C>& c) {
  ws_product<A, B, C> p{d.x, a.x, b.x, c.x};
  ws_warp(WS_CUSTOM, 0xffffffffu, &p, ws_multiply<A, B, C, std::is_same<LA, row_major>::value, std::is_same<LB, row_major>::value>);
}
}}
