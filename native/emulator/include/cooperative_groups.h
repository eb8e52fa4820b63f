// Cooperative groups: the block, tiles of it, coalesced threads, and the grid.
#pragma once
#include "cuda_runtime.h"

namespace cooperative_groups {
WS_INLINE unsigned ws_rank() { return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z); }
WS_INLINE unsigned ws_volume() { return blockDim.x * blockDim.y * blockDim.z; }

struct thread_block {
  WS_INLINE void sync() const { __syncthreads(); }
  WS_INLINE unsigned thread_rank() const { return ws_rank(); }
  WS_INLINE unsigned size() const { return ws_volume(); }
  WS_INLINE unsigned num_threads() const { return ws_volume(); }
  WS_INLINE dim3 group_index() const { return dim3(blockIdx); }
  WS_INLINE dim3 thread_index() const { return dim3(threadIdx); }
  WS_INLINE dim3 group_dim() const { return dim3(blockDim); }
  WS_INLINE dim3 dim_threads() const { return dim3(blockDim); }
};
WS_INLINE thread_block this_thread_block() { return thread_block(); }

struct grid_group {
  WS_INLINE void sync() const { ws_grid_barrier(); }
  WS_INLINE bool is_valid() const { return true; }
  WS_INLINE unsigned long long block_rank() const { return blockIdx.x + (unsigned long long)gridDim.x * (blockIdx.y + (unsigned long long)gridDim.y * blockIdx.z); }
  WS_INLINE unsigned long long num_blocks() const { return (unsigned long long)gridDim.x * gridDim.y * gridDim.z; }
  WS_INLINE unsigned long long thread_rank() const { return block_rank() * ws_volume() + ws_rank(); }
  WS_INLINE unsigned long long size() const { return num_blocks() * ws_volume(); }
  WS_INLINE unsigned long long num_threads() const { return size(); }
};
WS_INLINE grid_group this_grid() { return grid_group(); }

/** Lanes of one warp, by mask; the operations of tiles and of coalesced threads. */
struct ws_lanes {
  unsigned mask, rank, count;
  WS_INLINE unsigned lane(unsigned r) const {  // the lane that has rank r
    unsigned m = mask;
    for (; r > 0; r--) m &= m - 1;
    return (unsigned)__builtin_ctz(m);
  }
  WS_INLINE void sync() const { __syncwarp(mask); }
  WS_INLINE unsigned thread_rank() const { return rank; }
  WS_INLINE unsigned size() const { return count; }
  WS_INLINE unsigned num_threads() const { return count; }
  template <class T> WS_INLINE T shfl(T v, int r) const { return __shfl_sync(mask, v, (int)lane((unsigned)r % count)); }
  template <class T> WS_INLINE T shfl_up(T v, unsigned d) const { return __shfl_sync(mask, v, (int)lane(rank >= d ? rank - d : rank)); }
  template <class T> WS_INLINE T shfl_down(T v, unsigned d) const { return __shfl_sync(mask, v, (int)lane(rank + d < count ? rank + d : rank)); }
  template <class T> WS_INLINE T shfl_xor(T v, unsigned d) const { return __shfl_sync(mask, v, (int)lane((rank ^ d) < count ? rank ^ d : rank)); }
  WS_INLINE int any(int p) const { return __any_sync(mask, p); }
  WS_INLINE int all(int p) const { return __all_sync(mask, p); }
  WS_INLINE unsigned ballot(int p) const {
    unsigned b = __ballot_sync(mask, p), r = 0, i = 0;
    for (unsigned m = mask; m; m &= m - 1, i++) if (b >> __builtin_ctz(m) & 1) r |= 1u << i;
    return r;
  }
};

template <unsigned N> struct thread_block_tile : ws_lanes {
  WS_INLINE thread_block_tile() {
    unsigned r = ws_rank(), lane = r & 31, volume = ws_volume(), first = lane & ~(N - 1);
    mask = (N == 32 ? 0xffffffffu : ((1u << (N & 31)) - 1)) << first;
    rank = lane & (N - 1);
    count = N;
    unsigned left = volume - (r & ~31u);
    if (left < 32) mask &= (1u << left) - 1;
  }
  WS_INLINE unsigned meta_group_rank() const { return ws_rank() / N; }
  WS_INLINE unsigned meta_group_size() const { return (ws_volume() + N - 1) / N; }
};
struct coalesced_group : ws_lanes {};

template <unsigned N> WS_INLINE thread_block_tile<N> tiled_partition(const thread_block&) {
  static_assert(N > 0 && N <= 32 && (N & (N - 1)) == 0, "tiles have 1, 2, 4, 8, 16 or 32 threads");
  return thread_block_tile<N>();
}
template <unsigned N, unsigned M> WS_INLINE thread_block_tile<N> tiled_partition(const thread_block_tile<M>&) { return thread_block_tile<N>(); }
WS_INLINE coalesced_group coalesced_threads() {
  coalesced_group g;
  unsigned lane = ws_rank() & 31;
  g.mask = __activemask();
  g.rank = (unsigned)__builtin_popcount(g.mask & ((1u << lane) - 1));
  g.count = (unsigned)__builtin_popcount(g.mask);
  return g;
}
template <class G> WS_INLINE coalesced_group labeled_partition(const G& group, int label) {
  coalesced_group g;
  unsigned lane = ws_rank() & 31;
  g.mask = __match_any_sync(group.mask, label);
  g.rank = (unsigned)__builtin_popcount(g.mask & ((1u << lane) - 1));
  g.count = (unsigned)__builtin_popcount(g.mask);
  return g;
}
template <class G> WS_INLINE coalesced_group binary_partition(const G& group, bool p) { return labeled_partition(group, p); }
template <class G> WS_INLINE void sync(const G& group) { group.sync(); }

template <class T> struct plus { WS_INLINE T operator()(T a, T b) const { return a + b; } };
template <class T> struct less { WS_INLINE T operator()(T a, T b) const { return b < a ? b : a; } };
template <class T> struct greater { WS_INLINE T operator()(T a, T b) const { return a < b ? b : a; } };
template <class T> struct bit_and { WS_INLINE T operator()(T a, T b) const { return a & b; } };
template <class T> struct bit_or { WS_INLINE T operator()(T a, T b) const { return a | b; } };
template <class T> struct bit_xor { WS_INLINE T operator()(T a, T b) const { return a ^ b; } };
/** All lanes get the result, added up in the same order in every lane. */
template <class G, class T, class Op> WS_INLINE T reduce(const G& group, T v, Op op) {
  T sum = __shfl_sync(group.mask, v, (int)group.lane(0));
  for (unsigned r = 1; r < group.count; r++) sum = op(sum, __shfl_sync(group.mask, v, (int)group.lane(r)));
  return sum;
}
template <class G, class T, class Op> WS_INLINE T inclusive_scan(const G& group, T v, Op op) {
  for (unsigned d = 1; d < group.count; d *= 2) {
    T other = group.shfl_up(v, d);
    if (group.rank >= d) v = op(other, v);
  }
  return v;
}
template <class G, class T> WS_INLINE T inclusive_scan(const G& group, T v) { return inclusive_scan(group, v, plus<T>()); }
template <class G, class T> WS_INLINE T exclusive_scan(const G& group, T v) {
  T all = inclusive_scan(group, v, plus<T>()), before = group.shfl_up(all, 1);
  return group.rank == 0 ? T() : before;
}
}
