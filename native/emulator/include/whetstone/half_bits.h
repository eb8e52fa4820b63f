// The bits of float16 and bfloat16, rounded to nearest even (IEEE 754-2019, section 4.3.1).
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__F16C__)
#include <immintrin.h>
#endif

inline __attribute__((always_inline)) uint32_t ws_bits(float f) { uint32_t b; __builtin_memcpy(&b, &f, 4); return b; }
inline __attribute__((always_inline)) float ws_from_bits(uint32_t b) { float f; __builtin_memcpy(&f, &b, 4); return f; }

inline float ws_half_to_float(uint16_t h) {
#if defined(__F16C__)
  return _cvtsh_ss(h);
#else
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023;
  if (e == 31) return ws_from_bits(sign | 0x7F800000 | m << 13);
  if (e) return ws_from_bits(sign | (e + 112) << 23 | m << 13);
  float tiny = (float)m * 5.9604644775390625e-8f;  // 2^-24
  return sign ? -tiny : tiny;
#endif
}

inline uint16_t ws_float_to_half(float f) {
#if defined(__F16C__)
  return _cvtss_sh(f, 0);
#else
  uint32_t b = ws_bits(f), sign = b >> 16 & 0x8000;
  b &= 0x7FFFFFFF;
  if (b >= 0x7F800000) return sign | 0x7C00 | (b > 0x7F800000 ? 0x200 | (b >> 13 & 0x3FF) : 0);
  if (b >= 0x477FF000) return sign | 0x7C00;
  if (b < 0x38800000) {  // subnormal: adding a large number lets the hardware round
    float r = ws_from_bits(b) + 0.5f;
    return sign | (uint16_t)(ws_bits(r) - 0x3F000000);
  }
  return sign | (uint16_t)((b - 0x38000000 + 0xFFF + (b >> 13 & 1)) >> 13);
#endif
}

inline __attribute__((always_inline)) float ws_bfloat_to_float(uint16_t h) { return ws_from_bits((uint32_t)h << 16); }
inline uint16_t ws_float_to_bfloat(float f) {
  uint32_t b = ws_bits(f);
  if ((b & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(b >> 16 | 0x40);
  return (uint16_t)((b + 0x7FFF + (b >> 16 & 1)) >> 16);
}
