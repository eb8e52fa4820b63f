// __half and __half2: stored in 16 bits, computed in float and rounded after every operation, as the hardware's
// single operations round.
#pragma once
#include "cuda_runtime.h"
#include "whetstone/half_bits.h"

#define WS_HALF_TYPE(H, H2, toFloat, toBits) \
  struct alignas(2) H { \
    unsigned short __x; \
    H() = default; \
    WS_INLINE H(float f) : __x(toBits(f)) {} \
    WS_INLINE H(double f) : __x(toBits((float)f)) {} \
    WS_INLINE H(int f) : __x(toBits((float)f)) {} \
    WS_INLINE H(unsigned f) : __x(toBits((float)f)) {} \
    WS_INLINE H(long long f) : __x(toBits((float)f)) {} \
    WS_INLINE operator float() const { return toFloat(__x); } \
    WS_INLINE H& operator+=(H o) { return *this = H((float)*this + (float)o); } \
    WS_INLINE H& operator-=(H o) { return *this = H((float)*this - (float)o); } \
    WS_INLINE H& operator*=(H o) { return *this = H((float)*this * (float)o); } \
    WS_INLINE H& operator/=(H o) { return *this = H((float)*this / (float)o); } \
  }; \
  WS_INLINE H operator+(H a, H b) { return H((float)a + (float)b); } \
  WS_INLINE H operator-(H a, H b) { return H((float)a - (float)b); } \
  WS_INLINE H operator*(H a, H b) { return H((float)a * (float)b); } \
  WS_INLINE H operator/(H a, H b) { return H((float)a / (float)b); } \
  WS_INLINE H operator-(H a) { H r; r.__x = a.__x ^ 0x8000; return r; } \
  WS_INLINE bool operator<(H a, H b) { return (float)a < (float)b; } \
  WS_INLINE bool operator>(H a, H b) { return (float)a > (float)b; } \
  WS_INLINE bool operator<=(H a, H b) { return (float)a <= (float)b; } \
  WS_INLINE bool operator>=(H a, H b) { return (float)a >= (float)b; } \
  WS_INLINE bool operator==(H a, H b) { return (float)a == (float)b; } \
  WS_INLINE bool operator!=(H a, H b) { return (float)a != (float)b; } \
  struct alignas(4) H2 { H x, y; WS_COPY(H2, ws_word4, WS_KEEP4) WS_INLINE H2(H x, H y) : x(x), y(y) {} }; \
  WS_INLINE H2 operator+(const H2& a, const H2& b) { return H2(a.x + b.x, a.y + b.y); } \
  WS_INLINE H2 operator-(const H2& a, const H2& b) { return H2(a.x - b.x, a.y - b.y); } \
  WS_INLINE H2 operator*(const H2& a, const H2& b) { return H2(a.x * b.x, a.y * b.y); } \
  WS_INLINE H2 operator/(const H2& a, const H2& b) { return H2(a.x / b.x, a.y / b.y); } \
  WS_INLINE H2& operator+=(H2& a, const H2& b) { return a = a + b; } \
  WS_INLINE H2& operator*=(H2& a, const H2& b) { return a = a * b; } \
  WS_INLINE H __hadd(H a, H b) { return a + b; } \
  WS_INLINE H __hsub(H a, H b) { return a - b; } \
  WS_INLINE H __hmul(H a, H b) { return a * b; } \
  WS_INLINE H __hdiv(H a, H b) { return a / b; } \
  WS_INLINE H __hneg(H a) { return -a; } \
  WS_INLINE H __habs(H a) { H r; r.__x = a.__x & 0x7FFF; return r; } \
  WS_INLINE H __hfma(H a, H b, H c) { return H(fmaf((float)a, (float)b, (float)c)); } \
  WS_INLINE H __hmax(H a, H b) { return H(fmaxf((float)a, (float)b)); } \
  WS_INLINE H __hmin(H a, H b) { return H(fminf((float)a, (float)b)); } \
  WS_INLINE bool __hlt(H a, H b) { return a < b; } \
  WS_INLINE bool __hgt(H a, H b) { return a > b; } \
  WS_INLINE bool __hle(H a, H b) { return a <= b; } \
  WS_INLINE bool __hge(H a, H b) { return a >= b; } \
  WS_INLINE bool __heq(H a, H b) { return a == b; } \
  WS_INLINE bool __hisnan(H a) { return (float)a != (float)a; } \
  WS_INLINE H2 __hadd2(const H2& a, const H2& b) { return a + b; } \
  WS_INLINE H2 __hsub2(const H2& a, const H2& b) { return a - b; } \
  WS_INLINE H2 __hmul2(const H2& a, const H2& b) { return a * b; } \
  WS_INLINE H2 __hfma2(const H2& a, const H2& b, const H2& c) { return H2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)); } \
  WS_INLINE H2 __hmax2(const H2& a, const H2& b) { return H2(__hmax(a.x, b.x), __hmax(a.y, b.y)); } \
  WS_INLINE H __low2##H(const H2& a) { return a.x; } \
  WS_INLINE H __high2##H(const H2& a) { return a.y; } \
  WS_INLINE H hexp(H a) { return H(expf((float)a)); } \
  WS_INLINE H hlog(H a) { return H(logf((float)a)); } \
  WS_INLINE H hsqrt(H a) { return H(sqrtf((float)a)); } \
  WS_INLINE H hrsqrt(H a) { return H(1.f / sqrtf((float)a)); } \
  WS_INLINE H hrcp(H a) { return H(1.f / (float)a); } \
  WS_INLINE H __ldg_value(const H* p) { return *p; }

WS_HALF_TYPE(__half, __half2, ws_half_to_float, ws_float_to_half)
typedef __half half;
typedef __half2 half2;
typedef __half __nv_half;
WS_INLINE __half __float2half(float f) { return __half(f); }
WS_INLINE __half __float2half_rn(float f) { return __half(f); }
WS_INLINE __half __double2half(double f) { return __half(f); }
WS_INLINE float __half2float(__half h) { return (float)h; }
WS_INLINE __half __int2half_rn(int i) { return __half(i); }
WS_INLINE int __half2int_rn(__half h) { return __float2int_rn((float)h); }
WS_INLINE unsigned short __half_as_ushort(__half h) { return h.__x; }
WS_INLINE short __half_as_short(__half h) { return (short)h.__x; }
WS_INLINE __half __ushort_as_half(unsigned short b) { __half h; h.__x = b; return h; }
WS_INLINE __half2 __halves2half2(__half a, __half b) { return __half2(a, b); }
WS_INLINE __half2 make_half2(__half a, __half b) { return __half2(a, b); }
WS_INLINE __half2 __half2half2(__half a) { return __half2(a, a); }
WS_INLINE __half2 __float2half2_rn(float a) { return __half2(__half(a), __half(a)); }
WS_INLINE __half2 __floats2half2_rn(float a, float b) { return __half2(__half(a), __half(b)); }
WS_INLINE __half2 __float22half2_rn(float2 v) { return __half2(__half(v.x), __half(v.y)); }
WS_INLINE float2 __half22float2(const __half2& h) { return float2((float)h.x, (float)h.y); }
WS_INLINE float __low2float(const __half2& h) { return (float)h.x; }
WS_INLINE float __high2float(const __half2& h) { return (float)h.y; }
WS_INLINE __half __low2half(const __half2& h) { return h.x; }
WS_INLINE __half __high2half(const __half2& h) { return h.y; }
WS_ATOMIC(atomicAdd, __half, WS_F16, WS_A_ADD) WS_ATOMIC(atomicAdd, __half2, WS_F16X2, WS_A_ADD)
