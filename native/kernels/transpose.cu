// Transpose of an n x n matrix, out[j][i] = in[i][j].
//   1 naive: the stores of a warp touch 32 sectors   2 through shared memory: a column of the tile is 32 conflicts
//   3 padded tile: no conflicts   4 four rows a thread: fewer threads, more loads in flight
#include "common.cuh"
constexpr int T = 32;

__global__ void transpose1(const float* in, float* out, int n) {
  int x = blockIdx.x * T + threadIdx.x, y = blockIdx.y * T + threadIdx.y;
  if (x < n && y < n) out[x * n + y] = in[y * n + x];
}
template <int PAD> __global__ void transpose23(const float* in, float* out, int n) {
  __shared__ float tile[T][T + PAD];
  int x = blockIdx.x * T + threadIdx.x, y = blockIdx.y * T + threadIdx.y;
  if (x < n && y < n) tile[threadIdx.y][threadIdx.x] = in[y * n + x];
  __syncthreads();
  x = blockIdx.y * T + threadIdx.x;
  y = blockIdx.x * T + threadIdx.y;
  if (x < n && y < n) out[y * n + x] = tile[threadIdx.x][threadIdx.y];
}
__global__ void transpose4(const float* in, float* out, int n) {
  __shared__ float tile[T][T + 1];
  int x = blockIdx.x * T + threadIdx.x, y = blockIdx.y * T + threadIdx.y;
#pragma unroll
  for (int r = 0; r < T; r += 8) if (x < n && y + r < n) tile[threadIdx.y + r][threadIdx.x] = in[(y + r) * n + x];
  __syncthreads();
  x = blockIdx.y * T + threadIdx.x;
  y = blockIdx.x * T + threadIdx.y;
#pragma unroll
  for (int r = 0; r < T; r += 8) if (x < n && y + r < n) out[(y + r) * n + x] = tile[threadIdx.x][threadIdx.y + r];
}

int main(int argc, char** argv) {
  Bench bench("transpose", argc, argv);
  const int n = bench.size(8192, 100);
  auto in = uniform((size_t)n * n, 1);
  std::vector<float> want(in.size());
  for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) want[(size_t)j * n + i] = in[(size_t)i * n + j];
  Array<float> a(in), b(in.size());
  dim3 grid(ceil_div(n, T), ceil_div(n, T));
  double bytes = 8. * n * n;
  bench.version("1 naive", b, want, 0, bytes, 0, [&] { transpose1<<<grid, dim3(T, T)>>>(a.p, b.p, n); });
  bench.version("2 shared", b, want, 0, bytes, 0, [&] { transpose23<0><<<grid, dim3(T, T)>>>(a.p, b.p, n); });
  bench.version("3 padded", b, want, 0, bytes, 0, [&] { transpose23<1><<<grid, dim3(T, T)>>>(a.p, b.p, n); });
  bench.version("4 four rows a thread", b, want, 0, bytes, 0, [&] { transpose4<<<grid, dim3(T, 8)>>>(a.p, b.p, n); });
  return bench.done();
}
