// 2:4 sparsity: of every 4 weights in a row the 2 largest stay (A. Mishra et al., 2021). Y = W · X, W n x k, X k x m.
//   1 the pruned matrix, dense   2 compressed: values and 2-bit places, half the weights read   3 compressed, in tiles
// prune24 makes the compressed form on the device. On tensor cores the format is the one that mma.sp reads.
#include "common.cuh"

/** A thread takes 4 weights: the two of largest magnitude, and their places in two times 2 bits. */
__global__ void prune24(const float* w, float* dense, float* values, unsigned char* places, int groups) {
  int g = blockIdx.x * blockDim.x + threadIdx.x;
  if (g >= groups) return;
  float4 v = reinterpret_cast<const float4*>(w)[g];
  float a[4] = {v.x, v.y, v.z, v.w};
  int first = 0, second = -1;
#pragma unroll
  for (int i = 1; i < 4; i++) if (fabsf(a[i]) > fabsf(a[first])) first = i;
#pragma unroll
  for (int i = 0; i < 4; i++) if (i != first && (second < 0 || fabsf(a[i]) > fabsf(a[second]))) second = i;
  int low = min(first, second), high = max(first, second);
  float p = 0.f, q = 0.f, kept[4];
#pragma unroll
  for (int i = 0; i < 4; i++) { if (i == low) p = a[i]; if (i == high) q = a[i]; kept[i] = i == low || i == high ? a[i] : 0.f; }
  reinterpret_cast<float2*>(values)[g] = make_float2(p, q);
  places[g] = (unsigned char)(low | high << 2);
  reinterpret_cast<float4*>(dense)[g] = make_float4(kept[0], kept[1], kept[2], kept[3]);
}
__global__ void sparse1(const float* dense, const float* x, float* y, int n, int k, int m) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (col >= m) return;
  float sum = 0.f;
  for (int i = 0; i < k; i++) sum += dense[row * k + i] * x[i * m + col];
  y[row * m + col] = sum;
}
__global__ void sparse2(const float* values, const unsigned char* places, const float* x, float* y, int n, int k, int m) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (col >= m) return;
  float sum = 0.f;
  for (int g = 0; g < k / 4; g++) {
    float2 v = reinterpret_cast<const float2*>(values)[row * (k / 4) + g];
    int p = places[row * (k / 4) + g];
    sum += v.x * x[(g * 4 + (p & 3)) * m + col] + v.y * x[(g * 4 + (p >> 2)) * m + col];
  }
  y[row * m + col] = sum;
}
/** 8 rows x 32 columns a block; a slice of 32 rows of X is shared by the 8. */
__global__ void sparse3(const float* values, const unsigned char* places, const float* x, float* y, int n, int k, int m) {
  __shared__ float xs[32][32];
  int tx = threadIdx.x, ty = threadIdx.y, col = blockIdx.x * 32 + tx, row = blockIdx.y * 8 + ty;
  float sum = 0.f;
  for (int i = 0; i < k; i += 32) {
    for (int r = ty; r < 32; r += 8) xs[r][tx] = col < m && i + r < k ? x[(i + r) * m + col] : 0.f;
    __syncthreads();
    if (row < n)
      for (int g = 0; g < 8 && i + g * 4 < k; g++) {
        float2 v = reinterpret_cast<const float2*>(values)[row * (k / 4) + i / 4 + g];
        int p = places[row * (k / 4) + i / 4 + g];
        sum += v.x * xs[g * 4 + (p & 3)][tx] + v.y * xs[g * 4 + (p >> 2)][tx];
      }
    __syncthreads();
  }
  if (row < n && col < m) y[row * m + col] = sum;
}

int main(int argc, char** argv) {
  Bench bench("sparse24", argc, argv);
  const int n = bench.size(2048, 20), k = bench.size(2048, 64), m = bench.size(2048, 50), rows = bench.check_only ? n : 4;
  auto w = uniform((size_t)n * k, 22), x = uniform((size_t)k * m, 23);
  std::vector<float> kept(w), want((size_t)rows * m, 0.f);
  for (size_t g = 0; g < w.size(); g += 4)
    for (int drop = 0; drop < 2; drop++) {
      int least = -1;
      for (int i = 0; i < 4; i++) if (kept[g + i] != 0.f && (least < 0 || fabsf(kept[g + i]) < fabsf(kept[g + least]))) least = i;
      if (least >= 0) kept[g + least] = 0.f;
    }
  for (int i = 0; i < rows; i++) for (int p = 0; p < k; p++) for (int j = 0; j < m; j++) want[(size_t)i * m + j] += kept[(size_t)i * k + p] * x[(size_t)p * m + j];
  Array<float> dw(w), dense(w.size()), values(w.size() / 2), dx(x), y((size_t)n * m);
  Array<unsigned char> places(w.size() / 4);
  prune24<<<ceil_div((int)(w.size() / 4), 128), 128>>>(dw.p, dense.p, values.p, places.p, (int)(w.size() / 4));
  double bytes = 2.25 * n * k + 4. * k * m + 4. * n * m, flops = 1. * n * m * k, tolerance = 1e-5 * sqrt((double)k);
  dim3 grid(ceil_div(m, 64), n);
  bench.version("1 dense", y, want, tolerance, bytes, flops, [&] { sparse1<<<grid, 64>>>(dense.p, dx.p, y.p, n, k, m); });
  bench.version("2 compressed", y, want, tolerance, bytes, flops, [&] { sparse2<<<grid, 64>>>(values.p, places.p, dx.p, y.p, n, k, m); });
  bench.version("3 compressed, tiles", y, want, tolerance, bytes, flops, [&] { sparse3<<<dim3(ceil_div(m, 32), ceil_div(n, 8)), dim3(32, 8)>>>(values.p, places.p, dx.p, y.p, n, k, m); });
  return bench.done();
}
