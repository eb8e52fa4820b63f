// float2, int4 and the others. Those that the hardware loads in one piece copy in one piece here, behind an asm that
// keeps the compiler from splitting the copy: the profile must see one 16-byte access where the program asks for one.
#pragma once
#include "abi.h"

#define WS_INLINE inline __attribute__((always_inline))
typedef ws_uint3 uint3_base;
typedef long long ws_word16 __attribute__((vector_size(16), may_alias));
typedef unsigned long long __attribute__((may_alias)) ws_word8;
typedef unsigned int __attribute__((may_alias)) ws_word4;
typedef unsigned short __attribute__((may_alias)) ws_word2;
#if defined(__x86_64__)
#define WS_KEEP16(t) asm("" : "+x"(t))
#else
#define WS_KEEP16(t) asm("" : "+w"(t))
#endif
#define WS_KEEP8(t) asm("" : "+r"(t))
#define WS_KEEP4(t) asm("" : "+r"(t))
#define WS_KEEP2(t) asm("" : "+r"(t))
#define WS_COPY(Type, Word, Keep) \
  Type() = default; \
  WS_INLINE Type(const Type& o) { *this = o; } \
  WS_INLINE Type& operator=(const Type& o) { Word t = *(const Word*)&o; Keep(t); *(Word*)this = t; return *this; }

#define WS_VECTOR1(T, N) struct N##1 { T x; }; WS_INLINE N##1 make_##N##1(T x) { return N##1{x}; }
#define WS_VECTOR2(T, N, Word, Keep) \
  struct alignas(2 * sizeof(T)) N##2 { T x, y; WS_COPY(N##2, Word, Keep) constexpr N##2(T x, T y = {}) : x(x), y(y) {} }; \
  WS_INLINE N##2 make_##N##2(T x, T y) { return N##2(x, y); }
#define WS_VECTOR3(T, N) struct N##3 { T x, y, z; }; WS_INLINE N##3 make_##N##3(T x, T y, T z) { return N##3{x, y, z}; }
#define WS_VECTOR4(T, N, Word, Keep) \
  struct alignas(4 * sizeof(T)) N##4 { T x, y, z, w; WS_COPY(N##4, Word, Keep) constexpr N##4(T x, T y = {}, T z = {}, T w = {}) : x(x), y(y), z(z), w(w) {} }; \
  WS_INLINE N##4 make_##N##4(T x, T y, T z, T w) { return N##4(x, y, z, w); }
// 32 bytes: two accesses, as on the hardware.
#define WS_VECTOR4_WIDE(T, N) \
  struct alignas(16) N##4 { T x, y, z, w; N##4() = default; constexpr N##4(T x, T y = {}, T z = {}, T w = {}) : x(x), y(y), z(z), w(w) {} \
    WS_INLINE N##4(const N##4& o) { *this = o; } \
    WS_INLINE N##4& operator=(const N##4& o) { ws_word16 a = ((const ws_word16*)&o)[0], b = ((const ws_word16*)&o)[1]; WS_KEEP16(a); WS_KEEP16(b); \
      ((ws_word16*)this)[0] = a; ((ws_word16*)this)[1] = b; return *this; } }; \
  WS_INLINE N##4 make_##N##4(T x, T y, T z, T w) { return N##4(x, y, z, w); }

#define WS_VECTORS_1(T, N) WS_VECTOR1(T, N) WS_VECTOR2(T, N, ws_word2, WS_KEEP2) WS_VECTOR3(T, N) WS_VECTOR4(T, N, ws_word4, WS_KEEP4)
#define WS_VECTORS_2(T, N) WS_VECTOR1(T, N) WS_VECTOR2(T, N, ws_word4, WS_KEEP4) WS_VECTOR3(T, N) WS_VECTOR4(T, N, ws_word8, WS_KEEP8)
#define WS_VECTORS_4(T, N) WS_VECTOR1(T, N) WS_VECTOR2(T, N, ws_word8, WS_KEEP8) WS_VECTOR3(T, N) WS_VECTOR4(T, N, ws_word16, WS_KEEP16)
#define WS_VECTORS_8(T, N) WS_VECTOR1(T, N) WS_VECTOR2(T, N, ws_word16, WS_KEEP16) WS_VECTOR3(T, N) WS_VECTOR4_WIDE(T, N)
WS_VECTORS_1(signed char, char) WS_VECTORS_1(unsigned char, uchar)
WS_VECTORS_2(short, short) WS_VECTORS_2(unsigned short, ushort)
WS_VECTORS_4(int, int) WS_VECTORS_4(float, float)
WS_VECTOR1(unsigned, uint) WS_VECTOR2(unsigned, uint, ws_word8, WS_KEEP8) WS_VECTOR4(unsigned, uint, ws_word16, WS_KEEP16)
typedef ws_uint3 uint3;
WS_INLINE uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return uint3{x, y, z}; }
WS_VECTORS_8(long long, longlong) WS_VECTORS_8(unsigned long long, ulonglong) WS_VECTORS_8(double, double)
WS_VECTORS_8(long, long) WS_VECTORS_8(unsigned long, ulong)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(ws_uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator ws_uint3() const { return {x, y, z}; }
};
