// The emulator as one translation unit: the path of a memory access goes through several files and must be inlined.
#include <vector>
#include "fiber.cpp"
#include "races.cpp"
#include "record.cpp"
#include "hooks.cpp"
#include "memory.cpp"
#include "atomics.cpp"
#include "warp.cpp"
#include "scheduler.cpp"
#include "report.cpp"
#include "host_api.cpp"
#if defined(WS_LIBRARY)
#include "library.cpp"
#else
#include "main.cpp"
#endif
