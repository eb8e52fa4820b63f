// The host side of CUDA: memory, copies, streams and events. Everything runs in the order it was asked for.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include "layout.h"
#define WS_RUNTIME 1
#include "../include/whetstone/host.h"

extern "C" {
extern char __start_ws_device[] __attribute__((weak)), __stop_ws_device[] __attribute__((weak));
extern char __start_ws_constant[] __attribute__((weak)), __stop_ws_constant[] __attribute__((weak));
}

namespace ws {
void* allocate(size_t bytes, int line, bool host, const std::string& name);
bool release(void* p, int line, bool& twice);
void markWritten(void* p, size_t bytes);
bool isDevice(const void* p);
bool insideAllocation(const void* p, size_t bytes);
void memoryInfo(size_t& free, size_t& total);
static cudaError_t last, sticky;
static cudaError_t set(cudaError_t e) { if (e) last = e; return e; }
static cudaError_t now(cudaError_t e = cudaSuccess) { return sticky ? sticky : set(e); }
static void hostFault(const char* kind, int line, const void* p, size_t n, const std::string& detail) {
  fault(kind, "error", (uintptr_t)0, 0, (uintptr_t)p, n, detail + " in line " + std::to_string(line));
}
/** A process that goes on starts each launch afresh. */
void forgetErrors() { last = sticky = cudaSuccess; }
static uintptr_t canonicalVariable(const void* p) {
  uintptr_t at = (uintptr_t)p - (uintptr_t)__start_ws_device;
  return at < (uintptr_t)(__stop_ws_device - __start_ws_device) ? DEVICE + at : 0;
}
}
using namespace ws;

struct ws_stream { int priority; };
struct ws_event { timespec at; bool recorded; };

extern "C" {
cudaError_t ws_malloc(void** p, size_t bytes, int host, int line) {
  if (!p) return now(cudaErrorInvalidValue);
  *p = nullptr;
  if (bytes == 0) return now();
  *p = allocate(bytes, line, host, "");
  if (host && *p) markWritten(*p, host == 2 ? bytes : 0);
  return now(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t ws_free(void* p, int line) {
  if (!p) return now();
  bool twice = false;
  if (release(p, line, twice)) return now();
  hostFault("invalid-free", line, nullptr, 0, twice ? "freed twice" : "not from cudaMalloc");
  return now(cudaErrorInvalidValue);
}

cudaError_t ws_memcpy(void* to, const void* from, size_t bytes, int kind, int line) {
  if (bytes == 0) return now();
  if (canonicalVariable(to) || canonicalVariable(from)) {  // by cudaGetSymbolAddress
    memmove(to, from, bytes);
    if (isDevice(to) && insideAllocation(to, bytes)) markWritten(to, bytes);
    return now();
  }
  bool toDevice = isDevice(to), fromDevice = isDevice(from);
  bool wantTo = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice, wantFrom = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  auto open = [](const void* p) { return (*(uint8_t*)(VALID + ((uintptr_t)p - DEVICE)) & HOST_TOO) != 0; };
  if (kind != cudaMemcpyDefault && ((wantTo != toDevice && !(toDevice && open(to))) || (wantFrom != fromDevice && !(fromDevice && open(from))))) {
    hostFault("memcpy-direction", line, nullptr, bytes, std::string(toDevice ? "destination on the device" : "destination on the host") + (fromDevice ? ", source on the device" : ", source on the host"));
    return now(cudaErrorInvalidValue);
  }
  if ((toDevice && !insideAllocation(to, bytes)) || (fromDevice && !insideAllocation(from, bytes))) {
    hostFault("memcpy-bounds", line, toDevice ? to : from, bytes, toDevice ? "destination" : "source");
    return now(cudaErrorInvalidValue);
  }
  memmove(to, from, bytes);
  if (toDevice && fromDevice) {
    for (size_t i = 0; i < bytes; i++) {
      uint8_t& state = *(uint8_t*)(VALID + ((uintptr_t)to - DEVICE) + i);
      state = (uint8_t)((state & ~WRITTEN) | (*(uint8_t*)(VALID + ((uintptr_t)from - DEVICE) + i) & WRITTEN));
    }
  } else if (toDevice) markWritten(to, bytes);
  return now();
}

cudaError_t ws_memset(void* p, int value, size_t bytes, int line) {
  if (bytes == 0) return now();
  if (!isDevice(p) || !insideAllocation(p, bytes)) {
    hostFault("memcpy-bounds", line, isDevice(p) ? p : nullptr, bytes, "cudaMemset");
    return now(cudaErrorInvalidValue);
  }
  memset(p, value, bytes);
  markWritten(p, bytes);
  return now();
}

/** Symbols are ordinary variables here: constants and device variables lie in sections of their own. */
cudaError_t ws_symbol(void* symbol, size_t offset, void* host, size_t bytes, int toDevice, int line) {
  (void)line;
  char* at = (char*)symbol + offset;
  bool constant = at >= __start_ws_constant && at < __stop_ws_constant;
  if (!constant && !canonicalVariable(at)) return now(cudaErrorInvalidSymbol);
  if (toDevice) memcpy(at, host, bytes);
  else memcpy(host, at, bytes);
  return now();
}

cudaError_t cudaStreamCreate(cudaStream_t* s) { *s = new ws_stream{0}; return now(); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) { return cudaStreamCreate(s); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* s, unsigned, int) { return cudaStreamCreate(s); }
cudaError_t cudaStreamDestroy(cudaStream_t s) { delete s; return now(); }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return now(); }
cudaError_t cudaStreamQuery(cudaStream_t) { return now(); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return now(); }
cudaError_t cudaEventCreate(cudaEvent_t* e) { *e = new ws_event{}; return now(); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) { return cudaEventCreate(e); }
cudaError_t cudaEventDestroy(cudaEvent_t e) { delete e; return now(); }
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) { clock_gettime(CLOCK_MONOTONIC, &e->at); e->recorded = true; return now(); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return now(); }
cudaError_t cudaEventQuery(cudaEvent_t) { return now(); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t a, cudaEvent_t b) {
  if (!a->recorded || !b->recorded) return now(cudaErrorInvalidResourceHandle);
  *ms = (float)((b->at.tv_sec - a->at.tv_sec) * 1e3 + (b->at.tv_nsec - a->at.tv_nsec) * 1e-6);
  return now();
}
cudaError_t cudaDeviceSynchronize() { return now(); }
cudaError_t cudaGetLastError() { cudaError_t e = sticky ? sticky : last; last = cudaSuccess; return e; }
cudaError_t cudaPeekAtLastError() { return sticky ? sticky : last; }
cudaError_t cudaDeviceReset() { return now(); }
cudaError_t cudaSetDevice(int device) { return now(device == 0 ? cudaSuccess : cudaErrorInvalidDevice); }
cudaError_t cudaGetDevice(int* device) { *device = 0; return now(); }
cudaError_t cudaGetDeviceCount(int* count) { *count = 1; return now(); }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) { memoryInfo(*free, *total); return now(); }
cudaError_t cudaRuntimeGetVersion(int* v) { *v = CUDART_VERSION; return now(); }
cudaError_t cudaDriverGetVersion(int* v) { *v = CUDART_VERSION; return now(); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device != 0) return now(cudaErrorInvalidDevice);
  memset(p, 0, sizeof *p);
  // The limits of compute capability 9.0; speeds are left at 0, because this is no GPU.
  snprintf(p->name, sizeof p->name, "Whetstone CUDA emulator");
  p->totalGlobalMem = limits.bytes;
  p->sharedMemPerBlock = 48 * 1024; p->sharedMemPerBlockOptin = SHARED_LIMIT; p->sharedMemPerMultiprocessor = 228 * 1024;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->warpSize = 32; p->maxThreadsPerBlock = 1024; p->maxThreadsPerMultiProcessor = 2048; p->maxBlocksPerMultiProcessor = 32;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024; p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647; p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->totalConstMem = 65536; p->major = 9; p->minor = 0; p->multiProcessorCount = 1;
  p->unifiedAddressing = p->managedMemory = p->concurrentKernels = p->cooperativeLaunch = 1;
  return now();
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  cudaDeviceProp p;
  cudaGetDeviceProperties(&p, 0);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)p.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)p.sharedMemPerBlockOptin; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrCooperativeLaunch: *value = 1; break;
    default: *value = 0;
  }
  return now();
}

const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidSymbol: return "cudaErrorInvalidSymbol";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorCooperativeLaunchTooLarge: return "cudaErrorCooperativeLaunchTooLarge";
    default: return "cudaErrorUnknown";
  }
}
const char* cudaGetErrorString(cudaError_t e) {
  switch (e) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInvalidSymbol: return "invalid device symbol";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    case cudaErrorCooperativeLaunchTooLarge: return "too many blocks in cooperative launch";
    default: return "unknown error";
  }
}

void ws_launch(const char* kernel, int line, ws_uint3 grid, ws_uint3 block, size_t shared, int cooperative, void (*entry)(void*), const void* closure, size_t bytes) {
  if (sticky) return;
  uint64_t threads = (uint64_t)block.x * block.y * block.z, blocks = (uint64_t)grid.x * grid.y * grid.z;
  size_t wanted = shared + sharedLayout.staticBytes;
  const char* wrong = threads == 0 || blocks == 0 ? "a dimension is 0"
    : threads > MAX_THREADS || block.x > 1024 || block.y > 1024 || block.z > 64 ? "more than 1024 threads in a block"
    : blocks > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535 ? "the grid is too large"
    : shared > SHARED_LIMIT ? "more dynamic shared memory than a block can have"
    : cooperative && blocks * threads > (uint64_t)MAX_WORKERS * MAX_THREADS ? "too many threads for a cooperative launch" : nullptr;
  (void)wanted;
  if (wrong) {
    char text[160];
    snprintf(text, sizeof text, "%s: grid (%u, %u, %u), block (%u, %u, %u), %zu bytes of shared memory", wrong, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared);
    hostFault("invalid-launch", line, nullptr, 0, text);
    set(cudaErrorInvalidConfiguration);
    return;
  }
  if (bytes > PARAMS_BYTES) {
    set(cudaErrorInvalidValue);
    return;
  }
  memcpy((void*)PARAMS, closure, bytes);
  static uint64_t launches = 0;
  Launch l;
  l.id = ++launches;
  l.kernel = kernel;
  l.line = line;
  l.grid = {grid.x, grid.y, grid.z};
  l.block = {block.x, block.y, block.z};
  l.dynamicShared = shared;
  l.cooperative = cooperative;
  l.entry = entry;
  l.closure = (void*)PARAMS;
  l.blocks = (uint32_t)blocks;
  l.threadsPerBlock = (uint32_t)threads;
  runLaunch(l);
  if (l.failed) sticky = cudaErrorIllegalAddress;
}

long long ws_clock() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

void ws_assert_failed(const char* expression, const char* file, int line) {
  (void)file;
  fault("assert", "error", (uintptr_t)__builtin_return_address(0), 0, 0, 0, expression);
  if (self()) abandon();
  fprintf(stderr, "line %d: Assertion `%s' failed.\n", line, expression);
  finish(134);
}
void ws_trap() {
  fault("trap", "error", (uintptr_t)__builtin_return_address(0), 0, 0, 0, "__trap");
  if (self()) abandon();
  finish(134);
}
}
