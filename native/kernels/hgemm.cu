// C = A · B with half inputs and float sums on tensor cores (WMMA 16x16x16), row-major, sizes multiples of 64.
//   1 a warp a tile, straight from global memory   2 tiles staged in shared memory, four 16 x 16 results a warp
#include "common.cuh"
#include <cuda_fp16.h>
#include <mma.h>
using namespace nvcuda;

__global__ void hgemm1(const half* a, const half* b, float* c, int m, int n, int k) {
  int warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, row = warp / (n / 16) * 16, col = warp % (n / 16) * 16;
  if (row >= m) return;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  wmma::fill_fragment(fc, 0.f);
  for (int i = 0; i < k; i += 16) {
    wmma::load_matrix_sync(fa, a + row * k + i, k);
    wmma::load_matrix_sync(fb, b + i * n + col, n);
    wmma::mma_sync(fc, fa, fb, fc);
  }
  wmma::store_matrix_sync(c + row * n + col, fc, n, wmma::mem_row_major);
}
/** 128 threads, a 64 x 64 tile; each of the 4 warps makes 32 x 32. */
__global__ void hgemm2(const half* a, const half* b, float* c, int m, int n, int k) {
  constexpr int BM = 64, BN = 64, BK = 32, PAD = 8;
  __shared__ __align__(16) half as[BM][BK + PAD], bs[BK][BN + PAD];
  int t = threadIdx.x, warp = t / 32, wr = warp / 2 * 32, wc = warp % 2 * 32;
  a += blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc[2][2];
  for (int i = 0; i < 2; i++) for (int j = 0; j < 2; j++) wmma::fill_fragment(fc[i][j], 0.f);
  for (int i = 0; i < k; i += BK) {
    for (int e = t; e < BM * BK / 8; e += 128) *reinterpret_cast<float4*>(&as[e / 4][e % 4 * 8]) = *reinterpret_cast<const float4*>(a + (e / 4) * k + i + e % 4 * 8);
    for (int e = t; e < BK * BN / 8; e += 128) *reinterpret_cast<float4*>(&bs[e / 8][e % 8 * 8]) = *reinterpret_cast<const float4*>(b + (i + e / 8) * n + e % 8 * 8);
    __syncthreads();
    for (int p = 0; p < BK; p += 16) {
      wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa[2];
      wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> fb[2];
      for (int q = 0; q < 2; q++) {
        wmma::load_matrix_sync(fa[q], &as[wr + q * 16][p], BK + PAD);
        wmma::load_matrix_sync(fb[q], &bs[p][wc + q * 16], BN + PAD);
      }
      for (int q = 0; q < 2; q++) for (int r = 0; r < 2; r++) wmma::mma_sync(fc[q][r], fa[q], fb[r], fc[q][r]);
    }
    __syncthreads();
  }
  for (int q = 0; q < 2; q++) for (int r = 0; r < 2; r++)
    wmma::store_matrix_sync(c + (blockIdx.y * BM + wr + q * 16) * n + blockIdx.x * BN + wc + r * 16, fc[q][r], n, wmma::mem_row_major);
}

int main(int argc, char** argv) {
  Bench bench("hgemm", argc, argv);
  const int m = bench.size(4096, 64), n = bench.size(4096, 128), k = bench.size(4096, 64), rows = bench.check_only ? m : 4;
  auto ua = uniform((size_t)m * k, 14), ub = uniform((size_t)k * n, 15);
  std::vector<half> a(ua.size()), b(ub.size());
  for (size_t i = 0; i < a.size(); i++) a[i] = __float2half(ua[i]);
  for (size_t i = 0; i < b.size(); i++) b[i] = __float2half(ub[i]);
  std::vector<float> want((size_t)rows * n, 0.f);
  for (int i = 0; i < rows; i++) for (int p = 0; p < k; p++) for (int j = 0; j < n; j++) want[(size_t)i * n + j] += __half2float(a[(size_t)i * k + p]) * __half2float(b[(size_t)p * n + j]);
  Array<half> da(a), db(b);
  Array<float> c((size_t)m * n);
  double bytes = 2. * ((double)m * k + (double)k * n) + 4. * m * n, flops = 2. * m * n * k, tolerance = 1e-4 * sqrt((double)k);
  bench.version("1 a warp a tile", c, want, tolerance, bytes, flops, [&] { hgemm1<<<ceil_div(m / 16 * (n / 16) * 32, 128), 128>>>(da.p, db.p, c.p, m, n, k); });
  bench.version("2 shared tiles", c, want, tolerance, bytes, flops, [&] { hgemm2<<<dim3(n / 64, m / 64), 128>>>(da.p, db.p, c.p, m, n, k); });
  return bench.done();
}
