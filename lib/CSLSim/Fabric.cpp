//===- Fabric.cpp - clock, routers and queues -------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sim.h"
#include <algorithm>

using namespace plait::csl;

static int opposite(int direction) {
  static const int table[] = {Ramp, South, North, West, East};
  return table[direction];
}

void Sim::at(uint64_t t, Kind kind, uint32_t id) {
  if (t < now)
    t = now;
  if (t - now < Ring) {
    buckets[t % Ring].push_back({kind, id});
    ++near;
  } else {
    far.push({t, {kind, id}});
  }
}

void Sim::fail(int pe, int pc, const std::string &message) {
  if (!error.empty())
    return;
  error = message;
  errorPe = pe;
  errorPc = pc;
}

/// One event. False when nothing is left (or not before `until`).
bool Sim::step(uint64_t until) {
  std::vector<Event> *bucket = &buckets[now % Ring];
  while (cursor == bucket->size()) {
    near -= bucket->size();
    bucket->clear();
    cursor = 0;
    if (near == 0) {
      if (far.empty() || far.top().t > until)
        return false;
      now = far.top().t;
    } else {
      if (now >= until)
        return false;
      ++now;
    }
    while (!far.empty() && far.top().t - now < Ring) {
      buckets[far.top().t % Ring].push_back(far.top().e);
      ++near;
      far.pop();
    }
    bucket = &buckets[now % Ring];
    if (seed && bucket->size() > 1)
      std::shuffle(bucket->begin(), bucket->end(), random);
  }
  // A large grid does not fit in the caches, but who comes next is known.
  if (cursor + 8 < bucket->size())
    prefetch((*bucket)[cursor + 8], false);
  if (cursor + 3 < bucket->size())
    prefetch((*bucket)[cursor + 3], true);
  Event e = (*bucket)[cursor++];
  ++stats.events;
  dispatch(e);
  return true;
}

/// Asks for what an event will touch: first its PE or router, then (`inner`)
/// what that points to.
void Sim::prefetch(Event e, bool inner) const {
  if (e.kind == RT) {
    const Route &r = routes[e.id];
    if (!inner) {
      __builtin_prefetch(&r);
      __builtin_prefetch(reinterpret_cast<const char *>(&r) + 64);
      __builtin_prefetch(reinterpret_cast<const char *>(&r) + 128);
      __builtin_prefetch(reinterpret_cast<const char *>(&r) + 192);
      return;
    }
    __builtin_prefetch(&pes[r.pe]);
    for (int d = North; d <= West; ++d)
      if (r.next[d] >= 0 && (r.tx[r.current] >> d & 1))
        __builtin_prefetch(&routes[r.next[d]].in[opposite(d)]);
  } else if (e.kind == OP) {
    const PE &p = pes[e.id / Runs];
    if (!inner) {
      __builtin_prefetch(&p);
      __builtin_prefetch(&p.run[e.id % Runs]);
      return;
    }
    __builtin_prefetch(p.run[e.id % Runs]);
    __builtin_prefetch(&p.run[e.id % Runs]->arg[0]);
    __builtin_prefetch(&p.run[e.id % Runs]->arg[1]);
  } else if (e.kind == CE && !inner) {
    __builtin_prefetch(&pes[e.id]);
  }
}

void Sim::dispatch(Event e) {
  switch (e.kind) {
  case CE:
    if (pes[e.id].ceAt == now)
      pes[e.id].ceAt = Never;
    computeEngine(e.id);
    return;
  case OP: {
    PE &p = pes[e.id / Runs];
    int slot = e.id % Runs;
    if ((p.live >> slot & 1) && p.run[slot]->scheduled == now) {
      p.run[slot]->scheduled = Never;
      advance(e.id / Runs, slot);
    }
    return;
  }
  case OQ: {
    PE &p = pes[e.id / 8];
    if (p.outAt[e.id % 8] == now) {
      p.outAt[e.id % 8] = Never;
      sendOut(e.id / 8, e.id % 8);
    }
    return;
  }
  case RT:
    if (routes[e.id].at == now) {
      routes[e.id].at = Never;
      routeStep(e.id);
    }
    return;
  case FD:
    feedStream(e.id / 24, e.id % 24, now);
    return;
  }
}

void Sim::start() {
  random.seed(seed);
  for (size_t i = 0; i < pes.size(); ++i) {
    PE &p = pes[i];
    if (!p.prog)
      continue;
    for (auto &t : p.outAt)
      t = Never;
    p.s = p.prog->slots;
    p.mem = p.prog->memory;
    p.init = p.prog->defined;
    if (!checkBounds) { // what lies behind the variables is memory, too
      p.mem.resize(48 * 1024);
      p.init.resize(48 * 1024);
    }
    p.dsds = p.prog->dsds;
    p.fifos.resize(p.prog->fifos.size());
    p.active = p.prog->active;
    p.blocked = p.prog->blocked;
    p.dsrs.resize(p.prog->usesDsrs ? 48 : 0);
    for (Dsr &d : p.dsrs)
      d.dsd.kind = DNone;
    p.rng = 12345;
    std::fill(p.colorQueue, p.colorQueue + 24, -1);
    for (int q = 0; q < 8; ++q)
      if (p.prog->inColor[q] >= 0)
        p.colorQueue[p.prog->inColor[q]] = q;
    wake(i, 0);
  }
  for (Route &r : routes)
    for (int d = Ramp; d <= West; ++d) {
      int pe = d == Ramp ? -1 : neighbour(r.pe, d);
      r.next[d] = pe < 0 ? -1 : pes[pe].route[r.color];
    }
}

bool Sim::runUntilIdle(uint64_t cycles) {
  uint64_t until = now + cycles;
  while (error.empty() && step(until))
    ;
  return error.empty();
}

bool Sim::runUntilUnblocked() {
  while (openCommands > 0) {
    {
      if (!error.empty())
        return false;
      if (limit && now > limit) {
        error = "the cycle limit was reached\n" + report();
        return false;
      }
      if (!step(~0ull)) {
        if (!error.empty())
          return false;
        error = "deadlock: nothing can move, and some PE has not unblocked the "
                "command stream\n" +
                report();
        return false;
      }
    }
  }
  return error.empty();
}

bool Sim::runUntilReceived(int x, int y, int w, int h, int color, uint64_t n) {
  auto missing = [&] {
    for (int j = y; j < y + h; ++j)
      for (int i = x; i < x + w; ++i)
        if (host[(j * width + i) * nOut + streamOut[color]].size() < n)
          return true;
    return false;
  };
  while (missing()) {
    for (int i = 0; i < 64; ++i) {
      if (!error.empty())
        return false;
      if (limit && now > limit) {
        error = "the cycle limit was reached\n" + report();
        return false;
      }
      if (!step(~0ull)) {
        if (!error.empty())
          return false;
        if (!missing())
          return true;
        error = "deadlock: the host waits for wavelets that no PE will send\n" +
                report();
        return false;
      }
    }
  }
  return error.empty();
}

void Sim::launch(int x, int y, int w, int h, int exported,
                 const int64_t *args) {
  for (int j = y; j < y + h; ++j)
    for (int i = x; i < x + w; ++i) {
      int id = j * width + i;
      PE &p = pes[id];
      int fn = p.prog->exports[exported];
      if (fn < 0) {
        fail(id, -1, "this PE does not export the launched function");
        return;
      }
      const Fn &f = p.prog->fns[fn];
      for (int k = 0; k < f.nparams; ++k)
        p.s[f.slot[k]] = args[k];
      p.pendingCall = fn;
      openCommands += !p.commandOpen;
      p.commandOpen = true;
      wake(id, now);
    }
}

void Sim::wake(int pe, uint64_t t) {
  PE &p = pes[pe];
  if (p.busy)
    return;
  t = std::max({t, p.time, now});
  if (p.ceAt <= t)
    return;
  p.ceAt = t;
  at(t, CE, pe);
}

void Sim::wakeRun(int pe, int run, uint64_t t) {
  Run &r = *pes[pe].run[run];
  t = std::max(t, now);
  if (r.scheduled <= t)
    return;
  r.scheduled = t;
  at(t, OP, pe * Runs + run);
}

/// Those operations in `mask` that wait for the fabric look again.
void Sim::wakeRuns(int pe, unsigned mask, uint64_t t) {
  for (mask &= pes[pe].waiting; mask; mask &= mask - 1)
    wakeRun(pe, __builtin_ctz(mask), t);
}

void Sim::wakeRoute(int route, uint64_t t) {
  Route &r = routes[route];
  t = std::max(t, now);
  if (r.at <= t || !r.held)
    return;
  r.at = t;
  at(t, RT, route);
}

int Sim::neighbour(int pe, int direction) const {
  int x = pes[pe].x, y = pes[pe].y;
  switch (direction) {
  case North:
    --y;
    break;
  case South:
    ++y;
    break;
  case East:
    ++x;
    break;
  case West:
    --x;
    break;
  }
  if (x < 0 || y < 0 || x >= width || y >= height)
    return -1;
  return y * width + x;
}

/// Host words for a colour enter the PE's queue, one a cycle.
void Sim::feedStream(int pe, int color, uint64_t t) {
  PE &p = pes[pe];
  Queue &q = feed[pe * nIn + streamIn[color]];
  int queue = p.colorQueue[color];
  if (q.empty())
    return;
  if (queue < 0) {
    fail(pe, -1,
         "host data for color " + std::to_string(color) +
             ", which no input queue of this PE takes");
    return;
  }
  if (int(p.in[queue].size()) >= machine.inDepth[queue])
    return; // queueTaken asks again
  Wavelet w = q.front();
  q.pop_front();
  deliver(pe, queue, w, t);
  if (!q.empty())
    at(t + 1, FD, pe * 24 + color);
}

void Sim::deliver(int pe, int queue, Wavelet w, uint64_t t) {
  PE &p = pes[pe];
  w.ready = t + machine.ramp;
  p.in[queue].push_back(w);
  int task = machine.arch == 2 ? p.prog->inColor[queue] : queue;
  if (p.inUsers[queue])
    wakeRuns(pe, p.inUsers[queue], w.ready);
  else if (!(p.blocked >> task & 1))
    wake(pe, w.ready);
}

/// A wavelet left an input queue: whoever waits for the room goes on.
void Sim::queueTaken(int pe, int queue) {
  PE &p = pes[pe];
  int color = p.prog->inColor[queue];
  if (color < 0)
    return;
  if (streamIn[color] >= 0) {
    if (!feed[pe * nIn + streamIn[color]].empty())
      at(now + 1, FD, pe * 24 + color);
  } else if (p.route[color] >= 0) {
    wakeRoute(p.route[color], now + 1);
  }
}

/// An output queue hands its first wavelet to the router.
void Sim::sendOut(int pe, int queue) {
  PE &p = pes[pe];
  Queue &q = p.out[queue];
  if (q.empty())
    return;
  Wavelet w = q.front();
  uint64_t t = std::max(w.ready, p.rampFree);
  if (t > now) {
    if (p.outAt[queue] > t) {
      p.outAt[queue] = t;
      at(t, OQ, pe * 8 + queue);
    }
    return;
  }
  if (streamOut[w.color] >= 0) {
    host[pe * nOut + streamOut[w.color]].push_back(w);
  } else {
    int route = p.route[w.color];
    if (route < 0) {
      fail(pe, -1,
           "a wavelet was sent on color " + std::to_string(w.color) +
               ", which has no route on this PE");
      return;
    }
    Route &r = routes[route];
    if (int(r.in[Ramp].size()) >= machine.routerDepth)
      return; // routeStep asks again
    w.ready = now + machine.ramp;
    r.in[Ramp].push_back(w);
    ++r.held;
    wakeRoute(route, w.ready);
  }
  p.rampFree = now + 1;
  q.pop_front();
  wakeRuns(pe, p.outUsers[queue], now);
  if (q.empty())
    p.outFull &= ~(1u << queue);
  else if (p.outAt[queue] > now + 1) {
    p.outAt[queue] = now + 1;
    at(now + 1, OQ, pe * 8 + queue);
  }
}

/// The first command left in a control wavelet: two bits of opcode, one that
/// hides the wavelet from the compute engine. Three commands fit, from bit 22.
static int command(const Wavelet &w) {
  return w.popped < 3 ? w.data >> (22 + 3 * w.popped) & 7 : 0;
}

/// Moves what can move through one router on one colour.
void Sim::routeStep(int id) {
  Route &r = routes[id];
  PE &p = pes[r.pe];
  if (r.nextCount && r.left <= 0) {
    r.rx[0] = r.nextMask & 31;
    r.tx[0] = r.nextMask >> 8;
    r.left = r.nextCount;
    r.nextCount = 0;
  }
  for (int d = 0; d < 5; ++d) {
    Queue &q = r.in[d];
    if (q.empty() || !(r.rx[r.current] >> d & 1) || r.closed)
      continue;
    if (q.front().ready > now) {
      wakeRoute(id, q.front().ready);
      continue;
    }
    uint8_t tx = r.tx[r.current];
    Wavelet w = q.front();
    // All exits or none.
    bool room = true, pass = true;
    int queue = -1;
    uint64_t later = now;
    if (tx >> Ramp & 1) {
      if (r.filter == 1 && !w.control) {
        int index = w.data >> 16;
        pass = index >= r.f0 && index <= r.f1;
      } else if (r.filter == 2 && !w.control) {
        pass = r.f2 <= r.f0;
      }
      if (w.control && command(w) & 4)
        pass = false;
      if (pass) {
        queue = p.colorQueue[r.color];
        if (queue < 0)
          room = false; // stays, and is named in the report
        else if (int(p.in[queue].size()) >= machine.inDepth[queue])
          room = false;
      }
    }
    for (int o = North; o <= West && room; ++o) {
      if (!(tx >> o & 1))
        continue;
      if (r.next[o] < 0) {
        fail(r.pe, -1,
             "a wavelet on color " + std::to_string(r.color) +
                 " leaves towards a PE that has no route for it");
        return;
      }
      Route &n = routes[r.next[o]];
      if (int(n.in[opposite(o)].size()) >= machine.routerDepth)
        room = false;
      later = std::max(later, linkFree[r.pe * 5 + o]);
    }
    if (!room)
      continue;
    if (later > now) {
      wakeRoute(id, later);
      continue;
    }
    bool control = w.control;
    Wavelet after = w;
    if (r.filter == 2 && !w.control && (tx >> Ramp & 1)) {
      if (++r.f2 > r.f1)
        r.f2 = 0;
    }
    q.pop_front();
    --r.held;
    if (r.left > 0 && --r.left == 0)
      r.rx[0] = 0;
    if (control)
      applyControl(r, after);
    for (int o = North; o <= West; ++o) {
      if (!(tx >> o & 1))
        continue;
      Wavelet copy = after;
      copy.ready = now + machine.hop;
      if (seed)
        copy.ready += random() % 3;
      Route &n = routes[r.next[o]];
      Queue &to = n.in[opposite(o)];
      if (seed && !to.empty()) // jitter, but a link keeps its order
        copy.ready = std::max(copy.ready, to.back().ready);
      to.push_back(copy);
      ++n.held;
      linkFree[r.pe * 5 + o] = now + 1;
      ++stats.hops;
      wakeRoute(r.next[o], copy.ready);
    }
    if ((tx >> Ramp & 1) && pass)
      deliver(r.pe, queue, w, now);
    // The room just made is someone's chance.
    if (d == Ramp) {
      for (unsigned full = p.outFull; full; full &= full - 1) {
        int o = __builtin_ctz(full);
        if (p.outAt[o] > now + 1) {
          p.outAt[o] = now + 1;
          at(now + 1, OQ, r.pe * 8 + o);
        }
      }
    } else if (r.next[d] >= 0) {
      wakeRoute(r.next[d], now + 1);
    }
    if (!q.empty() || control || r.nextCount)
      wakeRoute(id, now + 1);
  }
}

/// Executes the first command left in a control wavelet.
void Sim::applyControl(Route &r, Wavelet &w) {
  bool moved = false;
  switch (command(w) & 3) {
  case 1: { // advance
    int next = r.current + 1;
    if (next >= r.npos)
      next = r.ring ? 0 : r.current;
    moved = next != r.current;
    r.current = next;
    break;
  }
  case 2: // back to the first position
    moved = r.current != 0;
    r.current = 0;
    break;
  case 3: // tear down: nothing passes until the PE says so
    r.closed = true;
    if (pes[r.pe].prog->teardown[r.color] >= 0) {
      pes[r.pe].tornDown |= 1u << r.color;
      wake(r.pe, now + machine.ramp);
    }
    break;
  }
  if (r.pop == 1 || (r.pop == 2 && moved))
    ++w.popped;
}
