// A program for a GPU as a library in the process of Node: the table of native/common/library.h over the CUDA runtime.
// A kernel that faults takes the process' CUDA context with it, and one that never ends cannot be stopped: what is not
// trusted belongs in a process of its own (device_main.cuh).
#pragma once
#include "../common/library.h"

static int ws_library_failed(const ws_library_call* call, cudaError_t e) {
  const char* more = e == cudaErrorLaunchTimeout ? ": the kernel may still be running; only the end of this process stops it"
    : e == cudaErrorIllegalAddress || e == cudaErrorAssert || e == cudaErrorLaunchFailure ? ": this process cannot use the GPU any more" : "";
  snprintf(call->message, call->message_bytes, "%s%s", cudaGetErrorString(e), more);
  return 1;
}

static int ws_library_launch(int device, const ws_library_call* call) {
  cudaError_t status = cudaSetDevice(device);
  if (status) return ws_library_failed(call, status);
  for (const ws_entry& e : ws_entries()) {
    if (e.name != call->kernel) continue;
    if ((size_t)call->count != e.parameters.size()) return ws_library_failed(call, cudaErrorInvalidValue);
    if (!call->milliseconds) {
      dim3 grid(call->grid[0], call->grid[1], call->grid[2]), block(call->block[0], call->block[1], call->block[2]);
      if (call->shared > 48 * 1024) status = cudaFuncSetAttribute(e.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)call->shared);
      for (int i = 0; i < call->repeat && !status; i++)
        status = e.cooperative ? cudaLaunchCooperativeKernel((void*)e.kernel, grid, block, call->values, call->shared, (cudaStream_t)call->stream)
          : cudaLaunchKernel((void*)e.kernel, grid, block, call->values, call->shared, (cudaStream_t)call->stream);
      return status ? ws_library_failed(call, status) : 0;
    }
    status = ws_launch_timed(e, dim3(call->grid[0], call->grid[1], call->grid[2]), dim3(call->block[0], call->block[1], call->block[2]), call->shared, call->values, call->repeat, call->milliseconds, call->seconds);
    return status ? ws_library_failed(call, status) : 0;
  }
  return ws_library_failed(call, cudaErrorInvalidDeviceFunction);
}

extern "C" __attribute__((visibility("default"))) const ws_library* ws_library_open() {
  static const ws_library library = {
    WS_LIBRARY_VERSION, 0,
    [](char* names, size_t bytes) {
      int count = 0;
      if (cudaGetDeviceCount(&count) != cudaSuccess) return 0;
      std::string all;
      for (int i = 0; i < count; i++) {
        cudaDeviceProp p;
        if (cudaGetDeviceProperties(&p, i) == cudaSuccess) all += (i ? "\n" : "") + std::string(p.name);
      }
      snprintf(names, bytes, "%s", all.c_str());
      return count;
    },
    []() -> const char* {
      static const std::string text = ws_entries_json(ws_entries());
      return text.c_str();
    },
    ws_library_launch,
    [](int device, size_t bytes) -> void* {
      void* memory = nullptr;
      return cudaSetDevice(device) == cudaSuccess && cudaMalloc(&memory, bytes) == cudaSuccess ? memory : nullptr;
    },
    [](int device, void* to, const void* from, size_t bytes, int to_device) -> int {
      return cudaSetDevice(device) != cudaSuccess || cudaMemcpy(to, from, bytes, to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost) != cudaSuccess;
    },
    [](int device, void* memory) { if (cudaSetDevice(device) == cudaSuccess) cudaFree(memory); },
  };
  return &library;
}
