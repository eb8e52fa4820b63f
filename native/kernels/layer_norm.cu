// Layer normalization of each row, y = (x - mean) / sqrt(variance + 1e-5) * gamma + beta (J. L. Ba et al., 2016).
//   1 a thread a row   2 a block a row, two reductions   3 a warp a row, float4, the row kept in registers
#include "common.cuh"
constexpr float EPSILON = 1e-5f;

__global__ void norm1(const float* x, const float* gamma, const float* beta, float* y, int rows, int cols) {
  int r = blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= rows) return;
  float mean = 0.f, variance = 0.f;
  for (int c = 0; c < cols; c++) mean += x[r * cols + c];
  mean /= cols;
  for (int c = 0; c < cols; c++) { float d = x[r * cols + c] - mean; variance += d * d; }
  float scale = rsqrtf(variance / cols + EPSILON);
  for (int c = 0; c < cols; c++) y[r * cols + c] = (x[r * cols + c] - mean) * scale * gamma[c] + beta[c];
}
__device__ float block_sum(float v, float* s) {
  __syncthreads();
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = v;
  __syncthreads();
  v = 0.f;
  for (int w = 0; w < blockDim.x / 32; w++) v += s[w];
  return v;
}
__global__ void norm2(const float* x, const float* gamma, const float* beta, float* y, int rows, int cols) {
  __shared__ float s[32];
  const float* in = x + (size_t)blockIdx.x * cols;
  float sum = 0.f, squares = 0.f;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) sum += in[c];
  float mean = block_sum(sum, s) / cols;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) { float d = in[c] - mean; squares += d * d; }
  float scale = rsqrtf(block_sum(squares, s) / cols + EPSILON);
  for (int c = threadIdx.x; c < cols; c += blockDim.x) y[(size_t)blockIdx.x * cols + c] = (in[c] - mean) * scale * gamma[c] + beta[c];
}
/** cols = 128 · N. */
template <int N> __global__ void norm3(const float* x, const float* gamma, const float* beta, float* y, int rows) {
  int r = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (r >= rows) return;
  const float4 *in = reinterpret_cast<const float4*>(x + (size_t)r * N * 128), *g = reinterpret_cast<const float4*>(gamma), *b = reinterpret_cast<const float4*>(beta);
  float4* out = reinterpret_cast<float4*>(y + (size_t)r * N * 128);
  float4 v[N];
  float sum = 0.f, squares = 0.f;
#pragma unroll
  for (int i = 0; i < N; i++) { v[i] = in[i * 32 + lane]; sum += v[i].x + v[i].y + v[i].z + v[i].w; }
  float mean = warp_sum(sum) / (N * 128);
#pragma unroll
  for (int i = 0; i < N; i++) {
    v[i].x -= mean; v[i].y -= mean; v[i].z -= mean; v[i].w -= mean;
    squares += v[i].x * v[i].x + v[i].y * v[i].y + v[i].z * v[i].z + v[i].w * v[i].w;
  }
  float scale = rsqrtf(warp_sum(squares) / (N * 128) + EPSILON);
#pragma unroll
  for (int i = 0; i < N; i++) {
    float4 k = g[i * 32 + lane], o = b[i * 32 + lane];
    out[i * 32 + lane] = make_float4(v[i].x * scale * k.x + o.x, v[i].y * scale * k.y + o.y, v[i].z * scale * k.z + o.z, v[i].w * scale * k.w + o.w);
  }
}

int main(int argc, char** argv) {
  Bench bench("layer_norm", argc, argv);
  constexpr int N = 6;
  const int rows = bench.size(32768, 10), cols = N * 128, block = 128;
  auto x = uniform((size_t)rows * cols, 7), gamma = uniform(cols, 8), beta = uniform(cols, 9);
  for (float& v : x) v = v * 3.f + 5.f;
  std::vector<float> want(x.size());
  for (int r = 0; r < rows; r++) {
    double mean = 0, variance = 0;
    for (int c = 0; c < cols; c++) mean += x[(size_t)r * cols + c] / cols;
    for (int c = 0; c < cols; c++) variance += pow(x[(size_t)r * cols + c] - mean, 2) / cols;
    for (int c = 0; c < cols; c++) want[(size_t)r * cols + c] = (float)((x[(size_t)r * cols + c] - mean) / sqrt(variance + EPSILON) * gamma[c] + beta[c]);
  }
  Array<float> dx(x), g(gamma), b(beta), y(x.size());
  double bytes = 8. * rows * cols, flops = 8. * rows * cols;
  bench.version("1 a thread a row", y, want, 2e-5, bytes, flops, [&] { norm1<<<ceil_div(rows, block), block>>>(dx.p, g.p, b.p, y.p, rows, cols); });
  bench.version("2 a block a row", y, want, 2e-5, bytes, flops, [&] { norm2<<<rows, block>>>(dx.p, g.p, b.p, y.p, rows, cols); });
  bench.version("3 a warp a row", y, want, 2e-5, bytes, flops, [&] { norm3<N><<<ceil_div(rows * 32, block), block>>>(dx.p, g.p, b.p, y.p, rows); });
  return bench.done();
}
