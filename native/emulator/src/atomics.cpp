// Atomics of every width and type: recorded, ordered, then really atomic, because blocks run on several cores.
#include <cstring>
#include "layout.h"
#include "../include/whetstone/half_bits.h"

namespace ws {
void atomicAccess(Fiber* f, uintptr_t a, int n, bool write, uintptr_t pc);
}

template <class T> static T from(uint64_t bits) {
  T v;
  memcpy(&v, &bits, sizeof v);
  return v;
}
template <class T> static uint64_t bitsOf(T v) {
  uint64_t bits = 0;
  memcpy(&bits, &v, sizeof v);
  return bits;
}

/** The new value, from the old one. T is what is computed with. */
template <class T> static T apply(int op, T old, T value, T compare) {
  switch (op) {
    case WS_A_ADD: return old + value;
    case WS_A_SUB: return old - value;
    case WS_A_EXCH: case WS_A_STORE: return value;
    case WS_A_MIN: return value < old ? value : old;
    case WS_A_MAX: return value > old ? value : old;
    case WS_A_INC: return old >= value ? T(0) : T(old + T(1));
    case WS_A_DEC: return old == T(0) || old > value ? value : T(old - T(1));
    case WS_A_CAS: return bitsOf(old) == bitsOf(compare) ? value : old;
    default: return old;
  }
}
template <class T> static T applyBits(int op, T old, T value, T compare) {
  switch (op) {
    case WS_A_AND: return old & value;
    case WS_A_OR: return old | value;
    case WS_A_XOR: return old ^ value;
    default: return apply(op, old, value, compare);
  }
}

template <class Word, class F> static uint64_t update(void* address, F next) {
  Word* p = (Word*)address;
  Word old = __atomic_load_n(p, __ATOMIC_SEQ_CST), now;
  do {
    now = next(old);
  } while (!__atomic_compare_exchange_n(p, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  return old;
}

template <class T, class Word> static uint64_t whole(int op, void* p, uint64_t value, uint64_t compare) {
  return update<Word>(p, [&](Word old) { return (Word)bitsOf(applyBits<T>(op, from<T>(old), from<T>(value), from<T>(compare))); });
}
template <class T, class Word> static uint64_t floating(int op, void* p, uint64_t value, uint64_t compare) {
  return update<Word>(p, [&](Word old) { return (Word)bitsOf(apply<T>(op, from<T>(old), from<T>(value), from<T>(compare))); });
}
static uint16_t halfStep(int op, uint16_t old, uint16_t value, uint16_t compare, bool bfloat) {
  if (op == WS_A_CAS) return old == compare ? value : old;
  auto up = [&](uint16_t b) { return bfloat ? ws_bfloat_to_float(b) : ws_half_to_float(b); };
  float r = apply<float>(op, up(old), up(value), up(compare));
  return bfloat ? ws_float_to_bfloat(r) : ws_float_to_half(r);
}

extern "C" uint64_t ws_atomic(int op, int type, void* p, uint64_t value, uint64_t compare) {
  static const int bytes[] = {4, 4, 8, 8, 4, 8, 2, 2, 4, 4, 2};
  if (ws::Fiber* f = ws::self()) ws::atomicAccess(f, (uintptr_t)p, bytes[type], op != WS_A_LOAD, (uintptr_t)__builtin_return_address(0));
  switch (type) {
    case WS_I32: return whole<int32_t, uint32_t>(op, p, value, compare);
    case WS_U32: return whole<uint32_t, uint32_t>(op, p, value, compare);
    case WS_I64: return whole<int64_t, uint64_t>(op, p, value, compare);
    case WS_U64: return whole<uint64_t, uint64_t>(op, p, value, compare);
    case WS_U16: return whole<uint16_t, uint16_t>(op, p, value, compare);
    case WS_F32: return floating<float, uint32_t>(op, p, value, compare);
    case WS_F64: return floating<double, uint64_t>(op, p, value, compare);
    case WS_F16: case WS_BF16: return update<uint16_t>(p, [&](uint16_t old) { return halfStep(op, old, value, compare, type == WS_BF16); });
    default: return update<uint32_t>(p, [&](uint32_t old) {
      bool b = type == WS_BF16X2;
      return (uint32_t)halfStep(op, old, value, compare, b) | (uint32_t)halfStep(op, old >> 16, value >> 16, compare >> 16, b) << 16;
    });
  }
}
