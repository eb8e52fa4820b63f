// The profile: accesses of a warp's lanes that belong together become one request, and requests become sectors,
// wavefronts and bytes. "Together" is the n-th execution of one place in the code between two synchronizations.
#include <sys/mman.h>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include "layout.h"

extern "C" char __executable_start __attribute__((weak)), etext __attribute__((weak));  // a library has neither

namespace ws {

static uint16_t* siteTable;
static uint16_t* blockTable;
static uintptr_t textStart, textBytes;
static std::mutex sitesLock;
std::vector<uintptr_t> sitePcs(1), blockPcs(1);
/** More places than this share the last number: far more than any kernel file has. */
constexpr uint32_t MAX_SITES = 4095;

void* reserve(uintptr_t at, size_t bytes);

void prepareRecords() {
  textStart = (uintptr_t)&__executable_start;
  textBytes = (uintptr_t)&etext - textStart;
  auto table = [] { return (uint16_t*)mmap(nullptr, textBytes * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); };
  siteTable = table();
  blockTable = table();
}

static uint32_t number(uint16_t* table, std::vector<uintptr_t>& pcs, uintptr_t pc) {
  uintptr_t at = pc - textStart;
  if (at >= textBytes) return MAX_SITES;
  if (uint16_t known = __atomic_load_n(&table[at], __ATOMIC_RELAXED)) return known;
  std::lock_guard<std::mutex> lock(sitesLock);
  if (table[at]) return table[at];
  uint32_t id = pcs.size();
  if (id > MAX_SITES) id = MAX_SITES;
  else pcs.push_back(pc);
  __atomic_store_n(&table[at], (uint16_t)id, __ATOMIC_RELAXED);
  return id;
}

uint32_t siteOf(uintptr_t pc) { return number(siteTable, sitePcs, pc); }

/** Places are told apart by what they touch and how, because one pointer may lead to global or to shared memory. */
enum { GLOBAL_LOAD, GLOBAL_STORE, GLOBAL_ATOMIC, SHARED_LOAD, SHARED_STORE, SHARED_ATOMIC, KINDS };

static __attribute__((noinline)) WarpSite& growSites(Warp& warp, uint32_t id) {
  uint32_t count = std::max(256u, warp.siteCount);
  while (count <= id) count *= 2;
  warp.sites = (WarpSite*)realloc((void*)warp.sites, count * sizeof(WarpSite));
  memset((void*)(warp.sites + warp.siteCount), 0, (count - warp.siteCount) * sizeof(WarpSite));
  warp.siteCount = count;
  return warp.sites[id];
}

static __attribute__((noinline)) void growRequests(WarpSite& site) {
  uint32_t capacity = site.capacity ? site.capacity * 2 : 4;
  site.requests = (Request*)realloc((void*)site.requests, capacity * sizeof(Request));
  site.capacity = capacity;
}

__attribute__((always_inline)) inline void record(Fiber* f, uint32_t id, uintptr_t address, uint32_t size) {
  Warp& warp = *f->warp;
  WarpSite& site = __builtin_expect(id < warp.siteCount, 1) ? warp.sites[id] : growSites(warp, id);
  uint32_t lane = f->lane, nth = site.times[lane];
  if (nth < site.first) nth = site.first;
  site.times[lane] = nth + 1;
  uint32_t at = nth - site.first;
  if (at >= site.count) {
    if (at >= site.capacity) growRequests(site);
    if (!site.dirty) {
      site.dirty = true;
      warp.dirty.push_back(id);
      if (!site.touched) {
        site.touched = true;
        warp.touched.push_back(id);
      }
    }
    // A lane never skips an occurrence, so at is count here.
    site.count = at + 1;
    Request& request = site.requests[at];
    request.base = address;
    request.mask = 1u << lane;
    request.size = size;
    request.delta[lane] = 0;
    return;
  }
  Request& request = site.requests[at];
  request.mask |= 1u << lane;
  if (size > request.size) request.size = size;
  int64_t delta = (int64_t)(address - request.base);
  request.delta[lane] = delta > INT32_MAX ? INT32_MAX : delta < INT32_MIN ? INT32_MIN : (int32_t)delta;
}

/** A set of numbers that mostly arrive in ascending order. */
struct Distinct {
  int64_t items[160], highest = INT64_MIN;
  int count = 0;
  void add(int64_t item) {
    if (item <= highest && std::find(items, items + count, item) != items + count) return;
    if (count < 160) items[count++] = item;
    highest = std::max(highest, item);
  }
};

/** Distinct 32-byte sectors under the active lanes, and the fewest that the same distinct bytes could fill. */
static void sectorsOf(const Request& r, uint32_t& sectors, uint32_t& ideal, uint32_t& distinctBytes) {
  Distinct places, seen;
  int64_t base = (int64_t)(r.base & 31);
  for (uint32_t mask = r.mask; mask; mask &= mask - 1) {
    int64_t from = base + r.delta[__builtin_ctz(mask)];
    places.add(from);
    for (int64_t s = from >> 5, last = (from + (int64_t)r.size - 1) >> 5; s <= last; s++) seen.add(s);
  }
  sectors = seen.count;
  distinctBytes = places.count * r.size;
  ideal = (distinctBytes + 31) / 32;
}

/**
 * Passes through the 32 banks of 4 bytes: 8-byte accesses go by half warps, 16-byte ones by quarters; lanes that read
 * the same word share it. Ideal is what the same lanes need without a conflict.
 */
static void wavefrontsOf(const Request& r, uint32_t& wavefronts, uint32_t& ideal) {
  uint32_t group = r.size >= 16 ? 8 : r.size == 8 ? 16 : 32;
  wavefronts = ideal = 0;
  for (uint32_t start = 0; start < 32; start += group) {
    uint32_t mask = (r.mask >> start) & (group == 32 ? ~0u : (1u << group) - 1);
    if (!mask) continue;
    uint32_t used = 0;
    int64_t word[32];
    bool conflict = false;
    for (uint32_t m = mask; m && !conflict; m &= m - 1) {
      int64_t at = (int64_t)(r.base + r.delta[start + __builtin_ctz(m)]);
      for (int64_t w = at >> 2, last = (at + (int64_t)r.size - 1) >> 2; w <= last; w++) {
        uint32_t bank = (uint32_t)w & 31;
        if (!(used >> bank & 1)) used |= 1u << bank, word[bank] = w;
        else if (word[bank] != w) conflict = true;
      }
    }
    ideal++;
    if (!conflict) {
      wavefronts++;
      continue;
    }
    Distinct words;
    int depth[32] = {};
    for (uint32_t m = mask; m; m &= m - 1) {
      int64_t at = (int64_t)(r.base + r.delta[start + __builtin_ctz(m)]);
      for (int64_t w = at >> 2, last = (at + (int64_t)r.size - 1) >> 2; w <= last; w++)
        words.add(w);
    }
    for (int i = 0; i < words.count; i++) depth[words.items[i] & 31]++;
    wavefronts += *std::max_element(depth, depth + 32);
  }
}

/** How many lanes meet at the most wanted address: an atomic serves them one after the other. */
static uint32_t contentionOf(const Request& r) {
  int32_t place[32];
  int count = 0, most = 0;
  for (uint32_t m = r.mask; m; m &= m - 1) place[count++] = r.delta[__builtin_ctz(m)];
  std::sort(place, place + count);
  for (int i = 0, run = 0; i < count; i++) {
    run = i && place[i] == place[i - 1] ? run + 1 : 1;
    most = std::max(most, run);
  }
  return most;
}

static void close(Worker& worker, uint32_t id, const Request& r) {
  if (id >= worker.stats.size()) worker.stats.resize(std::max<size_t>(id + 1, worker.stats.size() * 2 + 64));
  Stat& stat = worker.stats[id];
  uint32_t kind = id % KINDS, cost = 0;
  stat.requests++;
  stat.lanes += __builtin_popcount(r.mask);
  if (kind <= GLOBAL_ATOMIC) {
    uint32_t sectors, ideal, bytes;
    sectorsOf(r, sectors, ideal, bytes);
    stat.sectors += sectors;
    stat.idealSectors += ideal;
    stat.bytes += bytes;
    cost = sectors;
  } else {
    uint32_t wavefronts, ideal;
    wavefrontsOf(r, wavefronts, ideal);
    stat.wavefronts += wavefronts;
    stat.idealWavefronts += ideal;
    stat.bytes += __builtin_popcount(r.mask) * r.size;
    cost = wavefronts;
  }
  if (kind == GLOBAL_ATOMIC || kind == SHARED_ATOMIC) {
    uint32_t most = contentionOf(r);
    stat.contention += most;
    cost = std::max(cost, most);
  }
  uint64_t score = (uint64_t)cost * 64 + __builtin_popcount(r.mask);
  if (score > stat.worst) {
    stat.worst = score;
    stat.sample = r;
  }
}

/** Closes the pending requests of a warp. With `resync` its lanes count from the same number again. */
void flushWarp(Worker& worker, Warp& warp, bool resync) {
  for (uint32_t id : warp.dirty) {
    WarpSite& site = warp.sites[id];
    for (uint32_t i = 0; i < site.count; i++) close(worker, id, site.requests[i]);
    site.first += site.count;
    site.count = 0;
    site.dirty = false;
    if (resync) for (uint32_t& times : site.times) times = site.first;
  }
  warp.dirty.clear();
}

__attribute__((noinline)) static void growBlocks(Warp& warp, uint32_t id) {
  uint32_t count = std::max(128u, warp.blockCount);
  while (count <= id) count *= 2;
  warp.blocks = (uint32_t*)realloc(warp.blocks, count * 32 * sizeof(uint32_t));
  memset(warp.blocks + warp.blockCount * 32, 0, (count - warp.blockCount) * 32 * sizeof(uint32_t));
  warp.blockCount = count;
}

/** The end of a warp: a basic block was executed by the warp as often as by its busiest lane. */
void closeWarp(Worker& worker, Warp& warp) {
  flushWarp(worker, warp, true);
  for (uint32_t id : warp.touched) {
    WarpSite& site = warp.sites[id];
    site.first = 0;
    site.touched = false;
    memset(site.times, 0, sizeof site.times);
  }
  warp.touched.clear();
  if (worker.blocks.size() < warp.blockCount) worker.blocks.resize(warp.blockCount);
  for (uint32_t id = 0, known = std::min<size_t>(warp.blockCount, blockPcs.size()); id < known; id++) {
    uint32_t* times = warp.blocks + id * 32;
    uint32_t most = 0;
    uint64_t sum = 0;
    for (int lane = 0; lane < 32; lane++) {
      most = std::max(most, times[lane]);
      sum += times[lane];
    }
    if (!most) continue;
    worker.blocks[id].warps += most;
    worker.blocks[id].threads += sum;
    memset(times, 0, 32 * sizeof *times);
  }
}

__attribute__((always_inline)) inline void countBlock(Fiber* f, uintptr_t pc) {
  uintptr_t at = pc - textStart;
  uint32_t id = at < textBytes ? __atomic_load_n(&blockTable[at], __ATOMIC_RELAXED) : MAX_SITES;
  if (__builtin_expect(id == 0, 0)) id = number(blockTable, blockPcs, pc);
  Warp& warp = *f->warp;
  if (__builtin_expect(id >= warp.blockCount, 0)) growBlocks(warp, id);
  warp.blocks[id * 32 + f->lane]++;
}
}
