// Data races by happens-before: two accesses to the same bytes, one of them a write, not both atomic, and nothing that
// orders them: no barrier of the block, no __syncwarp between lanes of a warp, no fence with an atomic between threads.
#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <memory>
#include "layout.h"

namespace ws {

extern std::vector<uintptr_t> sitePcs;

/**
 * A cell, 64 bits: thread 24, epoch 12 (barriers of its block so far), clock 10 (its own synchronizations), site 12,
 * bytes 4 (of the word), relaxed 1 (atomic, or volatile in global memory), present 1. Numbers wrap; an old access whose
 * numbers came round again could only be missed or taken for a neighbour's after 4096 barriers without another access.
 * Each word has three: the last write, and two readers since.
 */
struct Stamp {
  uint32_t thread, epoch, clock, site, bytes;
  bool relaxed;
};
inline Cell pack(const Stamp& s) {
  return (Cell)(s.thread & 0xFFFFFF) | (Cell)(s.epoch & 0xFFF) << 24 | (Cell)(s.clock & 0x3FF) << 36 | (Cell)(s.site & 0xFFF) << 46 |
         (Cell)s.bytes << 58 | (Cell)s.relaxed << 62 | (Cell)1 << 63;
}
inline uint32_t threadOf(Cell c) { return c & 0xFFFFFF; }
inline uint32_t epochOf(Cell c) { return c >> 24 & 0xFFF; }
inline uint32_t clockOf(Cell c) { return c >> 36 & 0x3FF; }
inline uint32_t siteOfCell(Cell c) { return c >> 46 & 0xFFF; }
inline uint32_t bytesOf(Cell c) { return c >> 58 & 15; }
inline bool relaxedOf(Cell c) { return c >> 62 & 1; }
inline bool before(uint32_t clock, uint32_t known) { return ((known - 1 - clock) & 0x3FF) < 512; }

/**
 * What a thread learnt of others through fences and atomics: of a block, all accesses before a barrier; of a thread,
 * all before one of its clocks. Immutable, so that it is passed on by pointer; lives until the launch ends.
 */
struct Knowledge {
  std::unordered_map<uint32_t, uint32_t> epochs, clocks;
  /** Grown too large to be worth its keep: everything counts as known, and races behind it are no longer found. */
  bool everything = false;
};
constexpr size_t KNOWLEDGE_LIMIT = 8192;

static std::mutex knowledgeLock;
static std::vector<std::unique_ptr<Knowledge>> kept;
struct SyncVariable { const Knowledge* device = nullptr; std::map<uint32_t, const Knowledge*> block; };
static std::unordered_map<uintptr_t, SyncVariable> syncVariables;
static std::atomic<bool> fencesUsed{false};

static const Knowledge* join(const Knowledge* a, const Knowledge* b) {
  if (!a || a == b) return b;
  if (!b || a->everything) return a;
  if (b->everything) return b;
  kept.push_back(std::make_unique<Knowledge>(*a));
  Knowledge* k = kept.back().get();
  for (auto [block, epoch] : b->epochs) k->epochs[block] = std::max(k->epochs[block], epoch);
  for (auto [thread, clock] : b->clocks) k->clocks[thread] = std::max(k->clocks[thread], clock);
  if (k->epochs.size() + k->clocks.size() > KNOWLEDGE_LIMIT) {
    *k = Knowledge{};
    k->everything = true;
  }
  return k;
}

static bool knows(const Knowledge* k, uint32_t block, Cell c) {
  if (!k) return false;
  if (k->everything) return true;
  auto epoch = k->epochs.find(block);
  if (epoch != k->epochs.end() && ((epoch->second - 1 - epochOf(c)) & 0xFFF) < 2048) return true;
  auto clock = k->clocks.find(threadOf(c));
  return clock != k->clocks.end() && before(clockOf(c), clock->second);
}

/** Whether an earlier access happens before what the running thread does now. */
inline bool ordered(Fiber* f, Cell c) {
  uint32_t threads = f->block->threads, first = (f->global - f->thread) & 0xFFFFFF;
  uint32_t local = (threadOf(c) - first) & 0xFFFFFF;
  if (local < threads) {
    if (epochOf(c) != (f->block->epoch & 0xFFF)) return true;
    if (local / 32 == f->thread / 32 && before(clockOf(c), f->warpKnown[local % 32])) return true;
    return f->known && knows(f->known, f->block->linear, c);
  }
  return f->known && knows(f->known, threadOf(c) / f->worker->launch->threadsPerBlock, c);
}

static __attribute__((noinline)) void race(Cell c, uintptr_t a, uint32_t n, const char* order, bool shared, uintptr_t pc) {
  uint32_t site = siteOfCell(c);
  fault(shared ? "race-shared" : "race-global", "error", pc, site < sitePcs.size() ? sitePcs[site] : 0, a, n, order, threadOf(c));
}

void acquire(Fiber* f, uintptr_t address);

/** A write over an unordered write of the same value is harmless: hold the verdict until the value is there. */
void settle(Fiber* f) {
  f->unsettled = false;
  if (f->acquireFrom) acquire(f, f->acquireFrom);
  f->acquireFrom = 0;
  uintptr_t a = f->overwritten;
  if (!a) return;
  f->overwritten = 0;
  if (memcmp((void*)a, f->overwrittenValue, f->overwrittenSize) == 0) return;
  race(f->overwrittenCell, a, f->overwrittenSize, "write after write", a - DEVICE >= DEVICE_BYTES, f->overwrittenPc);
}

static void readWord(Fiber* f, Cell* cell, Cell mine, uintptr_t a, uint32_t n, bool shared, uintptr_t pc) {
  Cell write = cell[0];
  uint32_t me = threadOf(mine);
  if (write && threadOf(write) != me && (bytesOf(write) & bytesOf(mine)) && !(relaxedOf(write) && relaxedOf(mine)) && !ordered(f, write))
    race(write, a, n, "read after write", shared, pc);
  Cell first = cell[1];
  if (!first || threadOf(first) == me || ordered(f, first)) cell[1] = mine;
  else cell[2] = mine;
}

static void writeWord(Fiber* f, Cell* cell, Cell mine, uintptr_t a, uint32_t n, bool shared, uintptr_t pc) {
  uint32_t me = threadOf(mine);
  Cell write = cell[0];
  if (write && threadOf(write) != me && (bytesOf(write) & bytesOf(mine)) && !(relaxedOf(write) && relaxedOf(mine)) && !ordered(f, write)) {
    if (relaxedOf(mine) || n > 16) race(write, a, n, "write after write", shared, pc);
    else {
      f->unsettled = true;
      f->overwritten = a;
      f->overwrittenSize = n;
      memcpy(f->overwrittenValue, (void*)a, n);
      f->overwrittenCell = write;
      f->overwrittenPc = pc;
    }
  }
  for (int i = 1; i < 3; i++) {
    Cell read = cell[i];
    if (!read) continue;
    if (threadOf(read) != me && (bytesOf(read) & bytesOf(mine)) && !(relaxedOf(read) && relaxedOf(mine)) && !ordered(f, read))
      race(read, a, n, "write after read", shared, pc);
    cell[i] = 0;
  }
  cell[0] = mine;
}

void raceCheck(Fiber* f, Cell* cells, uintptr_t a, uint32_t n, bool write, bool relaxed, uint32_t site, uintptr_t pc) {
  bool shared = a - DEVICE >= DEVICE_BYTES;
  uint32_t bytes = n >= 4 ? 15 : ((1u << n) - 1) << (a & 3);
  Cell mine = pack({f->global, f->block->epoch, f->clock, site, bytes, relaxed});
  for (uint32_t words = n <= 4 ? 1 : n / 4; words > 0; words--, cells += 3) {
    // The site may differ: what counts is who and when.
    constexpr Cell WHO = ~((Cell)0xFFF << 46);
    if (write) {
      if (((cells[0] ^ mine) & WHO) == 0 && !cells[1]) continue;
      writeWord(f, cells, mine, a, n, shared, pc);
    } else {
      if (((cells[1] ^ mine) & WHO) == 0 && (!cells[0] || threadOf(cells[0]) == threadOf(mine))) continue;
      readWord(f, cells, mine, a, n, shared, pc);
    }
  }
}

/** What happened in a launch is before everything in the next one. */
void resetRaces() {
  if (LIBRARY) return;
  extern std::pair<uintptr_t, uintptr_t> deviceUsed();
  auto [from, to] = deviceUsed();
  uintptr_t low = (RACE + ((from - DEVICE) >> 2) * 24) & ~(uintptr_t)4095, high = RACE + ((to - DEVICE + 3) >> 2) * 24;
  if (high > low) madvise((void*)low, high - low, MADV_DONTNEED);
}

void forgetKnowledge() {
  if (!fencesUsed) return;
  std::lock_guard<std::mutex> lock(knowledgeLock);
  syncVariables.clear();
  kept.clear();
  fencesUsed = false;
}

/** __threadfence and its kin: what the thread did so far may be published by its next atomic. */
void fenceOf(Fiber* f, int scope) {
  fencesUsed = true;
  f->clock++;
  f->fenceClock = f->clock;
  f->fenceEpoch = f->block->epoch;
  f->fenceKnown = f->known;
  (scope == 0 ? f->blockFenced : f->fenced) = true;
}

static SyncVariable& syncVariable(Fiber* f, uintptr_t address) {
  // Shared memory of different blocks has the same addresses.
  bool shared = address - DEVICE >= DEVICE_BYTES;
  return syncVariables[shared ? address ^ ((uintptr_t)(f->block->linear + 1) << 40) : address];
}

/** After an atomic on `address`: the thread knows what others published there. */
void acquire(Fiber* f, uintptr_t address) {
  if (!fencesUsed) return;
  std::lock_guard<std::mutex> lock(knowledgeLock);
  SyncVariable& variable = syncVariable(f, address);
  f->known = join(f->known, variable.device);
  auto own = variable.block.find(f->block->linear);
  if (own != variable.block.end()) f->known = join(f->known, own->second);
}

/** Before an atomic on `address`: publishes what this thread fenced. Before, so that who sees the value finds it. */
void publish(Fiber* f, uintptr_t address) {
  if (!fencesUsed || (!f->fenced && !f->blockFenced)) return;
  std::lock_guard<std::mutex> lock(knowledgeLock);
  SyncVariable& variable = syncVariable(f, address);
  uint32_t block = f->block->linear;
  kept.push_back(std::make_unique<Knowledge>());
  Knowledge* mine = kept.back().get();
  if (f->fenceEpoch) mine->epochs[block] = f->fenceEpoch;
  mine->clocks[f->global & 0xFFFFFF] = f->fenceClock;
  const Knowledge* published = join(f->fenceKnown, mine);
  if (f->fenced) variable.device = join(variable.device, published);
  else variable.block[block] = join(variable.block[block], published);
}

/** After a barrier every thread knows what any of them knew, and a fence of one counts for all before the barrier. */
void barrierOrders(Block& block, Worker& worker) {
  block.epoch++;
  if (!fencesUsed) return;
  extern Fiber* fiberOf(int worker, uint32_t slot);
  std::lock_guard<std::mutex> lock(knowledgeLock);
  const Knowledge *known = nullptr, *fenceKnown = nullptr;
  bool fenced = false;
  for (uint32_t t = 0; t < block.threads; t++) {
    Fiber* f = fiberOf(worker.id, worker.base + t);
    known = join(known, f->known);
    fenceKnown = join(fenceKnown, f->fenceKnown);
    fenced = fenced || f->fenced;
  }
  for (uint32_t t = 0; t < block.threads; t++) {
    Fiber* f = fiberOf(worker.id, worker.base + t);
    f->known = known;
    if (!fenced) continue;
    f->fenced = true;
    f->fenceEpoch = block.epoch;
    f->fenceKnown = fenceKnown;
    f->fenceClock = f->clock;
  }
}

/** __syncwarp: what the lanes in `mask` did is before what they do next. */
void warpOrders(Warp& warp, Worker& worker, unsigned mask) {
  extern Fiber* fiberOf(int worker, uint32_t slot);
  uint32_t joined[32] = {};
  Fiber* lanes[32];
  for (unsigned m = mask; m; m &= m - 1) {
    int lane = __builtin_ctz(m);
    Fiber* f = lanes[lane] = fiberOf(worker.id, worker.base + warp.first + lane);
    f->clock++;
    for (int i = 0; i < 32; i++) joined[i] = std::max(joined[i], f->warpKnown[i]);
  }
  for (unsigned m = mask; m; m &= m - 1) joined[__builtin_ctz(m)] = lanes[__builtin_ctz(m)]->clock;
  for (unsigned m = mask; m; m &= m - 1) memcpy(lanes[__builtin_ctz(m)]->warpKnown, joined, sizeof joined);
}
}
