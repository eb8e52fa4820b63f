// Quantize and dequantize by channel: q = clamp(round(x / scale[c]) + zero[c], -128, 127), y = (q - zero[c]) · scale[c]
// (ONNX QuantizeLinear and DequantizeLinear; round to nearest, ties to even).
//   1 one element a thread   2 four: float4 in, char4 out
#include "common.cuh"

__device__ __forceinline__ signed char quantized(float x, float inverse, int zero) { return (signed char)max(-128, min(127, __float2int_rn(x * inverse) + zero)); }
__global__ void quantize1(const float* x, const float* inverse, const signed char* zero, signed char* q, int n, int inner) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) q[i] = quantized(x[i], inverse[i / inner], zero[i / inner]);
}
__global__ void quantize2(const float* x, const float* inverse, const signed char* zero, signed char* q, int n, int inner) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i >= n) return;
  float4 v = reinterpret_cast<const float4*>(x)[i];
  float s = inverse[4 * i / inner];
  int z = zero[4 * i / inner];
  reinterpret_cast<char4*>(q)[i] = make_char4(quantized(v.x, s, z), quantized(v.y, s, z), quantized(v.z, s, z), quantized(v.w, s, z));
}
__global__ void dequantize1(const signed char* q, const float* scale, const signed char* zero, float* y, int n, int inner) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = (q[i] - zero[i / inner]) * scale[i / inner];
}
__global__ void dequantize2(const signed char* q, const float* scale, const signed char* zero, float* y, int n, int inner) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i >= n) return;
  char4 v = reinterpret_cast<const char4*>(q)[i];
  float s = scale[4 * i / inner];
  int z = zero[4 * i / inner];
  reinterpret_cast<float4*>(y)[i] = make_float4((v.x - z) * s, (v.y - z) * s, (v.z - z) * s, (v.w - z) * s);
}

int main(int argc, char** argv) {
  Bench bench("quantize", argc, argv);
  const int channels = bench.size(1024, 7), inner = bench.size(65536, 300), n = channels * inner, block = 256;
  auto x = uniform(n, 29);
  std::vector<float> scale(channels), inverse(channels), back(n);
  std::vector<signed char> zero(channels), want(n);
  // Powers of two: the division and the product by the inverse give the same quotient.
  for (int c = 0; c < channels; c++) { scale[c] = ldexpf(1.f, -7 + c % 3); inverse[c] = 1.f / scale[c]; zero[c] = (signed char)(c % 11 - 5); }
  for (int i = 0; i < n; i++) {
    int c = i / inner, q = (int)lrintf(x[i] / scale[c]) + zero[c];
    want[i] = (signed char)(q < -128 ? -128 : q > 127 ? 127 : q);
    back[i] = (want[i] - zero[c]) * scale[c];
  }
  Array<float> dx(x), ds(scale), di(inverse), y(n);
  Array<signed char> dz(zero), q(n), known(want);
  bench.version("1 quantize", q, want, 0, 5. * n, n, [&] { quantize1<<<ceil_div(n, block), block>>>(dx.p, di.p, dz.p, q.p, n, inner); });
  bench.version("2 quantize, four", q, want, 0, 5. * n, n, [&] { quantize2<<<ceil_div(n / 4, block), block>>>(dx.p, di.p, dz.p, q.p, n, inner); });
  bench.version("1 dequantize", y, back, 0, 5. * n, n, [&] { dequantize1<<<ceil_div(n, block), block>>>(known.p, ds.p, dz.p, y.p, n, inner); });
  bench.version("2 dequantize, four", y, back, 0, 5. * n, n, [&] { dequantize2<<<ceil_div(n / 4, block), block>>>(known.p, ds.p, dz.p, y.p, n, inner); });
  return bench.done();
}
