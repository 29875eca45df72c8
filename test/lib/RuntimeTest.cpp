//===- RuntimeTest.cpp - the runtime, without a compiler -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints one line per part that works, for FileCheck; `cmake --preset asan` and
// `tsan` build it with sanitizers. With the argument `latency`, prints instead
// how long an empty loop takes.
//
//===----------------------------------------------------------------------===//

#include "plait/Runtime/Runtime.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

void require(bool condition, const char *what) {
  if (condition)
    return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::abort();
}

const char *count(void *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    ++static_cast<int *>(context)[i];
  return nullptr;
}

void loop(int64_t size) {
  std::vector<int> seen(size + 1);
  require(!plait_parallel_for(count, seen.data(), size), "no message");
  for (int64_t i = 0; i < size; ++i)
    require(seen[i] == 1, "each index once");
  require(seen[size] == 0, "no index beyond");
}

void coverage() {
  for (int threads : {1, 2, 3, 8, 2, 5}) {
    require(!plait_set_num_threads(threads), "threads");
    require(plait_get_num_threads() == threads, "the number of threads");
    for (int64_t size : {0, 1, 2, 3, 7, 8, 15, 16, 17, 63, 64, 65, 1000, 4096})
      loop(size);
  }
}

const char *failing(void *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    ++*static_cast<std::atomic<int64_t> *>(context);
    if (i == 300)
      return "three hundred";
    if (i == 500)
      return "five hundred";
  }
  return nullptr;
}

void messages() {
  for (int i = 0; i < 200; ++i) {
    plait_set_num_threads(1 + i % 4);
    std::atomic<int64_t> done{0};
    const char *message = plait_parallel_for(failing, &done, 1000);
    require(message && !std::strcmp(message, "three hundred"), "the lowest");
  }
  require(plait_set_num_threads(0), "a positive number");
}

const char *nested(void *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    if (const char *message =
            plait_parallel_for(count, static_cast<int *>(context) + 10 * i, 10))
      return message;
  return nullptr;
}

void nesting() {
  plait_set_num_threads(3);
  std::vector<int> seen(1000);
  plait_parallel_for(nested, seen.data(), 100);
  for (int value : seen)
    require(value == 1, "each index once in nested loops");
}

void callers() {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 300; ++i) {
        if (i % 100 == 0)
          plait_set_num_threads(2 + (t + i / 100) % 3);
        loop(1 + i);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

void forking() {
  plait_set_num_threads(3);
  loop(100);
  if (pid_t child = fork()) {
    int status = 1;
    require(waitpid(child, &status, 0) == child && status == 0, "the child");
  } else {
    loop(100);
    _exit(0);
  }
  loop(100);
}

void memory() {
  for (int64_t alignment : {1, 16, 64, 256, 4096})
    for (int64_t bytes : {0, 1, 63, 64, 5000, 65472, 70000, 1000001, 9000000}) {
      auto *block = static_cast<char *>(plait_aligned_alloc(alignment, bytes));
      auto address = reinterpret_cast<uintptr_t>(block);
      require(address % std::max<int64_t>(alignment, 64) == 0, "alignment");
      std::memset(block, 1, bytes);
      plait_free(block);
    }
  plait_free(nullptr);
  // Many sizes from many threads, each block with its owner's mark.
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      std::vector<std::pair<unsigned char *, int64_t>> held;
      unsigned random = t;
      for (int i = 0; i < 400; ++i) {
        random = random * 1664525 + 1013904223;
        int64_t bytes = 1 + random % (1 << (8 + random / 7 % 16));
        auto *block =
            static_cast<unsigned char *>(plait_aligned_alloc(64, bytes));
        block[0] = block[bytes - 1] = t;
        held.emplace_back(block, bytes);
        if (held.size() == 20) {
          for (auto [old, size] : held) {
            require(old[0] == t && old[size - 1] == t, "one owner");
            plait_free(old);
          }
          held.clear();
        }
      }
      for (auto [old, size] : held)
        plait_free(old);
    });
  for (std::thread &thread : threads)
    thread.join();
}

void quotas() {
  char root[] = "/tmp/plait-quota-XXXXXX";
  require(mkdtemp(root), "a folder");
  std::string base = root, own = base + "/a", membership = base + "/cgroup";
  auto write = [](const std::string &path, const char *text) {
    FILE *file = std::fopen(path.c_str(), "w");
    require(file && std::fputs(text, file) >= 0 && !std::fclose(file), "write");
  };
  auto quota = [&] { return plait_cpu_quota(membership.c_str(), root); };
  require(quota() == 0, "no control groups");
  write(membership, "4:cpu:/x\n0::/a\n");
  require(!mkdir(own.c_str(), 0700) && quota() == 0, "no limit");
  write(own + "/cpu.max", "max 100000\n");
  require(quota() == 0, "no limit is called max");
  write(own + "/cpu.max", "250000 100000\n");
  require(quota() == 3, "rounded up");
  write(base + "/cpu.max", "1000 100000\n");
  require(quota() == 1, "the parent's limit");
  for (std::string path : {own + "/cpu.max", base + "/cpu.max", membership})
    unlink(path.c_str());
  require(!rmdir(own.c_str()) && !rmdir(root), "removed");
}

const char *nothing(void *, int64_t, int64_t) { return nullptr; }

void latency() {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (int i = 0; i < 20000; ++i) {
    auto start = Clock::now();
    plait_parallel_for(nothing, nullptr, 16);
    times.push_back(
        std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%lld threads: least %.2f us, median %.2f us\n",
              static_cast<long long>(plait_get_num_threads()), times[0] * 1e6,
              times[times.size() / 2] * 1e6);
}

} // namespace

int main(int argc, char **argv) {
  if (argc > 1 && !std::strcmp(argv[1], "latency")) {
    latency();
    return 0;
  }
  std::pair<const char *, void (*)()> parts[] = {
      {"coverage", coverage}, {"messages", messages}, {"nesting", nesting},
      {"callers", callers},   {"forking", forking},   {"memory", memory},
      {"quotas", quotas}};
  for (auto [name, part] : parts) {
    part();
    std::printf("%s\n", name);
    std::fflush(stdout);
  }
}
