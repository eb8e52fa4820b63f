// Attention of one head after another, O = softmax(Q K^T / sqrt(d)) V; Q, K, V are heads x n x d, d = 64.
//   1 three kernels, the n x n scores in memory   2 FlashAttention: tiles of K and V in shared memory, running maximum
//   and sum, no scores in memory (T. Dao et al., 2022)   3 the same, a warp for each query: scores by shuffles
#include "common.cuh"
constexpr int D = 64;

__global__ void scores(const float* q, const float* k, float* s, int n) {
  int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, h = blockIdx.z;
  if (j >= n) return;
  float sum = 0.f;
  for (int c = 0; c < D; c++) sum += q[(h * n + i) * D + c] * k[(h * n + j) * D + c];
  s[((size_t)h * n + i) * n + j] = sum * rsqrtf((float)D);
}
__global__ void softmax_rows(float* s, int rows, int n) {
  int r = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (r >= rows) return;
  float* row = s + (size_t)r * n;
  float most = -INFINITY, sum = 0.f;
  for (int j = lane; j < n; j += 32) most = fmaxf(most, row[j]);
  most = warp_max(most);
  for (int j = lane; j < n; j += 32) sum += row[j] = expf(row[j] - most);
  sum = warp_sum(sum);
  for (int j = lane; j < n; j += 32) row[j] /= sum;
}
__global__ void values(const float* s, const float* v, float* o, int n) {
  int c = threadIdx.x, i = blockIdx.x, h = blockIdx.y;
  float sum = 0.f;
  for (int j = 0; j < n; j++) sum += s[((size_t)h * n + i) * n + j] * v[(h * n + j) * D + c];
  o[(h * n + i) * D + c] = sum;
}
/** A thread a query: its q, its sum and its output row are in registers. */
__global__ void __launch_bounds__(64) flash2(const float* q, const float* k, const float* v, float* o, int n) {
  constexpr int T = 32;
  __shared__ float ks[T][D], vs[T][D];
  int t = threadIdx.x, i = blockIdx.x * 64 + t, h = blockIdx.y;
  float qi[D], out[D], most = -INFINITY, sum = 0.f;
#pragma unroll
  for (int c = 0; c < D; c++) { qi[c] = i < n ? q[(h * n + i) * D + c] * rsqrtf((float)D) : 0.f; out[c] = 0.f; }
  for (int j0 = 0; j0 < n; j0 += T) {
    __syncthreads();
    for (int e = t; e < T * D; e += 64) {
      bool inside = j0 + e / D < n;
      ks[e / D][e % D] = inside ? k[(h * n + j0) * D + e] : 0.f;
      vs[e / D][e % D] = inside ? v[(h * n + j0) * D + e] : 0.f;
    }
    __syncthreads();
    for (int j = 0; j < T && j0 + j < n; j++) {
      float s = 0.f;
#pragma unroll
      for (int c = 0; c < D; c++) s += qi[c] * ks[j][c];
      float higher = fmaxf(most, s), keep = __expf(most - higher), p = __expf(s - higher);
      sum = sum * keep + p;
#pragma unroll
      for (int c = 0; c < D; c++) out[c] = out[c] * keep + p * vs[j][c];
      most = higher;
    }
  }
  if (i < n)
#pragma unroll
    for (int c = 0; c < D; c++) o[(h * n + i) * D + c] = out[c] / sum;
}
/** A warp a query; a lane has a key of the tile when scores are made, and two columns when values are added. */
__global__ void __launch_bounds__(128) flash3(const float* q, const float* k, const float* v, float* o, int n) {
  __shared__ float qs[4][D], ks[32][D + 1], vs[32][D];
  int lane = threadIdx.x % 32, w = threadIdx.x / 32, i = blockIdx.x * 4 + w, h = blockIdx.y;
  for (int c = lane; c < D; c += 32) qs[w][c] = i < n ? q[(h * n + i) * D + c] * rsqrtf((float)D) : 0.f;
  float most = -INFINITY, sum = 0.f, out0 = 0.f, out1 = 0.f;
  for (int j0 = 0; j0 < n; j0 += 32) {
    __syncthreads();
    for (int e = threadIdx.x; e < 32 * D; e += 128) {
      bool inside = j0 + e / D < n;
      ks[e / D][e % D] = inside ? k[(h * n + j0) * D + e] : 0.f;
      vs[e / D][e % D] = inside ? v[(h * n + j0) * D + e] : 0.f;
    }
    __syncthreads();
    float s = 0.f;
#pragma unroll 8
    for (int c = 0; c < D; c++) s += qs[w][c] * ks[lane][c];
    if (j0 + lane >= n) s = -INFINITY;
    float higher = fmaxf(most, warp_max(s)), keep = __expf(most - higher), p = __expf(s - higher);
    sum = sum * keep + warp_sum(p);
    out0 *= keep;
    out1 *= keep;
    for (int j = 0; j < 32; j++) {
      float pj = __shfl_sync(0xffffffffu, p, j);
      out0 += pj * vs[j][lane];
      out1 += pj * vs[j][lane + 32];
    }
    most = higher;
  }
  if (i < n) { o[(h * n + i) * D + lane] = out0 / sum; o[(h * n + i) * D + lane + 32] = out1 / sum; }
}

int main(int argc, char** argv) {
  Bench bench("attention", argc, argv);
  const int heads = bench.size(32, 2), n = bench.size(2048, 45), check = bench.check_only ? heads * n : 8;
  auto q = uniform((size_t)heads * n * D, 26), k = uniform((size_t)heads * n * D, 27), v = uniform((size_t)heads * n * D, 28);
  for (float& f : q) f *= 3.f;
  std::vector<float> want((size_t)check * D);
  for (int r = 0; r < check; r++) {
    int h = r / n;
    std::vector<double> p(n);
    double most = -1e30, sum = 0;
    for (int j = 0; j < n; j++) {
      for (int c = 0; c < D; c++) p[j] += (double)q[(size_t)r * D + c] * k[((size_t)h * n + j) * D + c];
      most = fmax(most, p[j] /= sqrt((double)D));
    }
    for (double& e : p) sum += e = exp(e - most);
    for (int c = 0; c < D; c++) {
      double o = 0;
      for (int j = 0; j < n; j++) o += p[j] * v[((size_t)h * n + j) * D + c];
      want[(size_t)r * D + c] = (float)(o / sum);
    }
  }
  Array<float> dq(q), dk(k), dv(v), o(q.size()), s((size_t)heads * n * n);
  double bytes = 16. * heads * n * D, flops = 4. * heads * (double)n * n * D;
  bench.version("1 scores in memory", o, want, 2e-5, bytes, flops, [&] {
    scores<<<dim3(ceil_div(n, 128), n, heads), 128>>>(dq.p, dk.p, s.p, n);
    softmax_rows<<<ceil_div(heads * n * 32, 128), 128>>>(s.p, heads * n, n);
    values<<<dim3(n, heads), D>>>(s.p, dv.p, o.p, n);
  });
  bench.version("2 flash, a thread a query", o, want, 2e-5, bytes, flops, [&] { flash2<<<dim3(ceil_div(n, 64), heads), 64>>>(dq.p, dk.p, dv.p, o.p, n); });
  bench.version("3 flash, a warp a query", o, want, 2e-5, bytes, flops, [&] { flash3<<<dim3(ceil_div(n, 4), heads), 128>>>(dq.p, dk.p, dv.p, o.p, n); });
  return bench.done();
}
