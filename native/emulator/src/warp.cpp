// What the lanes of a warp do together: shuffles, votes, match, reductions, and the question who is active.
#include <cstdio>
#include <cstring>
#include "layout.h"

namespace ws {

Fiber* fiberOf(int worker, uint32_t slot);

static uint64_t low(uint64_t v, int bits) { return bits >= 64 ? v : v & ((1ull << bits) - 1); }

/** What the lanes in `mask` asked for together. */
static void compute(Warp& warp, Worker& w, unsigned mask, int kind) {
  Fiber* lanes[32] = {};
  for (unsigned m = mask; m; m &= m - 1) lanes[__builtin_ctz(m)] = fiberOf(w.id, w.base + warp.first + __builtin_ctz(m));
  Fiber* any = lanes[__builtin_ctz(mask)];
  if (kind == WS_SYNC) return warpOrders(warp, w, mask);
  if (kind == WS_CUSTOM) {
    void* data[32] = {};
    for (unsigned m = mask; m; m &= m - 1) data[__builtin_ctz(m)] = lanes[__builtin_ctz(m)]->data;
    return any->compute(data, mask);
  }
  auto op = [&](int lane) -> ws_warp_op& { return *(ws_warp_op*)lanes[lane]->data; };
  unsigned ballot = 0;
  for (unsigned m = mask; m; m &= m - 1) if (op(__builtin_ctz(m)).in) ballot |= 1u << __builtin_ctz(m);
  for (unsigned m = mask; m; m &= m - 1) {
    int lane = __builtin_ctz(m);
    ws_warp_op& o = op(lane);
    int width = o.width ? o.width : 32, from = lane;
    int segment = lane & ~(width - 1);
    switch (kind) {
      case WS_SHFL: from = segment + (o.source & (width - 1)); break;
      case WS_SHFL_UP: from = lane - o.source < segment ? lane : lane - o.source; break;
      case WS_SHFL_DOWN: from = lane + o.source >= segment + width ? lane : lane + o.source; break;
      case WS_SHFL_XOR: from = (lane ^ o.source) >= segment + width ? lane : lane ^ o.source; break;
      case WS_ALL: o.out = ballot == mask; continue;
      case WS_ANY: o.out = ballot != 0; continue;
      case WS_UNI: o.out = ballot == mask || ballot == 0; continue;
      case WS_BALLOT: o.out = ballot; continue;
      case WS_MATCH_ANY: case WS_MATCH_ALL: {
        unsigned same = 0;
        for (unsigned k = mask; k; k &= k - 1) if (op(__builtin_ctz(k)).in == o.in) same |= 1u << __builtin_ctz(k);
        o.out = kind == WS_MATCH_ANY ? same : same == mask ? mask : 0;
        o.flag = same == mask;
        continue;
      }
      case WS_REDUCE: {
        uint64_t r = o.in;
        bool first = true;
        for (unsigned k = mask; k; k &= k - 1) {
          uint64_t v = op(__builtin_ctz(k)).in;
          if (first) { r = v; first = false; continue; }
          switch (o.source) {
            case WS_ADD: case WS_UADD: r += v; break;
            case WS_MIN: r = (int32_t)v < (int32_t)r ? v : r; break;
            case WS_MAX: r = (int32_t)v > (int32_t)r ? v : r; break;
            case WS_UMIN: r = low(v, 32) < low(r, 32) ? v : r; break;
            case WS_UMAX: r = low(v, 32) > low(r, 32) ? v : r; break;
            case WS_AND: r &= v; break;
            case WS_OR: r |= v; break;
            default: r ^= v;
          }
        }
        o.out = r;
        continue;
      }
    }
    if (from < 32 && (mask >> from & 1)) o.out = op(from).in;
    else {
      o.out = o.in;
      bool ended = warp.ended >> from & 1;
      Fiber* running = w.current;
      w.current = lanes[lane];
      fault("invalid-mask", "error", lanes[lane]->pc, 0, 0, 0, ended ? "reads from an ended lane" : "reads from a lane outside the mask", warp.first + from);
      w.current = running;
    }
  }
}

/** Whether all lanes that a waiting lane named have come; then does the operation and lets them go. */
bool completes(Fiber* f, bool endedCount) {
  Warp& warp = *f->warp;
  unsigned need = f->mask & (endedCount ? warp.alive : (warp.lanes == 32 ? ~0u : (1u << warp.lanes) - 1));
  for (unsigned m = need; m; m &= m - 1) {
    int lane = __builtin_ctz(m);
    if (!(warp.alive >> lane & 1)) return false;
    Fiber* g = fiberOf(f->worker->id, f->worker->base + warp.first + lane);
    if (g->state != State::Collective || g->kind != f->kind || g->mask != f->mask) return false;
  }
  compute(warp, *f->worker, need, f->kind);
  for (unsigned m = need; m; m &= m - 1) fiberOf(f->worker->id, f->worker->base + warp.first + __builtin_ctz(m))->state = State::Ready;
  f->worker->collectives++;
  if ((need & warp.alive) == warp.alive) flushWarp(*f->worker, warp, true);
  return true;
}

/** Lanes that ask who is active: all that stand at the same place when nobody of the warp can go further. */
bool answerActive(Worker& w, Warp& warp) {
  bool any = false;
  for (uint32_t i = 0; i < warp.lanes; i++) {
    Fiber* f = fiberOf(w.id, w.base + warp.first + i);
    if (f->state != State::Collective || f->kind != WS_ACTIVE) continue;
    unsigned together = 0;
    for (uint32_t k = i; k < warp.lanes; k++) {
      Fiber* g = fiberOf(w.id, w.base + warp.first + k);
      if (g->state == State::Collective && g->kind == WS_ACTIVE && g->pc == f->pc) together |= 1u << k;
    }
    for (uint32_t k = i; k < warp.lanes; k++) {
      if (!(together >> k & 1)) continue;
      Fiber* g = fiberOf(w.id, w.base + warp.first + k);
      g->predicate = (int)together;
      g->state = State::Ready;
    }
    any = true;
  }
  return any;
}
}

using namespace ws;
extern "C" {
void ws_warp(int kind, unsigned mask, void* data, void (*compute)(void**, unsigned)) {
  Fiber* f = self();
  if (f->unsettled) settle(f);
  f->pc = (uintptr_t)PC;
  if (!(mask >> f->lane & 1)) {
    char text[48];
    snprintf(text, sizeof text, "caller not in mask 0x%08x", mask);
    fault("invalid-mask", "error", f->pc, 0, 0, mask, text);
    abandon();
  }
  f->kind = kind;
  f->mask = mask;
  f->data = data;
  f->compute = compute;
  f->state = State::Collective;
  // The last to come does it for all and goes straight on.
  if (!completes(f, false)) yieldFiber();
}

unsigned ws_active_mask() {
  Fiber* f = self();
  f->pc = (uintptr_t)PC;
  f->kind = WS_ACTIVE;
  f->mask = 0;
  f->state = State::Collective;
  yieldFiber();
  return (unsigned)f->predicate;
}
}
