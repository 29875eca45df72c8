//===- CApi.cpp - what Python calls -----------------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sim.h"
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

using namespace plait::csl;

static std::string nameOf(const PE &p) {
  return "PE (" + std::to_string(p.x) + ", " + std::to_string(p.y) + ")";
}

static std::string mark(const PE &p, int pc) {
  return "@" + std::to_string(p.x) + " " + std::to_string(p.y) + " " +
         std::to_string(pc) + "@";
}

/// Who can send to a PE on a colour, and how much they have: the routes walked
/// backwards, through every position of the switches.
std::string Sim::senders(int pe, int color) const {
  std::vector<int> seen, open;
  auto visit = [&](int id, int c) {
    int r = id < 0 ? -1 : pes[id].route[c];
    if (r >= 0 && std::find(seen.begin(), seen.end(), r) == seen.end()) {
      seen.push_back(r);
      open.push_back(r);
    }
  };
  visit(pe, color);
  std::string text;
  while (!open.empty()) {
    const Route &r = routes[open.back()];
    const PE &p = pes[r.pe];
    open.pop_back();
    int from = 0;
    for (int i = 0; i < r.npos; ++i)
      from |= r.rx[i] == Route::Keep ? 0 : r.rx[i];
    if (from & 1 && seen.size() < 1000) {
      text += (text.empty() ? "; " : ", ") + nameOf(p) + " sent " +
              std::to_string(r.sent);
      if (r.sent)
        text += " (" + mark(p, r.sentBy) + ")";
    }
    for (int d = North; d <= West; ++d)
      if (from >> d & 1)
        for (int c : {r.color, r.color ^ 1}) {
          int id = neighbour(r.pe, d);
          int before = id < 0 ? -1 : pes[id].route[c];
          if (before >= 0 && (c == r.color) == !routes[before].swap)
            visit(id, c);
        }
  }
  return text.size() < 400 ? text : "";
}

size_t Sim::strays() const {
  size_t n = 0;
  for (const PE &p : pes)
    for (int q = 0; q < 8; ++q)
      n += p.in[q].size() + p.out[q].size();
  for (const Route &r : routes)
    for (const Queue &q : r.in)
      n += q.size();
  for (const Queue &q : host)
    n += q.size();
  for (const Queue &q : feed)
    n += q.size();
  return n;
}

std::string Sim::report() const {
  std::string text;
  int lines = 0;
  auto line = [&](const std::string &s) {
    if (++lines <= 40)
      text += "  " + s + "\n";
  };
  for (const PE &p : pes) {
    if (!p.prog)
      continue;
    int id = &p - pes.data();
    std::string name = nameOf(p);
    if (p.commandOpen)
      line(name + " has not unblocked the command stream" +
           (p.launched < 0 ? ""
                           : " after the launch of " +
                                 mark(p, p.prog->fns[p.launched].pc)));
    for (int k = 0; k < Runs; ++k) {
      if (!(p.live >> k & 1) || p.run[k]->endless)
        continue;
      const Run &r = *p.run[k];
      std::string what;
      for (int a = 0; a < r.n; ++a) {
        const Operand &o = r.arg[a];
        int color = o.kind == DFabIn ? p.prog->inColor[o.queue] : o.color;
        if (o.kind == DFabIn && p.in[o.queue].empty())
          what += " for wavelets on color " + std::to_string(color) +
                  " (queue " + std::to_string(o.queue) + ")" +
                  senders(id, color);
        if (o.kind == DFabOut &&
            int(p.out[o.queue].size()) >= machine.outDepth[o.queue])
          what += " for room to send on color " + std::to_string(color);
        if (o.kind == DFifo)
          what += " for its FIFO";
      }
      line(name + ": the operation " + mark(p, r.pc) + " waits, " +
           std::to_string(r.i) + " of " + std::to_string(r.length) +
           " elements done," + what);
    }
    uint64_t stuck = p.active & p.blocked;
    for (int t = 0; t < 64; ++t)
      if (stuck >> t & 1)
        line(name + ": task " + std::to_string(t) + " is active but blocked");
    for (int q = 0; q < 8; ++q)
      if (!p.in[q].empty())
        line(name + ": " + std::to_string(p.in[q].size()) +
             " wavelets wait in input queue " + std::to_string(q) + " (color " +
             std::to_string(p.prog->inColor[q]) + ")" +
             (p.blocked >> (machine.arch == 2 ? p.prog->inColor[q] : q) & 1
                  ? ", which is blocked"
                  : "") +
             senders(id, p.prog->inColor[q]));
  }
  static const char *names[] = {"RAMP", "NORTH", "SOUTH", "EAST", "WEST"};
  for (const Route &r : routes)
    for (int d = 0; d < 5; ++d)
      if (!r.in[d].empty())
        line(nameOf(pes[r.pe]) + ": " + std::to_string(r.in[d].size()) +
             " wavelets on color " + std::to_string(r.color) + " from " +
             names[d] + " are stuck in the router" +
             (r.closed                ? " (torn down)"
              : !(r.takes() >> d & 1) ? " (its route takes nothing from there)"
              : (r.exits() & 1) && pes[r.pe].colorQueue[r.color] < 0
                  ? " (no input queue of the PE takes the color)"
                  : "") +
             senders(r.pe, r.color));
  for (size_t i = 0; i < host.size(); ++i)
    if (!host[i].empty())
      line(nameOf(pes[i / nOut]) + ": " + std::to_string(host[i].size()) +
           " words on color " + std::to_string(host[i].front().color) +
           " were not read by the host");
  for (size_t i = 0; i < feed.size(); ++i)
    if (!feed[i].empty())
      line(nameOf(pes[i / nIn]) + ": " + std::to_string(feed[i].size()) +
           " words of the host on color " +
           std::to_string(feed[i].front().color) + " were not taken");
  if (lines > 40)
    text += "  and " + std::to_string(lines - 40) + " more\n";
  return text;
}

namespace {
struct Handle {
  Sim sim;
  std::vector<std::unique_ptr<Program>> programs;
  std::string text;
  Handle(int w, int h, const Machine &m) : sim(w, h, m) {}
};
} // namespace

extern "C" {

const char *plait_csl_ops() {
  static const std::string text = [] {
    std::string s;
#define X(name) s += #name " ";
    PLAIT_CSL_OPS(X)
    s += "| ";
    PLAIT_CSL_VECTOR_OPS(X)
#undef X
    return s;
  }();
  return text.c_str();
}

/// machine: the fields of Machine in their order.
void *plait_csl_new(int width, int height, const int32_t *machine,
                    const int32_t *streamIn, int nIn, const int32_t *streamOut,
                    int nOut, uint64_t seed, int strict, int checkBounds,
                    int checkReads, uint64_t limit) {
  Machine m;
  static_assert(sizeof(Machine) % sizeof(int32_t) == 0);
  std::memcpy(&m, machine, sizeof(Machine));
  auto *h = new Handle(width, height, m);
  Sim &s = h->sim;
  s.seed = seed;
  s.limit = limit;
  s.strict = strict;
  s.checkBounds = checkBounds;
  s.checkReads = checkReads;
  std::fill(s.streamIn, s.streamIn + 24, -1);
  std::fill(s.streamOut, s.streamOut + 24, -1);
  s.nIn = nIn;
  s.nOut = nOut;
  for (int i = 0; i < nIn; ++i)
    s.streamIn[streamIn[i]] = i;
  for (int i = 0; i < nOut; ++i)
    s.streamOut[streamOut[i]] = i;
  s.feed.resize(size_t(width) * height * nIn);
  s.host.resize(size_t(width) * height * nOut);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      PE &p = s.pes[y * width + x];
      p.x = x;
      p.y = y;
      std::fill(p.route, p.route + 24, -1);
    }
  return h;
}

void plait_csl_delete(void *handle) { delete static_cast<Handle *>(handle); }

/// What an instruction costs, but for branches that are taken.
static int cyclesOf(const Ins &in, const Machine &m) {
  bool real = (in.op & 15) >= TF16;
  const int *c = m.scalar;
  switch (in.op >> 4) {
  case BCHK: // the hardware does not check
  case UNDEFINE:
  case DEFINE:
  case DEFINED:
    return 0;
  case ADD:
  case SUB:
  case MUL:
  case LT:
  case LE:
  case EQ:
  case NE:
    return c[real ? CFloat : CInteger];
  case DIV:
  case MOD:
    return c[CDivide];
  case LOAD:
  case LOADG:
  case LOADX:
    return c[CLoad];
  case STORE:
  case STOREG:
  case STOREX:
    return c[CStore];
  case COPY:
    return (in.c + 3) / 4 * (c[CLoad] + c[CStore]);
  case MATH: {
    int fn = in.c >> 20; // 6 to 8, 10 and 11: floor, ceil, abs, min, max
    return c[(fn >= 6 && fn <= 8) || fn == 10 || fn == 11 ? CFloat : CMath];
  }
  case JMP:
    return c[CTaken];
  case JZ:
  case JNZ:
    return c[CBranch];
  default:
    return c[CInteger];
  }
}

/// Arrays in the order of Program; `counts` holds their lengths.
int plait_csl_program(void *handle, const int32_t *counts, const int32_t *code,
                      const int64_t *slots, const uint8_t *memory,
                      const uint8_t *defined, const int32_t *dsds,
                      const int32_t *vecs, const int32_t *args,
                      const int32_t *fns, const int32_t *objects,
                      const int32_t *fifos, const int32_t *exports,
                      const int32_t *bindings, const int32_t *queues,
                      const uint64_t *masks) {
  auto *h = static_cast<Handle *>(handle);
  auto p = std::make_unique<Program>();
  p->code.resize(counts[0]);
  std::memcpy(p->code.data(), code, counts[0] * sizeof(Ins));
  for (Ins &in : p->code)
    in.op |= cyclesOf(in, h->sim.machine) << 16;
  p->slots.assign(slots, slots + counts[1]);
  p->memory.assign(memory, memory + counts[2]);
  p->defined.assign(defined, defined + counts[2]);
  p->dsds.resize(counts[3]);
  std::memcpy(p->dsds.data(), dsds, counts[3] * sizeof(Dsd));
  p->vecs.resize(counts[4]);
  std::memcpy(p->vecs.data(), vecs, counts[4] * sizeof(VecOp));
  p->args.resize(counts[5]);
  std::memcpy(p->args.data(), args, counts[5] * sizeof(VecArg));
  for (const VecOp &v : p->vecs)
    p->usesDsrs |= v.op == V_loaddsr;
  for (const VecArg &a : p->args)
    p->usesDsrs |= a.kind == KDsr;
  p->fns.resize(counts[6]);
  std::memcpy(p->fns.data(), fns, counts[6] * sizeof(Fn));
  p->objects.resize(counts[7]);
  std::memcpy(p->objects.data(), objects, counts[7] * sizeof(Object));
  p->fifos.resize(counts[8]);
  std::memcpy(p->fifos.data(), fifos, counts[8] * sizeof(FifoInfo));
  p->exports.assign(exports, exports + counts[9]);
  std::fill(p->local, p->local + 64, -1);
  std::fill(p->data, p->data + 64, -1);
  std::fill(p->control, p->control + 64, -1);
  std::fill(p->teardown, p->teardown + 64, -1);
  for (int i = 0; i < counts[10]; ++i) {
    const int32_t *b = bindings + 3 * i;
    int32_t *tables[] = {p->local, p->data, p->control, p->teardown};
    tables[b[0]][b[1]] = b[2];
  }
  std::copy(queues, queues + 8, p->inColor);
  std::copy(queues + 8, queues + 16, p->outColor);
  p->active = masks[0];
  p->blocked = masks[1];
  h->sim.programs.push_back(p.get());
  h->programs.push_back(std::move(p));
  return h->programs.size() - 1;
}

void plait_csl_pe(void *handle, int x, int y, int program) {
  auto *h = static_cast<Handle *>(handle);
  h->sim.pes[y * h->sim.width + x].prog = h->programs[program].get();
}

/// config: npos, current, ring, pop, closed, filter kind, f0 to f4, swap, then rx
/// and tx of each position.
void plait_csl_route(void *handle, int x, int y, int color,
                     const int32_t *config) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  Route r;
  r.pe = y * s.width + x;
  r.color = color;
  r.npos = config[0];
  r.current = config[1];
  r.ring = config[2];
  r.pop = config[3];
  r.closed = config[4];
  r.filter = config[5];
  r.f0 = config[6];
  r.f1 = config[7];
  r.f2 = config[8];
  r.f3 = config[9];
  r.f4 = config[10];
  r.swap = config[11];
  for (int i = 0; i < 4; ++i)
    r.rx[i] = r.tx[i] = Route::Keep;
  for (int i = 0; i < r.npos; ++i) {
    r.rx[i] = config[12 + 2 * i];
    r.tx[i] = config[13 + 2 * i];
  }
  s.pes[r.pe].route[color] = s.routes.size();
  s.routes.push_back(r);
}

void plait_csl_start(void *handle) {
  static_cast<Handle *>(handle)->sim.start();
}

void plait_csl_launch(void *handle, int x, int y, int w, int h, int exported,
                      const int64_t *args) {
  static_cast<Handle *>(handle)->sim.launch(x, y, w, h, exported, args);
}

/// A Status, as of the other two: 1 if all went well, 2 to be called again, 0
/// to ask plait_csl_error.
int plait_csl_finish_command(void *handle, uint64_t budget) {
  return static_cast<Handle *>(handle)->sim.runUntilUnblocked(budget);
}

int plait_csl_settle(void *handle, uint64_t until, uint64_t budget) {
  return static_cast<Handle *>(handle)->sim.runUntilIdle(until, budget);
}

/// 0 if that is not in the PE's memory; of a read, 2 if the program and the host
/// have not written all of it; else 1.
int plait_csl_memory(void *handle, int x, int y, int addr, int bytes, int write,
                     uint8_t *buffer) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  PE &p = s.pes[y * s.width + x];
  if (addr < 0 || addr + bytes > int(p.mem.size()))
    return 0;
  if (write) {
    std::memcpy(p.mem.data() + addr, buffer, bytes);
    std::fill_n(p.init.begin() + addr, bytes, 1);
  } else {
    std::memcpy(buffer, p.mem.data() + addr, bytes);
    if (bytes && std::memchr(p.init.data() + addr, 0, bytes))
      return 2;
  }
  return 1;
}

void plait_csl_send(void *handle, int x, int y, int color,
                    const uint32_t *words, int n) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  int pe = y * s.width + x;
  Queue &q = s.feed[pe * s.nIn + s.streamIn[color]];
  bool idle = q.empty();
  for (int i = 0; i < n; ++i) {
    Wavelet w{};
    w.data = words[i];
    w.color = color;
    q.push_back(w);
  }
  if (idle)
    s.feedStream(pe, color, s.now);
}

int plait_csl_await(void *handle, int x, int y, int w, int h, int color,
                    uint64_t n, uint64_t budget) {
  return static_cast<Handle *>(handle)->sim.runUntilReceived(x, y, w, h, color,
                                                             n, budget);
}

void plait_csl_receive(void *handle, int x, int y, int color, uint32_t *words,
                       int n) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  Queue &q = s.host[(y * s.width + x) * s.nOut + s.streamOut[color]];
  for (int i = 0; i < n; ++i) {
    words[i] = q.front().data;
    q.pop_front();
  }
}

/// The error's text; where[0..2] are the PE's x and y and the instruction.
const char *plait_csl_error(void *handle, int32_t *where) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  where[0] = s.errorPe < 0 ? -1 : s.pes[s.errorPe].x;
  where[1] = s.errorPe < 0 ? -1 : s.pes[s.errorPe].y;
  where[2] = s.errorPc;
  return s.error.c_str();
}

/// What is left over: live operations, wavelets in queues and routers.
const char *plait_csl_report(void *handle) {
  auto *h = static_cast<Handle *>(handle);
  h->text = h->sim.report();
  return h->text.c_str();
}

int plait_csl_strays(void *handle) {
  return static_cast<Handle *>(handle)->sim.strays();
}

/// The text of note `i`, or null; where[0..2] are the PE's x and y and the
/// instruction.
const char *plait_csl_note(void *handle, int i, int32_t *where) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  if (i >= int(s.notes.size()))
    return nullptr;
  where[0] = s.pes[s.notes[i].pe].x;
  where[1] = s.pes[s.notes[i].pe].y;
  where[2] = s.notes[i].pc;
  return s.notes[i].text.c_str();
}

/// Entry `i` of what programs printed and traced, or null.
const int64_t *plait_csl_log(void *handle, int i) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  return i < int(s.log.size()) ? &s.log[i].pe : nullptr;
}

/// Keep a timeline of at most so many spans.
void plait_csl_trace(void *handle, uint64_t limit) {
  static_cast<Handle *>(handle)->sim.spanLimit = limit;
}

/// Ends the spans of what is still under way, for the last look.
void plait_csl_close_spans(void *handle) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  for (size_t i = 0; i < s.pes.size(); ++i) {
    PE &p = s.pes[i];
    if (p.busy)
      s.span(p.began, s.now, i, 0, p.task, 0);
    for (int k = 0; k < Runs; ++k)
      if (p.live >> k & 1)
        s.span(p.run[k]->began, s.now, i, k == Main ? 1 : 2, p.run[k]->pc, k);
  }
}

/// Up to `n` spans as six numbers each; how many there are.
uint64_t plait_csl_spans(void *handle, int64_t *out, uint64_t n) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  for (size_t i = 0; i < s.spans.size() && i < n; ++i) {
    const Span &span = s.spans[i];
    for (int64_t v :
         {int64_t(span.from), int64_t(span.to), int64_t(span.pe),
          int64_t(span.kind), int64_t(span.what), int64_t(span.slot)})
      *out++ = v;
  }
  return s.spans.size();
}

/// cycle, events, spans that did not fit, open commands
void plait_csl_totals(void *handle, uint64_t *out) {
  Sim &s = static_cast<Handle *>(handle)->sim;
  out[0] = s.now;
  out[1] = s.events;
  out[2] = s.spansLost;
  out[3] = s.openCommands;
}

/// The fields of Counters of every PE, row by row.
void plait_csl_counters(void *handle, uint64_t *out) {
  for (const PE &p : static_cast<Handle *>(handle)->sim.pes) {
    std::memcpy(out, &p.count, sizeof(Counters));
    out += sizeof(Counters) / sizeof(uint64_t);
  }
}
}
