//===- Compute.cpp - tasks and scalar code of a PE --------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"

using namespace plait::csl;

void Sim::computeEngine(int id) {
  PE &p = pes[id];
  if (p.busy)
    return;
  if (now < p.time) {
    wake(id, p.time);
    return;
  }
  if (p.pendingCall >= 0) {
    int fn = p.pendingCall;
    p.pendingCall = -1;
    p.launched = fn;
    beginTask(p, fn, now + machine.taskStart);
    finish(id);
    return;
  }
  if (p.tornDown) {
    int color = __builtin_ctz(p.tornDown);
    p.tornDown &= p.tornDown - 1;
    beginTask(p, p.prog->teardown[color], now + machine.taskStart);
    finish(id);
    return;
  }
  // Local tasks, then the heads of the input queues. Under a seed, any order.
  uint64_t ready = p.active & ~p.blocked;
  int first = seed ? random() % 2 : 0;
  for (int round = 0; round < 2; ++round) {
    if ((round == 0) == (first == 0)) {
      if (!ready)
        continue;
      // In turn, so that a task which activates itself holds up no other.
      uint64_t later = ready & ~((2ull << p.lastTask) - 1);
      int task = __builtin_ctzll(later ? later : ready);
      if (seed) {
        int skip = random() % __builtin_popcountll(ready);
        uint64_t rest = ready;
        while (skip--)
          rest &= rest - 1;
        task = __builtin_ctzll(rest);
      }
      p.active &= ~(1ull << task);
      p.lastTask = task;
      if (p.prog->local[task] < 0) {
        fail(id, -1,
             "task id " + std::to_string(task) +
                 " was activated, but no task is bound to it");
        return;
      }
      beginTask(p, p.prog->local[task], now + machine.taskStart);
      finish(id);
      return;
    }
    int offset = seed ? random() % 9 : 0;
    for (int i = 0; i < 9; ++i) {
      int q = (i + offset) % 9;
      if (p.in[q].empty())
        continue;
      if (p.in[q].front().ready > now) {
        wake(id, p.in[q].front().ready);
        continue;
      }
      int task = machine.arch == 2 ? p.in[q].front().color : q;
      if (p.blocked >> task & 1)
        continue;
      if (p.inUsers[q])
        continue;
      Wavelet w = p.in[q].front();
      int fn;
      if (w.control) {
        int entry = w.data >> 16 & 63;
        fn = p.prog->control[entry];
        if (fn < 0) {
          fail(id, -1,
               "a control wavelet arrived on color " + std::to_string(w.color) +
                   " for entry point " + std::to_string(entry) +
                   ", to which no task is bound");
          return;
        }
      } else {
        fn = p.prog->data[task];
        if (fn < 0) {
          fail(id, -1,
               "a wavelet arrived on color " + std::to_string(w.color) +
                   ", whose queue is unblocked, but no data task is "
                   "bound to it");
          return;
        }
      }
      p.in[q].pop_front();
      queueTaken(id, q);
      const Fn &f = p.prog->fns[fn];
      if (w.control) {
        if (f.nparams)
          p.s[f.slot[0]] = wrap(f.ty[0], w.data & 0xffff);
      } else if (f.nparams == 1) {
        p.s[f.slot[0]] = wrap(f.ty[0], w.data);
      } else if (f.nparams >= 2) {
        p.s[f.slot[0]] = wrap(f.ty[0], w.data & 0xffff);
        p.s[f.slot[1]] = wrap(f.ty[1], w.data >> 16);
      }
      beginTask(p, fn, now + machine.taskStart);
      finish(id);
      return;
    }
  }
}

void Sim::beginTask(PE &p, int fn, uint64_t t) {
  ++p.count.tasks;
  ++idleTasks;
  p.began = now;
  p.stalledBefore = p.count.stalled;
  p.task = fn;
  p.time = t;
  p.busy = true;
  p.stack.clear();
  p.pc = p.prog->fns[fn].pc;
}

/// Runs the current task on; at its end the next may start.
void Sim::finish(int id) {
  PE &p = pes[id];
  if (execute(id, 0)) {
    p.busy = false;
    uint64_t stalled = p.count.stalled - p.stalledBefore;
    p.count.busy += p.time - p.began - stalled;
    span(p.began, p.time, id, 0, p.task, 0);
    wake(id, p.time);
  }
}

bool Sim::callNested(int id, int fn) {
  PE &p = pes[id];
  int pc = p.pc;
  size_t depth = p.stack.size();
  p.stack.push_back(-1);
  p.pc = p.prog->fns[fn].pc;
  bool done = execute(id, depth + 1);
  if (!done && error.empty())
    fail(id, p.pc, "a function under @map cannot wait for the fabric");
  p.stack.resize(depth);
  p.pc = pc;
  return done;
}

void Sim::setTask(PE &p, int id, bool block, bool value, uint64_t t) {
  uint64_t bit = 1ull << (id & 63);
  uint64_t &word = block ? p.blocked : p.active;
  word = value ? word | bit : word & ~bit;
  wake(&p - pes.data(), t);
}

bool Sim::execute(int id, size_t depth) {
  PE &p = pes[id];
  int64_t *s = p.s.data();
  uint8_t *mem = p.mem.data();
  const int64_t size = p.mem.size();
  const Ins *code = p.prog->code.data();
  int pc = p.pc;
  uint64_t count = 0, look = 0, time = p.time;
  const int taken = machine.scalar[CTaken] - machine.scalar[CBranch];
  auto stop = [&](const std::string &message) {
    p.pc = pc;
    p.time = time;
    fail(id, pc - 1, message);
    return false;
  };
  auto inside = [&](int64_t addr, int bytes) {
    return addr >= 0 && addr + bytes <= size;
  };
  auto defined = [&](int64_t addr, int bytes) {
    for (int i = 0; i < bytes; ++i)
      if (!p.init[addr + i])
        return false;
    return true;
  };
  for (;;) {
    const Ins &in = code[pc++];
    int op = in.op >> 4 & 0xfff, ty = in.op & 15;
    time += in.op >> 16;
    if (++count > look) {
      look += 1 << 16;
      if (limit && time > limit)
        return stop("the cycle limit was reached in this task");
      if (count > 2000000000ull)
        return stop("this task has run two billion instructions");
    }
    switch (op) {
    case MOV:
      s[in.a] = s[in.b];
      break;
    case CAST:
      s[in.a] = convert(ty, in.c, s[in.b]);
      break;
    case BITS:
      s[in.a] = wrap(ty, s[in.b]);
      break;
    case ADD:
      if (ty != TF16 && ty != TF32) {
        s[in.a] = wrap(ty, s[in.b] + s[in.c]);
        break;
      }
      [[fallthrough]];
    case SUB:
    case MUL:
    case AND:
    case OR:
    case XOR:
    case SHL:
    case SHR:
    case EQ:
    case NE:
    case LT:
    case LE:
      s[in.a] = arithmetic(op, ty, s[in.b], s[in.c]);
      break;
    case DIV:
    case MOD:
      if (ty < TF16 && s[in.c] == 0)
        return stop("division by zero");
      s[in.a] = arithmetic(op, ty, s[in.b], s[in.c]);
      break;
    case NEG:
      s[in.a] = ty == TF32   ? s[in.b] ^ 0x80000000ll
                : ty == TF16 ? s[in.b] ^ 0x8000
                             : wrap(ty, -s[in.b]);
      break;
    case INV:
      s[in.a] = wrap(ty, ~s[in.b]);
      break;
    case NOT:
      s[in.a] = !s[in.b];
      break;
    case MULI:
      s[in.a] = s[in.b] * in.c;
      break;
    case ADDI:
      s[in.a] = s[in.b] + in.c;
      break;
    case LOAD:
    case LOADG:
    case LOADX: {
      int64_t addr = op == LOADG   ? in.b
                     : op == LOADX ? s[in.b] * tySize[ty] + in.c
                                   : s[in.b] + in.c;
      if (!inside(addr, tySize[ty])) {
        if (ty == TU16 && readRegister(p, addr, s[in.a]))
          break;
        return stop("read outside of memory");
      }
      if (!defined(addr, tySize[ty]) && !undefined(id, pc - 1))
        return stop("");
      s[in.a] = load(mem + addr, ty);
      break;
    }
    case STORE:
    case STOREG:
    case STOREX: {
      int64_t addr = op == STOREG   ? in.b
                     : op == STOREX ? s[in.b] * tySize[ty] + in.c
                                    : s[in.b] + in.c;
      if (!inside(addr, tySize[ty])) {
        if (ty == TU16 && writeRegister(p, addr, s[in.a]))
          break;
        return stop("write outside of memory");
      }
      store(mem + addr, ty, s[in.a]);
      std::memset(p.init.data() + addr, 1, tySize[ty]);
      break;
    }
    case COPY:
      if (!inside(s[in.a], in.c) || !inside(s[in.b], in.c))
        return stop("copy outside of memory");
      std::memmove(mem + s[in.a], mem + s[in.b], in.c);
      std::memmove(p.init.data() + s[in.a], p.init.data() + s[in.b], in.c);
      break;
    case BCHK:
      if (s[in.a] < 0 || s[in.a] >= in.b)
        return stop("index " + std::to_string(s[in.a]) +
                    " is out of range: " + std::to_string(in.b) + " elements");
      break;
    case JMP:
      pc = in.a;
      break;
    case JZ:
      if (!s[in.a]) {
        pc = in.b;
        time += taken;
      }
      break;
    case JNZ:
      if (s[in.a]) {
        pc = in.b;
        time += taken;
      }
      break;
    case CALL:
      p.stack.push_back(pc);
      pc = p.prog->fns[in.a].pc;
      break;
    case RET:
      if (p.stack.size() <= depth) {
        if (depth == 0 || p.stack.empty()) {
          p.count.instructions += count;
          p.pc = pc;
          p.time = time;
          return true;
        }
      }
      pc = p.stack.back();
      if (pc < 0 && p.stack.size() == depth) {
        p.count.instructions += count;
        p.time = time;
        return true;
      }
      p.stack.pop_back();
      break;
    case TRAP:
      return stop("the function ended without returning a value");
    case ASSERT:
      if (!s[in.a])
        return stop("assertion failed");
      break;
    case DSDCPY:
      p.dsds[in.a] = p.dsds[in.b];
      break;
    case DSDOFF:
      p.dsds[in.a].base += int32_t(s[in.b]) * in.c;
      break;
    case DSDBASE:
      p.dsds[in.a].base = p.dsds[in.a].origin = s[in.b];
      p.dsds[in.a].esize = in.c;
      break;
    case DSDLEN:
      p.dsds[in.a].extent = uint16_t(s[in.b]);
      break;
    case DSDSTRIDE:
      p.dsds[in.a].stride = int8_t(s[in.b]);
      break;
    case VEC:
      p.pc = pc;
      p.time = time;
      if (!startVector(id, in.a)) {
        p.count.instructions += count;
        return false;
      }
      time = p.time;
      break;
    case ACTIVATE:
      setTask(p, s[in.a], false, true, time);
      break;
    case BLOCK:
      setTask(p, s[in.a], true, true, time);
      break;
    case UNBLOCK:
      setTask(p, s[in.a], true, false, time);
      break;
    case CMDDONE:
      if (!p.commandOpen)
        return stop("the command stream is unblocked, but no command is open");
      p.commandOpen = false;
      --openCommands;
      break;
    case COORD:
      s[in.a] = in.b == 0 ? p.x : p.y;
      break;
    case TSC:
      s[in.a] = time - p.tscStart;
      break;
    case TSCRESET:
      p.tscStart = time;
      break;
    case MATH: {
      s[in.a] = mathFunction(in.c >> 20, ty, s[in.b], s[in.c & 0xfffff]);
      break;
    }
    case SETROUTE: {
      int route = p.route[s[in.a] & 31];
      if (route < 0)
        return stop("this PE has no route for the color");
      if (routes[route].nextCount)
        return stop("two changes of a route are pending");
      routes[route].nextMask = s[in.b];
      routes[route].nextCount = s[in.c];
      wakeRoute(route, time);
      break;
    }
    case ROUTECFG: {
      int route = p.route[s[in.a] & 31];
      if (route < 0)
        return stop("this PE has no route for the color");
      Route &r = routes[route];
      int mask = s[in.b];
      switch (in.c) {
      case 0: // the routes of position 0; the others keep what they change
        r.rx[0] = mask & 31;
        r.tx[0] = mask >> 8;
        break;
      case 1:
        r.current = 0;
        break;
      case 2:
        r.npos = 1;
        break;
      case 3:
        r.npos = 2;
        r.rx[1] = mask;
        r.tx[1] = Route::Keep;
        break;
      case 4:
        r.closed = false;
        break;
      case 5: // directions of position 0, as in case 0: added, removed, toggled
        r.rx[0] |= mask & 31;
        r.tx[0] |= mask >> 8;
        break;
      case 6:
        r.rx[0] &= ~mask;
        r.tx[0] &= ~(mask >> 8);
        break;
      case 7:
        r.rx[0] ^= mask & 31;
        r.tx[0] ^= mask >> 8;
        break;
      case 8:
        r.ring = mask;
        break;
      case 9:
        r.pop = mask;
        break;
      case 10: { // a position: its number above the rx and tx it has, or Keep
        int at = mask >> 16;
        r.rx[at] = mask & 255;
        r.tx[at] = mask >> 8 & 255;
        r.npos = std::max(r.npos, at + 1);
        break;
      }
      case 11:
        if (mask >= r.npos)
          return stop("switch position " + std::to_string(mask) +
                      " is not valid");
        r.current = mask;
        break;
      }
      wakeRoute(route, time);
      break;
    }
    case TEARDOWNS: // the colours that are torn down
      s[in.a] = 0;
      for (int c = 0; c < 24; ++c)
        if (p.route[c] >= 0 && routes[p.route[c]].closed)
          s[in.a] |= 1 << c;
      break;
    case QUEUES: { // which input (b: 0) or output queues are empty; above, full
      s[in.a] = 0;
      for (int q = 0; q < 8; ++q) {
        int n = in.b ? p.out[q].size() : p.in[q].size();
        int room = in.b ? machine.outDepth[q] : machine.inDepth[q];
        s[in.a] |= (n == 0) << q | (n >= room && room) << (q + 8);
      }
      break;
    }
    case LOG: // a: channel, b: slot, or c: a text's number (ty is then unused)
      log.push_back({id, in.a, in.c >= 0 ? -1 : ty, in.c >= 0 ? in.c : s[in.b],
                     int64_t(p.time)});
      break;
    case RANDOM:
      p.rng = p.rng * 1664525u + 1013904223u;
      s[in.a] = p.rng;
      break;
    case SEED:
      p.rng = s[in.a];
      break;
    case UNDEFINE: // a local in memory is reached that has no initial value
      std::memset(p.init.data() + in.a, 0, in.b);
      break;
    case DEFINE: // a: whether a local in a slot was written
      s[in.a] = in.b;
      break;
    case DEFINED:
      if (!s[in.a] && !undefined(id, pc - 1))
        return stop("");
      break;
    default:
      return stop("unknown instruction");
    }
  }
}
