// GELU of x + bias, y = z · Φ(z), z = x + bias (D. Hendrycks, K. Gimpel, 2016), Φ by erf.
//   1 two kernels: the sum goes to memory and comes back   2 fused: half the traffic   3 fused, float4
#include "common.cuh"

__device__ __forceinline__ float gelu(float z) { return 0.5f * z * (1.f + erff(z * 0.70710678f)); }
__global__ void add_bias(const float* x, const float* bias, float* z, int n, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) z[i] = x[i] + bias[i % cols];
}
__global__ void apply_gelu(float* z, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) z[i] = gelu(z[i]);
}
__global__ void fused2(const float* x, const float* bias, float* y, int n, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = gelu(x[i] + bias[i % cols]);
}
__global__ void fused3(const float* x, const float* bias, float* y, int n, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i >= n) return;
  float4 v = reinterpret_cast<const float4*>(x)[i], b = reinterpret_cast<const float4*>(bias)[i % (cols / 4)];
  reinterpret_cast<float4*>(y)[i] = make_float4(gelu(v.x + b.x), gelu(v.y + b.y), gelu(v.z + b.z), gelu(v.w + b.w));
}

int main(int argc, char** argv) {
  Bench bench("bias_gelu", argc, argv);
  const int rows = bench.size(16384, 30), cols = bench.size(3072, 100), n = rows * cols, block = 256;
  auto x = uniform(n, 10), bias = uniform(cols, 11);
  std::vector<float> want(n);
  for (int i = 0; i < n; i++) { double z = 3. * x[i] + bias[i % cols]; x[i] *= 3.f; want[i] = (float)(0.5 * z * (1 + erf(z * M_SQRT1_2))); }
  Array<float> dx(x), b(bias), y(n);
  double bytes = 8. * n, flops = 12. * n;
  bench.version("1 two kernels", y, want, 1e-5, bytes, flops, [&] {
    add_bias<<<ceil_div(n, block), block>>>(dx.p, b.p, y.p, n, cols);
    apply_gelu<<<ceil_div(n, block), block>>>(y.p, n);
  });
  bench.version("2 fused", y, want, 1e-5, bytes, flops, [&] { fused2<<<ceil_div(n, block), block>>>(dx.p, b.p, y.p, n, cols); });
  bench.version("3 float4", y, want, 1e-5, bytes, flops, [&] { fused3<<<ceil_div(n / 4, block), block>>>(dx.p, b.p, y.p, n, cols); });
  return bench.done();
}
