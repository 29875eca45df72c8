//===- Clock.cpp - events, and what they wake -------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sim.h"
#include <algorithm>

using namespace plait::csl;

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

void Sim::span(uint64_t from, uint64_t to, int pe, int kind, int what,
               int slot) {
  if (!spanLimit)
    return;
  if (spans.size() < spanLimit)
    spans.push_back({from, to, pe, kind, what, slot});
  else
    ++spansLost;
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
  ++events;
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
      if (r.next[d] >= 0 && (r.exits() >> d & 1))
        __builtin_prefetch(&routes[r.next[d]].in[opposite(d)]);
  } else if (e.kind == OP) {
    const PE &p = pes[e.id / Runs];
    if (!inner) {
      __builtin_prefetch(&p);
      __builtin_prefetch(&p.live);
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
    link(r);
}

/// Finds the routers around one, of the colours on which wavelets leave it.
void Sim::link(Route &r) {
  for (int d = Ramp; d <= West; ++d) {
    int pe = d == Ramp ? -1 : neighbour(r.pe, d);
    r.next[d] = pe < 0 ? -1 : pes[pe].route[r.colorTo(d)];
  }
}

/// False, with `error` set, at the limit of cycles, or if tasks activate each
/// other but no operation and no wavelet has moved for very long.
bool Sim::goesOn() {
  if (!error.empty())
    return false;
  if (limit && now > limit)
    error = "the cycle limit was reached\n" + report();
  else if (idleTasks > Idle)
    error = "livelock: " + std::to_string(Idle) +
            " tasks have run since anything moved\n" + report();
  return error.empty();
}

/// Steps until `done`, which is asked every `every` events. When nothing is left
/// to happen, that is a deadlock, unless `done` now.
template <typename Done>
Status Sim::run(Done done, int every, uint64_t budget, const char *waits) {
  while (!done()) {
    for (int i = 0; i < every; ++i) {
      if (goesOn() && !step(Never)) {
        if (error.empty() && done())
          return Finished;
        if (error.empty())
          error = std::string("deadlock: ") + waits + "\n" + report();
      }
      if (!error.empty())
        return Failed;
    }
    if (budget <= uint64_t(every))
      return More;
    budget -= every;
  }
  return error.empty() ? Finished : Failed;
}

Status Sim::runUntilIdle(uint64_t until, uint64_t budget) {
  while (error.empty() && step(until))
    if (!--budget)
      return More;
  return error.empty() ? Finished : Failed;
}

Status Sim::runUntilUnblocked(uint64_t budget) {
  return run([&] { return openCommands == 0; }, 1, budget,
             "nothing can move, and some PE has not unblocked the command "
             "stream");
}

Status Sim::runUntilReceived(int x, int y, int w, int h, int color, uint64_t n,
                             uint64_t budget) {
  auto received = [&] {
    for (int j = y; j < y + h; ++j)
      for (int i = x; i < x + w; ++i)
        if (host[(j * width + i) * nOut + streamOut[color]].size() < n)
          return false;
    return true;
  };
  return run(received, 64, budget,
             "the host waits for wavelets that no PE will send");
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
