// What every kernel file shares: arrays on both sides, seeded inputs, the check against the CPU, and after it the clock.
//   nvcc -O3 -std=c++17 -arch=native NAME.cu -o NAME && ./NAME      checks every version, then times it
//   ./NAME check                                                    checks only, at a small size (what the emulator runs)
#pragma once
#include <cuda_runtime.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define CUDA_OK(call) do { cudaError_t ws_e = (call); if (ws_e != cudaSuccess) { \
  printf("%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(ws_e)); exit(1); } } while (0)

inline int ceil_div(int a, int b) { return (a + b - 1) / b; }

/** Uniform in [-1, 1): xorshift32 (G. Marsaglia, 2003). */
inline std::vector<float> uniform(size_t n, unsigned seed) {
  std::vector<float> v(n);
  unsigned s = seed * 2654435761u + 1;
  for (float& x : v) { s ^= s << 13; s ^= s >> 17; s ^= s << 5; x = (float)(s >> 8) / 8388608.f - 1.f; }
  return v;
}

/** An array on the device, filled from the host. */
template <class T> struct Array {
  T* p = nullptr;
  size_t n;
  explicit Array(size_t n) : n(n) { CUDA_OK(cudaMalloc(&p, n * sizeof(T))); }
  Array(const std::vector<T>& v) : Array(v.size()) { CUDA_OK(cudaMemcpy(p, v.data(), n * sizeof(T), cudaMemcpyHostToDevice)); }
  Array(const Array&) = delete;
  ~Array() { cudaFree(p); }
  std::vector<T> host() const { std::vector<T> v(n); CUDA_OK(cudaMemcpy(v.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost)); return v; }
  void clear() { CUDA_OK(cudaMemset(p, 0, n * sizeof(T))); }
};

/** Checks the versions of one kernel in turn, and times those that are right. */
struct Bench {
  const char* name;
  bool check_only;
  int failures = 0;
  double copy_gbs = 0;
  Bench(const char* name, int argc, char** argv) : name(name), check_only(argc > 1 && !strcmp(argv[1], "check")) {
    if (!check_only) copy_gbs = measure_copy();
  }
  /** The size for timing, or the one for checking. */
  int size(int timed, int checked) const { return check_only ? checked : timed; }

  /** Bytes per second that a device-to-device copy moves, both ways counted: the roof of memory-bound kernels. */
  static double measure_copy() {
    size_t bytes = 256u << 20;
    char *a, *b;
    CUDA_OK(cudaMalloc(&a, bytes)); CUDA_OK(cudaMalloc(&b, bytes)); CUDA_OK(cudaMemset(a, 1, bytes));
    double ms = time([&] { CUDA_OK(cudaMemcpy(b, a, bytes, cudaMemcpyDeviceToDevice)); });
    cudaFree(a); cudaFree(b);
    return 2. * bytes / ms * 1e-6;
  }
  /** Median of 11 runs in milliseconds, by events, after one that is not counted. */
  template <class F> static double time(F run) {
    cudaEvent_t a, b;
    CUDA_OK(cudaEventCreate(&a)); CUDA_OK(cudaEventCreate(&b));
    float ms[11];
    run();
    for (float& t : ms) {
      CUDA_OK(cudaEventRecord(a)); run(); CUDA_OK(cudaEventRecord(b)); CUDA_OK(cudaEventSynchronize(b));
      CUDA_OK(cudaEventElapsedTime(&t, a, b));
    }
    for (int i = 1; i < 11; i++) for (int k = i; k > 0 && ms[k] < ms[k - 1]; k--) { float t = ms[k]; ms[k] = ms[k - 1]; ms[k - 1] = t; }
    cudaEventDestroy(a); cudaEventDestroy(b);
    return ms[5];
  }

  /**
   * One version: launches once on a cleared output, compares with `want` (|x - w| <= tolerance · max(1, |w|)), then
   * times. `bytes` and `flops` are those that the task needs, whatever the version does.
   */
  template <class T, class F> void version(const char* title, Array<T>& out, const std::vector<T>& want, double tolerance, double bytes, double flops, F run) {
    out.clear();
    run();
    CUDA_OK(cudaGetLastError());
    CUDA_OK(cudaDeviceSynchronize());
    std::vector<T> got = out.host();
    for (size_t i = 0; i < want.size(); i++) {
      double g = (double)(float)got[i], w = (double)(float)want[i];
      if (fabs(g - w) <= tolerance * fmax(1., fabs(w))) continue;
      printf("%s %s: wrong at %zu: %g, should be %g\n", name, title, i, g, w);
      failures++;
      return;
    }
    if (check_only) { printf("%s %s: ok\n", name, title); return; }
    double ms = time(run);
    printf("%s %s: ok %8.3f ms %8.1f GB/s (%5.1f%% of the copy) %9.1f GFLOP/s\n", name, title, ms, bytes / ms * 1e-6, bytes / ms * 1e-6 / copy_gbs * 100, flops / ms * 1e-6);
  }
  int done() const { printf(failures ? "%s: %d wrong\n" : "%s: all right\n", name, failures); return failures ? 1 : 0; }
};

/** Sum over a warp, in every lane. */
__device__ __forceinline__ float warp_sum(float v) {
  for (int d = 16; d > 0; d >>= 1) v += __shfl_xor_sync(0xffffffffu, v, d);
  return v;
}
__device__ __forceinline__ float warp_max(float v) {
  for (int d = 16; d > 0; d >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, d));
  return v;
}
