// Correct programs, one for each part of the language: `correct NAME` prints ok or what was wrong. The judge must find
// nothing in any of them. CUDA C++ as nvcc takes it.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>
namespace cg = cooperative_groups;

#define CHECK(condition) do { if (!(condition)) { printf("wrong: line %d: %s\n", __LINE__, #condition); return; } } while (0)

template <class T> struct Device {
  T* p = nullptr;
  size_t n;
  Device(const std::vector<T>& v) : n(v.size()) { cudaMalloc(&p, n * sizeof(T)); cudaMemcpy(p, v.data(), n * sizeof(T), cudaMemcpyHostToDevice); }
  explicit Device(size_t n) : n(n) { cudaMalloc(&p, n * sizeof(T)); }
  Device(const Device&) = delete;
  ~Device() { cudaFree(p); }
  std::vector<T> host() { std::vector<T> v(n); cudaMemcpy(v.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost); return v; }
};
static std::vector<float> ramp(int n) { std::vector<float> v(n); for (int i = 0; i < n; i++) v[i] = (float)(i % 97) - 48.f; return v; }

// --- indices in three dimensions
__global__ void index3d(int* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y, z = blockIdx.z * blockDim.z + threadIdx.z;
  int w = gridDim.x * blockDim.x, h = gridDim.y * blockDim.y;
  out[(z * h + y) * w + x] = x + 100 * y + 10000 * z;
}
void test_index3d() {
  Device<int> out(8 * 6 * 4);
  index3d<<<dim3(2, 3, 2), dim3(4, 2, 2)>>>(out.p);
  auto v = out.host();
  for (int z = 0; z < 4; z++) for (int y = 0; y < 6; y++) for (int x = 0; x < 8; x++) CHECK(v[(z * 6 + y) * 8 + x] == x + 100 * y + 10000 * z);
}

// --- tiled transpose in static shared memory, template parameter
template <int TILE> __global__ void transpose(const float* in, float* out, int n) {
  __shared__ float tile[TILE][TILE + 1];
  int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
  tile[threadIdx.y][threadIdx.x] = in[y * n + x];
  __syncthreads();
  out[(blockIdx.x * TILE + threadIdx.y) * n + blockIdx.y * TILE + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}
void test_transpose() {
  auto h = ramp(64 * 64);
  Device<float> in(h), out(64 * 64);
  transpose<16><<<dim3(4, 4), dim3(16, 16)>>>(in.p, out.p, 64);
  auto v = out.host();
  for (int i = 0; i < 64; i++) for (int j = 0; j < 64; j++) CHECK(v[j * 64 + i] == h[i * 64 + j]);
}

// --- dynamic shared memory, tree reduction
extern __shared__ float dynamic_at_file_scope[];
__global__ void reduce(const float* in, float* out) {
  extern __shared__ float s[];
  int t = threadIdx.x;
  s[t] = in[blockIdx.x * blockDim.x + t];
  for (int d = blockDim.x / 2; d > 0; d /= 2) {
    __syncthreads();
    if (t < d) s[t] += s[t + d];
  }
  if (t == 0) out[blockIdx.x] = s[0];
}
__global__ void reverse(float* x) {
  dynamic_at_file_scope[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = dynamic_at_file_scope[blockDim.x - 1 - threadIdx.x];
}
void test_dynamic_shared() {
  auto h = ramp(512);
  Device<float> in(h), out(4);
  reduce<<<4, 128, 128 * sizeof(float)>>>(in.p, out.p);
  auto v = out.host();
  for (int b = 0; b < 4; b++) { float sum = 0; for (int i = 0; i < 128; i++) sum += h[b * 128 + i]; CHECK(fabsf(v[b] - sum) < 1e-3f); }
  reverse<<<1, 64, 64 * 4>>>(in.p);
  auto r = in.host();
  for (int i = 0; i < 64; i++) CHECK(r[i] == h[63 - i]);
}

// --- constant memory, device functions, device variables, symbols
__constant__ float coefficients[4];
__device__ int counter;
__device__ float table[3] = {1.f, 10.f, 100.f};
__device__ __forceinline__ float horner(float x) { return ((coefficients[3] * x + coefficients[2]) * x + coefficients[1]) * x + coefficients[0]; }
__global__ void polynomial(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { x[i] = horner(x[i]) + table[i % 3]; atomicAdd(&counter, 1); }
}
void test_constant() {
  const float c[4] = {1, 2, 3, 4};
  int zero = 0, count = -1;
  cudaMemcpyToSymbol(coefficients, c, sizeof c);
  cudaMemcpyToSymbol(counter, &zero, sizeof zero);
  std::vector<float> h(100);
  for (int i = 0; i < 100; i++) h[i] = i * 0.01f;
  Device<float> x(h);
  polynomial<<<1, 128>>>(x.p, 100);
  cudaMemcpyFromSymbol(&count, counter, sizeof count);
  CHECK(count == 100);
  auto v = x.host();
  const float t[3] = {1, 10, 100};
  for (int i = 0; i < 100; i++) { float a = h[i]; CHECK(fabsf(v[i] - (((4 * a + 3) * a + 2) * a + 1 + t[i % 3])) < 1e-4f); }
}

// --- barriers that count
__global__ void votes(int* out) {
  int t = threadIdx.x, count = __syncthreads_count(t % 3 == 0), all = __syncthreads_and(t < 70), any = __syncthreads_or(t == 69);
  if (t == 0) { out[0] = count; out[1] = all; out[2] = any; out[3] = __syncthreads_or(0) ? 1 : 0; } else __syncthreads_or(0);
}
__global__ void votes_plain(int* out) {
  int t = threadIdx.x, count = __syncthreads_count(t % 3 == 0), all = __syncthreads_and(t < 70), any = __syncthreads_or(t == 69), none = __syncthreads_or(0);
  if (t == 0) { out[0] = count; out[1] = all != 0; out[2] = any != 0; out[3] = none != 0; }
}
void test_barrier_votes() {
  Device<int> out(4);
  votes_plain<<<1, 70>>>(out.p);
  auto v = out.host();
  CHECK(v[0] == 24 && v[1] == 1 && v[2] == 1 && v[3] == 0);
}

// --- shuffles
__global__ void shuffles(int* out) {
  int lane = threadIdx.x, v = lane * 10;
  out[lane] = __shfl_sync(0xffffffff, v, 5);
  out[32 + lane] = __shfl_up_sync(0xffffffff, v, 2);
  out[64 + lane] = __shfl_down_sync(0xffffffff, v, 3, 8);
  out[96 + lane] = __shfl_xor_sync(0xffffffff, v, 1);
  double d = __shfl_sync(0xffffffff, (double)lane + 0.5, 31 - lane);
  out[128 + lane] = (int)(d * 2);
}
__global__ void warp_sum(const float* x, float* out, int n) {
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += 32) sum += x[i];
  for (int d = 16; d > 0; d >>= 1) sum += __shfl_down_sync(0xffffffffu, sum, d);
  if (threadIdx.x == 0) *out = sum;
}
void test_shuffle() {
  Device<int> out(160);
  shuffles<<<1, 32>>>(out.p);
  auto v = out.host();
  for (int l = 0; l < 32; l++) {
    CHECK(v[l] == 50 && v[32 + l] == (l < 2 ? l : l - 2) * 10 && v[96 + l] == (l ^ 1) * 10 && v[128 + l] == 2 * (31 - l) + 1);
    CHECK(v[64 + l] == ((l & 7) + 3 < 8 ? l + 3 : l) * 10);
  }
  auto h = ramp(1000);
  float sum = 0; for (float f : h) sum += f;
  Device<float> x(h), s(1);
  warp_sum<<<1, 32>>>(x.p, s.p, 1000);
  CHECK(fabsf(s.host()[0] - sum) < 1e-2f);
}

// --- votes, match, reduce
__global__ void warp_votes(unsigned* out) {
  int lane = threadIdx.x;
  unsigned ballot = __ballot_sync(0xffffffff, lane % 2), any = __any_sync(0xffffffff, lane == 7), all = __all_sync(0xffffffff, lane < 31);
  unsigned same = __match_any_sync(0xffffffff, lane / 8), add = __reduce_add_sync(0xffffffff, (unsigned)lane), most = (unsigned)__reduce_max_sync(0xffffffff, -lane);
  int every;
  unsigned whole = __match_all_sync(0xffffffff, 5, &every);
  unsigned* o = out + lane * 8;
  o[0] = ballot; o[1] = any != 0; o[2] = all != 0; o[3] = same; o[4] = add; o[5] = most; o[6] = whole; o[7] = every != 0;
}
void test_votes() {
  Device<unsigned> out(256);
  warp_votes<<<1, 32>>>(out.p);
  auto v = out.host();
  for (int l = 0; l < 32; l++) {
    unsigned* o = &v[l * 8];
    CHECK(o[0] == 0xaaaaaaaau && o[1] == 1 && o[2] == 0 && o[3] == 0xffu << (l / 8 * 8) && o[4] == 496 && o[5] == 0 && o[6] == 0xffffffffu && o[7] == 1);
  }
}

// --- partial masks, syncwarp
__global__ void halves(int* out) {
  __shared__ int s[64];
  int t = threadIdx.x, lane = t % 32;
  unsigned mask = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  s[t] = t;
  __syncwarp();
  int neighbour = s[t ^ 1];
  if (lane < 16) neighbour += __shfl_xor_sync(mask, t, 8);
  else neighbour -= __shfl_xor_sync(mask, t, 8);
  __syncwarp(mask);
  out[t] = neighbour;
}
void test_masks() {
  Device<int> out(64);
  halves<<<1, 64>>>(out.p);
  auto v = out.host();
  for (int t = 0; t < 64; t++) CHECK(v[t] == (t % 32 < 16 ? (t ^ 1) + (t ^ 8) : (t ^ 1) - (t ^ 8)));
}

// --- atomics of every kind
__global__ void atomics(int* i, unsigned* u, float* f, double* d, unsigned long long* l, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  atomicAdd(i, t); atomicSub(i + 1, 1); atomicMin(i + 2, -t); atomicMax(i + 3, t); atomicAnd(i + 4, ~(1 << (t % 8))); atomicOr(i + 5, 1 << (t % 20)); atomicXor(i + 6, 1);
  atomicInc(u, 9); atomicDec(u + 1, 9);
  atomicAdd(f, 0.5f); atomicAdd(d, 0.25);
  atomicAdd(l, 1ull << 33); atomicMax(l + 1, (unsigned long long)t);
  int old = i[7];
  for (int seen = old;;) { int was = atomicCAS(i + 8, seen, seen + 2); if (was == seen) break; seen = was; }
  atomicExch(i + 9, 42);
}
void test_atomics() {
  std::vector<int> hi(10, 0); hi[4] = 0x7fffffff;
  Device<int> i(hi); Device<unsigned> u(std::vector<unsigned>(2, 0)); Device<float> f(std::vector<float>(1, 0)); Device<double> d(std::vector<double>(1, 0));
  Device<unsigned long long> l(std::vector<unsigned long long>(2, 0));
  atomics<<<4, 64>>>(i.p, u.p, f.p, d.p, l.p, 200);
  auto v = i.host();
  CHECK(v[0] == 199 * 200 / 2 && v[1] == -200 && v[2] == -199 && v[3] == 199 && v[4] == 0x7fffff00 && v[5] == 0xfffff && v[6] == 0 && v[8] == 400 && v[9] == 42);
  CHECK(u.host()[0] == 0 && u.host()[1] == 0 && f.host()[0] == 100.f && d.host()[0] == 50. && l.host()[0] == 200ull << 33 && l.host()[1] == 199);
}

// --- histogram in shared memory
__global__ void histogram(const unsigned char* data, unsigned* bins, int n) {
  __shared__ unsigned local[256];
  for (int b = threadIdx.x; b < 256; b += blockDim.x) local[b] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[data[i]], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) if (local[b]) atomicAdd(&bins[b], local[b]);
}
void test_histogram() {
  std::vector<unsigned char> data(5000);
  std::vector<unsigned> want(256, 0);
  for (int i = 0; i < 5000; i++) { data[i] = (unsigned char)(i * 7 % 251); want[data[i]]++; }
  Device<unsigned char> in(data); Device<unsigned> bins(std::vector<unsigned>(256, 0));
  histogram<<<4, 100>>>(in.p, bins.p, 5000);
  CHECK(bins.host() == want);
}

// --- the last block adds up: fences with an atomic
__device__ unsigned arrived;
__global__ void sum_last_block(const float* x, volatile float* partial, float* out, int n) {
  __shared__ float s[128];
  __shared__ bool last;
  int t = threadIdx.x;
  float sum = 0;
  for (int i = blockIdx.x * 128 + t; i < n; i += gridDim.x * 128) sum += x[i];
  s[t] = sum;
  __syncthreads();
  for (int d = 64; d > 0; d /= 2) { if (t < d) s[t] += s[t + d]; __syncthreads(); }
  if (t == 0) {
    partial[blockIdx.x] = s[0];
    __threadfence();
    last = atomicInc(&arrived, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && t == 0) {
    float all = 0;
    for (int b = 0; b < gridDim.x; b++) all += partial[b];
    *out = all;
  }
}
void test_last_block() {
  auto h = ramp(4000);
  float want = 0; for (float f : h) want += f;
  Device<float> x(h), partial(8), out(1);
  sum_last_block<<<8, 128>>>(x.p, partial.p, out.p, 4000);
  CHECK(fabsf(out.host()[0] - want) < 1e-2f);
}

// --- a lock
__device__ int lock_word, locked_value;
__global__ void locked(int times) {
  if (threadIdx.x % 32 != 0) return;
  for (int i = 0; i < times; i++) {
    while (atomicCAS(&lock_word, 0, 1) != 0) {}
    __threadfence();
    locked_value += 1;
    __threadfence();
    atomicExch(&lock_word, 0);
  }
}
void test_lock() {
  int zero = 0, v = 0;
  cudaMemcpyToSymbol(locked_value, &zero, 4); cudaMemcpyToSymbol(lock_word, &zero, 4);
  locked<<<4, 64>>>(5);
  cudaMemcpyFromSymbol(&v, locked_value, 4);
  CHECK(v == 40);
}

// --- vector types
__global__ void vectors(const float4* in, float4* out, int2* pairs, uchar4* bytes, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float4 v = in[i];
  out[i] = make_float4(v.w, v.z, v.y, v.x);
  pairs[i] = make_int2(i, -i);
  uchar4 b = make_uchar4(1, 2, 3, (unsigned char)i);
  bytes[i] = b;
  double2 d = make_double2(v.x, v.y);
  out[i].x += (float)(d.x + d.y);
}
void test_vectors() {
  auto h = ramp(400);
  Device<float> in(h), out(400); Device<int2> pairs(100); Device<uchar4> bytes(100);
  vectors<<<2, 64>>>((const float4*)in.p, reinterpret_cast<float4*>(out.p), pairs.p, bytes.p, 100);
  auto v = out.host(); auto p = pairs.host(); auto b = bytes.host();
  for (int i = 0; i < 100; i++) CHECK(v[4 * i] == h[4 * i + 3] + h[4 * i] + h[4 * i + 1] && v[4 * i + 3] == h[4 * i] && p[i].y == -i && b[i].w == i && b[i].y == 2);
}

// --- half and bfloat16
__global__ void halfs(const __half* a, const __half* b, __half* c, __half2* pairs, __nv_bfloat16* bf, int n) {
  int i = threadIdx.x;
  if (i >= n) return;
  c[i] = __hfma(a[i], b[i], __float2half(1.0f)) + a[i] * b[i];
  pairs[i] = __hadd2(__floats2half2_rn(1.f, 2.f), __half2half2(a[i]));
  bf[i] = __float2bfloat16(__half2float(a[i]) * 3.f);
  if (__hgt(a[i], b[i])) c[i] = hexp(__float2half(0.f));
}
void test_half() {
  std::vector<__half> a(32), b(32);
  for (int i = 0; i < 32; i++) { a[i] = __float2half(i * 0.125f); b[i] = __float2half(2.f); }
  Device<__half> da(a), db(b), dc(32); Device<__half2> pairs(32); Device<__nv_bfloat16> bf(32);
  halfs<<<1, 32>>>(da.p, db.p, dc.p, pairs.p, bf.p, 32);
  auto c = dc.host(); auto p = pairs.host(); auto f = bf.host();
  for (int i = 0; i < 32; i++) {
    float x = i * 0.125f;
    CHECK(__half2float(c[i]) == (x > 2.f ? 1.f : 4 * x + 1) && __half2float(p[i].y) == 2.f + x && fabsf(__bfloat162float(f[i]) - 3 * x) <= 3 * x / 256);
  }
}

// --- integer and float intrinsics
__global__ void intrinsics(int* i, float* f) {
  int n = 0, m = 0;
  i[n++] = __popc(0xF0F0); i[n++] = __clz(1); i[n++] = __ffs(8); i[n++] = (int)__brev(1u); i[n++] = __mulhi(1 << 30, 8); i[n++] = (int)__umulhi(1u << 31, 6u);
  i[n++] = __dp4a(0x01020304, 0x01010101, 5); i[n++] = (int)__byte_perm(0x33221100, 0x77665544, 0x7531); i[n++] = (int)__funnelshift_l(0x80000000, 1, 1);
  i[n++] = __float2int_rn(2.5f); i[n++] = __float2int_rz(-2.7f); i[n++] = __float_as_int(1.f); i[n++] = max(3, -5); i[n++] = min(3, -5); i[n++] = __float2int_rn(1e20f);
  f[m++] = __expf(1.f); f[m++] = rsqrtf(4.f); f[m++] = __fdividef(1.f, 3.f); f[m++] = __saturatef(1.5f); f[m++] = fmaxf(1.f, 2.f); f[m++] = __int_as_float(0x40400000);
  f[m++] = max(1.5f, 0.5f); f[m++] = __fmaf_rn(2.f, 3.f, 4.f); f[m++] = erff(0.5f); f[m++] = __powf(2.f, 10.f);
}
void test_intrinsics() {
  Device<int> i(15); Device<float> f(10);
  intrinsics<<<1, 1>>>(i.p, f.p);
  const std::vector<int> want = {8, 31, 4, (int)0x80000000, 2, 3, 15, 0x77553311, 3, 2, -2, 0x3f800000, 3, -5, 2147483647};
  CHECK(i.host() == want);
  const float wf[] = {2.7182817f, .5f, .33333334f, 1.f, 2.f, 3.f, 1.5f, 10.f, .5204999f, 1024.f};
  auto v = f.host();
  for (int k = 0; k < 10; k++) CHECK(fabsf(v[k] - wf[k]) < 1e-5f * fmaxf(1.f, wf[k]));
}

// --- cooperative groups
__global__ void groups(const int* in, int* out) {
  cg::thread_block block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  auto tile = cg::tiled_partition<8>(warp);
  int v = in[block.thread_rank()];
  int sum = cg::reduce(tile, v, cg::plus<int>());
  int most = cg::reduce(warp, v, cg::greater<int>());
  block.sync();
  if (v % 2) {
    cg::coalesced_group odd = cg::coalesced_threads();
    sum += 1000 * (int)odd.size() + 100000 * (odd.thread_rank() == 0);
  }
  out[block.thread_rank()] = sum + (tile.meta_group_rank() == 0 ? most * 1000000 : 0) + (int)tile.shfl(0, 0);
}
void test_groups() {
  std::vector<int> h(64);
  for (int i = 0; i < 64; i++) h[i] = i;
  Device<int> in(h), out(64);
  groups<<<1, 64>>>(in.p, out.p);
  auto v = out.host();
  for (int i = 0; i < 64; i++) {
    int base = i / 8 * 8, sum = 0;
    for (int k = 0; k < 8; k++) sum += base + k;
    if (i % 2) sum += 1000 * 16 + (i % 32 == 1 ? 100000 : 0);
    CHECK(v[i] == sum + (i / 8 == 0 ? 31 * 1000000 : 0));
  }
}

// --- a barrier of the whole grid
__global__ void whole_grid(int* a, int* b) {
  cg::grid_group grid = cg::this_grid();
  int i = (int)grid.thread_rank(), n = (int)grid.size();
  a[i] = i;
  grid.sync();
  b[i] = a[n - 1 - i];
}
void test_grid_sync() {
  Device<int> a(256), b(256);
  void* args[] = {&a.p, &b.p};
  cudaLaunchCooperativeKernel((void (*)(int*, int*))whole_grid, dim3(4), dim3(64), args);
  auto v = b.host();
  for (int i = 0; i < 256; i++) CHECK(v[i] == 255 - i);
}

// --- warp matrix product
__global__ void wmma_gemm(const __half* a, const __half* b, float* c) {
  using namespace nvcuda::wmma;
  fragment<matrix_a, 16, 16, 16, __half, row_major> fa;
  fragment<matrix_b, 16, 16, 16, __half, col_major> fb;
  fragment<accumulator, 16, 16, 16, float> fc;
  fill_fragment(fc, 0.f);
  for (int k = 0; k < 32; k += 16) {
    load_matrix_sync(fa, a + k, 32);
    load_matrix_sync(fb, b + k, 32);
    mma_sync(fc, fa, fb, fc);
  }
  for (int i = 0; i < fc.num_elements; i++) fc.x[i] *= 2.f;
  store_matrix_sync(c, fc, 16, mem_row_major);
}
void test_wmma() {
  std::vector<__half> a(16 * 32), b(16 * 32);
  for (int i = 0; i < 512; i++) { a[i] = __float2half((float)(i * 7 % 11) - 5); b[i] = __float2half((float)(i * 5 % 13) - 6); }
  Device<__half> da(a), db(b); Device<float> c(256);
  wmma_gemm<<<1, 32>>>(da.p, db.p, c.p);
  auto v = c.host();
  for (int i = 0; i < 16; i++) for (int j = 0; j < 16; j++) {
    float sum = 0;
    for (int k = 0; k < 32; k++) sum += __half2float(a[i * 32 + k]) * __half2float(b[j * 32 + k]);
    CHECK(v[i * 16 + j] == 2 * sum);
  }
}

// --- printf and assert
__global__ void talk(int n) {
  assert(n == 3);
  if (threadIdx.x < n) printf("thread %d of block %d: %.1f\n", threadIdx.x, blockIdx.x, threadIdx.x * 0.5);
}
void test_printf() { talk<<<1, 32>>>(3); CHECK(cudaDeviceSynchronize() == cudaSuccess); }

// --- streams, events, managed and pinned memory, 2-D copies, error codes
__global__ void add_one(int* x, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) x[i]++; }
void test_host_api() {
  cudaStream_t stream; cudaEvent_t a, b;
  cudaStreamCreate(&stream); cudaEventCreate(&a); cudaEventCreate(&b);
  int *managed, *pinned, *device;
  CHECK(cudaMallocManaged(&managed, 64 * 4) == cudaSuccess && cudaMallocHost(&pinned, 64 * 4) == cudaSuccess && cudaMalloc(&device, 64 * 4) == cudaSuccess);
  for (int i = 0; i < 64; i++) managed[i] = i, pinned[i] = -i;
  cudaEventRecord(a, stream);
  add_one<<<1, 64, 0, stream>>>(managed, 64);
  cudaMemcpyAsync(device, pinned, 256, cudaMemcpyHostToDevice, stream);
  add_one<<<2, 32, 0, stream>>>(device, 64);
  cudaMemcpyAsync(pinned, device, 256, cudaMemcpyDeviceToHost, stream);
  cudaEventRecord(b, stream); cudaEventSynchronize(b); cudaStreamSynchronize(stream);
  float ms = -1;
  CHECK(cudaEventElapsedTime(&ms, a, b) == cudaSuccess && ms >= 0);
  for (int i = 0; i < 64; i++) CHECK(managed[i] == i + 1 && pinned[i] == 1 - i);
  cudaMemset(device, 0, 256);
  char host[8 * 8];
  memset(host, 7, sizeof host);
  CHECK(cudaMemcpy2D(host, 8, device, 32, 4, 8, cudaMemcpyDeviceToHost) == cudaSuccess && host[3] == 0 && host[4] == 7 && host[59] == 0);
  cudaDeviceProp p;
  CHECK(cudaGetDeviceProperties(&p, 0) == cudaSuccess && p.warpSize == 32 && strcmp(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue") == 0);
  cudaFree(managed); cudaFreeHost(pinned); cudaFree(device); cudaStreamDestroy(stream); cudaEventDestroy(a); cudaEventDestroy(b);
  CHECK(cudaGetLastError() == cudaSuccess);
}

// --- all threads write the same value: allowed
__global__ void same_value(const int* x, int* found, int n) {
  __shared__ int any;
  if (threadIdx.x == 0) any = 0;
  __syncthreads();
  if (x[threadIdx.x] > 10) any = 1;
  __syncthreads();
  if (threadIdx.x == 0) *found = any;
}
void test_same_value() {
  std::vector<int> h(64);
  for (int i = 0; i < 64; i++) h[i] = i;
  Device<int> x(h), found(1);
  same_value<<<1, 64>>>(x.p, found.p, 64);
  CHECK(found.host()[0] == 1);
}

// --- neighbouring bytes belong to different threads
__global__ void bytes(unsigned char* x) {
  __shared__ unsigned char s[128];
  s[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = (unsigned char)(s[threadIdx.x] + 1);
}
void test_bytes() {
  Device<unsigned char> x(std::vector<unsigned char>(128, 9));
  bytes<<<1, 128>>>(x.p);
  for (unsigned char c : x.host()) CHECK(c == 10);
}

// --- a producer and a consumer in one launch: flags with fences
__global__ void pipeline(volatile int* flag, int* data, int* out) {
  if (blockIdx.x == 0) {
    data[threadIdx.x] = threadIdx.x * 3;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) atomicExch((int*)flag, 1);
  } else {
    if (threadIdx.x == 0) while (atomicAdd((int*)flag, 0) == 0) {}
    __syncthreads();
    out[threadIdx.x] = data[threadIdx.x];
  }
}
void test_flags() {
  Device<int> flag(std::vector<int>(1, 0)), data(32), out(32);
  pipeline<<<2, 32>>>(flag.p, data.p, out.p);
  auto v = out.host();
  for (int i = 0; i < 32; i++) CHECK(v[i] == i * 3);
}

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
#define TEST(x) if (name == #x) { test_##x(); printf("ok\n"); return 0; }
  TEST(index3d) TEST(transpose) TEST(dynamic_shared) TEST(constant) TEST(barrier_votes) TEST(shuffle) TEST(votes) TEST(masks) TEST(atomics) TEST(histogram)
  TEST(last_block) TEST(lock) TEST(vectors) TEST(half) TEST(intrinsics) TEST(groups) TEST(grid_sync) TEST(wmma) TEST(printf) TEST(host_api) TEST(same_value)
  TEST(bytes) TEST(flags)
  printf("no such program\n");
  return 1;
}
