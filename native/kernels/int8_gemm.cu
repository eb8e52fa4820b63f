// y = scale_x · scale_w[col] · (X · W^T) + bias: int8 inputs, int32 sums, float out. W by rows of output channels.
//   1 byte by byte   2 four products an instruction (dp4a)   3 dp4a on tiles in shared memory
#include "common.cuh"

__global__ void int8_1(const signed char* x, const signed char* w, const float* scale, const float* bias, float* y, int m, int n, int k, float sx) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (col >= n || row >= m) return;
  int sum = 0;
  for (int i = 0; i < k; i++) sum += (int)x[row * k + i] * (int)w[col * k + i];
  y[row * n + col] = sx * scale[col] * sum + bias[col];
}
__global__ void int8_2(const int* x, const int* w, const float* scale, const float* bias, float* y, int m, int n, int k4, float sx) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (col >= n || row >= m) return;
  int sum = 0;
  for (int i = 0; i < k4; i++) sum = __dp4a(x[row * k4 + i], w[col * k4 + i], sum);
  y[row * n + col] = sx * scale[col] * sum + bias[col];
}
__global__ void int8_3(const int* x, const int* w, const float* scale, const float* bias, float* y, int m, int n, int k4, float sx) {
  constexpr int T = 16;
  __shared__ int xs[T][T], ws[T][T + 1];
  int tx = threadIdx.x, ty = threadIdx.y, col = blockIdx.x * T + tx, row = blockIdx.y * T + ty, sum = 0;
  for (int i = 0; i < k4; i += T) {
    bool inside = i + tx < k4;
    xs[ty][tx] = row < m && inside ? x[row * k4 + i + tx] : 0;
    ws[ty][tx] = blockIdx.x * T + ty < n && inside ? w[(blockIdx.x * T + ty) * k4 + i + tx] : 0;
    __syncthreads();
    for (int j = 0; j < T; j++) sum = __dp4a(xs[ty][j], ws[tx][j], sum);
    __syncthreads();
  }
  if (col < n && row < m) y[row * n + col] = sx * scale[col] * sum + bias[col];
}

int main(int argc, char** argv) {
  Bench bench("int8_gemm", argc, argv);
  const int m = bench.size(2048, 20), n = bench.size(2048, 37), k = bench.size(2048, 72), rows = bench.check_only ? m : 4;
  auto ux = uniform((size_t)m * k, 16), uw = uniform((size_t)n * k, 17), scale = uniform(n, 18), bias = uniform(n, 19);
  std::vector<signed char> x(ux.size()), w(uw.size());
  for (size_t i = 0; i < x.size(); i++) x[i] = (signed char)lrintf(ux[i] * 127);
  for (size_t i = 0; i < w.size(); i++) w[i] = (signed char)lrintf(uw[i] * 127);
  const float sx = 0.01f;
  std::vector<float> want((size_t)rows * n);
  for (int i = 0; i < rows; i++) for (int j = 0; j < n; j++) {
    int sum = 0;
    for (int p = 0; p < k; p++) sum += (int)x[(size_t)i * k + p] * (int)w[(size_t)j * k + p];
    want[(size_t)i * n + j] = sx * scale[j] * sum + bias[j];
  }
  Array<signed char> dx(x), dw(w);
  Array<float> ds(scale), db(bias), y((size_t)m * n);
  double bytes = (double)m * k + (double)n * k + 4. * m * n, ops = 2. * m * n * k;
  dim3 block(16, 16), grid(ceil_div(n, 16), ceil_div(m, 16));
  const int *x4 = reinterpret_cast<const int*>(dx.p), *w4 = reinterpret_cast<const int*>(dw.p);
  bench.version("1 bytes", y, want, 1e-5, bytes, ops, [&] { int8_1<<<grid, block>>>(dx.p, dw.p, ds.p, db.p, y.p, m, n, k, sx); });
  bench.version("2 dp4a", y, want, 1e-5, bytes, ops, [&] { int8_2<<<grid, block>>>(x4, w4, ds.p, db.p, y.p, m, n, k / 4, sx); });
  bench.version("3 dp4a, tiles", y, want, 1e-5, bytes, ops, [&] { int8_3<<<grid, block>>>(x4, w4, ds.p, db.p, y.p, m, n, k / 4, sx); });
  return bench.done();
}
