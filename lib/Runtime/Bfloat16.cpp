//===- Bfloat16.cpp - rounding to bf16 -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM calls this function for processors that cannot round to bf16, when it
// takes vectors of bf16 apart. libgcc has it from version 13 on.
//
//===----------------------------------------------------------------------===//

#include "plait/Runtime/Runtime.h"

#include <string.h>

/// A bf16 is returned in the low half of the register of an f32.
extern "C" float __truncsfbf2(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value)
    bits |= 0x400000; // A quiet NaN stays one when its low half is cut off.
  else
    bits += 0x7fff + (bits >> 16 & 1); // To the nearest, ties to even.
  bits >>= 16;
  memcpy(&value, &bits, sizeof bits);
  return value;
}
