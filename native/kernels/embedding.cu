// Embedding: y[i] = table[ids[i]], rows of `width` floats.
//   1 a thread an id: every lane in another row   2 a thread an element   3 a warp an id, float4
#include "common.cuh"

__global__ void embedding1(const float* table, const int* ids, float* y, int n, int width) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) for (int c = 0; c < width; c++) y[(size_t)i * width + c] = table[(size_t)ids[i] * width + c];
}
__global__ void embedding2(const float* table, const int* ids, float* y, int n, int width) {
  int e = blockIdx.x * blockDim.x + threadIdx.x;
  if (e < n * width) y[e] = table[(size_t)ids[e / width] * width + e % width];
}
__global__ void embedding3(const float* table, const int* ids, float* y, int n, int width) {
  int i = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (i >= n) return;
  const float4* row = reinterpret_cast<const float4*>(table + (size_t)ids[i] * width);
  float4* out = reinterpret_cast<float4*>(y + (size_t)i * width);
  for (int c = lane; c < width / 4; c += 32) out[c] = row[c];
}

int main(int argc, char** argv) {
  Bench bench("embedding", argc, argv);
  const int rows = bench.size(50000, 100), width = bench.size(768, 64), n = bench.size(65536, 70), block = 128;
  auto table = uniform((size_t)rows * width, 24), pick = uniform(n, 25);
  std::vector<int> ids(n);
  std::vector<float> want((size_t)n * width);
  for (int i = 0; i < n; i++) {
    ids[i] = (int)((pick[i] + 1.f) * 0.5f * (rows - 1));
    for (int c = 0; c < width; c++) want[(size_t)i * width + c] = table[(size_t)ids[i] * width + c];
  }
  Array<float> t(table), y(want.size());
  Array<int> d(ids);
  double bytes = 8. * n * width + 4. * n;
  bench.version("1 a thread an id", y, want, 0, bytes, 0, [&] { embedding1<<<ceil_div(n, block), block>>>(t.p, d.p, y.p, n, width); });
  bench.version("2 a thread an element", y, want, 0, bytes, 0, [&] { embedding2<<<ceil_div(n * width, block), block>>>(t.p, d.p, y.p, n, width); });
  bench.version("3 a warp an id", y, want, 0, bytes, 0, [&] { embedding3<<<ceil_div(n * 32, block), block>>>(t.p, d.p, y.p, n, width); });
  return bench.done();
}
