//===- Elements.cpp - elements of vector operations -------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"

using namespace plait::csl;

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
    return floating<Single>(ADD, x, y);
  case V_fsubs:
    return floating<Single>(SUB, x, y);
  case V_fmuls:
    return floating<Single>(MUL, x, y);
  case V_fmaxs:
    return fromFloat(std::fmax(asFloat(x), asFloat(y)));
  case V_fmacs:
    return fromFloat(std::fma(asFloat(y), asFloat(z), asFloat(x)));
  case V_faddh:
    return floating<Half>(ADD, x, y);
  case V_fsubh:
    return floating<Half>(SUB, x, y);
  case V_fmulh:
    return floating<Half>(MUL, x, y);
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
  case V_xp162fh:
    return convert(TF16, TI16, int16_t(x));
  case V_fh2xp16:
    return convert(TI16, TF16, x) & 0xffff;
  case V_popcnt:
    return __builtin_popcount(uint16_t(x));
  case V_clz:
    return uint16_t(x) ? __builtin_clz(uint16_t(x)) - 16 : 16;
  case V_ctz:
    return uint16_t(x) ? __builtin_ctz(uint16_t(x)) : 16;
  case V_fscales:
    return fromFloat(std::ldexp(asFloat(x), int16_t(y)));
  case V_fscaleh:
    return doubleToF16(std::ldexp(double(f16ToFloat(x)), int16_t(y)));
  }
  return 0;
}

/// to = x + y * scale, rounded once.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("arch=haswell", "default")))
#endif
static void multiplyAdd(uint8_t *to, const uint8_t *x, const uint8_t *y,
                        float scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    float a, b;
    std::memcpy(&a, x + 4 * i, 4);
    std::memcpy(&b, y + 4 * i, 4);
    a = __builtin_fmaf(b, scale, a);
    std::memcpy(to + 4 * i, &a, 4);
  }
}

/// A whole operation on memory.
bool Sim::bulk(int id, Run &r) {
  PE &p = pes[id];
  const VecOp &v = p.prog->vecs[r.vec];
  p.count.elements += r.length;
  idleTasks = 0;
  uint8_t *m = p.mem.data();
  Operand &d = r.arg[0];
  if (v.op == V_fmacs && d.kind == DMem1 && r.arg[1].kind == DMem1 &&
      r.arg[2].kind == DMem1 && r.arg[3].kind == -1 && d.step == 4 &&
      r.arg[1].step == 4 && r.arg[2].step == 4) {
    int64_t bytes = 4 * r.length, to = d.addr, x = r.arg[1].addr,
            y = r.arg[2].addr;
    // Whatever is not plain takes the way element by element.
    bool apart = (to == x || to + bytes <= x || x + bytes <= to) &&
                 (to + bytes <= y || y + bytes <= to);
    if (apart && !std::memchr(p.init.data() + x, 0, bytes) &&
        !std::memchr(p.init.data() + y, 0, bytes)) {
      multiplyAdd(m + to, m + x, m + y, asFloat(r.arg[3].bits), r.length);
      std::memset(p.init.data() + to, 1, bytes);
      return true;
    }
  }
  while (r.i < r.length)
    if (!element(id, r))
      return false;
  return true;
}

/// Something legal that is hardly meant. True if the run goes on.
bool Sim::note(int pe, int pc, const char *text, bool stop) {
  if (stop) {
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

/// A read of memory that was never written. True if the run goes on.
bool Sim::undefined(int pe, int pc) {
  return note(pe, pc, "read of memory that was never written",
              strict || checkReads);
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
      if (!p.init[at + b] && !undefined(&p - pes.data(), pc))
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
    if (f.pop >= 0 && s.wasFull)
      setTask(p, f.pop, false, true, now + 1);
    s.wasFull = false;
    wakeRuns(&p - pes.data(), p.live, now + 1);
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
    if (d.kind == -2 && r.n == 3) {
      // *P = S + sum of D: the scalar starts the running value.
      if (r.i == 0)
        d.bits = x[0];
      d.bits = compute(v.op, d.bits, x[1], 0, r.carry);
      result = d.bits;
    } else {
      result = compute(v.op, x[0], x[1], x[2], r.carry);
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
        w.data |= uint32_t(p.s[v.index]) << 16;
    }
    w.control = d.flags & 1;
    w.color = d.color;
    w.ready = now + 1;
    p.out[d.queue].push_back(w);
    p.outFull |= 1u << d.queue;
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
    if (f.push >= 0 && s.wasEmpty)
      setTask(p, f.push, false, true, now + 1);
    s.wasEmpty = false;
    wakeRuns(id, p.live, now + 1);
    break;
  }
  }
  ++r.i;
  return true;
}
