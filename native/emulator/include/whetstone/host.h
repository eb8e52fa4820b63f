// The host side of the CUDA runtime API, as far as a course and its kernels need it.
#pragma once
#include <cstddef>
#include "abi.h"

#define CUDART_VERSION 13000
enum cudaError_t : int {
  cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2, cudaErrorInvalidConfiguration = 9, cudaErrorInvalidSymbol = 13,
  cudaErrorNoDevice = 100, cudaErrorInvalidDevice = 101, cudaErrorInvalidResourceHandle = 400, cudaErrorNotReady = 600, cudaErrorIllegalAddress = 700,
  cudaErrorAssert = 710, cudaErrorLaunchFailure = 719, cudaErrorCooperativeLaunchTooLarge = 720, cudaErrorNotSupported = 801, cudaErrorUnknown = 999
};
typedef cudaError_t cudaError;
enum cudaMemcpyKind : int { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
enum { cudaStreamDefault = 0, cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2,
       cudaHostAllocDefault = 0, cudaHostAllocPortable = 1, cudaHostAllocMapped = 2, cudaMemAttachGlobal = 1 };
enum cudaDeviceAttr : int {
  cudaDevAttrMaxThreadsPerBlock = 1, cudaDevAttrMaxSharedMemoryPerBlock = 8, cudaDevAttrWarpSize = 10, cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76, cudaDevAttrCooperativeLaunch = 95, cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
};
enum cudaFuncAttribute : int { cudaFuncAttributeMaxDynamicSharedMemorySize = 8, cudaFuncAttributePreferredSharedMemoryCarveout = 9 };
enum cudaFuncCache : int { cudaFuncCachePreferNone, cudaFuncCachePreferShared, cudaFuncCachePreferL1, cudaFuncCachePreferEqual };
typedef struct ws_stream* cudaStream_t;
typedef struct ws_event* cudaEvent_t;
struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor, totalConstMem;
  int regsPerBlock, regsPerMultiprocessor, warpSize, maxThreadsPerBlock, maxThreadsPerMultiProcessor, maxBlocksPerMultiProcessor, maxThreadsDim[3], maxGridSize[3],
    major, minor, multiProcessorCount, unifiedAddressing, managedMemory, concurrentKernels, cooperativeLaunch, l2CacheSize;
};

extern "C" {
cudaError_t ws_malloc(void** p, size_t bytes, int host, int line);
cudaError_t ws_free(void* p, int line);
cudaError_t ws_memcpy(void* to, const void* from, size_t bytes, int kind, int line);
cudaError_t ws_memset(void* p, int value, size_t bytes, int line);
cudaError_t ws_symbol(void* symbol, size_t offset, void* host, size_t bytes, int toDevice, int line);
cudaError_t cudaStreamCreate(cudaStream_t* s);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned flags);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* s, unsigned flags, int priority);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamQuery(cudaStream_t s);
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags = 0);
cudaError_t cudaEventCreate(cudaEvent_t* e);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaEventQuery(cudaEvent_t e);
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t a, cudaEvent_t b);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaDeviceReset();
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
const char* cudaGetErrorName(cudaError_t e);
const char* cudaGetErrorString(cudaError_t e);
}

#ifndef WS_RUNTIME
#define WS_LINE int line = __builtin_LINE()
template <class T> inline cudaError_t cudaMalloc(T** p, size_t bytes, WS_LINE) { return ws_malloc((void**)p, bytes, 0, line); }
template <class T> inline cudaError_t cudaMallocManaged(T** p, size_t bytes, unsigned = 1, WS_LINE) { return ws_malloc((void**)p, bytes, 1, line); }
template <class T> inline cudaError_t cudaMallocHost(T** p, size_t bytes, unsigned = 0, WS_LINE) { return ws_malloc((void**)p, bytes, 2, line); }
template <class T> inline cudaError_t cudaHostAlloc(T** p, size_t bytes, unsigned = 0, WS_LINE) { return ws_malloc((void**)p, bytes, 2, line); }
template <class T> inline cudaError_t cudaMallocAsync(T** p, size_t bytes, cudaStream_t, WS_LINE) { return ws_malloc((void**)p, bytes, 0, line); }
template <class T> inline cudaError_t cudaMallocPitch(T** p, size_t* pitch, size_t width, size_t height, WS_LINE) {
  *pitch = (width + 511) / 512 * 512;
  return ws_malloc((void**)p, *pitch * height, 0, line);
}
template <class T> inline cudaError_t cudaHostGetDevicePointer(T** device, void* host, unsigned) { *device = (T*)host; return cudaSuccess; }
inline cudaError_t cudaFree(void* p, WS_LINE) { return ws_free(p, line); }
inline cudaError_t cudaFreeHost(void* p, WS_LINE) { return ws_free(p, line); }
inline cudaError_t cudaFreeAsync(void* p, cudaStream_t, WS_LINE) { return ws_free(p, line); }
inline cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, WS_LINE) { return ws_memcpy(to, from, bytes, kind, line); }
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t = nullptr, WS_LINE) { return ws_memcpy(to, from, bytes, kind, line); }
inline cudaError_t cudaMemcpy2D(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, size_t height, cudaMemcpyKind kind, WS_LINE) {
  for (size_t y = 0; y < height; y++)
    if (cudaError_t e = ws_memcpy((char*)to + y * toPitch, (const char*)from + y * fromPitch, width, kind, line)) return e;
  return cudaSuccess;
}
inline cudaError_t cudaMemset(void* p, int value, size_t bytes, WS_LINE) { return ws_memset(p, value, bytes, line); }
inline cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t = nullptr, WS_LINE) { return ws_memset(p, value, bytes, line); }
template <class T> inline cudaError_t cudaMemcpyToSymbol(const T& symbol, const void* from, size_t bytes, size_t offset = 0, cudaMemcpyKind = cudaMemcpyHostToDevice, WS_LINE) {
  return ws_symbol((void*)&symbol, offset, (void*)from, bytes, 1, line);
}
template <class T> inline cudaError_t cudaMemcpyFromSymbol(void* to, const T& symbol, size_t bytes, size_t offset = 0, cudaMemcpyKind = cudaMemcpyDeviceToHost, WS_LINE) {
  return ws_symbol((void*)&symbol, offset, to, bytes, 0, line);
}
template <class T> inline cudaError_t cudaGetSymbolAddress(void** p, const T& symbol) { *p = (void*)&symbol; return cudaSuccess; }
template <class F> inline cudaError_t cudaFuncSetAttribute(F, cudaFuncAttribute, int) { return cudaSuccess; }
template <class F> inline cudaError_t cudaFuncSetCacheConfig(F, cudaFuncCache) { return cudaSuccess; }
/** By shared memory and threads alone: registers are known to nvcc only. */
template <class F> inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, F, int threads, size_t shared) {
  int byThreads = threads > 0 ? 2048 / ((threads + 31) / 32 * 32) : 0, byShared = shared ? (int)(228 * 1024 / (shared + 1024)) : 32;
  *blocks = byThreads < byShared ? byThreads : byShared;
  if (*blocks > 32) *blocks = 32;
  return cudaSuccess;
}
template <class F> inline cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid, int* block, F, size_t = 0, int limit = 0) {
  *block = limit ? limit : 1024;
  *grid = 2;
  return cudaSuccess;
}
#endif
