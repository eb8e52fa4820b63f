// Softmax of each row, y = exp(x - max x) / sum exp(x - max x), rows x cols.
//   1 a thread a row, three passes: strided   2 a block a row in shared memory   3 a warp a row
//   4 a warp a row in one pass: maximum and sum together (M. Milakov, N. Gimelshein, 2018), float4
#include "common.cuh"

__global__ void softmax1(const float* x, float* y, int rows, int cols) {
  int r = blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= rows) return;
  float most = -INFINITY, sum = 0.f;
  for (int c = 0; c < cols; c++) most = fmaxf(most, x[r * cols + c]);
  for (int c = 0; c < cols; c++) sum += expf(x[r * cols + c] - most);
  for (int c = 0; c < cols; c++) y[r * cols + c] = expf(x[r * cols + c] - most) / sum;
}
__global__ void softmax2(const float* x, float* y, int rows, int cols) {
  extern __shared__ float s[];
  const float* in = x + (size_t)blockIdx.x * cols;
  int t = threadIdx.x;
  float most = -INFINITY, sum = 0.f;
  for (int c = t; c < cols; c += blockDim.x) most = fmaxf(most, in[c]);
  s[t] = most;
  for (int d = blockDim.x / 2; d > 0; d /= 2) { __syncthreads(); if (t < d) s[t] = fmaxf(s[t], s[t + d]); }
  __syncthreads();
  most = s[0];
  __syncthreads();
  for (int c = t; c < cols; c += blockDim.x) sum += expf(in[c] - most);
  s[t] = sum;
  for (int d = blockDim.x / 2; d > 0; d /= 2) { __syncthreads(); if (t < d) s[t] += s[t + d]; }
  __syncthreads();
  float inverse = 1.f / s[0];
  for (int c = t; c < cols; c += blockDim.x) y[(size_t)blockIdx.x * cols + c] = expf(in[c] - most) * inverse;
}
__global__ void softmax3(const float* x, float* y, int rows, int cols) {
  int r = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (r >= rows) return;
  const float* in = x + (size_t)r * cols;
  float most = -INFINITY, sum = 0.f;
  for (int c = lane; c < cols; c += 32) most = fmaxf(most, in[c]);
  most = warp_max(most);
  for (int c = lane; c < cols; c += 32) sum += expf(in[c] - most);
  float inverse = 1.f / warp_sum(sum);
  for (int c = lane; c < cols; c += 32) y[(size_t)r * cols + c] = expf(in[c] - most) * inverse;
}
__global__ void softmax4(const float* x, float* y, int rows, int cols) {
  int r = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (r >= rows) return;
  const float4* in = reinterpret_cast<const float4*>(x + (size_t)r * cols);
  float most = -INFINITY, sum = 0.f;
  for (int c = lane; c < cols / 4; c += 32) {
    float4 v = in[c];
    float here = fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)), higher = fmaxf(most, here);
    sum = sum * __expf(most - higher) + __expf(v.x - higher) + __expf(v.y - higher) + __expf(v.z - higher) + __expf(v.w - higher);
    most = higher;
  }
  float all = warp_max(most);
  // A lane without elements has sum 0 and maximum -inf: 0 · exp(-inf) is 0.
  float inverse = 1.f / warp_sum(sum * __expf(most - all));
  float4* out = reinterpret_cast<float4*>(y + (size_t)r * cols);
  for (int c = lane; c < cols / 4; c += 32) {
    float4 v = in[c];
    out[c] = make_float4(__expf(v.x - all) * inverse, __expf(v.y - all) * inverse, __expf(v.z - all) * inverse, __expf(v.w - all) * inverse);
  }
}

int main(int argc, char** argv) {
  Bench bench("softmax", argc, argv);
  const int rows = bench.size(8192, 20), cols = bench.size(4096, 100), block = 128;
  auto x = uniform((size_t)rows * cols, 6);
  for (float& v : x) v *= 8.f;
  std::vector<float> want(x.size());
  for (int r = 0; r < rows; r++) {
    double most = -1e30, sum = 0;
    for (int c = 0; c < cols; c++) most = fmax(most, x[(size_t)r * cols + c]);
    for (int c = 0; c < cols; c++) sum += exp(x[(size_t)r * cols + c] - most);
    for (int c = 0; c < cols; c++) want[(size_t)r * cols + c] = (float)(exp(x[(size_t)r * cols + c] - most) / sum);
  }
  Array<float> dx(x), y(x.size());
  double bytes = 8. * rows * cols, flops = 5. * rows * cols;
  int warps = ceil_div(rows * 32, block);
  bench.version("1 a thread a row", y, want, 1e-6, bytes, flops, [&] { softmax1<<<ceil_div(rows, block), block>>>(dx.p, y.p, rows, cols); });
  bench.version("2 a block a row", y, want, 1e-6, bytes, flops, [&] { softmax2<<<rows, block, block * 4>>>(dx.p, y.p, rows, cols); });
  bench.version("3 a warp a row", y, want, 1e-6, bytes, flops, [&] { softmax3<<<warps, block>>>(dx.p, y.p, rows, cols); });
  bench.version("4 one pass", y, want, 1e-6, bytes, flops, [&] { softmax4<<<warps, block>>>(dx.p, y.p, rows, cols); });
  return bench.done();
}
