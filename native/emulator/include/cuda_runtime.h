// The CUDA runtime and language for the emulator. Included before every program, as nvcc does with its own.
#pragma once
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cstdint>
#include "whetstone/device.h"
#include "whetstone/math.h"
#include "whetstone/host.h"
#include "whetstone/launch.h"
#undef assert
#define assert(expression) ((expression) ? (void)0 : ws_assert_failed(#expression, __FILE__, __LINE__))
#undef __noinline__
#define __noinline__ __attribute__((noinline))
