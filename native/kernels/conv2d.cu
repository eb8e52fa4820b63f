// 3 x 3 convolution, NCHW, padding 1, stride 1: y[o] = sum over c, r, s of w[o][c][r][s] · x[c][i+r-1][j+s-1].
//   1 direct   2 im2col, then a matrix product (K. Chellapilla et al., 2006)   3 the same product, columns made on the fly
//   4 Winograd F(2x2, 3x3): 16 products instead of 36 (A. Lavin, S. Gray, 2016, section 4.1)
#include "common.cuh"

__device__ __forceinline__ float pixel(const float* x, int c, int i, int j, int h, int w) {
  return i >= 0 && i < h && j >= 0 && j < w ? x[(c * h + i) * w + j] : 0.f;
}
__global__ void conv1(const float* x, const float* wt, float* y, int c, int o, int h, int w) {
  int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, k = blockIdx.z;
  if (j >= w) return;
  float sum = 0.f;
  for (int q = 0; q < c; q++) for (int r = 0; r < 3; r++) for (int s = 0; s < 3; s++) sum += wt[((k * c + q) * 3 + r) * 3 + s] * pixel(x, q, i + r - 1, j + s - 1, h, w);
  y[(k * h + i) * w + j] = sum;
}
__global__ void im2col(const float* x, float* columns, int c, int h, int w) {
  int p = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (p >= h * w) return;
  int q = row / 9, r = row % 9 / 3, s = row % 3;
  columns[(size_t)row * h * w + p] = pixel(x, q, p / w + r - 1, p % w + s - 1, h, w);
}
/** y = wt (o x 9c) · columns (9c x h·w). With FLY the columns are read from the image instead. */
template <bool FLY> __global__ void product(const float* wt, const float* source, float* y, int c, int o, int h, int w) {
  constexpr int T = 16;
  __shared__ float ws[T][T], cs[T][T];
  int tx = threadIdx.x, ty = threadIdx.y, p = blockIdx.x * T + tx, k = blockIdx.y * T + ty, rows = 9 * c, n = h * w;
  float sum = 0.f;
  for (int i = 0; i < rows; i += T) {
    int row = i + ty;
    ws[ty][tx] = k < o && i + tx < rows ? wt[k * rows + i + tx] : 0.f;
    cs[ty][tx] = row >= rows || p >= n ? 0.f : FLY ? pixel(source, row / 9, p / w + row % 9 / 3 - 1, p % w + row % 3 - 1, h, w) : source[(size_t)row * n + p];
    __syncthreads();
    for (int j = 0; j < T; j++) sum += ws[ty][j] * cs[j][tx];
    __syncthreads();
  }
  if (k < o && p < n) y[k * n + p] = sum;
}
/** U = G g G^T for every filter: 3 x 3 → 4 x 4. */
__global__ void winograd_filter(const float* wt, float* u, int filters) {
  int f = blockIdx.x * blockDim.x + threadIdx.x;
  if (f >= filters) return;
  float t[4][3];
  const float* g = wt + f * 9;
  for (int s = 0; s < 3; s++) {
    float a = g[s], b = g[3 + s], d = g[6 + s];
    t[0][s] = a; t[1][s] = 0.5f * (a + b + d); t[2][s] = 0.5f * (a - b + d); t[3][s] = d;
  }
  for (int r = 0; r < 4; r++) {
    float a = t[r][0], b = t[r][1], d = t[r][2];
    float out[4] = {a, 0.5f * (a + b + d), 0.5f * (a - b + d), d};
    for (int s = 0; s < 4; s++) u[(r * 4 + s) * filters + f] = out[s];
  }
}
/** A thread makes a 2 x 2 tile of one output channel: sums U ⊙ (B^T d B) over the input channels, then A^T m A. */
__global__ void winograd(const float* x, const float* u, float* y, int c, int o, int h, int w) {
  int tiles = (w + 1) / 2, tile = blockIdx.x * blockDim.x + threadIdx.x, k = blockIdx.y;
  if (tile >= tiles * ((h + 1) / 2)) return;
  int i0 = tile / tiles * 2, j0 = tile % tiles * 2;
  float m[4][4] = {};
  for (int q = 0; q < c; q++) {
    float d[4][4], t[4][4];
#pragma unroll
    for (int r = 0; r < 4; r++)
#pragma unroll
      for (int s = 0; s < 4; s++) d[r][s] = pixel(x, q, i0 + r - 1, j0 + s - 1, h, w);
#pragma unroll
    for (int s = 0; s < 4; s++) { t[0][s] = d[0][s] - d[2][s]; t[1][s] = d[1][s] + d[2][s]; t[2][s] = d[2][s] - d[1][s]; t[3][s] = d[1][s] - d[3][s]; }
#pragma unroll
    for (int r = 0; r < 4; r++) {
      float v[4] = {t[r][0] - t[r][2], t[r][1] + t[r][2], t[r][2] - t[r][1], t[r][1] - t[r][3]};
#pragma unroll
      for (int s = 0; s < 4; s++) m[r][s] += v[s] * u[(r * 4 + s) * o * c + k * c + q];
    }
  }
  float t[2][4];
#pragma unroll
  for (int s = 0; s < 4; s++) { t[0][s] = m[0][s] + m[1][s] + m[2][s]; t[1][s] = m[1][s] - m[2][s] - m[3][s]; }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float out[2] = {t[r][0] + t[r][1] + t[r][2], t[r][1] - t[r][2] - t[r][3]};
    for (int s = 0; s < 2; s++) if (i0 + r < h && j0 + s < w) y[(k * h + i0 + r) * w + j0 + s] = out[s];
  }
}

int main(int argc, char** argv) {
  Bench bench("conv2d", argc, argv);
  const int c = bench.size(64, 3), o = bench.size(64, 5), h = bench.size(112, 9), w = bench.size(112, 11), n = h * w;
  auto x = uniform((size_t)c * n, 20), wt = uniform((size_t)o * c * 9, 21);
  std::vector<float> want((size_t)o * n, 0.f);
  for (int k = 0; k < o; k++) for (int q = 0; q < c; q++) for (int r = 0; r < 3; r++) for (int s = 0; s < 3; s++) {
    float f = wt[((k * c + q) * 3 + r) * 3 + s];
    for (int i = 0; i < h; i++) for (int j = 0; j < w; j++) {
      int a = i + r - 1, b = j + s - 1;
      if (a >= 0 && a < h && b >= 0 && b < w) want[(k * h + i) * w + j] += f * x[(q * h + a) * w + b];
    }
  }
  Array<float> dx(x), dw(wt), y(want.size()), columns((size_t)9 * c * n), u((size_t)16 * o * c);
  double bytes = 4. * ((double)c * n + (double)o * n + 9. * o * c), flops = 18. * o * c * n, tolerance = 1e-5 * sqrt(9. * c);
  dim3 tiles(ceil_div(n, 16), ceil_div(o, 16));
  bench.version("1 direct", y, want, tolerance, bytes, flops, [&] { conv1<<<dim3(ceil_div(w, 64), h, o), 64>>>(dx.p, dw.p, y.p, c, o, h, w); });
  bench.version("2 im2col", y, want, tolerance, bytes, flops, [&] {
    im2col<<<dim3(ceil_div(n, 128), 9 * c), 128>>>(dx.p, columns.p, c, h, w);
    product<false><<<tiles, dim3(16, 16)>>>(dw.p, columns.p, y.p, c, o, h, w);
  });
  bench.version("3 implicit im2col", y, want, tolerance, bytes, flops, [&] { product<true><<<tiles, dim3(16, 16)>>>(dw.p, dx.p, y.p, c, o, h, w); });
  bench.version("4 Winograd", y, want, tolerance * 4, bytes, flops, [&] {
    winograd_filter<<<ceil_div(o * c, 64), 64>>>(dw.p, u.p, o * c);
    winograd<<<dim3(ceil_div((w + 1) / 2 * ((h + 1) / 2), 64), o), 64>>>(dx.p, u.p, y.p, c, o, h, w);
  });
  return bench.done();
}
