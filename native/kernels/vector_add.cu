// Vector addition, c = a + b. 12 bytes moved for 1 operation: bound by memory on every GPU.
//   1 one element a thread   2 grid-stride loop   3 float4: a quarter of the instructions
#include "common.cuh"

__global__ void add1(const float* a, const float* b, float* c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}
__global__ void add2(const float* a, const float* b, float* c, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) c[i] = a[i] + b[i];
}
__global__ void add3(const float* a, const float* b, float* c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i + 3 < n) {
    float4 x = reinterpret_cast<const float4*>(a)[i], y = reinterpret_cast<const float4*>(b)[i];
    reinterpret_cast<float4*>(c)[i] = make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
  } else
    for (int k = 4 * i; k < n; k++) c[k] = a[k] + b[k];
}

int main(int argc, char** argv) {
  Bench bench("vector_add", argc, argv);
  const int n = bench.size(1 << 26, 4999);
  auto a = uniform(n, 1), b = uniform(n, 2);
  std::vector<float> want(n);
  for (int i = 0; i < n; i++) want[i] = a[i] + b[i];
  Array<float> da(a), db(b), dc(n);
  for (int block : {128, 256, 512}) {
    bench.version("1 one element", dc, want, 0, 12. * n, n, [&] { add1<<<ceil_div(n, block), block>>>(da.p, db.p, dc.p, n); });
    bench.version("2 grid stride", dc, want, 0, 12. * n, n, [&] { add2<<<bench.size(1024, 4), block>>>(da.p, db.p, dc.p, n); });
    bench.version("3 float4", dc, want, 0, 12. * n, n, [&] { add3<<<ceil_div(ceil_div(n, 4), block), block>>>(da.p, db.p, dc.p, n); });
  }
  return bench.done();
}
