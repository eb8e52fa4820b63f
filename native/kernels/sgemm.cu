// C = A · B in float32, row-major, M x K times K x N; all sizes multiples of 128.
//   1 naive, neighbours in a column   2 coalesced   3 tiles in shared memory   4 a column of 8 results a thread
//   5 8 x 8 results a thread   6 float4, A transposed in shared memory   7 a tile of the block's tile for each warp
// (The ladder of S. Boehm, "How to Optimize a CUDA Matmul Kernel for cuBLAS-like Performance", 2022.)
#include "common.cuh"

__global__ void sgemm1(const float* a, const float* b, float* c, int m, int n, int k) {
  int row = blockIdx.x * blockDim.x + threadIdx.x, col = blockIdx.y * blockDim.y + threadIdx.y;
  float sum = 0.f;
  for (int i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + col];
  c[row * n + col] = sum;
}
__global__ void sgemm2(const float* a, const float* b, float* c, int m, int n, int k) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  float sum = 0.f;
  for (int i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + col];
  c[row * n + col] = sum;
}
__global__ void sgemm3(const float* a, const float* b, float* c, int m, int n, int k) {
  constexpr int T = 32;
  __shared__ float as[T][T], bs[T][T];
  int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * T + x, row = blockIdx.y * T + y;
  float sum = 0.f;
  for (int i = 0; i < k; i += T) {
    as[y][x] = a[row * k + i + x];
    bs[y][x] = b[(i + y) * n + col];
    __syncthreads();
    for (int j = 0; j < T; j++) sum += as[y][j] * bs[j][x];
    __syncthreads();
  }
  c[row * n + col] = sum;
}
__global__ void sgemm4(const float* a, const float* b, float* c, int m, int n, int k) {
  constexpr int BM = 64, BN = 64, BK = 8, TM = 8;  // 512 threads
  __shared__ float as[BM][BK], bs[BK][BN];
  int t = threadIdx.x, x = t % BN, y = t / BN;
  a += blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  float sum[TM] = {};
  for (int i = 0; i < k; i += BK) {
    as[t / BK][t % BK] = a[(t / BK) * k + i + t % BK];
    bs[t / BN][t % BN] = b[(i + t / BN) * n + t % BN];
    __syncthreads();
    for (int j = 0; j < BK; j++) {
      float v = bs[j][x];
#pragma unroll
      for (int r = 0; r < TM; r++) sum[r] += as[y * TM + r][j] * v;
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < TM; r++) c[(blockIdx.y * BM + y * TM + r) * n + blockIdx.x * BN + x] = sum[r];
}
__global__ void __launch_bounds__(256) sgemm5(const float* a, const float* b, float* c, int m, int n, int k) {
  constexpr int BM = 128, BN = 128, BK = 8, R = 8;  // 256 threads
  __shared__ float as[BM][BK], bs[BK][BN];
  int t = threadIdx.x, x = t % 16, y = t / 16;
  a += blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  float sum[R][R] = {}, ra[R], rb[R];
  for (int i = 0; i < k; i += BK) {
    for (int e = t; e < BM * BK; e += 256) as[e / BK][e % BK] = a[(e / BK) * k + i + e % BK];
    for (int e = t; e < BK * BN; e += 256) bs[e / BN][e % BN] = b[(i + e / BN) * n + e % BN];
    __syncthreads();
    for (int j = 0; j < BK; j++) {
#pragma unroll
      for (int r = 0; r < R; r++) { ra[r] = as[y * R + r][j]; rb[r] = bs[j][x * R + r]; }
#pragma unroll
      for (int r = 0; r < R; r++)
#pragma unroll
        for (int s = 0; s < R; s++) sum[r][s] += ra[r] * rb[s];
    }
    __syncthreads();
  }
  for (int r = 0; r < R; r++) for (int s = 0; s < R; s++) c[(blockIdx.y * BM + y * R + r) * n + blockIdx.x * BN + x * R + s] = sum[r][s];
}
/** Both: float4 loads; WARPS gives each warp a 64 x 32 tile, so that its lanes read fewer distinct words. */
template <bool WARPS> __global__ void __launch_bounds__(256) sgemm67(const float* a, const float* b, float* c, int m, int n, int k) {
  constexpr int BM = 128, BN = 128, BK = 8, R = 8;
  __shared__ float as[BK][BM], bs[BK][BN];
  int t = threadIdx.x, lane = t % 32, warp = t / 32;
  // Thread (y, x) of 16 x 16; its 8 x 8 results are two groups of 4 in each direction, so that lanes read neighbours.
  int x = WARPS ? (warp % 4) * 4 + lane % 4 : t % 16, y = WARPS ? (warp / 4) * 8 + lane / 4 : t / 16;
  a += blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  float sum[R][R] = {}, ra[R], rb[R];
  for (int i = 0; i < k; i += BK) {
    float4 va = *reinterpret_cast<const float4*>(a + (t / 2) * k + i + t % 2 * 4);
    int j0 = t % 2 * 4;
    as[j0][t / 2] = va.x; as[j0 + 1][t / 2] = va.y; as[j0 + 2][t / 2] = va.z; as[j0 + 3][t / 2] = va.w;
    *reinterpret_cast<float4*>(&bs[t / 32][t % 32 * 4]) = *reinterpret_cast<const float4*>(b + (i + t / 32) * n + t % 32 * 4);
    __syncthreads();
#pragma unroll
    for (int j = 0; j < BK; j++) {
#pragma unroll
      for (int h = 0; h < 2; h++) {
        float4 u = *reinterpret_cast<const float4*>(&as[j][h * 64 + y * 4]), v = *reinterpret_cast<const float4*>(&bs[j][h * 64 + x * 4]);
        ra[h * 4] = u.x; ra[h * 4 + 1] = u.y; ra[h * 4 + 2] = u.z; ra[h * 4 + 3] = u.w;
        rb[h * 4] = v.x; rb[h * 4 + 1] = v.y; rb[h * 4 + 2] = v.z; rb[h * 4 + 3] = v.w;
      }
#pragma unroll
      for (int r = 0; r < R; r++)
#pragma unroll
        for (int s = 0; s < R; s++) sum[r][s] += ra[r] * rb[s];
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < R; r++)
#pragma unroll
    for (int h = 0; h < 2; h++) {
      int row = blockIdx.y * BM + r / 4 * 64 + y * 4 + r % 4, col = blockIdx.x * BN + h * 64 + x * 4;
      *reinterpret_cast<float4*>(c + row * n + col) = make_float4(sum[r][h * 4], sum[r][h * 4 + 1], sum[r][h * 4 + 2], sum[r][h * 4 + 3]);
    }
}

int main(int argc, char** argv) {
  Bench bench("sgemm", argc, argv);
  const int m = bench.size(4096, 128), n = bench.size(4096, 128), k = bench.size(4096, 32);
  auto a = uniform((size_t)m * k, 12), b = uniform((size_t)k * n, 13);
  // The whole reference would take minutes at the large size: some rows stand for all.
  const int rows = bench.check_only ? m : 4;
  std::vector<float> want((size_t)rows * n, 0.f);
  for (int i = 0; i < rows; i++) for (int p = 0; p < k; p++) for (int j = 0; j < n; j++) want[(size_t)i * n + j] += a[(size_t)i * k + p] * b[(size_t)p * n + j];
  Array<float> da(a), db(b), c((size_t)m * n);
  double bytes = 4. * ((double)m * k + (double)k * n + (double)m * n), flops = 2. * m * n * k, tolerance = 1e-5 * sqrt((double)k);
  auto run = [&](const char* title, void (*kernel)(const float*, const float*, float*, int, int, int), dim3 grid, dim3 block) {
    bench.version(title, c, want, tolerance, bytes, flops, [&] { kernel<<<grid, block>>>(da.p, db.p, c.p, m, n, k); });
  };
  run("1 naive", sgemm1, dim3(m / 32, n / 32), dim3(32, 32));
  run("2 coalesced", sgemm2, dim3(n / 32, m / 32), dim3(32, 32));
  run("3 shared tiles", sgemm3, dim3(n / 32, m / 32), dim3(32, 32));
  run("4 eight a thread", sgemm4, dim3(n / 64, m / 64), dim3(512));
  run("5 8 x 8 a thread", sgemm5, dim3(n / 128, m / 128), dim3(256));
  run("6 float4", sgemm67<false>, dim3(n / 128, m / 128), dim3(256));
  run("7 warp tiles", sgemm67<true>, dim3(n / 128, m / 128), dim3(256));
  return bench.done();
}
