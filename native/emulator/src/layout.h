// Where everything lies in the address space, and the structures that the parts of the emulator share.
// Fixed addresses make the question "whose memory is this?" a subtraction and a comparison.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstddef>
#include <string>
#include <vector>
#include "../include/whetstone/abi.h"

namespace ws {

constexpr uintptr_t GIB = 1ull << 30;
/** Global memory of the device; its first part stands for `__device__` variables, which the linker places elsewhere. */
constexpr uintptr_t DEVICE = 0x20'0000'0000, DEVICE_BYTES = 16 * GIB, VARIABLE_BYTES = 64ull << 20;
/** One state byte for each byte of global memory. */
constexpr uintptr_t VALID = 0x24'0000'0000;
/** Three race cells for each 4-byte word of global memory. */
constexpr uintptr_t RACE = 0x28'0000'0000, RACE_BYTES = DEVICE_BYTES / 4 * 24;
/** Stacks of the fibers: a slot for each thread of each worker's block. */
constexpr uintptr_t STACK_BYTES = WS_STACK_BYTES;
#if defined(WS_LIBRARY)
/** Inside another process: nothing is judged, and the addresses are those that the system gives. */
constexpr bool LIBRARY = true;
extern uintptr_t STACKS, PARAMS;
#else
constexpr bool LIBRARY = false;
constexpr uintptr_t STACKS = 0x40'0000'0000;
/** Arguments of the running kernel. */
constexpr uintptr_t PARAMS = 0x41'0000'0000;
#endif
constexpr int MAX_THREADS = 1024, MAX_WARPS = 32, MAX_WORKERS = 32;
constexpr uintptr_t STACKS_BYTES = MAX_WORKERS * MAX_THREADS * STACK_BYTES;
constexpr size_t PARAMS_BYTES = 1 << 20;
/** Shared memory that a block can have: 227 KiB, as on compute capability 9.0. */
constexpr size_t SHARED_LIMIT = 227 * 1024;

/** State bits of a byte: in an allocation, written at least once, read and written in this launch, open to the host, the compiler's own. */
enum : uint8_t { ALLOCATED = 1, WRITTEN = 2, READ_NOW = 4, WRITTEN_NOW = 8, HOST_TOO = 16, COMPILERS = 32 };

/** How often a fiber may go through hooks before the others get their turn; lets threads wait for each other's memory. */
constexpr int QUANTUM = 1024;

enum class State : uint8_t { Ready, Barrier, Collective, Ended };

/** One access remembered for the race check, packed: see races.cpp. */
using Cell = uint64_t;

struct Worker;
struct Block;
struct Warp;
struct Launch;
struct Knowledge;

/** One CUDA thread: its registers are on the stack below it. Lies at the top of its stack slot. */
struct Fiber {
  ws_thread view;
  void* sp;
  Worker* worker;
  Block* block;
  Warp* warp;
  uint32_t thread, lane, global;
  State state;
  bool fenced, blockFenced, yielded;
  /** Something waits to be settled at the next access: see `overwritten` and `acquireFrom`. */
  bool unsettled;
  /** A volatile variable just read: what was published there is known from now on. */
  uintptr_t acquireFrom;
  int budget;
  /** Counts this thread's synchronizations; an access is known to another thread if it happened at an earlier clock. */
  uint32_t clock, fenceClock, fenceEpoch;
  const Knowledge* known;
  const Knowledge* fenceKnown;
  /** What it waits for. */
  int kind;
  unsigned mask;
  void* data;
  void (*compute)(void**, unsigned);
  uintptr_t pc;
  int predicate;
  /** A write over another thread's unordered write: harmless when both write the same value, which is seen later. */
  uintptr_t overwritten;
  uint32_t overwrittenSize;
  uint64_t overwrittenValue[2];
  Cell overwrittenCell;
  uintptr_t overwrittenPc;
  /** Accesses of the lanes of the warp before these clocks are ordered before whatever this thread does next. */
  uint32_t warpKnown[32];
};
static_assert(sizeof(Fiber) <= WS_FIBER_BYTES);

/** The accesses of one warp that belong together: the n-th execution of one line by its lanes. */
struct Request {
  uint64_t base;
  uint32_t mask;
  uint32_t size;
  int32_t delta[32];
};

/** The requests of one place in the code that are not closed yet, and how often each lane has been there. */
struct WarpSite {
  Request* requests;
  uint32_t first, count, capacity;
  bool dirty, touched;
  uint32_t times[32];
};

struct Warp {
  uint32_t first, lanes, alive;
  uint32_t ended;
  WarpSite* sites;
  uint32_t siteCount;
  std::vector<uint32_t> dirty, touched;
  /** Executions of each basic block by each lane. */
  uint32_t* blocks;
  uint32_t blockCount;
};

/** What is added up for one place in the code, in one launch. */
struct Stat {
  uint64_t requests, lanes, bytes, sectors, idealSectors, wavefronts, idealWavefronts, contention;
  uint64_t worst;
  Request sample;
};

struct BlockStat { uint64_t warps, threads; };

struct Block {
  uint32_t linear;
  uint32_t threads, warps, alive, waiting;
  uint32_t epoch;
  uint64_t barriers;
  bool dead;
  /** Cooperative launches: waits for the whole grid; its shared memory while another block has the worker. */
  uint32_t atGrid;
  std::vector<char> image;
};

struct Worker {
  int id;
  uintptr_t sharedBase;
  size_t sharedBytes;
  uint8_t* sharedValid;
  Cell* sharedRace;
  void* sp;
  Fiber* current;
  Block* block;
  Launch* launch;
  Warp warps[MAX_WARPS];
  std::vector<Stat> stats;
  std::vector<BlockStat> blocks;
  uint64_t random;
  uint64_t accesses, barriers, collectives, readOnce, writtenOnce, earlyEnds;
  size_t dynamicNow;
  /** The shared variables of the running kernel. */
  uint64_t sharedOf;
  std::vector<uint32_t> mine;
  uint32_t base;   // first thread slot of the current block: cooperative launches hold several blocks
};

struct Dim { uint32_t x, y, z; };

struct Launch {
  uint64_t id;
  std::string kernel;
  int line;
  Dim grid, block;
  size_t dynamicShared;
  bool cooperative;
  void (*entry)(void*);
  void* closure;
  std::atomic<uint32_t> next{0};
  uint32_t blocks, threadsPerBlock;
  std::atomic<bool> failed{false};
};

inline Fiber* fiberAt(uintptr_t sp) { return (Fiber*)((sp | (STACK_BYTES - 1)) + 1 - WS_FIBER_BYTES); }
inline bool onDevice(uintptr_t sp) { return sp - STACKS < STACKS_BYTES; }
inline Fiber* self() {
  uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
  return onDevice(sp) ? fiberAt(sp) : nullptr;
}

/** What a request may use, and how the threads are ordered. */
struct Limits {
  double seconds = 20;
  size_t bytes = 1ull << 30;
  int workers = 0;
  uint64_t seed = 0;
  bool races = true;
};
extern Limits limits;
extern thread_local Worker* ws_tls_worker;
/** Thread-local too: where the thread's copy of all `__shared__` variables begins, and the dynamic shared memory. */
extern thread_local char ws_tls_dynamic[];
extern std::atomic<bool> stopping;

/** The fault codes, as the report spells them. */
void fault(const char* kind, const char* severity, uintptr_t pc, uintptr_t pc2, uintptr_t address, size_t size,
           const std::string& detail, int64_t other = -1);
/** Ends the block of the running fiber and the launch: nothing sensible can follow. Does not return on the device. */
[[noreturn]] void abandon();
void yieldFiber();
void switchTo(Fiber* fiber);
void flushWarp(Worker& worker, Warp& warp, bool resync);
void closeWarp(Worker& worker, Warp& warp);
void settle(Fiber* f);
void fenceOf(Fiber* f, int scope);
void publish(Fiber* f, uintptr_t address);
void acquire(Fiber* f, uintptr_t address);
void barrierOrders(Block& block, Worker& worker);
void warpOrders(Warp& warp, Worker& worker, unsigned mask);
void resetRaces();
void forgetKnowledge();
uint32_t siteOf(uintptr_t pc);
std::string describeAddress(uintptr_t address);
struct SharedLayout { size_t staticBytes; size_t dynamicOffset; size_t totalBytes; };
extern SharedLayout sharedLayout;
void prepareShared(Worker& worker, size_t dynamicBytes);
void findSharedVariables();
std::string sharedName(size_t offset);
void runLaunch(Launch& launch);
void writeResult(int status);
[[noreturn]] void finish(int status);
}
