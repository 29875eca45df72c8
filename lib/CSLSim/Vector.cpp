//===- Vector.cpp - vector operations of a PE -------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"

using namespace plait::csl;

bool Sim::resolve(int id, const VecArg &a, Operand &o) {
  PE &p = pes[id];
  o = Operand();
  o.ty = a.ty;
  o.size = tySize[a.ty];
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
    break;
  case KDsr:
    o.dsd = p.dsr[a.index];
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

static int64_t place(const Operand &o, int64_t i) {
  if (o.kind == DMem1)
    return o.addr + i * o.step;
  int64_t at = o.addr;
  for (int d = o.dsd.rank - 1; d >= 0; --d) {
    at += (i % o.dsd.dims[d]) * o.dsd.strides[d] * o.size;
    i /= o.dsd.dims[d];
  }
  return at;
}

/// One element of a scalar vector operation; `a` is dest's old value for
/// reductions.
static int64_t compute(int op, int64_t x, int64_t y, int64_t z, bool &carry) {
  switch (op) {
  case V_fadds:
    return fromFloat(asFloat(x) + asFloat(y));
  case V_fsubs:
    return fromFloat(asFloat(x) - asFloat(y));
  case V_fmuls:
    return fromFloat(asFloat(x) * asFloat(y));
  case V_fmaxs:
    return fromFloat(std::fmax(asFloat(x), asFloat(y)));
  case V_fmacs:
    return fromFloat(std::fma(asFloat(y), asFloat(z), asFloat(x)));
  case V_faddh:
    return floatToF16(f16ToFloat(x) + f16ToFloat(y));
  case V_fsubh:
    return floatToF16(f16ToFloat(x) - f16ToFloat(y));
  case V_fmulh:
    return floatToF16(f16ToFloat(x) * f16ToFloat(y));
  case V_fmaxh:
    return floatToF16(std::fmax(f16ToFloat(x), f16ToFloat(y)));
  case V_fmach:
    return doubleToF16(double(f16ToFloat(y)) * f16ToFloat(z) + f16ToFloat(x));
  case V_fmachs:
    return fromFloat(std::fma(f16ToFloat(y), f16ToFloat(z), asFloat(x)));
  case V_faddhs:
    return fromFloat(asFloat(x) + f16ToFloat(y));
  case V_add16:
  case V_addc16: {
    uint32_t sum =
        uint32_t(uint16_t(x)) + uint16_t(y) + (op == V_addc16 && carry ? 1 : 0);
    carry = sum >> 16;
    return uint16_t(sum);
  }
  case V_sub16:
    return uint16_t(x - y);
  case V_and16:
    return uint16_t(x & y);
  case V_or16:
    return uint16_t(x | y);
  case V_xor16:
    return uint16_t(x ^ y);
  case V_sll16:
    return (uint16_t(y) & 31) > 15 ? 0 : uint16_t(x << (y & 15));
  case V_slr16:
    return (uint16_t(y) & 31) > 15 ? 0 : uint16_t(x) >> (y & 15);
  case V_sar16:
    return uint16_t(int16_t(x) >> std::min<int>(y & 31, 15));
  case V_fmovs:
  case V_fmovh:
  case V_mov16:
  case V_mov32:
    return x;
  case V_fnegs:
    return x ^ 0x80000000ll;
  case V_fabss:
    return x & 0x7fffffffll;
  case V_fnegh:
    return x ^ 0x8000;
  case V_fabsh:
    return x & 0x7fff;
  case V_fs2h:
    return floatToF16(asFloat(x));
  case V_fh2s:
    return fromFloat(f16ToFloat(x));
  case V_xp162fs:
    return fromFloat(float(int16_t(x)));
  case V_fs2xp16:
    return convert(TI16, TF32, x) & 0xffff;
  }
  return 0;
}

bool Sim::startVector(int id, int vec) {
  PE &p = pes[id];
  const VecOp &v = p.prog->vecs[vec];
  const VecArg *args = p.prog->args.data() + v.args;
  if (v.op == V_loaddsr) {
    p.dsr[v.index] = p.dsds[args[0].index];
    p.dsrFlags[v.index] = v.flags;
    p.dsrActivate[v.index] = v.activate >= 0 ? int(p.s[v.activate]) : -1;
    p.dsrUnblock[v.index] = v.unblock >= 0 ? int(p.s[v.unblock]) : -1;
    p.dsrUt[v.index] = v.ut;
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
      if (p.dsrFlags[o.dsr] & 1)
        r.sync = false;
      if (p.dsrActivate[o.dsr] >= 0)
        r.activate = p.dsrActivate[o.dsr];
      if (p.dsrUnblock[o.dsr] >= 0)
        r.unblock = p.dsrUnblock[o.dsr];
      if (p.dsrUt[o.dsr] >= 0)
        ut = p.dsrUt[o.dsr];
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
      r.arg[0] = Operand();
    }
  }
  if (v.index >= 0)
    for (int k = 0; k < r.n; ++k)
      if (r.arg[k].flags & 4)
        r.arg[k].addr += p.s[v.index] * r.arg[k].dsd.esize;
  // Length: the first source that has one, else the destination's.
  r.length = -1;
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
      if (!note(id, r.pc, "the extents of the operation's operands differ"))
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
  r.live = true;
  p.time += machine.vecSetup;
  if (!fabric) {
    if (!bulk(id, r))
      return false;
    uint64_t cost = r.length;
    for (int k = 0; k < r.n; ++k)
      if (r.arg[k].dsr >= 0 && (p.dsrFlags[r.arg[k].dsr] & 2))
        p.dsr[r.arg[k].dsr].base += r.length * r.arg[k].step;
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
      if (!p.run[k].live) {
        p.run[k] = r;
        wakeRun(id, k, p.time + cost);
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
      for (slot = 7; slot > 0 && p.run[slot].live; --slot)
        ;
    if (p.run[slot].live) {
      fail(id, r.pc,
           "microthread " + std::to_string(slot) +
               " already runs an operation");
      return false;
    }
  }
  for (int k = 0; k < Runs; ++k)
    if (p.run[k].live)
      for (int a = 0; a < p.run[k].n; ++a)
        for (int b = 0; b < r.n; ++b) {
          Operand &x = p.run[k].arg[a], &y = r.arg[b];
          if (x.kind == y.kind && (x.kind == DFabIn || x.kind == DFabOut) &&
              x.queue == y.queue && slot != Main && k != Main) {
            fail(id, r.pc,
                 std::string("two operations in flight on ") +
                     (x.kind == DFabIn ? "input" : "output") + " queue " +
                     std::to_string(x.queue));
            return false;
          }
        }
  p.run[slot] = r;
  wakeRun(id, slot, p.time);
  return slot != Main; // the task waits for its own synchronous operation
}

/// A whole operation on memory.
bool Sim::bulk(int id, Run &r) {
  PE &p = pes[id];
  const VecOp &v = p.prog->vecs[r.vec];
  stats.elements += r.length;
  uint8_t *m = p.mem.data();
  Operand &d = r.arg[0];
  if (v.op == V_fmacs && d.kind == DMem1 && r.arg[1].kind == DMem1 &&
      r.arg[2].kind == DMem1 && r.arg[3].kind == -1) {
    float scale = asFloat(r.arg[3].bits);
    int64_t to = d.addr, a = r.arg[1].addr, b = r.arg[2].addr;
    for (int64_t i = 0; i < r.length; ++i) {
      if ((!p.init[a] || !p.init[b]) && !note(id, r.pc, undefinedRead))
        return false;
      float x, y;
      std::memcpy(&x, m + a, 4);
      std::memcpy(&y, m + b, 4);
      x = std::fma(y, scale, x);
      std::memcpy(m + to, &x, 4);
      p.init[to] = p.init[to + 1] = p.init[to + 2] = p.init[to + 3] = 1;
      to += d.step;
      a += r.arg[1].step;
      b += r.arg[2].step;
    }
    return true;
  }
  while (r.i < r.length)
    if (!element(id, r))
      return false;
  return true;
}

/// Something legal that is hardly meant. True if the run goes on.
bool Sim::note(int pe, int pc, const char *text) {
  if (strict) {
    fail(pe, pc, text);
    return false;
  }
  for (const Note &n : notes)
    if (n.pc == pc && pes[n.pe].prog == pes[pe].prog)
      return true;
  if (notes.size() < 20)
    notes.push_back({pe, pc, text});
  return true;
}

/// The next value of a source operand.
int64_t Sim::fetch(PE &p, Operand &o, int64_t i, int pc) {
  switch (o.kind) {
  case -1:
    return o.bits;
  case -2:
    return load(p.mem.data() + o.addr, o.ty);
  case DMem1:
  case DMem4: {
    int64_t at = place(o, i);
    for (int b = 0; b < o.size; ++b)
      if (!p.init[at + b] && !note(&p - pes.data(), pc, undefinedRead))
        return 0;
    return load(p.mem.data() + at, o.ty);
  }
  case DFabIn: {
    Wavelet w = p.in[o.queue].front();
    p.in[o.queue].pop_front();
    queueTaken(&p - pes.data(), o.queue);
    return wrap(o.ty, w.data);
  }
  case DFifo: {
    const FifoInfo &f = p.prog->fifos[o.queue];
    Fifo &s = p.fifos[o.queue];
    int64_t v = wrap(o.ty, load(p.mem.data() + f.base + s.head * f.esize,
                                f.esize == 4 ? TU32 : TU16));
    s.head = (s.head + 1) % f.count;
    --s.n;
    if (f.pop >= 0)
      setTask(p, f.pop, false, true, now + 1);
    for (int k = 0; k < Runs; ++k)
      if (p.run[k].live && p.run[k].waiting)
        wakeRun(&p - pes.data(), k, now + 1);
    return v;
  }
  }
  return 0;
}

/// Computes element r.i. The caller has made sure that nothing has to wait.
bool Sim::element(int id, Run &r) {
  PE &p = pes[id];
  const VecOp &v = p.prog->vecs[r.vec];
  Operand &d = r.arg[0];
  int64_t result;
  if (v.op == V_map) {
    for (int k = 1; k < r.n; ++k) {
      Operand &o = r.arg[k];
      p.s[o.param] = fetch(p, o, r.i, r.pc);
    }
    if (!error.empty() || !callNested(id, v.fn))
      return false;
    if (d.kind == DNone) {
      ++r.i;
      return true;
    }
    result = p.s[d.param];
  } else {
    int64_t x[3] = {0, 0, 0};
    for (int k = 1; k < r.n; ++k)
      x[k - 1] = fetch(p, r.arg[k], r.i, r.pc);
    if (!error.empty())
      return false;
    static thread_local bool carry;
    if (r.i == 0)
      carry = false;
    if (d.kind == -2 && r.n == 3) {
      // *P = S + sum of D: the scalar starts the running value.
      if (r.i == 0)
        d.bits = x[0];
      d.bits = compute(v.op, d.bits, x[1], 0, carry);
      result = d.bits;
    } else {
      result = compute(v.op, x[0], x[1], x[2], carry);
    }
  }
  switch (d.kind) {
  case -2:
    store(p.mem.data() + d.addr, d.ty, result);
    std::memset(p.init.data() + d.addr, 1, d.size);
    break;
  case DMem1:
  case DMem4: {
    int64_t at = place(d, r.i);
    store(p.mem.data() + at, d.ty, result);
    std::memset(p.init.data() + at, 1, d.size);
    break;
  }
  case DFabOut: {
    Wavelet w{};
    w.data = uint32_t(result);
    if (d.size == 2) {
      w.data &= 0xffff;
      if (d.flags & 4)
        w.data |= uint32_t(r.i) << 16;
    }
    w.control = d.flags & 1;
    w.color = d.color;
    w.ready = now + 1;
    if (d.flags & 2 && r.i + 1 == r.length)
      w.control = 1;
    p.out[d.queue].push_back(w);
    p.outPc[d.queue] = r.pc;
    if (p.outAt[d.queue] > w.ready) {
      p.outAt[d.queue] = w.ready;
      at(w.ready, OQ, id * 8 + d.queue);
    }
    break;
  }
  case DFifo: {
    const FifoInfo &f = p.prog->fifos[d.queue];
    Fifo &s = p.fifos[d.queue];
    int64_t to = f.base + (s.head + s.n) % f.count * f.esize;
    store(p.mem.data() + to, f.esize == 4 ? TU32 : TU16, result);
    std::memset(p.init.data() + to, 1, f.esize);
    ++s.n;
    if (f.push >= 0)
      setTask(p, f.push, false, true, now + 1);
    for (int k = 0; k < Runs; ++k)
      if (p.run[k].live && p.run[k].waiting)
        wakeRun(id, k, now + 1);
    break;
  }
  }
  ++r.i;
  return true;
}

/// A step of an operation on the fabric: one element if everyone is ready.
void Sim::advance(int id, int slot) {
  PE &p = pes[id];
  Run &r = p.run[slot];
  r.waiting = false;
  if (r.endless || r.i < r.length) {
    uint64_t later = now;
    bool ready = true;
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
        int n = p.fifos[o.queue].n, count = p.prog->fifos[o.queue].count;
        if (k == 0 ? n >= count : n == 0)
          ready = false;
      }
    }
    if (!ready) {
      r.waiting = true;
      return;
    }
    if (later > now) {
      wakeRun(id, slot, later);
      return;
    }
    ++stats.elements;
    uint64_t before = p.time;
    if (!element(id, r))
      return;
    uint64_t cost = 1;
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
  complete(id, slot, now + 1);
}

void Sim::complete(int id, int slot, uint64_t t) {
  PE &p = pes[id];
  Run &r = p.run[slot];
  r.live = false;
  for (int k = 0; k < r.n; ++k)
    if (r.arg[k].dsr >= 0 && (p.dsrFlags[r.arg[k].dsr] & 2))
      p.dsr[r.arg[k].dsr].base += r.length * r.arg[k].step;
  if (r.activate >= 0)
    setTask(p, r.activate, false, true, t);
  if (r.unblock >= 0)
    setTask(p, r.unblock, true, false, t);
  if (slot == Main) {
    p.time = std::max(p.time, t);
    // Run the rest of the task when the clock gets there.
    finish(id);
  } else {
    wake(id, t);
  }
}
