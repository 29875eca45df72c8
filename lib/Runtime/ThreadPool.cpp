//===- ThreadPool.cpp - parallel loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A call publishes one job, opens the gate and rings the bell. Workers that
// hear it walk through the gate, take chunks until there are none, and leave.
// The caller does the same, closes the gate, and waits until all have left: a
// worker that wakes up late finds the gate closed and delays nobody. Waiting is
// spinning for a while, because the next loop usually comes within
// microseconds, and then a futex.
//
// Everything is in static storage without destructors: at exit, threads may
// still wait here.
//
//===----------------------------------------------------------------------===//

#include "plait/Runtime/Runtime.h"

#include <atomic>
#include <climits>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr int64_t maxThreads = 1024;
/// Chunks per thread: how finely a share can be divided when others help.
constexpr int64_t chunksPerThread = 8;
constexpr int64_t spinNanoseconds = 100000;

/// Chunks [first, last) that nobody has taken, as the halves of one word.
struct alignas(64) Share {
  std::atomic<uint64_t> range;
};

struct Job {
  plait_task task;
  void *context;
  int64_t count, chunks;
  unsigned threads;
};

Job job;
Share shares[maxThreads];
/// The failure with the lowest index, and who may write it.
const char *failure;
int64_t failedAt;
pthread_mutex_t failureLock = PTHREAD_MUTEX_INITIALIZER;

/// Rung once per job, and when workers have to end.
alignas(64) std::atomic<uint32_t> bell;
std::atomic<uint32_t> sleepers;
/// How many workers are inside, and two flags.
alignas(64) std::atomic<uint32_t> gate;
constexpr uint32_t gateOpen = 1u << 31, callerSleeps = 1u << 30,
                   insideMask = callerSleeps - 1;

/// Threads per job, 0 until it is known; workers that exist.
alignas(64) std::atomic<int64_t> limit;
std::atomic<uint32_t> alive;
/// Held by the caller whose job runs.
pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
pthread_once_t forkHandler = PTHREAD_ONCE_INIT;

thread_local bool inTask = false;

void futexWait(std::atomic<uint32_t> &word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futexWake(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/// Whether `done()` came true within the time for spinning.
template <typename Predicate> bool spinUntil(Predicate done) {
  for (int64_t end = 0;;) {
    for (int i = 0; i < 64; ++i) {
      if (done())
        return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("isb");
#endif
    }
    int64_t time = now();
    if (end == 0)
      end = time + spinNanoseconds;
    else if (time > end)
      return false;
  }
}

/// Takes one chunk of a share, the first or the last.
bool take(Share &share, bool first, int64_t &chunk) {
  uint64_t range = share.range.load(std::memory_order_relaxed);
  for (;;) {
    uint64_t begin = range >> 32, end = range & UINT32_MAX;
    if (begin >= end)
      return false;
    uint64_t rest = first ? (begin + 1) << 32 | end : begin << 32 | (end - 1);
    if (share.range.compare_exchange_weak(range, rest,
                                          std::memory_order_relaxed)) {
      chunk = first ? begin : end - 1;
      return true;
    }
  }
}

/// The first index of a chunk.
int64_t startOf(int64_t chunk) {
  int64_t size = job.count / job.chunks, rest = job.count % job.chunks;
  return chunk * size + (chunk < rest ? chunk : rest);
}

void work(unsigned self) {
  for (unsigned i = 0; i < job.threads; ++i) {
    Share &share = shares[(self + i) % job.threads];
    for (int64_t chunk; take(share, /*first=*/i == 0, chunk);) {
      int64_t begin = startOf(chunk);
      const char *message = job.task(job.context, begin, startOf(chunk + 1));
      if (!message)
        continue;
      pthread_mutex_lock(&failureLock);
      if (!failure || begin < failedAt) {
        failure = message;
        failedAt = begin;
      }
      pthread_mutex_unlock(&failureLock);
    }
  }
}

void leave() {
  if (gate.fetch_sub(1, std::memory_order_acq_rel) - 1 == callerSleeps)
    futexWake(gate);
}

void *workerMain(void *argument) {
  auto self = static_cast<unsigned>(reinterpret_cast<uintptr_t>(argument));
  inTask = true;
  while (self < limit.load(std::memory_order_acquire)) {
    uint32_t heard = bell.load(std::memory_order_seq_cst);
    if (gate.fetch_add(1, std::memory_order_acq_rel) & gateOpen)
      if (self < job.threads)
        work(self);
    leave();
    auto rung = [&] { return bell.load(std::memory_order_acquire) != heard; };
    if (spinUntil(rung))
      continue;
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    while (!rung())
      futexWait(bell, heard);
    sleepers.fetch_sub(1, std::memory_order_relaxed);
  }
  alive.fetch_sub(1, std::memory_order_release);
  futexWake(alive);
  return nullptr;
}

void ringBell() {
  bell.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst))
    futexWake(bell);
}

/// A forked child has this thread only.
void afterFork() {
  turn = PTHREAD_MUTEX_INITIALIZER;
  failureLock = PTHREAD_MUTEX_INITIALIZER;
  gate = 0;
  sleepers = 0;
  alive = 0;
  inTask = false;
}

/// Starts the workers that are missing. Returns what prevents it.
const char *startWorkers(unsigned threads) {
  pthread_once(&forkHandler,
               [] { pthread_atfork(nullptr, nullptr, afterFork); });
  while (alive.load(std::memory_order_relaxed) + 1 < threads) {
    // Signals are the other threads' business.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    uintptr_t self = alive.fetch_add(1, std::memory_order_relaxed) + 1;
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, workerMain,
                               reinterpret_cast<void *>(self));
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (error) {
      alive.fetch_sub(1, std::memory_order_relaxed);
      return "cannot start a thread: set PLAIT_NUM_THREADS to fewer";
    }
  }
  return nullptr;
}

/// Whether `cpu` is the first of its core's processors that `mask` has.
bool isFirstOfCore(int cpu, const cpu_set_t &mask) {
  char path[96];
  snprintf(path, sizeof path,
           "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
  FILE *file = fopen(path, "re");
  if (!file)
    return true;
  // Like 0-1 or 0,64.
  int first, last;
  bool found = false;
  while (!found && fscanf(file, "%d", &first) == 1) {
    int separator = fgetc(file);
    last = first;
    if (separator == '-' && fscanf(file, "%d", &last) == 1)
      fgetc(file);
    for (int i = first; i <= last && i < CPU_SETSIZE && !found; ++i)
      if (CPU_ISSET(i, &mask)) {
        found = true;
        cpu = i == cpu ? cpu : -1;
      }
  }
  fclose(file);
  return cpu >= 0;
}

/// The number that nobody has set; 0 if the environment's is none.
int64_t defaultThreads() {
  if (const char *text = getenv("PLAIT_NUM_THREADS"); text && *text) {
    char *end;
    long long value = strtoll(text, &end, 10);
    return *end || value < 1 ? 0 : value > maxThreads ? maxThreads : value;
  }
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask))
    return 1;
  int64_t cores = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &mask))
      cores += isFirstOfCore(cpu, mask);
  int64_t quota = plait_cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  if (quota && quota < cores)
    cores = quota;
  return cores < maxThreads ? cores : maxThreads;
}

const char *run(plait_task task, void *context, int64_t count,
                unsigned threads) {
  if (const char *error = startWorkers(threads))
    return error;
  int64_t chunks = threads * chunksPerThread;
  chunks = chunks < count ? chunks : count;
  job = {task, context, count, chunks, threads};
  for (int64_t i = 0; i < threads; ++i)
    shares[i].range.store(uint64_t(i * chunks / threads) << 32 |
                              uint64_t((i + 1) * chunks / threads),
                          std::memory_order_relaxed);
  failure = nullptr;
  gate.fetch_or(gateOpen, std::memory_order_release);
  ringBell();
  inTask = true;
  work(0);
  inTask = false;
  gate.fetch_and(~gateOpen, std::memory_order_acq_rel);
  auto empty = [] {
    return !(gate.load(std::memory_order_acquire) & insideMask);
  };
  if (!spinUntil(empty)) {
    gate.fetch_or(callerSleeps, std::memory_order_acq_rel);
    for (uint32_t value;
         (value = gate.load(std::memory_order_acquire)) & insideMask;)
      futexWait(gate, value);
    gate.fetch_and(~callerSleeps, std::memory_order_acq_rel);
  }
  return failure;
}

} // namespace

extern "C" {

int64_t plait_cpu_quota(const char *membership, const char *root) {
  char line[PATH_MAX], path[2 * PATH_MAX];
  FILE *file = fopen(membership, "re");
  if (!file)
    return 0;
  // Version 2 is the hierarchy without a number and a name: 0::/some/group
  bool found = false;
  while (!found && fgets(line, sizeof line, file))
    found = !strncmp(line, "0::/", 4);
  fclose(file);
  if (!found)
    return 0;
  line[strcspn(line, "\n")] = 0;
  int64_t least = 0;
  // Every group above limits, too.
  for (char *end = line + strlen(line); end; end = strrchr(line + 3, '/')) {
    *end = 0;
    snprintf(path, sizeof path, "%s%s/cpu.max", root, line + 3);
    if (!(file = fopen(path, "re")))
      continue;
    long long quota, period; // "max" is no number.
    if (fscanf(file, "%lld %lld", &quota, &period) == 2 && period > 0) {
      int64_t cpus = (quota + period - 1) / period;
      cpus = cpus < 1 ? 1 : cpus;
      least = least && least < cpus ? least : cpus;
    }
    fclose(file);
  }
  return least;
}

int64_t plait_get_num_threads(void) {
  int64_t threads = limit.load(std::memory_order_acquire);
  if (threads)
    return threads;
  threads = defaultThreads();
  int64_t unknown = 0;
  return limit.compare_exchange_strong(unknown, threads) ? threads : unknown;
}

const char *plait_set_num_threads(int64_t count) {
  if (count < 1 || count > maxThreads)
    return "expects from 1 to 1024 threads";
  pthread_mutex_lock(&turn);
  limit.store(count, std::memory_order_release);
  ringBell();
  // Workers beyond the limit end before others may take their numbers.
  for (uint32_t workers; (workers = alive.load(std::memory_order_acquire)) + 1 >
                         static_cast<uint64_t>(count);)
    futexWait(alive, workers);
  pthread_mutex_unlock(&turn);
  return nullptr;
}

const char *plait_parallel_for(plait_task task, void *context, int64_t count) {
  if (count <= 0)
    return nullptr;
  int64_t threads = plait_get_num_threads();
  if (threads == 0)
    return "expects a positive number in PLAIT_NUM_THREADS";
  if (count == 1 || threads == 1 || inTask)
    return task(context, 0, count);
  pthread_mutex_lock(&turn);
  // It may have been set while others had their turns.
  threads = plait_get_num_threads();
  const char *message =
      run(task, context, count,
          static_cast<unsigned>(threads < count ? threads : count));
  pthread_mutex_unlock(&turn);
  return message;
}
}
