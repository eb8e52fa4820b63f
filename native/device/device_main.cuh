// The runner for a real GPU: answers the same requests as the emulator's (native/emulator/src/main.cpp), so that
// TypeScript talks to both alike. Included twice by the compiled program: before the source (names), after it (main).
#ifndef WS_DEVICE_NAMES
#define WS_DEVICE_NAMES
#include <cuda_runtime.h>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>
#include "../common/parameters.h"

struct ws_entry {
  std::string name;
  std::vector<ws_parameter> parameters;
  const void* kernel;
  bool cooperative;
};
inline std::vector<ws_entry>& ws_entries() {
  static std::vector<ws_entry> list;
  return list;
}
template <class... P> int ws_enter(const char* name, bool cooperative, void (*kernel)(P...)) {
  ws_entries().push_back({name, {ws_parameter{ws_kind<std::decay_t<P>>::value, ws_size<std::decay_t<P>>::value}...}, (const void*)kernel, cooperative});
  return 0;
}
#define WS_ENTRY(id, text, together, ...) static const int ws_entry_##id = ws_enter(text, together, __VA_ARGS__);
#define WS_DEVICE_OK(call) do { cudaError_t ws_e = (call); if (ws_e != cudaSuccess) ws_device_failed(ws_e, __LINE__); } while (0)
/** Launches `repeat` times, each between two events; gives up waiting after `seconds` (the kernel may still run then). */
inline cudaError_t ws_launch_timed(const ws_entry& e, dim3 grid, dim3 block, size_t shared, void** values, int repeat, double* milliseconds, double seconds) {
  cudaEvent_t a = nullptr, b = nullptr;
  cudaError_t status = shared > 48 * 1024 ? cudaFuncSetAttribute(e.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared) : cudaSuccess;
  if (!status) status = cudaEventCreate(&a);
  if (!status) status = cudaEventCreate(&b);
  auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int i = 0; i < repeat && !status; i++) {
    float ms = 0;
    if ((status = cudaEventRecord(a))) break;
    status = e.cooperative ? cudaLaunchCooperativeKernel((void*)e.kernel, grid, block, values, shared, 0) : cudaLaunchKernel((void*)e.kernel, grid, block, values, shared, 0);
    if (!status) status = cudaEventRecord(b);
    while (!status && (status = cudaEventQuery(b)) == cudaErrorNotReady) {
      if (std::chrono::steady_clock::now() > until) return cudaErrorLaunchTimeout;  // the events are still in use
      status = cudaSuccess;
    }
    if (!status) status = cudaEventElapsedTime(&ms, a, b);
    milliseconds[i] = ms;
  }
  if (a) cudaEventDestroy(a);
  if (b) cudaEventDestroy(b);
  return status;
}
inline std::string& ws_result_file() { static std::string f; return f; }
inline std::string& ws_kernels_json() { static std::string s; return s; }
inline void ws_device_write(int status, const std::string& fault) {
  fflush(stdout);
  std::ofstream out(ws_result_file());
  out << "{\"exit\":" << status << ",\"shared\":[],\"kernels\":[" << ws_kernels_json() << "],\"faults\":[" << fault << "]}\n";
}
/** An error of the device is told as a fault; which line it was, compute-sanitizer or the emulator can say. */
inline void ws_device_failed(cudaError_t e, int) {
  ws_device_write(1, std::string("{\"kind\":\"crash\",\"severity\":\"error\",\"pc\":0,\"pc2\":0,\"address\":\"\",\"size\":0,\"count\":1,\"target\":\"\",\"detail\":\"") + cudaGetErrorString(e) + "\"}");
  exit(1);
}
#endif

#if defined(WS_DEVICE_MAIN)
#if defined(WS_LIBRARY)
#include "device_library.cuh"
#else
#include "../common/request.h"

static void ws_run_call(const ws::RequestCall& c, const std::vector<ws::RequestBuffer>& buffers) {
  for (const ws_entry& e : ws_entries()) {
    if (e.name != c.kernel) continue;
    ws::RequestValues values(c, e.parameters, buffers);
    std::vector<double> times((size_t)c.repeat);
    const dim3 grid(c.grid[0], c.grid[1], c.grid[2]), block(c.block[0], c.block[1], c.block[2]);
    WS_DEVICE_OK(ws_launch_timed(e, grid, block, c.shared, values.pointers.data(), c.repeat, times.data(), 1e9));
    double total = 0, fastest = 1e30;
    for (double ms : times) { total += ms; fastest = ms < fastest ? ms : fastest; }
    char text[512];
    snprintf(text, sizeof text, "%s{\"kernel\":\"%s\",\"line\":0,\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u],\"dynamicShared\":%zu,\"launches\":%d,\"threads\":%llu,\"accesses\":0,\"barriers\":0,"
      "\"collectives\":0,\"readOnce\":0,\"writtenOnce\":0,\"ms\":%.6f,\"fastestMs\":%.6f,\"sites\":[],\"blocks\":[]}", ws_kernels_json().empty() ? "" : ",", e.name.c_str(), grid.x, grid.y, grid.z,
      block.x, block.y, block.z, c.shared, c.repeat, (unsigned long long)c.repeat * grid.x * grid.y * grid.z * block.x * block.y * block.z, total, fastest);
    ws_kernels_json() += text;
    return;
  }
}

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  if (!strcmp(argv[1], "--entries")) {
    puts(ws_entries_json(ws_entries()).c_str());
    return 0;
  }
  ws::RunRequest request = ws::readRequest(argv[1]);
  ws_result_file() = request.result;
  int status = 0;
#if defined(WS_HAS_MAIN)
  if (request.calls.empty()) {
    std::vector<char*> list;
    for (auto& a : request.arguments) list.push_back(a.data());
    list.push_back(nullptr);
    status = ws_call_main(ws_program_main, (int)request.arguments.size(), list.data());
  }
#endif
  if (!request.calls.empty()) {
    std::fstream blob(request.blob, std::ios::in | std::ios::out | std::ios::binary);
    for (ws::RequestBuffer& b : request.buffers) {
      std::vector<char> host(b.bytes);
      WS_DEVICE_OK(cudaMalloc((void**)&b.device, b.bytes ? b.bytes : 1));
      if (!b.written) continue;
      blob.seekg((std::streamoff)b.offset).read(host.data(), (std::streamsize)b.bytes);
      WS_DEVICE_OK(cudaMemcpy(b.device, host.data(), b.bytes, cudaMemcpyHostToDevice));
    }
    for (const ws::RequestCall& c : request.calls) ws_run_call(c, request.buffers);
    for (ws::RequestBuffer& b : request.buffers) {
      std::vector<char> host(b.bytes);
      WS_DEVICE_OK(cudaMemcpy(host.data(), b.device, b.bytes, cudaMemcpyDeviceToHost));
      blob.seekp((std::streamoff)b.offset).write(host.data(), (std::streamsize)b.bytes);
    }
  }
  ws_device_write(status, "");
  return status;
}
#endif
#elif !defined(WS_CALL_MAIN)
#define WS_CALL_MAIN
/** A learner's main takes arguments or none. */
inline int ws_call_main(int (*program)(int, char**), int argc, char** argv) { return program(argc, argv); }
inline int ws_call_main(int (*program)(), int, char**) { return program(); }
#endif
