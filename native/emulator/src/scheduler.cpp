// Blocks across cores, and within a block the turns of its threads: who runs next, who waits, who waits in vain. What the
// lanes of a warp do together is in warp.cpp.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include "layout.h"

namespace ws {

Fiber* fiberOf(int worker, uint32_t slot);
void needStacks(int worker, uint32_t count);
void startFiber(Fiber* f);
void gather(Launch& launch, std::vector<std::unique_ptr<Worker>>& workers, double seconds);
void beginLaunch();
bool completes(Fiber* f, bool endedCount);
bool answerActive(Worker& w, Warp& warp);

thread_local Worker* ws_tls_worker;
static std::vector<std::unique_ptr<Worker>> workers;
Worker& workerAt(int i) { return *workers[i]; }

static uint64_t mix(uint64_t& state) {  // splitmix64 (S. Vigna, 2015)
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/** The order in which lanes or warps get their turn: seed 0 ascending, 1 descending, others shuffled anew each time. */
static void order(Worker& w, uint32_t* list, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) list[i] = limits.seed == 1 ? count - 1 - i : i;
  if (limits.seed > 1) for (uint32_t i = count; i > 1; i--) std::swap(list[i - 1], list[mix(w.random) % i]);
}

void abandon() {
  Fiber* f = self();
  f->worker->launch->failed = true;
  f->block->dead = true;
  f->state = State::Ended;
  yieldFiber();
  __builtin_unreachable();
}

static void beginBlock(Worker& w, Block& b, uint32_t linear, uint32_t base) {
  Launch& l = *w.launch;
  b.linear = linear;
  b.threads = b.alive = l.threadsPerBlock;
  b.warps = (b.threads + 31) / 32;
  b.waiting = b.atGrid = 0;
  b.dead = false;
  ws_uint3 index = {linear % l.grid.x, linear / l.grid.x % l.grid.y, linear / l.grid.x / l.grid.y};
  for (uint32_t t = 0; t < b.threads; t++) {
    Fiber* f = fiberOf(w.id, base + t);
    memset((void*)f, 0, sizeof(Fiber));
    f->view.threadIdx = {t % l.block.x, t / l.block.x % l.block.y, t / l.block.x / l.block.y};
    f->view.blockIdx = index;
    f->view.blockDim = {l.block.x, l.block.y, l.block.z};
    f->view.gridDim = {l.grid.x, l.grid.y, l.grid.z};
    f->worker = &w;
    f->block = &b;
    f->thread = t;
    f->lane = t % 32;
    f->global = linear * b.threads + t;
    f->budget = QUANTUM;
    startFiber(f);
  }
}

/** The warps of the block that has the worker now. */
static void takeWarps(Worker& w, Block& b, uint32_t base) {
  w.block = &b;
  w.base = base;
  for (uint32_t i = 0; i < b.warps; i++) {
    Warp& warp = w.warps[i];
    warp.first = i * 32;
    warp.lanes = std::min(32u, b.threads - i * 32);
    warp.alive = warp.ended = 0;
    for (uint32_t lane = 0; lane < warp.lanes; lane++) {
      Fiber* f = fiberOf(w.id, base + i * 32 + lane);
      f->warp = &warp;
      (f->state == State::Ended ? warp.ended : warp.alive) |= 1u << lane;
    }
  }
}

/** Gives every ready lane of a warp its turn, until none is ready or one has used up its time. */
static bool runWarp(Worker& w, Block& b, Warp& warp) {
  bool ran = false;
  uint32_t lanes[32];
  for (;;) {
    bool any = false, yielded = false;
    order(w, lanes, warp.lanes);
    for (uint32_t i = 0; i < warp.lanes && !b.dead; i++) {
      Fiber* f = fiberOf(w.id, w.base + warp.first + lanes[i]);
      if (f->state != State::Ready) continue;
      any = ran = true;
      switchTo(f);
      if (f->yielded) yielded = true;
      if (f->state != State::Ended) continue;
      warp.alive &= ~(1u << f->lane);
      warp.ended |= 1u << f->lane;
      b.alive--;
    }
    if (b.dead || !any) break;
    if (yielded) {
      flushWarp(w, warp, false);
      break;
    }
  }
  if (!b.dead && answerActive(w, warp)) ran = true;
  return ran;
}

static void releaseBarrier(Worker& w, Block& b) {
  int count = 0, all = 1, any = 0;
  uintptr_t pc = 0;
  for (uint32_t t = 0; t < b.threads; t++) {
    Fiber* f = fiberOf(w.id, w.base + t);
    if (f->state != State::Barrier) continue;
    count += f->predicate != 0;
    all &= f->predicate != 0;
    any |= f->predicate != 0;
    if (!pc) pc = f->pc;
    else if (f->pc != pc) fault("barrier-divergence", "error", pc, f->pc, 0, 0, "two places", f->thread);
  }
  if (b.alive < b.threads) {
    w.earlyEnds++;
    uint32_t ended = 0;
    while (fiberOf(w.id, w.base + ended)->state != State::Ended) ended++;
    fault("barrier-after-exit", "warning", pc, 0, 0, b.threads - b.alive, "", ended);
  }
  w.barriers++;
  barrierOrders(b, w);
  for (uint32_t i = 0; i < b.warps; i++) flushWarp(w, w.warps[i], true);
  for (uint32_t t = 0; t < b.threads; t++) {
    Fiber* f = fiberOf(w.id, w.base + t);
    if (f->state != State::Barrier) continue;
    f->predicate = f->kind == 1 ? count : f->kind == 2 ? all : f->kind == 3 ? any : 0;
    f->state = State::Ready;
  }
  b.waiting = 0;
}

/** Nobody can go on. Lanes may wait for lanes that have ended, which is forgiven; everything else is a deadlock. */
static bool forgiveEnded(Worker& w, Block& b) {
  for (uint32_t t = 0; t < b.threads; t++) {
    Fiber* f = fiberOf(w.id, w.base + t);
    if (f->state == State::Collective && (f->mask & f->warp->ended) && completes(f, true)) return true;
  }
  return false;
}

static void deadlock(Worker& w, Block& b) {
  std::map<uintptr_t, std::pair<uint32_t, const char*>> places;
  Fiber* first = nullptr;
  for (uint32_t t = 0; t < b.threads; t++) {
    Fiber* f = fiberOf(w.id, w.base + t);
    if (f->state == State::Ended || f->state == State::Ready) continue;
    if (!first) first = f;
    places.insert({f->pc, {t, f->state == State::Barrier ? "barrier" : "warp"}});
  }
  if (!first) return;
  uintptr_t other = 0;
  int64_t thread = -1;
  bool barrier = false, warp = false;
  for (auto& [pc, place] : places) {
    (strcmp(place.second, "barrier") == 0 ? barrier : warp) = true;
    if (pc != first->pc && !other) other = pc, thread = place.first;
  }
  std::string detail = barrier && warp ? "barrier and warp" : warp ? "warp" : "barrier";
  if (first->state == State::Collective) {
    char text[64];
    snprintf(text, sizeof text, " mask 0x%08x", first->mask);
    detail += text;
  }
  w.current = first;
  fault("deadlock", "error", first->pc, other, 0, places.size(), detail, thread);
  w.current = nullptr;
  b.dead = true;
  w.launch->failed = true;
}

/** The time is over: names the line of a thread that was still running. */
static void outOfTime(Worker& w, Block& b) {
  for (uint32_t t = 0; t < b.threads; t++) {
    Fiber* f = fiberOf(w.id, w.base + t);
    if (f->state != State::Ready) continue;
    w.current = f;
    fault("time-limit", "error", f->pc, 0, 0, 0, "");
    w.current = nullptr;
    break;
  }
  w.launch->failed = true;
}

/** Runs the block as far as it goes: true when it ended or died, false when it waits for the grid. */
static bool runBlock(Worker& w, Block& b) {
  uint32_t warps[MAX_WARPS];
  while (b.alive && !b.dead) {
    bool ran = false;
    order(w, warps, b.warps);
    for (uint32_t i = 0; i < b.warps && !b.dead; i++) ran |= runWarp(w, b, w.warps[warps[i]]);
    if (b.dead || !b.alive) break;
    if (b.waiting == b.alive) releaseBarrier(w, b);
    else if (b.atGrid == b.alive) return false;
    else if (!ran && !forgiveEnded(w, b)) deadlock(w, b);
    if (stopping) outOfTime(w, b);
    if (w.launch->failed) b.dead = true;
  }
  if (!b.dead && b.waiting) releaseBarrier(w, b);
  for (uint32_t i = 0; i < b.warps; i++) closeWarp(w, w.warps[i]);
  return true;
}

static void runAlone(Worker& w) {
  Launch& l = *w.launch;
  Block block{};
  needStacks(w.id, l.threadsPerBlock);
  for (uint32_t next; !l.failed && !stopping && (next = l.next++) < l.blocks;) {
    prepareShared(w, l.dynamicShared);
    block.epoch = 0;
    beginBlock(w, block, next, 0);
    takeWarps(w, block, 0);
    runBlock(w, block);
  }
}

/** A cooperative launch: all blocks live at once and take turns on one core, each with its shared memory put by. */
static void runTogether(Worker& w) {
  Launch& l = *w.launch;
  std::vector<std::unique_ptr<Block>> blocks;
  needStacks(w.id, l.blocks * l.threadsPerBlock);
  for (uint32_t i = 0; i < l.blocks; i++) {
    prepareShared(w, l.dynamicShared);
    blocks.push_back(std::make_unique<Block>());
    beginBlock(w, *blocks[i], i, i * l.threadsPerBlock);
    blocks[i]->image.assign((char*)w.sharedBase, (char*)w.sharedBase + w.sharedBytes);
  }
  std::vector<bool> done(l.blocks);
  std::vector<uint8_t> valid(w.sharedValid, w.sharedValid + w.sharedBytes);
  std::vector<std::vector<uint8_t>> valids(l.blocks, valid);
  for (bool going = true; going && !l.failed && !stopping;) {
    going = false;
    bool all = true;
    for (uint32_t i = 0; i < l.blocks && !l.failed; i++) {
      if (done[i]) continue;
      Block& b = *blocks[i];
      memcpy((void*)w.sharedBase, b.image.data(), w.sharedBytes);
      memcpy(w.sharedValid, valids[i].data(), w.sharedBytes);
      memset(w.sharedRace, 0, w.sharedBytes / 4 * 24);
      takeWarps(w, b, i * l.threadsPerBlock);
      done[i] = runBlock(w, b);
      b.image.assign((char*)w.sharedBase, (char*)w.sharedBase + w.sharedBytes);
      valids[i].assign(w.sharedValid, w.sharedValid + w.sharedBytes);
      if (!done[i]) going = true;
      else all = false;
    }
    if (!going) break;
    if (!all) {
      for (uint32_t i = 0; i < l.blocks; i++) {
        if (done[i]) continue;
        takeWarps(w, *blocks[i], i * l.threadsPerBlock);
        for (uint32_t t = 0; t < l.threadsPerBlock; t++) {
          Fiber* f = fiberOf(w.id, w.base + t);
          if (f->state != State::Barrier) continue;
          w.current = f;
          fault("deadlock", "error", f->pc, 0, 0, 1, "grid");
          w.current = nullptr;
          break;
        }
        break;
      }
      l.failed = true;
      break;
    }
    resetRaces();
    for (uint32_t i = 0; i < l.blocks; i++) {
      blocks[i]->atGrid = 0;
      blocks[i]->epoch++;
      for (uint32_t t = 0; t < l.threadsPerBlock; t++) {
        Fiber* f = fiberOf(w.id, i * l.threadsPerBlock + t);
        if (f->state == State::Barrier) f->state = State::Ready;
      }
    }
  }
}

static void needWorkers(size_t count) {
  while (workers.size() < count) {
    workers.push_back(std::make_unique<Worker>());
    Worker& w = *workers.back();
    w.id = workers.size() - 1;
    w.random = limits.seed * 7919 + w.id;
  }
}

/** Threads of the system that run blocks; kept, because starting them costs more than a small kernel. */
struct Pool {
  std::mutex lock;
  std::condition_variable wake, done;
  Launch* launch = nullptr;
  uint64_t round = 0;
  size_t wanted = 0, running = 0, started = 0;
  void work(size_t index) {
    uint64_t seen = 0;
    extern void alternateStack();
    alternateStack();
    for (;;) {
      std::unique_lock<std::mutex> guard(lock);
      wake.wait(guard, [&] { return round != seen && index < wanted; });
      seen = round;
      Launch* l = launch;
      guard.unlock();
      Worker& w = *workers[index];
      ws_tls_worker = &w;
      w.launch = l;
      l->cooperative ? runTogether(w) : runAlone(w);
      guard.lock();
      if (--running == 0) done.notify_all();
    }
  }
  void run(Launch& l, size_t count) {
    std::unique_lock<std::mutex> guard(lock);
    needWorkers(count);
    launch = &l;
    wanted = running = count;
    round++;
    while (started < count) {
      size_t index = started++;
      std::thread([this, index] { work(index); }).detach();
    }
    wake.notify_all();
    done.wait(guard, [&] { return running == 0; });
    wanted = 0;
  }
};
static Pool& pool() {
  static Pool* p = new Pool;  // never destroyed: its threads wait in it while the process ends
  return *p;
}

void runLaunch(Launch& l) {
  size_t cores = limits.workers > 0 ? limits.workers : std::max(1u, std::thread::hardware_concurrency());
  size_t count = l.cooperative ? 1 : std::min<size_t>({cores, (size_t)MAX_WORKERS, l.blocks});
  beginLaunch();
  timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  pool().run(l, count);
  clock_gettime(CLOCK_MONOTONIC, &b);
  forgetKnowledge();
  gather(l, workers, (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) * 1e-9);
}
}

using namespace ws;
extern "C" {
int ws_barrier(int op, int predicate) {
  Fiber* f = self();
  if (f->unsettled) settle(f);
  f->pc = (uintptr_t)PC;
  f->kind = op;
  f->predicate = predicate;
  f->state = State::Barrier;
  f->block->waiting++;
  yieldFiber();
  return f->predicate;
}

void ws_grid_barrier() {
  Fiber* f = self();
  if (f->unsettled) settle(f);
  f->pc = (uintptr_t)PC;
  if (!f->worker->launch->cooperative) {
    fault("grid-sync", "error", f->pc, 0, 0, 0, "");
    abandon();
  }
  f->state = State::Barrier;
  f->block->atGrid++;
  yieldFiber();
}

void ws_fence(int scope) {
  Fiber* f = self();
  if (f->unsettled) settle(f);
  fenceOf(f, scope);
}
}
