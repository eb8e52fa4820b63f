// Inclusive prefix sum of n floats: blocks scan their parts, then the sums of the blocks are scanned and added.
//   1 Hillis and Steele (1986): n log n additions   2 Blelloch (1990): up and down the tree   3 shuffles in the warp
//   4 one pass: blocks look back at the sums before them (D. Merrill, M. Garland, "Decoupled Look-back", 2016)
#include "common.cuh"
constexpr int B = 256;

__global__ void scan1(const float* x, float* y, float* sums, int n) {
  __shared__ float s[2][B];
  int t = threadIdx.x, i = blockIdx.x * B + t, now = 0;
  s[0][t] = i < n ? x[i] : 0.f;
  for (int d = 1; d < B; d *= 2) {
    __syncthreads();
    s[1 - now][t] = s[now][t] + (t >= d ? s[now][t - d] : 0.f);
    now = 1 - now;
  }
  if (i < n) y[i] = s[now][t];
  if (t == B - 1) sums[blockIdx.x] = s[now][t];
}
__global__ void scan2(const float* x, float* y, float* sums, int n) {
  __shared__ float s[B];
  int t = threadIdx.x, i = blockIdx.x * B + t;
  float own = s[t] = i < n ? x[i] : 0.f;
  for (int d = 1; d < B; d *= 2) {
    __syncthreads();
    int k = (t + 1) * 2 * d - 1;
    if (k < B) s[k] += s[k - d];
  }
  __syncthreads();
  if (t == 0) { sums[blockIdx.x] = s[B - 1]; s[B - 1] = 0.f; }
  for (int d = B / 2; d > 0; d /= 2) {
    __syncthreads();
    int k = (t + 1) * 2 * d - 1;
    if (k < B) { float left = s[k - d]; s[k - d] = s[k]; s[k] += left; }
  }
  __syncthreads();
  if (i < n) y[i] = s[t] + own;
}
__device__ float block_scan(float v, float* total) {
  __shared__ float warps[B / 32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int d = 1; d < 32; d *= 2) {
    float left = __shfl_up_sync(0xffffffffu, v, d);
    if (lane >= d) v += left;
  }
  if (lane == 31) warps[warp] = v;
  __syncthreads();
  float before = 0.f, all = 0.f;
  for (int w = 0; w < B / 32; w++) { if (w < warp) before += warps[w]; all += warps[w]; }
  *total = all;
  return v + before;
}
__global__ void scan3(const float* x, float* y, float* sums, int n) {
  int i = blockIdx.x * B + threadIdx.x;
  float total, v = block_scan(i < n ? x[i] : 0.f, &total);
  if (i < n) y[i] = v;
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}
/** One block scans the sums of the blocks, exclusively, in place. */
__global__ void scan_sums(float* sums, int blocks) {
  __shared__ float carry;
  if (threadIdx.x == 0) carry = 0.f;
  for (int first = 0; first < blocks; first += B) {
    __syncthreads();
    int i = first + threadIdx.x;
    float own = i < blocks ? sums[i] : 0.f, total, v = block_scan(own, &total), before = carry;
    __syncthreads();
    if (i < blocks) sums[i] = before + v - own;
    if (threadIdx.x == 0) carry = before + total;
  }
}
__global__ void add_sums(float* y, const float* sums, int n) {
  int i = blockIdx.x * B + threadIdx.x;
  if (i < n) y[i] += sums[blockIdx.x];
}
/** state: 0 nothing yet, 1 the block's own sum is there, 2 the sum of all blocks up to it. */
__global__ void scan4(const float* x, float* y, float* own, float* inclusive, volatile int* state, unsigned* ticket, int n) {
  __shared__ unsigned block;
  __shared__ float before;
  // Tickets, because blocks need not start in the order of their numbers.
  if (threadIdx.x == 0) block = atomicAdd(ticket, 1u);
  __syncthreads();
  int i = block * B + threadIdx.x;
  float total, v = block_scan(i < n ? x[i] : 0.f, &total);
  if (threadIdx.x == 0) {
    float sum = 0.f;
    if (block > 0) {
      own[block] = total;
      __threadfence();
      state[block] = 1;
      for (int k = (int)block - 1; k >= 0;) {
        int s = state[k];
        if (s == 0) continue;
        __threadfence();
        if (s == 2) { sum += inclusive[k]; break; }
        sum += own[k--];
      }
    }
    inclusive[block] = sum + total;
    __threadfence();
    state[block] = 2;
    before = sum;
  }
  __syncthreads();
  if (i < n) y[i] = v + before;
}

int main(int argc, char** argv) {
  Bench bench("scan", argc, argv);
  const int n = bench.size(1 << 25, 3000), blocks = ceil_div(n, B);
  auto x = uniform(n, 4);
  std::vector<float> want(n);
  double sum = 0;
  for (int i = 0; i < n; i++) want[i] = (float)(sum += x[i]);
  Array<float> dx(x), y(n), sums(blocks), inclusive(blocks);
  Array<int> state(blocks);
  Array<unsigned> ticket(1);
  double tolerance = 2e-6 * sqrt((double)n);
  auto rest = [&] { scan_sums<<<1, B>>>(sums.p, blocks); add_sums<<<blocks, B>>>(y.p, sums.p, n); };
  bench.version("1 Hillis-Steele", y, want, tolerance, 8. * n, n, [&] { scan1<<<blocks, B>>>(dx.p, y.p, sums.p, n); rest(); });
  bench.version("2 Blelloch", y, want, tolerance, 8. * n, n, [&] { scan2<<<blocks, B>>>(dx.p, y.p, sums.p, n); rest(); });
  bench.version("3 shuffles", y, want, tolerance, 8. * n, n, [&] { scan3<<<blocks, B>>>(dx.p, y.p, sums.p, n); rest(); });
  bench.version("4 look back", y, want, tolerance, 8. * n, n, [&] {
    CUDA_OK(cudaMemsetAsync(state.p, 0, blocks * 4)); CUDA_OK(cudaMemsetAsync(ticket.p, 0, 4));
    scan4<<<blocks, B>>>(dx.p, y.p, sums.p, inclusive.p, state.p, ticket.p, n);
  });
  return bench.done();
}
