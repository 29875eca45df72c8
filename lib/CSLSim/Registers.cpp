//===- Registers.cpp - a router's registers in memory -----------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On wse2 a PE sees the configuration of its router as 16-bit words of memory,
// one a colour: routes at word 0x7f20, switches at word 0x7f40. The layout of
// the words is the one that the official example spmv-hypersparse documents.
//
//===----------------------------------------------------------------------===//

#include "Sim.h"

using namespace plait::csl;

// Directions in the order of the registers' bits.
static constexpr int order[] = {West, East, South, North, Ramp};
static constexpr int64_t routesAt = 2 * 0x7f20, switchesAt = 2 * 0x7f40;
enum { Invalid = 5 };

static int toBits(int mask) {
  int bits = 0;
  for (int i = 0; i < 5; ++i)
    bits |= (mask >> order[i] & 1) << i;
  return bits;
}

static int toMask(int bits) {
  int mask = 0;
  for (int i = 0; i < 5; ++i)
    mask |= (bits >> i & 1) << order[i];
  return mask;
}

/// The route whose word of `registers` lies at `addr`, or null.
static Route *find(Sim &sim, PE &p, int64_t addr, int64_t registers) {
  int64_t color = (addr - registers) / 2;
  if (sim.machine.arch != 2 || addr % 2 || addr < registers || color >= 24 ||
      p.route[color] < 0)
    return nullptr;
  return &sim.routes[p.route[color]];
}

bool Sim::readRegister(PE &p, int64_t addr, int64_t &value) {
  if (Route *r = find(*this, p, addr, routesAt)) {
    value = toBits(r->tx[0]) | toBits(r->rx[0]) << 5 | (r->swap >> 1) << 10 |
            (r->swap & 1) << 11 | r->pop << 12 | int(r->closed) << 14;
    return true;
  }
  if (Route *r = find(*this, p, addr, switchesAt)) {
    value = r->current << 13 | int(r->ring) << 12;
    for (int i = 1; i < 4; ++i) {
      bool input = r->rx[i] != Route::Keep;
      int mask = toBits(input ? r->rx[i] : r->tx[i]), direction = Invalid;
      for (int k = 0; k < 5 && i < r->npos; ++k)
        if (mask >> k & 1)
          direction = k;
      value |= (int(input) << 3 | direction) << (4 * (i - 1));
    }
    return true;
  }
  return false;
}

bool Sim::writeRegister(PE &p, int64_t addr, int64_t value) {
  if (Route *r = find(*this, p, addr, routesAt)) {
    r->tx[0] = toMask(value & 31);
    r->rx[0] = toMask(value >> 5 & 31);
    r->swap = (value >> 11 & 1) | (value >> 10 & 1) << 1;
    r->pop = value >> 12 & 3;
    r->closed = value >> 14 & 1;
    link(*r);
    wakeRoute(r - routes.data(), p.time);
    return true;
  }
  if (Route *r = find(*this, p, addr, switchesAt)) {
    r->current = value >> 13 & 3;
    r->ring = value >> 12 & 1;
    r->npos = 1;
    for (int i = 1; i < 4; ++i) {
      int field = value >> (4 * (i - 1)) & 15;
      bool valid = (field & 7) < Invalid;
      int mask = valid ? toMask(1 << (field & 7)) : 0;
      r->rx[i] = field & 8 ? mask : Route::Keep;
      r->tx[i] = field & 8 ? Route::Keep : mask;
      if (valid && r->npos == i)
        ++r->npos;
    }
    wakeRoute(r - routes.data(), p.time);
    return true;
  }
  return false;
}
