// The border between a learner's program and the emulator: what the headers call and the runtime supplies.
#pragma once
#include <cstddef>
#include <cstdint>
#include "../../../common/parameters.h"

/** Stack of one CUDA thread, and the part of it that the emulator keeps for itself at its upper end. */
#define WS_STACK_BYTES 65536
#define WS_FIBER_BYTES 512

struct ws_uint3 { unsigned x, y, z; };
/** What a thread knows of its place; at the upper end of its stack, so that it is found from the stack pointer alone. */
struct ws_thread { ws_uint3 threadIdx, blockIdx, blockDim, gridDim; };

/** Operations that the lanes of a warp do together. */
enum ws_warp_kind {
  WS_SYNC, WS_SHFL, WS_SHFL_UP, WS_SHFL_DOWN, WS_SHFL_XOR, WS_ALL, WS_ANY, WS_UNI, WS_BALLOT, WS_MATCH_ANY, WS_MATCH_ALL,
  WS_REDUCE, WS_ACTIVE, WS_CUSTOM
};
enum ws_reduce_kind { WS_ADD, WS_MIN, WS_MAX, WS_AND, WS_OR, WS_XOR, WS_UADD, WS_UMIN, WS_UMAX };
struct ws_warp_op { uint64_t in, out; int source, width, flag; };

enum ws_atomic_kind { WS_A_ADD, WS_A_SUB, WS_A_EXCH, WS_A_MIN, WS_A_MAX, WS_A_INC, WS_A_DEC, WS_A_CAS, WS_A_AND, WS_A_OR, WS_A_XOR, WS_A_LOAD, WS_A_STORE };
enum ws_type { WS_I32, WS_U32, WS_I64, WS_U64, WS_F32, WS_F64, WS_F16, WS_BF16, WS_F16X2, WS_BF16X2, WS_U16 };

extern "C" {
int ws_barrier(int op, int predicate);  // op: 0 plain, 1 count, 2 and, 3 or
void ws_grid_barrier();
void ws_warp(int kind, unsigned mask, void* data, void (*compute)(void** lanes, unsigned mask));
unsigned ws_active_mask();
void ws_fence(int scope);               // 0 block, 1 device, 2 system
uint64_t ws_atomic(int op, int type, void* address, uint64_t value, uint64_t compare);
/** An access made by a header on behalf of the caller (fragments of matrices), reported at the caller's line. */
void ws_access(const void* address, size_t size, int write);
void* ws_dynamic_shared();
size_t ws_dynamic_shared_bytes();
void ws_assert_failed(const char* expression, const char* file, int line);
void ws_trap();
void ws_launch(const char* kernel, int line, ws_uint3 grid, ws_uint3 block, size_t shared, int cooperative,
               void (*entry)(void*), const void* closure, size_t bytes);
long long ws_clock();
int ws_host_api_line(const char* file, int line);

void ws_register(const char* name, int count, const ws_parameter* parameters, void (*run)(void** arguments, ws_uint3 grid, ws_uint3 block, size_t shared));
int ws_program_main(int argc, char** argv) __attribute__((weak));
}
