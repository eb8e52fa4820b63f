// Wrong programs: `wrong NAME` runs one, and the judge must name its fault. `// expect KIND` stands on the line that it
// must name. Each fault is one that compiles, and that often goes unnoticed on a GPU.
#include <cooperative_groups.h>
#include <cstdio>
#include <cstdlib>
#include <string>

static int* ints(int n) { int* p; cudaMalloc(&p, n * sizeof(int)); cudaMemset(p, 0, n * sizeof(int)); return p; }
static float* floats(int n) { float* p; cudaMalloc(&p, n * sizeof(float)); cudaMemset(p, 0, n * sizeof(float)); return p; }

__global__ void past_the_end(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) x[i] = 1.f;  // expect out-of-bounds
}
void bad_out_of_bounds_write() { past_the_end<<<2, 64>>>(floats(100), 100); }

__global__ void before_the_start(const float* x, float* y) {
  int i = threadIdx.x;
  y[i] = x[i - 1] + x[i];  // expect out-of-bounds
}
void bad_out_of_bounds_read() { before_the_start<<<1, 32>>>(floats(32), floats(32)); }

__global__ void shared_too_small(int* x) {
  extern __shared__ int s[];
  s[threadIdx.x] = x[threadIdx.x];  // expect out-of-bounds
  __syncthreads();
  x[threadIdx.x] = s[threadIdx.x ^ 1];
}
void bad_dynamic_shared() { shared_too_small<<<1, 64, 32 * sizeof(int)>>>(ints(64)); }

__device__ void fill(int* s, int n) { for (int i = 0; i < n; i++) s[i] = i; }  // expect out-of-bounds
__global__ void shared_through_pointer(int* x) {
  __shared__ int s[32];
  if (threadIdx.x == 0) fill(s, 33);
  __syncthreads();
  x[threadIdx.x] = s[threadIdx.x];
}
void bad_static_shared() { shared_through_pointer<<<1, 32>>>(ints(32)); }

__global__ void local_index(int* x, int n) {
  int history[4] = {0, 0, 0, 0};
  for (int i = 0; i < n; i++) history[i] += x[i];  // expect index
  x[threadIdx.x] = history[0] + history[3];
}
void bad_local_array() { local_index<<<1, 1>>>(ints(8), 5); }

__global__ void unaligned(const float* x, float4* y) {
  y[threadIdx.x] = *reinterpret_cast<const float4*>(x + 1 + 4 * threadIdx.x);  // expect misaligned
}
void bad_misaligned() { unaligned<<<1, 8>>>(floats(64), (float4*)floats(32)); }

__global__ void reads_unwritten(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  // expect uninitialized
}
void bad_uninitialized_global() { float* p; cudaMalloc(&p, 128); reads_unwritten<<<1, 32>>>(p, floats(32)); }

__global__ void reads_unwritten_shared(float* y) {
  __shared__ float s[32];
  if (threadIdx.x < 16) s[threadIdx.x] = 1.f;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];  // expect uninitialized
}
void bad_uninitialized_shared() { reads_unwritten_shared<<<1, 32>>>(floats(32)); }

__global__ void follows_null(int* x) { x[threadIdx.x] = 1; }  // expect null-pointer
void bad_null() { follows_null<<<1, 1>>>((int*)nullptr); }

__global__ void follows_host(int* x) { x[threadIdx.x] = 1; }  // expect host-memory
void bad_host_pointer() { int* h = (int*)malloc(128); follows_host<<<1, 32>>>(h); }

__global__ void after_free(float* x) { x[threadIdx.x] = 1.f; }  // expect out-of-bounds
void bad_use_after_free() { float* p = floats(32); cudaFree(p); after_free<<<1, 32>>>(p); }

__global__ void no_barrier(const float* x, float* y) {
  __shared__ float s[128];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[127 - threadIdx.x];  // expect race-shared
}
void bad_missing_barrier() { no_barrier<<<1, 128>>>(floats(128), floats(128)); }

__global__ void barrier_too_few(float* x) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  for (int d = 32; d > 0; d /= 2) {
    __syncthreads();
    if (threadIdx.x < d) s[threadIdx.x] += s[threadIdx.x + d];
  }
  x[threadIdx.x] = s[0];  // expect race-shared
}
void bad_reduction_end() { barrier_too_few<<<1, 64>>>(floats(64)); }

__global__ void lockstep(float* x) {
  __shared__ float s[32];
  volatile float* v = s;
  int t = threadIdx.x;
  v[t] = x[t];
  if (t < 16) v[t] += v[t + 16];  // expect race-shared
  if (t == 0) x[0] = v[0];
}
void bad_warp_synchronous() { lockstep<<<1, 32>>>(floats(32)); }

__global__ void plain_counter(int* count) {
  *count = *count + 1;  // expect race-global
}
void bad_counter() { plain_counter<<<4, 32>>>(ints(1)); }

__global__ void in_place_stencil(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i > 0 && i < n - 1) x[i] = 0.5f * (x[i - 1] + x[i + 1]);  // expect race-global
}
void bad_in_place() { in_place_stencil<<<4, 64>>>(floats(256), 256); }

__device__ unsigned done_blocks;
__global__ void no_fence(const float* x, float* partial, float* out) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = x[blockIdx.x];
    last = atomicInc(&done_blocks, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float sum = 0;
    for (int b = 0; b < gridDim.x; b++) sum += partial[b];  // expect race-global
    *out = sum;
  }
}
void bad_missing_fence() { no_fence<<<8, 32>>>(floats(8), floats(8), floats(1)); }

__global__ void barrier_in_branch(int* x) {
  if (threadIdx.x < 32) {
    x[threadIdx.x] = 1;
    __syncthreads();  // expect barrier-divergence
  } else {
    x[threadIdx.x] = 2;
    __syncthreads();
  }
}
void bad_two_barriers() { barrier_in_branch<<<1, 64>>>(ints(64)); }

__global__ void early_return(float* x, int n) {
  __shared__ float s[64];
  if (threadIdx.x >= n) return;
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();  // expect barrier-after-exit
  x[threadIdx.x] = s[n - 1 - threadIdx.x];
}
void bad_early_return() { early_return<<<1, 64>>>(floats(64), 50); }

__global__ void mask_without_caller(int* x) {
  int v = threadIdx.x;
  x[threadIdx.x] = __shfl_sync(0x0000ffffu, v, 0);  // expect invalid-mask
}
void bad_mask() { mask_without_caller<<<1, 32>>>(ints(32)); }

__global__ void shuffle_from_ended(int* x, int n) {
  int v = threadIdx.x;
  if (v >= n) return;
  v += __shfl_down_sync(0xffffffffu, v, 16);  // expect invalid-mask
  x[threadIdx.x] = v;
}
void bad_ended_lane() { shuffle_from_ended<<<1, 32>>>(ints(32), 20); }

__global__ void shuffle_in_branch(int* x) {
  int v = threadIdx.x;
  if (threadIdx.x < 16) v = __shfl_xor_sync(0xffffffffu, v, 1);  // expect deadlock
  __syncthreads();
  x[threadIdx.x] = v;
}
void bad_deadlock() { shuffle_in_branch<<<1, 32>>>(ints(32)); }

__global__ void grid_wait(int* x) {
  x[threadIdx.x] = 1;
  cooperative_groups::this_grid().sync();  // expect grid-sync
}
void bad_grid_sync() { grid_wait<<<2, 32>>>(ints(32)); }

__global__ void never_ends(volatile int* x) {
  while (*x == 0) {}  // expect time-limit
}
void bad_endless() { never_ends<<<1, 1>>>(ints(1)); }

__global__ void asserts(int n) {
  assert(threadIdx.x < n);  // expect assert
}
void bad_assert() { asserts<<<1, 32>>>(31); }

__global__ void shares_local(int* out) {
  __shared__ int* p;
  int mine = threadIdx.x;
  if (threadIdx.x == 0) p = &mine;
  __syncthreads();
  out[threadIdx.x] = *p + mine;  // expect foreign-local
}
void bad_foreign_local() { shares_local<<<1, 32>>>(ints(32)); }

__constant__ int settings[2];
__global__ void writes_constant() { const_cast<int*>(settings)[0] = 1; }  // expect constant-write
void bad_constant() { writes_constant<<<1, 1>>>(); }

__device__ int deep(int n) { volatile int room[256]; room[n & 255] = n; return n == 0 ? room[0] : deep(n - 1) + room[n & 255]; }  // expect stack-overflow
__global__ void too_deep(int* x) { *x = deep(100000); }
void bad_recursion() { too_deep<<<1, 1>>>(ints(1)); }

__global__ void first_come(int* x, int* out) { if (atomicCAS(x, 0, 1) == 0) *out = blockIdx.x * blockDim.x + threadIdx.x; }
void bad_order() {  // expect order-dependent
  int *x = ints(1), *out = ints(1), h = 0;
  first_come<<<1, 64>>>(x, out);
  cudaMemcpy(&h, out, 4, cudaMemcpyDeviceToHost);
  printf("%d\n", h);
}

__global__ void nothing(int* x) { if (threadIdx.x == 0) *x = 0; }
void bad_leak() {
  int* p;
  cudaMalloc(&p, 400);  // expect leak
  nothing<<<1, 1>>>(p);
}
void bad_double_free() {
  int* p = ints(4);
  cudaFree(p);
  cudaFree(p);  // expect invalid-free
}
void bad_direction() {
  int h[4] = {}, *p = ints(4);
  cudaMemcpy(p, h, sizeof h, cudaMemcpyDeviceToHost);  // expect memcpy-direction
}
void bad_copy_size() {
  float h[64] = {}, *p = floats(16);
  cudaMemcpy(p, h, sizeof h, cudaMemcpyHostToDevice);  // expect memcpy-bounds
}
void bad_block_size() {
  nothing<<<1, 2048>>>(ints(1));  // expect invalid-launch
}
void bad_host_dereference() {
  int* p = ints(4);
  printf("%d\n", p[0]);  // expect device-memory-on-host
}

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
#define BAD(x) if (name == #x) { bad_##x(); cudaDeviceSynchronize(); return 0; }
  BAD(out_of_bounds_write) BAD(out_of_bounds_read) BAD(dynamic_shared) BAD(static_shared) BAD(local_array) BAD(misaligned) BAD(uninitialized_global)
  BAD(uninitialized_shared) BAD(null) BAD(host_pointer) BAD(use_after_free) BAD(missing_barrier) BAD(reduction_end) BAD(warp_synchronous) BAD(counter)
  BAD(in_place) BAD(missing_fence) BAD(two_barriers) BAD(early_return) BAD(mask) BAD(ended_lane) BAD(deadlock) BAD(grid_sync) BAD(endless) BAD(assert)
  BAD(foreign_local) BAD(constant) BAD(recursion) BAD(order) BAD(leak) BAD(double_free) BAD(direction) BAD(copy_size) BAD(block_size) BAD(host_dereference)
  printf("no such program\n");
  return 1;
}
