// The border between the addon and a program that is loaded into its process: the table that such a program gives.
// Implemented for the emulator by native/emulator/src/library.cpp, for a GPU by native/device/device_library.cuh.
#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif

#define WS_LIBRARY_VERSION 2

/** One launch. `values[i]` points to the value of parameter i, of the size that `entries` says. */
struct ws_library_call {
  const char* kernel;
  unsigned grid[3], block[3];
  size_t shared;
  int repeat;
  void** values;
  int count;
  /** The launch fails when it takes longer. */
  double seconds;
  /** `repeat` numbers, by events; null: the launch is only put into `stream` (of a GPU), and nobody waits for it. */
  double* milliseconds;
  void* stream;
  char* message;
  size_t message_bytes;
};

struct ws_library {
  int version;
  /** 1: kernels take pointers to the host's memory, so that arrays are passed as they are. */
  int unified;
  /** How many devices there are; their names, one a line. */
  int (*devices)(char* names, size_t bytes);
  /** JSON: [{"name": …, "parameters": [[kind, bytes], …]}, …] */
  const char* (*entries)(void);
  /** 0, or not 0 and a message. */
  int (*launch)(int device, const struct ws_library_call* call);
  void* (*allocate)(int device, size_t bytes);
  /** 0, or not 0 when the copy failed. */
  int (*copy)(int device, void* to, const void* from, size_t bytes, int to_device);
  void (*release)(int device, void* memory);
};

/** The only symbol that the addon looks for. */
const struct ws_library* ws_library_open(void);

#ifdef __cplusplus
}
#endif
