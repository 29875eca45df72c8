//===- Runtime.h - what compiled code calls -----------------------*- C -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C interface of libplait_runtime: one pool of threads and one store of
// memory per process, however many modules are loaded. Every function may be
// called from any thread. A message that a function returns lives for ever.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_RUNTIME_H
#define PLAIT_RUNTIME_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Does the work of the indices [begin, end). Returns null, or what went wrong.
typedef const char *(*plait_task)(void *context, int64_t begin, int64_t end);

/// Calls `task` on ranges that cover [0, count), each index once, on the
/// caller's thread and the pool's. Thread t of T starts with the t-th part of
/// the range and, when that is done, takes from the end of others' parts. A
/// call from inside a task runs on its own thread only; calls from several
/// threads take turns. Returns the message of the lowest index that failed.
const char *plait_parallel_for(plait_task task, void *context, int64_t count);

/// How many threads work on one call, the caller's included: what was set last,
/// else PLAIT_NUM_THREADS, else the cores that this process may run on, at most
/// its quota. 0 if PLAIT_NUM_THREADS is no positive number.
int64_t plait_get_num_threads(void);

/// The processors' worth of time that a control group (version 2) may use,
/// rounded up; 0: no limit. `membership` is a file like /proc/self/cgroup,
/// `root` the folder of the hierarchy.
int64_t plait_cpu_quota(const char *membership, const char *root);

/// Sets that number. Returns null, or what is wrong with it.
const char *plait_set_num_threads(int64_t count);

/// Makes `buffer`, a jmp_buf, the place where a failure on this thread goes, and
/// returns the one before.
void *plait_set_guard(void *buffer);

/// Says what the next failure on this thread is. The text lives for ever.
void plait_set_message(const char *text);
const char *plait_get_message(void);

/// Jumps to the guard.
void plait_fail(void);

/// Fails with a message, unless it is null.
void plait_raise(const char *text);

/// Uninitialised memory, aligned to `alignment`, a power of two, and to 64
/// bytes. Ends the process if there is none.
void *plait_aligned_alloc(int64_t alignment, int64_t bytes);

/// Frees what plait_aligned_alloc returned, or null. Large blocks are kept for
/// the next call that needs one, up to PLAIT_CACHED_BYTES (default: 256 MiB)
/// in all, so that a result that every call makes anew costs no page faults.
void plait_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif // PLAIT_RUNTIME_RUNTIME_H
