// __nv_bfloat16 and its pair, as __half in cuda_fp16.h.
#pragma once
#include "cuda_fp16.h"

WS_HALF_TYPE(__nv_bfloat16, __nv_bfloat162, ws_bfloat_to_float, ws_float_to_bfloat)
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;
WS_INLINE __nv_bfloat16 __float2bfloat16(float f) { return __nv_bfloat16(f); }
WS_INLINE __nv_bfloat16 __float2bfloat16_rn(float f) { return __nv_bfloat16(f); }
WS_INLINE float __bfloat162float(__nv_bfloat16 h) { return (float)h; }
WS_INLINE unsigned short __bfloat16_as_ushort(__nv_bfloat16 h) { return h.__x; }
WS_INLINE __nv_bfloat16 __ushort_as_bfloat16(unsigned short b) { __nv_bfloat16 h; h.__x = b; return h; }
WS_INLINE __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return __nv_bfloat162(a, b); }
WS_INLINE __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return __nv_bfloat162(__nv_bfloat16(a), __nv_bfloat16(b)); }
WS_INLINE float2 __bfloat1622float2(const __nv_bfloat162& h) { return float2((float)h.x, (float)h.y); }
WS_INLINE float __low2float(const __nv_bfloat162& h) { return (float)h.x; }
WS_INLINE float __high2float(const __nv_bfloat162& h) { return (float)h.y; }
WS_ATOMIC(atomicAdd, __nv_bfloat16, WS_BF16, WS_A_ADD) WS_ATOMIC(atomicAdd, __nv_bfloat162, WS_BF16X2, WS_A_ADD)
