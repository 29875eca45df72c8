//===- Numbers.h - scalar arithmetic of the PE ------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Slots hold every scalar as a signed 64-bit integer: integers by value,
// floating point numbers by their bits.

#ifndef PLAIT_LIB_CSLSIM_NUMBERS_H
#define PLAIT_LIB_CSLSIM_NUMBERS_H

#include "Sim.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace plait::csl {

inline constexpr int tySize[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4};

inline float f16ToFloat(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16, exp = h >> 10 & 31,
           man = h & 1023;
  uint32_t bits;
  if (exp == 31) {
    bits = sign | 0x7f800000 | man << 13;
  } else if (exp) {
    bits = sign | (exp + 112) << 23 | man << 13;
  } else {
    float f = std::ldexp(float(man), -24);
    return sign ? -f : f;
  }
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

/// Round to nearest even, from a double (exact for sums and products of f16).
inline uint16_t doubleToF16(double d) {
  uint16_t sign = std::signbit(d) ? 0x8000 : 0;
  d = std::fabs(d);
  if (std::isnan(d))
    return sign | 0x7e00;
  if (d >= 65520.0)
    return sign | 0x7c00;
  if (d < 0x1p-14) // subnormal: a multiple of 2^-24
    return sign | uint16_t(std::nearbyint(d * 0x1p24));
  int e;
  std::frexp(d, &e);                                // d in [2^(e-1), 2^e)
  double q = std::nearbyint(std::ldexp(d, 11 - e)); // in [1024, 2048]
  return sign | uint16_t((uint16_t(e + 13) << 10) + uint16_t(q));
}

inline uint16_t floatToF16(float f) { return doubleToF16(f); }

inline float asFloat(int64_t bits) {
  uint32_t b = bits;
  float f;
  std::memcpy(&f, &b, 4);
  return f;
}
inline int64_t fromFloat(float f) {
  uint32_t b;
  std::memcpy(&b, &f, 4);
  return b;
}

inline int64_t wrap(int ty, int64_t v) {
  switch (ty) {
  case TBool:
    return v != 0;
  case TI8:
    return int8_t(v);
  case TU8:
    return uint8_t(v);
  case TI16:
    return int16_t(v);
  case TU16:
    return uint16_t(v);
  case TI32:
    return int32_t(v);
  case TU32:
    return uint32_t(v);
  case TF16:
    return uint16_t(v);
  case TF32:
    return uint32_t(v);
  default:
    return v;
  }
}

inline double toDouble(int ty, int64_t v) {
  switch (ty) {
  case TF16:
    return f16ToFloat(v);
  case TF32:
    return asFloat(v);
  case TU64:
    return double(uint64_t(v));
  default:
    return double(v);
  }
}

inline int64_t convert(int to, int from, int64_t v) {
  if (to == from)
    return v;
  bool real = from >= TF16;
  if (to == TBool)
    return real ? toDouble(from, v) != 0 : v != 0;
  if (to == TF32)
    return fromFloat(from == TU64   ? float(uint64_t(v))
                     : from == TF16 ? f16ToFloat(v)
                                    : float(v));
  if (to == TF16)
    return doubleToF16(toDouble(from, v));
  if (real) { // towards zero, saturating
    double d = std::trunc(toDouble(from, v));
    if (std::isnan(d))
      return 0;
    static const double low[] = {0, -128,    0, -32768, 0, -2147483648.0,
                                 0, -0x1p63, 0};
    static const double high[] = {1,          127,         255,    32767, 65535,
                                  2147483647, 4294967295., 0x1p63, 0x1p64};
    d = std::min(std::max(d, low[to]), high[to]);
    return to == TU64 ? int64_t(uint64_t(d)) : int64_t(d);
  }
  return wrap(to, v);
}

inline int64_t load(const uint8_t *m, int ty) {
  switch (ty) {
  case TBool:
  case TU8:
    return *m;
  case TI8:
    return int8_t(*m);
  case TI16: {
    int16_t v;
    std::memcpy(&v, m, 2);
    return v;
  }
  case TU16:
  case TF16: {
    uint16_t v;
    std::memcpy(&v, m, 2);
    return v;
  }
  case TI32: {
    int32_t v;
    std::memcpy(&v, m, 4);
    return v;
  }
  case TU32:
  case TF32: {
    uint32_t v;
    std::memcpy(&v, m, 4);
    return v;
  }
  default: {
    int64_t v;
    std::memcpy(&v, m, 8);
    return v;
  }
  }
}

static void store(uint8_t *m, int ty, int64_t v) {
  std::memcpy(m, &v, tySize[ty]);
}

/// The floating types: a slot's bits as a float, and back with one rounding. That
/// of f16 is exact: a float's 24 bits are enough for the double rounding of +, -, *
/// and / to do no harm.
struct Single {
  static float get(int64_t bits) { return asFloat(bits); }
  static int64_t put(float f) { return fromFloat(f); }
};
struct Half {
  static float get(int64_t bits) { return f16ToFloat(bits); }
  static int64_t put(float f) { return floatToF16(f); }
};

template <typename F> inline int64_t floating(int op, int64_t a, int64_t b) {
  float x = F::get(a), y = F::get(b);
  switch (op) {
  case ADD:
    return F::put(x + y);
  case SUB:
    return F::put(x - y);
  case MUL:
    return F::put(x * y);
  case DIV:
    return F::put(x / y);
  case EQ:
    return x == y;
  case NE:
    return x != y;
  case LT:
    return x < y;
  case LE:
    return x <= y;
  }
  return 0;
}

/// Integer and floating arithmetic on slots. Division by zero is the caller's.
inline int64_t arithmetic(int op, int ty, int64_t a, int64_t b) {
  if (ty == TF32)
    return floating<Single>(op, a, b);
  if (ty == TF16)
    return floating<Half>(op, a, b);
  uint64_t ua = a, ub = b;
  switch (op) {
  case ADD:
    return wrap(ty, int64_t(ua + ub));
  case SUB:
    return wrap(ty, int64_t(ua - ub));
  case MUL:
    return wrap(ty, int64_t(ua * ub));
  case DIV:
    return ty == TU64 ? int64_t(ua / ub)
           : b == -1  ? wrap(ty, int64_t(0 - ua))
                      : wrap(ty, a / b);
  case MOD:
    return ty == TU64 ? int64_t(ua % ub) : b == -1 ? 0 : wrap(ty, a % b);
  case AND:
    return a & b;
  case OR:
    return a | b;
  case XOR:
    return wrap(ty, a ^ b);
  case SHL:
    return ub >= 64 ? 0 : wrap(ty, int64_t(ua << ub));
  case SHR:
    if (ub >= 64)
      return a < 0 && ty != TU64 ? -1 : 0;
    return ty == TU64 ? int64_t(ua >> ub) : wrap(ty, a >> ub);
  case EQ:
    return a == b;
  case NE:
    return a != b;
  case LT:
    return ty == TU64 ? ua < ub : a < b;
  case LE:
    return ty == TU64 ? ua <= ub : a <= b;
  }
  return 0;
}

inline int64_t mathFunction(int fn, int ty, int64_t a, int64_t b) {
  if (ty < TF16) {
    switch (fn) {
    case 8:
      return wrap(ty, a < 0 ? -a : a);
    case 10:
      return ty == TU64 ? std::min<uint64_t>(a, b) : std::min(a, b);
    case 11:
      return ty == TU64 ? std::max<uint64_t>(a, b) : std::max(a, b);
    case 23:
      return a < 0 ? -1 : a > 0;
    default:
      return 0;
    }
  }
  double x = toDouble(ty, a), y = toDouble(ty, b), r = 0;
  switch (fn) {
  case 0:
    r = std::sqrt(x);
    break;
  case 1:
    r = std::exp(x);
    break;
  case 2:
    r = std::log(x);
    break;
  case 3:
    r = std::sin(x);
    break;
  case 4:
    r = std::cos(x);
    break;
  case 5:
    r = std::tanh(x);
    break;
  case 6:
    r = std::floor(x);
    break;
  case 7:
    r = std::ceil(x);
    break;
  case 8:
    r = std::fabs(x);
    break;
  case 9:
    r = std::pow(x, y);
    break;
  case 10:
    r = std::fmin(x, y);
    break;
  case 11:
    r = std::fmax(x, y);
    break;
  case 12:
    r = std::nearbyint(x);
    break;
  case 13:
    r = std::trunc(x);
    break;
  case 14:
    r = std::exp2(x);
    break;
  case 15:
    r = std::log2(x);
    break;
  case 16:
    r = std::tan(x);
    break;
  case 17:
    r = std::atan(x);
    break;
  case 18:
    r = std::asin(x);
    break;
  case 19:
    r = std::acos(x);
    break;
  case 20:
    r = std::sinh(x);
    break;
  case 21:
    r = std::cosh(x);
    break;
  case 22:
    r = std::fmod(x, y);
    break;
  case 23:
    r = x > 0 ? 1 : x < 0 ? -1 : 0;
    break;
  case 24:
    r = std::cbrt(x);
    break;
  case 25:
    r = std::log10(x);
    break;
  case 26:
    r = std::ldexp(x, int(std::clamp(y, -4096.0, 4096.0)));
    break;
  }
  return ty == TF32 ? fromFloat(float(r)) : doubleToF16(r);
}

} // namespace plait::csl

#endif // PLAIT_LIB_CSLSIM_NUMBERS_H
