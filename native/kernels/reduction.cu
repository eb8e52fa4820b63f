// Sum of n floats.
//   1 interleaved tree: divergent warps   2 sequential addressing   3 shuffles in the warp   4 float4 loads, grid stride
// Every block adds its sum to the result with one atomic. (After M. Harris, "Optimizing Parallel Reduction in CUDA".)
#include "common.cuh"

__global__ void reduce1(const float* x, float* out, int n) {
  extern __shared__ float s[];
  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  s[t] = i < n ? x[i] : 0.f;
  for (int d = 1; d < blockDim.x; d *= 2) {
    __syncthreads();
    if (t % (2 * d) == 0) s[t] += s[t + d];
  }
  if (t == 0) atomicAdd(out, s[0]);
}
__global__ void reduce2(const float* x, float* out, int n) {
  extern __shared__ float s[];
  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  s[t] = i < n ? x[i] : 0.f;
  for (int d = blockDim.x / 2; d > 0; d /= 2) {
    __syncthreads();
    if (t < d) s[t] += s[t + d];
  }
  if (t == 0) atomicAdd(out, s[0]);
}
__device__ float block_sum(float v) {
  __shared__ float warps[32];
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = v;
  __syncthreads();
  v = threadIdx.x < blockDim.x / 32 ? warps[threadIdx.x] : 0.f;
  return threadIdx.x < 32 ? warp_sum(v) : 0.f;
}
__global__ void reduce3(const float* x, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = block_sum(i < n ? x[i] : 0.f);
  if (threadIdx.x == 0) atomicAdd(out, sum);
}
__global__ void reduce4(const float* x, float* out, int n) {
  float sum = 0.f;
  int first = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  for (int i = first; i < n / 4; i += step) {
    float4 v = reinterpret_cast<const float4*>(x)[i];
    sum += (v.x + v.y) + (v.z + v.w);
  }
  for (int i = n / 4 * 4 + first; i < n; i += step) sum += x[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) atomicAdd(out, sum);
}

int main(int argc, char** argv) {
  Bench bench("reduction", argc, argv);
  const int n = bench.size(1 << 26, 5003), block = 256;
  auto x = uniform(n, 3);
  double sum = 0;
  for (float v : x) sum += v;
  Array<float> dx(x), out(1);
  std::vector<float> want{(float)sum};
  // Float sums in another order: the error grows like the square root of n.
  double tolerance = 1e-6 * sqrt((double)n);
  int grid = ceil_div(n, block);
  auto fresh = [&] { CUDA_OK(cudaMemsetAsync(out.p, 0, 4)); };
  bench.version("1 interleaved", out, want, tolerance, 4. * n, n, [&] { fresh(); reduce1<<<grid, block, block * 4>>>(dx.p, out.p, n); });
  bench.version("2 sequential", out, want, tolerance, 4. * n, n, [&] { fresh(); reduce2<<<grid, block, block * 4>>>(dx.p, out.p, n); });
  bench.version("3 shuffles", out, want, tolerance, 4. * n, n, [&] { fresh(); reduce3<<<grid, block>>>(dx.p, out.p, n); });
  bench.version("4 float4", out, want, tolerance, 4. * n, n, [&] { fresh(); reduce4<<<bench.size(1056, 4), block>>>(dx.p, out.p, n); });
  return bench.done();
}
