//===- Vector.cpp - vector operations of a PE -------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include <cstddef>

using namespace plait::csl;

bool Sim::resolve(int id, const VecArg &a, Operand &o) {
  PE &p = pes[id];
  o.ty = a.ty;
  o.size = tySize[a.ty];
  o.queue = o.flags = 0;
  o.color = o.param = o.dsr = -1;
  switch (a.kind) {
  case KScalar:
    o.kind = -1;
    o.bits = p.s[a.index];
    return true;
  case KPointer:
    o.kind = -2;
    o.addr = p.s[a.index];
    return true;
  case KDsd:
    o.dsd = p.dsds[a.index];
    if (o.dsd.kind == DNone) {
      fail(id, p.pc - 1, "the DSD was never given a value");
      return false;
    }
    break;
  case KDsr:
    o.dsd = p.dsrs[a.index].dsd;
    o.dsr = a.index;
    if (o.dsd.kind == DNone) {
      fail(id, p.pc - 1, "the DSR was never loaded");
      return false;
    }
    break;
  }
  o.kind = o.dsd.kind;
  o.queue = o.dsd.queue;
  o.flags = o.dsd.flags;
  o.color = o.dsd.color;
  o.addr = o.dsd.base;
  o.step = int64_t(o.dsd.stride) * o.size;
  if (o.kind == DFabIn) {
    int bound = p.prog->inColor[o.queue];
    if (bound < 0 || (o.color >= 0 && bound != o.color)) {
      fail(id, p.pc - 1,
           bound < 0 ? "input queue " + std::to_string(o.queue) +
                           " was not initialised"
                     : "input queue " + std::to_string(o.queue) +
                           " belongs to color " + std::to_string(bound) +
                           ", not " + std::to_string(o.color));
      return false;
    }
  } else if (o.kind == DFabOut) {
    int bound = p.prog->outColor[o.queue];
    if (machine.arch == 3) {
      if (bound < 0 || (o.color >= 0 && bound != o.color)) {
        fail(id, p.pc - 1,
             bound < 0 ? "output queue " + std::to_string(o.queue) +
                             " was not initialised"
                       : "output queue " + std::to_string(o.queue) +
                             " belongs to color " + std::to_string(bound) +
                             ", not " + std::to_string(o.color));
        return false;
      }
      o.color = bound;
    }
  }
  return true;
}

/// Whether every access of the memory operands stays in its variable.
bool Sim::check(int id, Run &r) {
  PE &p = pes[id];
  for (int k = 0; k < r.n; ++k) {
    Operand &o = r.arg[k];
    int64_t low, high;
    if (r.length == 0)
      return true;
    if (o.kind == DMem1) {
      low = o.addr;
      high = o.addr + (r.length - 1) * o.step;
      if (low > high)
        std::swap(low, high);
    } else if (o.kind == DMem4) {
      low = high = o.addr;
      for (int d = 0; d < o.dsd.rank; ++d) {
        int64_t reach = int64_t(o.dsd.dims[d] - 1) * o.dsd.strides[d] * o.size;
        (reach < 0 ? low : high) += reach;
      }
    } else if (o.kind == -2) {
      low = high = o.addr;
    } else {
      continue;
    }
    high += o.size;
    const auto &objects = p.prog->objects;
    auto it = std::upper_bound(
        objects.begin(), objects.end(), o.kind == -2 ? o.addr : o.dsd.origin,
        [](int64_t a, const Object &b) { return a < b.addr; });
    bool found = it != objects.begin();
    if (found)
      --it;
    if (!checkBounds && low >= 0 && high <= int64_t(p.mem.size()))
      continue;
    if (!found || low < it->addr || high > it->addr + it->size) {
      fail(id, r.pc,
           "operand " + std::to_string(k) +
               " of the operation leaves "
               "its variable: bytes " +
               std::to_string(low) + " to " + std::to_string(high) +
               (found ? " of " + std::to_string(it->addr) + " to " +
                            std::to_string(it->addr + it->size)
                      : ""));
      return false;
    }
  }
  return true;
}

/// DSRs that keep their address go on behind the operation.
static void saveAddresses(PE &p, const Run &r) {
  for (int k = 0; k < r.n; ++k)
    if (r.arg[k].dsr >= 0 && (p.dsrs[r.arg[k].dsr].flags & 2))
      p.dsrs[r.arg[k].dsr].dsd.base += r.length * r.arg[k].step;
}

/// In 64ths of a cycle.
int Sim::cyclesPerElement(const Run &r, int op) const {
  return r.arg[0].kind == -2 && r.n == 3 ? machine.reduction
                                         : machine.vector[op];
}

bool Sim::startVector(int id, int vec) {
  PE &p = pes[id];
  const VecOp &v = p.prog->vecs[vec];
  const VecArg *args = p.prog->args.data() + v.args;
  if (v.op == V_loaddsr) {
    p.dsrs[v.index] = {p.dsds[args[0].index], v.flags,
                       v.activate >= 0 ? int(p.s[v.activate]) : -1,
                       v.unblock >= 0 ? int(p.s[v.unblock]) : -1, v.ut};
    return true;
  }
  Run r;
  r.vec = vec;
  r.pc = p.pc - 1;
  r.n = 0;
  r.activate = v.activate >= 0 ? int(p.s[v.activate]) : -1;
  r.unblock = v.unblock >= 0 ? int(p.s[v.unblock]) : -1;
  r.sync = !(v.flags & 1);
  int ut = v.ut;
  for (int k = 0; k < v.nargs; ++k) {
    if (args[k].kind == KParam) {
      r.arg[r.n - 1].param = args[k].index;
      continue;
    }
    Operand &o = r.arg[r.n++];
    if (!resolve(id, args[k], o))
      return false;
    if (o.dsr >= 0) {
      const Dsr &dsr = p.dsrs[o.dsr];
      if (dsr.flags & 1)
        r.sync = false;
      if (dsr.activate >= 0)
        r.activate = dsr.activate;
      if (dsr.unblock >= 0)
        r.unblock = dsr.unblock;
      if (dsr.ut >= 0)
        ut = dsr.ut;
    }
  }
  bool map = v.op == V_map;
  // @map lists its destination last; bring it first like everyone else's.
  if (map) {
    const Fn &f = p.prog->fns[v.fn];
    if (r.n > f.nparams)
      std::rotate(r.arg, r.arg + r.n - 1, r.arg + r.n);
    else { // no result: an absent destination
      std::rotate(r.arg, r.arg + r.n, r.arg + r.n + 1);
      ++r.n;
      r.arg[0].kind = DNone;
      r.arg[0].flags = 0;
      r.arg[0].dsr = -1;
    }
  }
  // The index counts words of 16 bits; wavelets carry it as it is.
  for (int k = 0; k < r.n; ++k) {
    if (!(r.arg[k].flags & 4))
      continue;
    if (v.index < 0) {
      fail(id, r.pc,
           "operand " + std::to_string(k) +
               " has 'wavelet_index_offset', but the operation has "
               "no 'index'");
      return false;
    }
    r.arg[k].addr += 2 * p.s[v.index];
  }
  // Length: the first source that has one, else the destination's.
  r.endless = false;
  bool fabric = false;
  for (int j = 0; j < r.n; ++j) {
    Operand &o = r.arg[(j + 1) % r.n];
    if (o.kind == DFabIn || o.kind == DFabOut || o.kind == DFifo)
      fabric = true;
    if (r.length < 0 && o.kind >= DMem1 && o.kind <= DFabOut) {
      r.length = o.dsd.extent;
      r.endless = o.kind >= DFabIn && o.dsd.extent == 0x7fff;
    }
  }
  for (int k = 0; k < r.n; ++k) {
    Operand &o = r.arg[k];
    // More memory than the operation is long, and another extent of a fabric
    // destination, occur in official programs: noted only.
    bool memory = o.kind == DMem1 || o.kind == DMem4;
    bool stream = o.kind == DFabIn || o.kind == DFabOut;
    if ((!memory && !stream) || o.dsd.extent == r.length ||
        (stream && o.dsd.extent == 0x7fff) || r.endless)
      continue;
    if ((memory && o.dsd.extent > r.length) || o.kind == DFabOut) {
      if (!note(id, r.pc, "the extents of the operation's operands differ",
                strict))
        return false;
      continue;
    }
    fail(id, r.pc,
         "the operation is " + std::to_string(r.length) +
             " elements long, but the extent of its operand " +
             std::to_string(k) + " is " + std::to_string(o.dsd.extent));
    return false;
  }
  if (r.length < 0)
    r.length = 1;
  if (!r.endless && !check(id, r))
    return false;
  p.time += fabric ? machine.fabricSetup : machine.vectorSetup;
  if (!fabric) {
    if (!bulk(id, r))
      return false;
    uint64_t cost = (r.length * cyclesPerElement(r, v.op) + 63) / 64;
    saveAddresses(p, r);
    if (v.result >= 0)
      p.s[v.result] = 1;
    if (r.sync) {
      p.time += cost;
      if (r.activate >= 0)
        setTask(p, r.activate, false, true, p.time);
      if (r.unblock >= 0)
        setTask(p, r.unblock, true, false, p.time);
      return true;
    }
    r.i = r.length;
    for (int k = Main + 1; k < Runs; ++k)
      if (!(p.live >> k & 1)) {
        launchRun(id, k, r, p.time + cost);
        return true;
      }
    fail(id, r.pc, "too many asynchronous operations in flight");
    return false;
  }
  int slot = Main;
  if (!r.sync) {
    slot = ut;
    for (int k = 0; k < r.n && slot < 0; ++k)
      if (r.arg[k].kind == DFabOut)
        slot = r.arg[k].queue;
    for (int k = 0; k < r.n && slot < 0; ++k)
      if (r.arg[k].kind == DFabIn)
        slot = r.arg[k].queue;
    if (slot < 0)
      for (slot = 7; slot > 0 && (p.live >> slot & 1); --slot)
        ;
    if (p.live >> slot & 1) {
      fail(id, r.pc,
           "microthread " + std::to_string(slot) +
               " already runs an operation");
      return false;
    }
  }
  if (slot != Main) // the microthreads that already use its queues
    for (int k = 0; k < r.n; ++k) {
      const Operand &o = r.arg[k];
      if ((o.kind == DFabIn && (p.inUsers[o.queue] & ~(1u << Main))) ||
          (o.kind == DFabOut && (p.outUsers[o.queue] & ~(1u << Main)))) {
        fail(id, r.pc,
             std::string("two operations in flight on ") +
                 (o.kind == DFabIn ? "input" : "output") + " queue " +
                 std::to_string(o.queue));
        return false;
      }
    }
  if (r.arg[0].kind == -2)
    r.before = load(p.mem.data() + r.arg[0].addr, r.arg[0].ty);
  launchRun(id, slot, r, p.time);
  return slot != Main; // the task waits for its own synchronous operation
}

/// Puts an operation in flight.
void Sim::launchRun(int id, int slot, const Run &r, uint64_t t) {
  PE &p = pes[id];
  if (!p.run[slot]) {
    runs.emplace_back();
    p.run[slot] = &runs.back();
  }
  Run &to = *p.run[slot];
  // Only the operands it has.
  std::memcpy(static_cast<void *>(&to), &r,
              offsetof(Run, arg) + r.n * sizeof(Operand));
  to.scheduled = Never;
  to.began = p.time;
  p.live |= 1u << slot;
  p.waiting &= ~(1u << slot);
  for (int k = 0; k < r.n; ++k) {
    if (r.arg[k].kind == DFabIn)
      p.inUsers[r.arg[k].queue] |= 1u << slot;
    else if (r.arg[k].kind == DFabOut)
      p.outUsers[r.arg[k].queue] |= 1u << slot;
  }
  wakeRun(id, slot, t);
}

/// A step of an operation on the fabric: one element if everyone is ready.
void Sim::advance(int id, int slot) {
  PE &p = pes[id];
  Run &r = *p.run[slot];
  p.waiting &= ~(1u << slot);
  if (r.endless || r.i < r.length) {
    uint64_t later = now;
    bool ready = true, stuck = false;
    for (int k = 0; k < r.n && ready; ++k) {
      Operand &o = r.arg[k];
      if (o.kind == DFabIn) {
        if (p.in[o.queue].empty())
          ready = false;
        else if (p.in[o.queue].front().ready > now)
          later = std::max(later, p.in[o.queue].front().ready);
        else if (p.in[o.queue].front().control) {
          Wavelet w = p.in[o.queue].front();
          fail(id, r.pc,
               "a control wavelet on color " + std::to_string(w.color) +
                   " arrived at an operation that expects data");
          return;
        }
      } else if (o.kind == DFabOut) {
        if (int(p.out[o.queue].size()) >= machine.outDepth[o.queue])
          ready = false;
      } else if (o.kind == DFifo) {
        Fifo &f = p.fifos[o.queue];
        bool full = k == 0 && f.n >= p.prog->fifos[o.queue].count;
        bool empty = k != 0 && f.n == 0;
        f.wasFull |= full;
        f.wasEmpty |= empty;
        stuck |= full || empty;
      }
    }
    if (!ready || (stuck && !r.sync)) {
      p.waiting |= 1u << slot;
      return;
    }
    if (later > now) {
      wakeRun(id, slot, later);
      return;
    }
    if (stuck) { // a synchronous operation ends at a full or empty FIFO
      if (r.arg[0].kind == -2)
        store(p.mem.data() + r.arg[0].addr, r.arg[0].ty, r.before);
      r.length = r.i;
      complete(id, slot, now + 1, false);
      return;
    }
    ++p.count.elements;
    idleTasks = 0;
    uint64_t before = p.time;
    if (!element(id, r))
      return;
    // A wavelet a cycle, if the operation is not slower than that.
    uint64_t cost =
        std::max(64, cyclesPerElement(r, p.prog->vecs[r.vec].op)) + 63;
    cost /= 64;
    if (p.prog->vecs[r.vec].op == V_map) {
      cost += p.time - before;
      if (slot != Main)
        p.time = before;
    }
    if (r.endless || r.i < r.length) {
      wakeRun(id, slot, now + cost);
      return;
    }
  }
  complete(id, slot, now + 1, true);
}

/// `whole`: not cut short.
void Sim::complete(int id, int slot, uint64_t t, bool whole) {
  PE &p = pes[id];
  Run &r = *p.run[slot];
  uint16_t others = ~(1u << slot);
  p.live &= others;
  for (int k = 0; k < r.n; ++k) {
    if (r.arg[k].kind == DFabIn)
      p.inUsers[r.arg[k].queue] &= others;
    else if (r.arg[k].kind == DFabOut)
      p.outUsers[r.arg[k].queue] &= others;
  }
  saveAddresses(p, r);
  if (int to = p.prog->vecs[r.vec].result; to >= 0)
    p.s[to] = whole;
  span(r.began, t, id, slot == Main ? 1 : 2, r.pc, slot);
  if (r.activate >= 0)
    setTask(p, r.activate, false, true, t);
  if (r.unblock >= 0)
    setTask(p, r.unblock, true, false, t);
  if (slot == Main) {
    p.count.stalled += std::max(p.time, t) - p.time;
    p.time = std::max(p.time, t);
    // Run the rest of the task when the clock gets there.
    finish(id);
  } else {
    wake(id, t);
  }
}
