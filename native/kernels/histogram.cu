// Histogram of bytes in 256 bins.
//   1 global atomics: all threads of the GPU on 256 addresses   2 a histogram a block in shared memory
//   3 one a warp: fewer collisions   4 four bytes a load
#include "common.cuh"

__global__ void histogram1(const unsigned char* data, unsigned* bins, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[data[i]], 1u);
}
__global__ void histogram2(const unsigned char* data, unsigned* bins, int n) {
  __shared__ unsigned s[256];
  for (int b = threadIdx.x; b < 256; b += blockDim.x) s[b] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&s[data[i]], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) if (s[b]) atomicAdd(&bins[b], s[b]);
}
template <bool WIDE> __global__ void histogram34(const unsigned char* data, unsigned* bins, int n) {
  __shared__ unsigned s[8][256];
  int warp = threadIdx.x / 32 % 8;
  for (int b = threadIdx.x; b < 8 * 256; b += blockDim.x) s[b / 256][b % 256] = 0;
  __syncthreads();
  int first = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x, done = 0;
  if (WIDE) {
    done = n / 4 * 4;
    for (int i = first; i < n / 4; i += step) {
      uchar4 v = reinterpret_cast<const uchar4*>(data)[i];
      atomicAdd(&s[warp][v.x], 1u); atomicAdd(&s[warp][v.y], 1u); atomicAdd(&s[warp][v.z], 1u); atomicAdd(&s[warp][v.w], 1u);
    }
  }
  for (int i = done + first; i < n; i += step) atomicAdd(&s[warp][data[i]], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) {
    unsigned sum = 0;
    for (int w = 0; w < 8; w++) sum += s[w][b];
    if (sum) atomicAdd(&bins[b], sum);
  }
}

int main(int argc, char** argv) {
  Bench bench("histogram", argc, argv);
  const int n = bench.size(1 << 26, 6001), grid = bench.size(1056, 3), block = 256;
  std::vector<unsigned char> data(n);
  auto u = uniform(n, 5);
  std::vector<unsigned> want(256, 0);
  for (int i = 0; i < n; i++) want[data[i] = (unsigned char)(128 + 127 * u[i] * u[i] * u[i])]++;
  Array<unsigned char> d(data);
  Array<unsigned> bins(256);
  auto fresh = [&] { CUDA_OK(cudaMemsetAsync(bins.p, 0, 1024)); };
  bench.version("1 global atomics", bins, want, 0, n, 0, [&] { fresh(); histogram1<<<grid, block>>>(d.p, bins.p, n); });
  bench.version("2 a block", bins, want, 0, n, 0, [&] { fresh(); histogram2<<<grid, block>>>(d.p, bins.p, n); });
  bench.version("3 a warp", bins, want, 0, n, 0, [&] { fresh(); histogram34<false><<<grid, block>>>(d.p, bins.p, n); });
  bench.version("4 four bytes", bins, want, 0, n, 0, [&] { fresh(); histogram34<true><<<grid, block>>>(d.p, bins.p, n); });
  return bench.done();
}
