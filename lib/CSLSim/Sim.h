//===- Sim.h - a wafer of PEs and routers, event by event -------*- C++ -*-===//
//
// Part of the Plait Project, under the Apache License v2.0 with LLVM Exceptions.
// See the LICENSE file for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The execution core of the CSL simulator. The Python front (plait.cslsim)
// compiles each distinct PE program to the bytecode below; this core runs all
// PEs and the fabric between them on one clock. No MLIR in here.
//
// Time. Every event carries a cycle. A task runs from its start to its end (or
// to the first synchronous operation on the fabric) in one go, its cycles added
// to the PE's own clock; tasks never pre-empt each other, so nothing can see the
// difference, except memory that a concurrent asynchronous operation writes.
// Operations on the fabric advance a wavelet at a time, so backpressure is real.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CSLSIM_SIM_H
#define PLAIT_LIB_CSLSIM_SIM_H

#include <cstdint>
#include <deque>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace plait::csl {

// Typed instructions carry the type in the low four bits of the opcode.
// clang-format off: it cannot make up its mind
#define PLAIT_CSL_OPS(X) \
  X(MOV) X(CAST) X(BITS) X(ADD) X(SUB) X(MUL) X(DIV) X(MOD) X(AND) X(OR) \
  X(XOR) X(SHL) X(SHR) X(NEG) X(INV) X(NOT) X(EQ) X(NE) X(LT) X(LE) X(MULI) \
  X(ADDI) X(LOAD) X(STORE) X(LOADG) X(STOREG) X(LOADX) X(STOREX) X(COPY) \
  X(BCHK) X(JMP) X(JZ) X(JNZ) X(CALL) X(RET) X(TRAP) X(ASSERT) X(DSDCPY) \
  X(DSDOFF) X(DSDBASE) X(DSDLEN) X(DSDSTRIDE) X(VEC) X(ACTIVATE) X(BLOCK) \
  X(UNBLOCK) X(CMDDONE) X(COORD) X(TSC) X(TSCRESET) X(MATH) X(SETROUTE) \
  X(ROUTECFG) X(TEARDOWNS) X(QUEUES) X(RANDOM) X(SEED) X(LOG) \
  X(UNDEFINE) X(DEFINE) X(DEFINED)

#define PLAIT_CSL_VECTOR_OPS(X) \
  X(loaddsr) X(map) X(fadds) X(fsubs) X(fmuls) X(fmaxs) X(faddh) X(fsubh) \
  X(fmulh) X(fmaxh) X(faddhs) X(add16) X(addc16) X(and16) X(or16) X(xor16) \
  X(sll16) X(slr16) X(sar16) X(sub16) X(fmacs) X(fmach) X(fmachs) X(fmovs) \
  X(fmovh) X(mov16) X(mov32) X(fnegs) X(fabss) X(fnegh) X(fabsh) X(fs2h) \
  X(fh2s) X(fs2xp16) X(xp162fs) X(fh2xp16) X(xp162fh) X(popcnt) X(clz) X(ctz) \
  X(fscales) X(fscaleh)
// clang-format on

enum Op : int32_t {
#define X(name) name,
  PLAIT_CSL_OPS(X)
#undef X
};
enum VectorOp : int32_t {
#define X(name) V_##name,
  PLAIT_CSL_VECTOR_OPS(X)
#undef X
};
enum Ty : int32_t {
  TBool,
  TI8,
  TU8,
  TI16,
  TU16,
  TI32,
  TU32,
  TI64,
  TU64,
  TF16,
  TF32
};
enum DsdKind : int32_t { DNone, DMem1, DMem4, DFabIn, DFabOut, DFifo };
enum OperandKind : int32_t { KDsd = 1, KDsr, KScalar, KPointer, KParam };
enum Direction : int32_t { Ramp, North, South, East, West };
inline int opposite(int direction) {
  constexpr int table[] = {Ramp, South, North, West, East};
  return table[direction];
}

/// `op` is 16 bits as Python writes it; the core adds the cycles above them.
struct Ins {
  int32_t op, a, b, c;
};
struct Dsd {
  int32_t kind, flags, queue, color, base, extent, stride, esize, origin, rank;
  int32_t dims[4], strides[4];
};
struct VecOp {
  int32_t op, flags, ut, activate, unblock, fn, nargs, args, index, result;
};
struct VecArg {
  int32_t kind, index, ty;
};
struct Object {
  int32_t addr, size;
};
struct Fn {
  int32_t pc, nparams, slot[16], ty[16];
};
struct Binding {
  int32_t kind, id,
      fn; // kind: 0 local, 1 data, 2 control, 3 teardown of a colour
};
struct FifoInfo {
  int32_t base, count, esize, push, pop;
};

struct Program {
  std::vector<Ins> code;
  std::vector<int64_t> slots;
  std::vector<uint8_t> memory, defined;
  std::vector<Dsd> dsds;
  std::vector<VecOp> vecs;
  std::vector<VecArg> args;
  std::vector<Fn> fns;
  std::vector<Object> objects;
  std::vector<FifoInfo> fifos;
  std::vector<int32_t> exports; // by exported name: function or -1
  int32_t local[64], data[64], control[64], teardown[64];
  int32_t inColor[8], outColor[8]; // -1: not initialised
  uint64_t active, blocked;
  bool usesDsrs = false;
};

/// A time that does not come.
constexpr uint64_t Never = ~0ull;

struct Wavelet {
  uint64_t ready;
  uint32_t data;
  int16_t color;
  uint8_t control;
};

/// A first-in first-out buffer that allocates nothing until it is used.
class Queue {
public:
  bool empty() const { return n == 0; }
  size_t size() const { return n; }
  Wavelet &front() { return data[head]; }
  const Wavelet &front() const { return data[head]; }
  Wavelet &back() { return data[(head + n - 1) & (data.size() - 1)]; }
  void push_back(const Wavelet &w) {
    if (n == data.size())
      grow();
    data[(head + n++) & (data.size() - 1)] = w;
  }
  void pop_front() {
    head = (head + 1) & (data.size() - 1);
    --n;
  }

private:
  std::vector<Wavelet> data;
  uint32_t head = 0, n = 0;
  void grow() {
    std::vector<Wavelet> bigger(data.empty() ? 4 : 2 * data.size());
    for (uint32_t i = 0; i < n; ++i)
      bigger[i] = data[(head + i) & (data.size() - 1)];
    data.swap(bigger);
    head = 0;
  }
};

/// Classes of scalar instructions, as the cost table has them.
enum Cost { CInteger, CFloat, CLoad, CStore, CDivide, CMath, CBranch, CTaken };

/// What one machine is like; the numbers and their sources are in machine.py.
struct Machine {
  int arch, hop, turn, gap, ramp, taskStart, vectorSetup, fabricSetup,
      routerDepth; // gap: eighths of a cycle between wavelets on a link
  int inDepth[9], outDepth[8]; // inDepth[8]: see Direct
  int scalar[8];               // cycles by Cost
  /// 1/64 cycles an element, by vector operation; last: reductions to a scalar.
  int vector[64], reduction;
};

struct Operand {
  int32_t kind; // DsdKind, or -1 scalar, -2 pointer
  int32_t ty, size, queue, color, flags, param, dsr;
  int64_t bits, addr, step;
  Dsd dsd;
  Operand() {} // a Run has eight, most of them never used
};

/// A vector operation in flight.
struct Run {
  bool sync, endless, carry = false;
  uint64_t began;
  int vec, n, pc, activate, unblock;
  int64_t i = 0, length = -1, before = 0; // before: *P, should it stay
  uint64_t scheduled = Never;
  Operand arg[8];
};

struct Fifo {
  int head = 0, n = 0;
  // Whether somebody found it full, or empty, since it last was not.
  bool wasFull = false, wasEmpty = false;
};

/// A data structure register and what its load said of the operations on it.
struct Dsr {
  Dsd dsd;
  int32_t flags, activate, unblock, ut;
};

/// The local task of teardown, unless colours have handlers of their own.
constexpr int TeardownTask = 29;

/// Microthreads 0-7; 8 is the synchronous operation of the running task; 9-15
/// hold asynchronous operations on memory alone.
constexpr int Main = 8, Runs = 16;

/// On wse2, control wavelets reach the compute engine of a PE that has no input
/// queue for their colour; here they wait for their task.
constexpr int Direct = 8;

/// What one PE and its router did.
struct Counters {
  uint64_t busy = 0;    // cycles that tasks ran, without `stalled`
  uint64_t stalled = 0; // cycles that tasks waited for operations on the fabric
  uint64_t tasks = 0, instructions = 0, elements = 0;
  uint64_t sent = 0, received = 0; // wavelets over the ramp
  uint64_t waited = 0;    // cycles that wavelets stood in the router, in all
  uint64_t links[5] = {}; // wavelets by exit; [Ramp]: to the compute engine
};

/// What every wavelet touches comes first. Whatever most PEs never use (most
/// runs, the DSRs) is allocated when it is first used, so that a large grid
/// stays in the caches.
struct PE {
  const Program *prog = nullptr;
  uint64_t time = 0, ceAt = Never, rampFree = 0, tscStart = 0;
  uint64_t active = 0, blocked = 0;
  bool busy = false, commandOpen = false;
  int8_t colorQueue[24];
  uint8_t outFull = 0;            // output queues that hold something
  uint16_t live = 0, waiting = 0; // runs: in flight; and waiting for the fabric
  uint16_t inUsers[9] = {}, outUsers[8] = {}; // live runs on each queue
  Run *run[Runs] = {};
  uint64_t outAt[8];
  Queue in[9], out[8]; // in[8]: see Direct
  int32_t route[24];
  int32_t pc = -1;
  int x, y;
  int pendingCall = -1, lastTask = 63;
  int launched = -1;     // the function of the open command
  int32_t outPc[8];      // the operation that filled each output queue last
  uint32_t tornDown = 0; // colours whose handler is due
  uint32_t rng = 0;
  int task = -1; // the function that runs
  uint64_t began = 0, stalledBefore = 0;
  Counters count;
  std::vector<int32_t> stack;
  std::vector<int64_t> s;
  std::vector<uint8_t> mem, init;
  std::vector<Dsd> dsds;
  std::vector<Dsr> dsrs;
  std::vector<Fifo> fifos;
};

/// The router of one PE for one colour.
struct Route {
  uint64_t at = Never;
  int pe, color, npos, current;
  int held = 0;    // wavelets in all its buffers
  int32_t next[5]; // the routers around it, of the colour as it leaves, or -1
  // What each switch position takes and where it sends; Keep: as the one before.
  static constexpr uint8_t Keep = 0xff;
  uint8_t rx[4], tx[4];
  bool ring = false, closed = false;
  uint8_t pop = 0, filter = 0;
  // Set by SETROUTE: open for so many wavelets, then closed; and what comes
  // next.
  int nextMask = 0, nextCount = 0;
  int64_t left = -1;
  // Filter: 1 range (f0 lowest, f1 highest index), 2 counter (f0 highest count
  // that passes, f1 highest count, f2 the count, f3: 1 counts data, 2 control, 4
  // passes control at f0 only), 3 sparse counter (f4: the next f1, or -1).
  int f0 = 0, f1 = 0, f2 = 0, f3 = 0, f4 = -1;
  int sent = 0, sentBy = -1; // wavelets from the ramp, the last operation's pc
  int swap = 0; // what leaves along x (1) or y (2) changes its colour's low bit
  Queue in[5];

  uint8_t takes() const { return set(rx); }
  uint8_t exits() const { return set(tx); }
  uint8_t set(const uint8_t *mask) const {
    int i = current;
    while (i > 0 && mask[i] == Keep)
      --i;
    return mask[i];
  }

  /// The colour on which a wavelet leaves in a direction.
  int colorTo(int direction) const {
    int axis = direction == East || direction == West ? 1 : 2;
    return color ^ int(direction != Ramp && (swap & axis));
  }
};

/// One value that a program wrote down for its host: printed or traced.
struct LogEntry {
  int64_t pe, channel, ty, bits, time;
};

/// A piece of the timeline. kind 0: a task (what: its function); 1: a task's
/// wait for its operation; 2: an asynchronous operation (what: the instruction).
struct Span {
  uint64_t from, to;
  int32_t pe, kind, what, slot;
};

/// How a call that runs ends: with `error` set, as it should, or before that
/// because its budget of events is used up.
enum Status { Failed, Finished, More };

class Sim {
public:
  Sim(int width, int height, const Machine &machine)
      : width(width), height(height), machine(machine), pes(width * height),
        linkFree(width * height * 5, 0), buckets(Ring) {}

  int width, height;
  Machine machine;
  std::vector<Program *> programs;
  std::vector<PE> pes;
  std::vector<Route> routes;
  std::vector<uint64_t> linkFree;
  std::vector<Queue> host; // per PE and d2h colour
  std::vector<Queue> feed; // per PE and h2d colour
  int streamIn[24], streamOut[24], nIn = 0, nOut = 0;
  uint64_t now = 0, limit = 0;
  int openCommands = 0;
  bool strict = false;    // what is only noted stops the run
  bool checkReads = true; // so do reads of memory that was never written
  struct Note {
    int pe, pc;
    std::string text;
  };
  std::vector<LogEntry> log;
  std::vector<Note> notes; // suspicious, but legal; one per place and program
  bool checkBounds =
      true; // a DSD leaves its variable: stop, or go on in memory
  uint64_t seed = 0;
  std::string error;
  int errorPe = -1, errorPc = -1;
  uint64_t events = 0;
  size_t spanLimit = 0; // 0: no timeline
  uint64_t spansLost = 0;
  std::vector<Span> spans;

  void start();
  /// Each runs the events it needs, but at most about `budget`.
  Status runUntilIdle(uint64_t until, uint64_t budget);
  Status runUntilUnblocked(uint64_t budget);
  Status runUntilReceived(int x, int y, int w, int h, int color, uint64_t n,
                          uint64_t budget);
  void launch(int x, int y, int w, int h, int exported, const int64_t *args);
  void wake(int pe, uint64_t t);
  void feedStream(int pe, int color, uint64_t t);
  /// What is left: commands, operations, tasks and wavelets, one a line. Marks
  /// "@x y pc@" stand for source positions.
  void span(uint64_t from, uint64_t to, int pe, int kind, int what, int slot);
  std::string report() const;
  /// How many wavelets nobody took.
  size_t strays() const;

private:
  // Few buckets, so that they stay in a cache; whatever is later goes to `far`.
  static constexpr int Ring = 256;
  static constexpr uint64_t Idle = 10000000;
  uint64_t idleTasks = 0; // since anything moved
  bool goesOn();
  enum Kind : uint32_t { CE, OP, OQ, RT, FD };
  struct Event {
    uint32_t kind, id;
  };
  struct Far {
    uint64_t t;
    Event e;
    bool operator<(const Far &o) const { return t > o.t; }
  };
  std::deque<Run> runs; // what PE::run points to
  std::vector<std::vector<Event>> buckets;
  std::priority_queue<Far> far;
  uint64_t near = 0;
  size_t cursor = 0;
  std::mt19937_64 random;

  void at(uint64_t t, Kind kind, uint32_t id);
  void dispatch(Event e);
  void prefetch(Event e, bool inner) const;
  bool step(uint64_t until);
  template <typename Done>
  Status run(Done done, int every, uint64_t budget, const char *waits);

  void fail(int pe, int pc, const std::string &message);
  void computeEngine(int pe);
  void beginTask(PE &p, int fn, uint64_t t);
  /// Runs from p.pc until the stack empties (true), or a synchronous operation
  /// has to wait for the fabric (false).
  bool execute(int pe, size_t depth);
  bool callNested(int pe, int fn);
  void finish(int pe);

  void setTask(PE &p, int id, bool block, bool value, uint64_t t);
  bool startVector(int pe, int vec);
  bool resolve(int pe, const VecArg &a, Operand &o);
  void advance(int pe, int run);
  bool element(int pe, Run &r);
  void complete(int pe, int run, uint64_t t, bool whole);
  void launchRun(int pe, int slot, const Run &r, uint64_t t);
  void wakeRuns(int pe, unsigned mask, uint64_t t);
  bool bulk(int pe, Run &r);
  int64_t fetch(PE &p, Operand &o, int64_t i, int pc);
  bool note(int pe, int pc, const char *text, bool stop);
  bool undefined(int pe, int pc);
  bool check(int pe, Run &r);

  void sendOut(int pe, int queue);
  void routeStep(int route);
  void applyControl(Route &r, Wavelet &w);
  void deliver(int pe, int queue, Wavelet w, uint64_t t);
  void wakeRoute(int route, uint64_t t);
  void wakeRun(int pe, int run, uint64_t t);
  void queueTaken(int pe, int queue);
  int bend(int d, int o) const;
  int cyclesPerElement(const Run &r, int op) const;
  int neighbour(int pe, int direction) const;
  void link(Route &r);
  std::string senders(int pe, int color) const;
  /// Registers.cpp: false if there is no register at that address.
  bool readRegister(PE &p, int64_t addr, int64_t &value);
  bool writeRegister(PE &p, int64_t addr, int64_t value);
};

} // namespace plait::csl

#endif // PLAIT_LIB_CSLSIM_SIM_H
