// Arithmetic of the device: what CUDA has beside <cmath>, rounded as the host rounds it.
#pragma once
#include <climits>
#include <cmath>
#include <cstdlib>
#include "vector_types.h"

#define WS_BOTH(T) WS_INLINE constexpr T min(T a, T b) { return b < a ? b : a; } WS_INLINE constexpr T max(T a, T b) { return a < b ? b : a; }
WS_BOTH(int) WS_BOTH(unsigned) WS_BOTH(long) WS_BOTH(unsigned long) WS_BOTH(long long) WS_BOTH(unsigned long long)
#define WS_MIXED(A, B, T) WS_INLINE constexpr T min(A a, B b) { return min((T)a, (T)b); } WS_INLINE constexpr T max(A a, B b) { return max((T)a, (T)b); } \
  WS_INLINE constexpr T min(B a, A b) { return min((T)a, (T)b); } WS_INLINE constexpr T max(B a, A b) { return max((T)a, (T)b); }
WS_MIXED(int, unsigned, unsigned) WS_MIXED(int, long, long) WS_MIXED(int, unsigned long, unsigned long) WS_MIXED(int, long long, long long) WS_MIXED(unsigned, unsigned long, unsigned long)
// A NaN gives way to a number (IEEE 754-2019, minimumNumber).
WS_INLINE constexpr float min(float a, float b) { return __builtin_fminf(a, b); }
WS_INLINE constexpr float max(float a, float b) { return __builtin_fmaxf(a, b); }
WS_INLINE constexpr double min(double a, double b) { return __builtin_fmin(a, b); }
WS_INLINE constexpr double max(double a, double b) { return __builtin_fmax(a, b); }
WS_MIXED(float, double, double) WS_MIXED(float, int, float) WS_MIXED(double, int, double)

#define WS_F1(name, expression) WS_INLINE float name(float x) { return expression; }
#define WS_F2(name, expression) WS_INLINE float name(float x, float y) { return expression; }
WS_F1(__expf, expf(x)) WS_F1(__exp10f, powf(10.f, x)) WS_F1(__logf, logf(x)) WS_F1(__log2f, log2f(x)) WS_F1(__log10f, log10f(x))
WS_F1(__sinf, sinf(x)) WS_F1(__cosf, cosf(x)) WS_F1(__tanf, tanf(x)) WS_F1(__tanhf, tanhf(x)) WS_F2(__powf, powf(x, y)) WS_F2(__fdividef, x / y)
WS_F1(rsqrtf, 1.f / sqrtf(x)) WS_F1(__frsqrt_rn, 1.f / sqrtf(x)) WS_F1(__fsqrt_rn, sqrtf(x)) WS_F1(__frcp_rn, 1.f / x) WS_F1(rcbrtf, 1.f / cbrtf(x))
WS_F1(exp10f, powf(10.f, x)) WS_F1(sinpif, sinf(x * 3.14159265358979f)) WS_F1(cospif, cosf(x * 3.14159265358979f))
WS_F1(__saturatef, x > 0.f ? (x < 1.f ? x : 1.f) : 0.f) WS_F1(normcdff, 0.5f * erfcf(-x * 0.70710678f))
WS_F1(erfinvf, ({ float w = -logf((1 - x) * (1 + x)), p; if (w < 5) { w -= 2.5f; p = 2.81022636e-08f; p = 3.43273939e-07f + p * w; p = -3.5233877e-06f + p * w;
  p = -4.39150654e-06f + p * w; p = 0.00021858087f + p * w; p = -0.00125372503f + p * w; p = -0.00417768164f + p * w; p = 0.246640727f + p * w; p = 1.50140941f + p * w; }
  else { w = sqrtf(w) - 3; p = -0.000200214257f; p = 0.000100950558f + p * w; p = 0.00134934322f + p * w; p = -0.00367342844f + p * w; p = 0.00573950773f + p * w;
  p = -0.0076224613f + p * w; p = 0.00943887047f + p * w; p = 1.00167406f + p * w; p = 2.83297682f + p * w; } p * x; }))
WS_INLINE double rsqrt(double x) { return 1.0 / sqrt(x); }
WS_INLINE void __sincosf(float x, float* s, float* c) { *s = sinf(x); *c = cosf(x); }
WS_INLINE float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
// An asm keeps the compiler from fusing these with what follows, as their names promise.
#define WS_APART(name, op) WS_INLINE float name(float a, float b) { float r = a op b; asm("" : "+m"(r)); return r; }
WS_APART(__fadd_rn, +) WS_APART(__fsub_rn, -) WS_APART(__fmul_rn, *) WS_APART(__fdiv_rn, /)
WS_INLINE double __dadd_rn(double a, double b) { double r = a + b; asm("" : "+m"(r)); return r; }
WS_INLINE double __dmul_rn(double a, double b) { double r = a * b; asm("" : "+m"(r)); return r; }
WS_INLINE double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

template <class To, class From> WS_INLINE To ws_cast_bits(From f) { To t; static_assert(sizeof t == sizeof f, ""); __builtin_memcpy(&t, &f, sizeof t); return t; }
WS_INLINE int __float_as_int(float x) { return ws_cast_bits<int>(x); }
WS_INLINE unsigned __float_as_uint(float x) { return ws_cast_bits<unsigned>(x); }
WS_INLINE float __int_as_float(int x) { return ws_cast_bits<float>(x); }
WS_INLINE float __uint_as_float(unsigned x) { return ws_cast_bits<float>(x); }
WS_INLINE long long __double_as_longlong(double x) { return ws_cast_bits<long long>(x); }
WS_INLINE double __longlong_as_double(long long x) { return ws_cast_bits<double>(x); }
// Conversions out of range give the nearest end of the range and NaN gives 0, as on the device.
template <class T, class F> WS_INLINE T ws_to_integer(F x, F low, F high, T lowest, T highest) { return x != x ? 0 : x <= low ? lowest : x >= high ? highest : (T)x; }
#define WS_CONVERT(name, rounding) \
  WS_INLINE int __float2int_##name(float x) { return ws_to_integer<int, float>(rounding##f(x), -2147483648.f, 2147483648.f, INT_MIN, INT_MAX); } \
  WS_INLINE unsigned __float2uint_##name(float x) { return ws_to_integer<unsigned, float>(rounding##f(x), 0.f, 4294967296.f, 0, UINT_MAX); } \
  WS_INLINE int __double2int_##name(double x) { return ws_to_integer<int, double>(rounding(x), -2147483648., 2147483648., INT_MIN, INT_MAX); } \
  WS_INLINE long long __float2ll_##name(float x) { return ws_to_integer<long long, double>(rounding(x), -9223372036854775808., 9223372036854775808., LLONG_MIN, LLONG_MAX); }
WS_CONVERT(rn, rint) WS_CONVERT(rz, trunc) WS_CONVERT(rd, floor) WS_CONVERT(ru, ceil)
WS_INLINE float __int2float_rn(int x) { return (float)x; }
WS_INLINE float __uint2float_rn(unsigned x) { return (float)x; }
WS_INLINE float __double2float_rn(double x) { return (float)x; }
WS_INLINE float __ll2float_rn(long long x) { return (float)x; }

WS_INLINE int __popc(unsigned x) { return __builtin_popcount(x); }
WS_INLINE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
WS_INLINE int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
WS_INLINE int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
WS_INLINE int __ffs(int x) { return __builtin_ffs(x); }
WS_INLINE int __ffsll(long long x) { return __builtin_ffsll(x); }
WS_INLINE unsigned __brev(unsigned x) {
  x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
  x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
  x = (x >> 4 & 0x0F0F0F0F) | (x & 0x0F0F0F0F) << 4;
  return __builtin_bswap32(x);
}
WS_INLINE unsigned long long __brevll(unsigned long long x) { return (unsigned long long)__brev((unsigned)x) << 32 | __brev((unsigned)(x >> 32)); }
WS_INLINE int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
WS_INLINE unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
WS_INLINE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned long long)((unsigned __int128)a * b >> 64); }
WS_INLINE int __mul24(int a, int b) { return ((a << 8) >> 8) * ((b << 8) >> 8); }
WS_INLINE unsigned __umul24(unsigned a, unsigned b) { return (a & 0xFFFFFF) * (b & 0xFFFFFF); }
WS_INLINE unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned s) { s &= 31; return s ? hi << s | lo >> (32 - s) : hi; }
WS_INLINE unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned s) { s &= 31; return s ? lo >> s | hi << (32 - s) : lo; }
WS_INLINE unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
  unsigned long long v = (unsigned long long)b << 32 | a;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) {
    unsigned n = s >> (4 * i) & 15, byte = (unsigned)(v >> (8 * (n & 7))) & 255;
    r |= (n & 8 ? (byte & 128 ? 255u : 0u) : byte) << (8 * i);
  }
  return r;
}
WS_INLINE unsigned __sad(int a, int b, unsigned c) { return c + (unsigned)(a > b ? a - b : b - a); }
WS_INLINE int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) c += (int)(signed char)(a >> (8 * i)) * (int)(signed char)(b >> (8 * i));
  return c;
}
WS_INLINE unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 4; i++) c += (a >> (8 * i) & 255) * (b >> (8 * i) & 255);
  return c;
}
WS_INLINE int __hadd(int a, int b) { return (int)(((long long)a + b) >> 1); }
WS_INLINE unsigned __vadd4(unsigned a, unsigned b) { return ((a & 0x7F7F7F7F) + (b & 0x7F7F7F7F)) ^ ((a ^ b) & 0x80808080); }
