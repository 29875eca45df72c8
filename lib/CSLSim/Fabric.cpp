//===- Fabric.cpp - routers and queues --------------------------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sim.h"
#include <algorithm>

using namespace plait::csl;

/// Cycles that a wavelet from `d` to `o` takes longer than straight on.
int Sim::bend(int d, int o) const {
  return d == Ramp || o == opposite(d) ? 0 : machine.turn - machine.hop;
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
  ++p.count.received;
  int task = machine.arch == 2 ? w.color : queue;
  if (p.inUsers[queue])
    wakeRuns(pe, p.inUsers[queue], w.ready);
  else if (!(p.blocked >> task & 1))
    wake(pe, w.ready);
}

/// A wavelet left an input queue: whoever waits for the room goes on.
void Sim::queueTaken(int pe, int queue) {
  PE &p = pes[pe];
  if (queue == Direct) {
    for (int route : p.route)
      if (route >= 0)
        wakeRoute(route, now + 1);
    return;
  }
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
    if (int(r.in[Ramp].size()) >= machine.routerDepth + machine.ramp - 1)
      return; // routeStep asks again
    w.ready = now + machine.ramp;
    ++r.sent;
    r.sentBy = p.outPc[queue];
    r.in[Ramp].push_back(w);
    ++r.held;
    wakeRoute(route, w.ready);
  }
  p.rampFree = now + 1;
  ++p.count.sent;
  q.pop_front();
  wakeRuns(pe, p.outUsers[queue], now);
  if (q.empty())
    p.outFull &= ~(1u << queue);
  else if (p.outAt[queue] > now + 1) {
    p.outAt[queue] = now + 1;
    at(now + 1, OQ, pe * 8 + queue);
  }
}

/// A control wavelet carries eight commands, each two bits of opcode and one
/// that hides the wavelet from the compute engine: the first three bits from 22,
/// 25 and 28 on, but the third's last bit is bit 0; the others from bit 1 on.
/// Bits 16 to 21 are the entry point.
static int command(uint32_t data) { return data >> 22 & 7; }

/// Removes the first command; what moves up is followed by one that does
/// nothing and is hidden.
static uint32_t popped(uint32_t data) {
  uint64_t all = (data >> 22 & 0xff) | uint64_t(data & 0xffff) << 8;
  all = all >> 3 | 4ull << 21;
  return (data & 0xc03f0000) | uint32_t(all & 0xff) << 22 |
         (uint32_t(all >> 8) & 0xffff);
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
    if (q.empty() || !(r.takes() >> d & 1) || r.closed)
      continue;
    if (q.front().ready > now) {
      wakeRoute(id, q.front().ready);
      continue;
    }
    uint8_t tx = r.exits();
    Wavelet w = q.front();
    // All exits or none.
    bool room = true, pass = true;
    int queue = -1;
    uint64_t later = now;
    if (tx >> Ramp & 1) {
      if (r.filter == 1 && !w.control) {
        int index = w.data >> 16;
        pass = index >= r.f0 && index <= r.f1;
      } else if (r.filter >= 2) {
        pass = r.f3 & 4 ? w.control && r.f2 == r.f0 : r.f2 <= r.f0;
      }
      if (w.control && command(w.data) & 4)
        pass = false;
      if (pass) {
        queue = p.colorQueue[r.color];
        if (queue < 0 && w.control && machine.arch == 2)
          queue = Direct;
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
             "a wavelet on color " + std::to_string(r.colorTo(o)) +
                 " leaves towards a PE that has no route for it");
        return;
      }
      Route &n = routes[r.next[o]];
      // Whatever is on its way is not yet in the buffer.
      if (int(n.in[opposite(o)].size()) >=
          machine.routerDepth + machine.hop - 1 + bend(d, o))
        room = false;
      later = std::max(later, linkFree[r.pe * 5 + o] >> 3);
    }
    if (!room)
      continue;
    if (later > now) {
      wakeRoute(id, later);
      continue;
    }
    p.count.waited += now - w.ready;
    idleTasks = 0;
    bool control = w.control;
    Wavelet after = w;
    if (r.filter >= 2 && (tx >> Ramp & 1) && (r.f3 & (w.control ? 2 : 1)) &&
        ++r.f2 > r.f1) {
      r.f2 = 0;
      if (r.filter == 3) { // the second limit holds once; then all passes
        r.filter = r.f4 < 0 ? 0 : 3;
        r.f1 = r.f4;
        r.f4 = -1;
      }
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
      copy.color = r.colorTo(o);
      copy.ready = now + machine.hop + bend(d, o);
      if (seed)
        copy.ready += random() % 3;
      Route &n = routes[r.next[o]];
      Queue &to = n.in[opposite(o)];
      if (!to.empty()) // whatever delays it, a link keeps its order
        copy.ready = std::max(copy.ready, to.back().ready);
      to.push_back(copy);
      ++n.held;
      uint64_t &free = linkFree[r.pe * 5 + o];
      free = std::max(free, now * 8) + machine.gap;
      ++p.count.links[o];
      wakeRoute(r.next[o], copy.ready);
    }
    if ((tx >> Ramp & 1) && pass) {
      ++p.count.links[Ramp];
      deliver(r.pe, queue, w, now);
    }
    // The room just made is someone's chance.
    if (d == Ramp) {
      for (unsigned full = p.outFull; full; full &= full - 1) {
        int o = __builtin_ctz(full);
        if (p.outAt[o] > now + 1) {
          p.outAt[o] = now + 1;
          at(now + 1, OQ, r.pe * 8 + o);
        }
      }
    } else if (machine.arch == 2) { // who sent it may swap colours
      int from = neighbour(r.pe, d);
      for (int color : {r.color, r.color ^ 1})
        if (from >= 0 && pes[from].route[color] >= 0)
          wakeRoute(pes[from].route[color], now + 1);
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
  switch (command(w.data) & 3) {
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
    if (pes[r.pe].prog->local[TeardownTask] >= 0) {
      setTask(pes[r.pe], TeardownTask, false, true, now + machine.ramp);
    } else if (pes[r.pe].prog->teardown[r.color] >= 0) {
      pes[r.pe].tornDown |= 1u << r.color;
      wake(r.pe, now + machine.ramp);
    }
    break;
  }
  bool idle = (command(w.data) & 3) == 0;
  if (r.pop == 1 || (r.pop >= 2 && moved) || (r.pop == 3 && idle))
    w.data = popped(w.data);
}
