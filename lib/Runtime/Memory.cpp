//===- Memory.cpp - memory for buffers and results -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A call of compiled code makes its results and scratch buffers anew. malloc
// gives large blocks back to the system when they are freed, and the page
// faults of the next call cost more than the work in it. Here, large blocks are
// kept by size, eight sizes to a doubling; those unused for longest go first.
//
//===----------------------------------------------------------------------===//

#include "plait/Runtime/Runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

namespace {

constexpr uint64_t cacheLine = 64, hugePage = 2 << 20;
/// Where in its page the data of a large block begins. Large arrays of NumPy
/// and torch begin a few bytes behind a page's start. Were a result to begin
/// just behind that, loads would wait for the stores before them, of which
/// processors compare no more than the place in a page.
constexpr uint64_t placeInPage = 2048;
/// Smaller blocks are malloc's.
#if defined(__SANITIZE_ADDRESS__)
constexpr uint64_t smallest = UINT64_MAX; // It watches malloc's blocks only.
#else
constexpr uint64_t smallest = 64 << 10;
#endif

/// In front of every block.
struct alignas(cacheLine) Header {
  void *base;
  /// Of the whole mapping; 0 if malloc made it.
  uint64_t bytes;
  Header *newer, *older;
  uint64_t freedAt;
};

struct List {
  Header *newest, *oldest;
};

constexpr int numSizes = 8 * 64;
List lists[numSizes];
uint64_t cachedBytes, cacheLimit, clock;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
pthread_once_t once = PTHREAD_ONCE_INIT;

[[noreturn]] void fail(const char *why, int64_t bytes) {
  fprintf(stderr, "plait: %s: %lld bytes\n", why,
          static_cast<long long>(bytes));
  abort();
}

void initialize() {
  const char *text = getenv("PLAIT_CACHED_BYTES");
  cacheLimit = text ? strtoull(text, nullptr, 10) : 256 << 20;
  auto acquire = [] { pthread_mutex_lock(&lock); };
  auto release = [] { pthread_mutex_unlock(&lock); };
  pthread_atfork(acquire, release, release);
}

/// Rounds up to one of eight sizes per doubling.
uint64_t roundUp(uint64_t bytes) {
  uint64_t step = uint64_t(1) << (63 - __builtin_clzll(bytes)) >> 3;
  return (bytes + step - 1) & ~(step - 1);
}

/// Of what roundUp returned.
List &listOf(uint64_t bytes) {
  int power = 63 - __builtin_clzll(bytes);
  return lists[power * 8 + (bytes >> (power - 3) & 7)];
}

void unlink(List &list, Header *block) {
  (block->newer ? block->newer->older : list.newest) = block->older;
  (block->older ? block->older->newer : list.oldest) = block->newer;
  cachedBytes -= block->bytes;
}

void *map(uint64_t bytes) {
  // Large blocks start at a huge page, so that the system may use those.
  uint64_t slack = bytes >= 2 * hugePage ? hugePage : 0;
  void *memory = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  if (!slack)
    return memory;
  auto start = reinterpret_cast<uint64_t>(memory);
  uint64_t aligned = (start + hugePage - 1) & ~(hugePage - 1);
  if (aligned != start)
    munmap(memory, aligned - start);
  if (uint64_t behind = start + slack - aligned)
    munmap(reinterpret_cast<void *>(aligned + bytes), behind);
  memory = reinterpret_cast<void *>(aligned);
  madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

/// A block of at least `bytes`, and the bytes it has.
void *allocateLarge(uint64_t &bytes) {
  pthread_once(&once, initialize);
  bytes = roundUp(bytes);
  pthread_mutex_lock(&lock);
  List &list = listOf(bytes);
  Header *block = list.newest;
  if (block)
    unlink(list, block);
  pthread_mutex_unlock(&lock);
  return block ? block->base : map(bytes);
}

/// Takes the block that has been free for longest, if there is one.
Header *takeOldest() {
  List *oldest = nullptr;
  for (List &list : lists)
    if (list.oldest &&
        (!oldest || list.oldest->freedAt < oldest->oldest->freedAt))
      oldest = &list;
  if (!oldest)
    return nullptr;
  Header *block = oldest->oldest;
  unlink(*oldest, block);
  return block;
}

void freeLarge(Header *block) {
  if (block->bytes > cacheLimit) {
    munmap(block->base, block->bytes);
    return;
  }
  Header *surplus = nullptr;
  pthread_mutex_lock(&lock);
  while (cachedBytes + block->bytes > cacheLimit) {
    Header *old = takeOldest();
    old->older = surplus;
    surplus = old;
  }
  List &list = listOf(block->bytes);
  block->newer = nullptr;
  block->older = list.newest;
  block->freedAt = ++clock;
  (list.newest ? list.newest->newer : list.oldest) = block;
  list.newest = block;
  cachedBytes += block->bytes;
  pthread_mutex_unlock(&lock);
  while (surplus) {
    Header *next = surplus->older;
    munmap(surplus->base, surplus->bytes);
    surplus = next;
  }
}

} // namespace

extern "C" {

void *plait_aligned_alloc(int64_t alignment, int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 4)
    fail("no buffer has this size", bytes);
  uint64_t align = static_cast<uint64_t>(alignment);
  align = align > cacheLine ? align : cacheLine;
  // The header and the data; a stricter alignment needs room.
  bool large = static_cast<uint64_t>(bytes) >= smallest;
  uint64_t before = large ? placeInPage : sizeof(Header);
  uint64_t total = before + (align - cacheLine) + bytes;
  void *base = nullptr;
  if (large)
    base = allocateLarge(total);
  else if (posix_memalign(&base, cacheLine, total))
    base = nullptr;
  if (!base)
    fail("out of memory", bytes);
  uint64_t data = reinterpret_cast<uint64_t>(base) + before;
  data = (data + align - 1) & ~(align - 1);
  auto *header = reinterpret_cast<Header *>(data) - 1;
  header->base = base;
  header->bytes = large ? total : 0;
  return reinterpret_cast<void *>(data);
}

void plait_free(void *memory) {
  if (!memory)
    return;
  auto *header = static_cast<Header *>(memory) - 1;
  if (header->bytes)
    freeLarge(header);
  else
    free(header->base);
}
}
