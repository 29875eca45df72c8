//===- DeviceEmulator.cpp - GPU kernels on this machine -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Runs device code that was compiled for this machine. Blocks run one after the
// other; the threads of a block are fibers of one operating system thread, which
// take turns at barriers and shuffles only. So a run is deterministic, and a
// race between threads shows as results that depend on the order of turns,
// which the caller chooses.

#include <cstdint>
#include <ucontext.h>
#include <vector>

namespace {

constexpr int warpSize = 32;
constexpr size_t stackSize = 64 * 1024;

enum class State { Ready, Barrier, Shuffle, Done };

struct Fiber {
  ucontext_t context;
  State state = State::Ready;
  int thread = 0;
};

struct Warp {
  uint32_t mask = 0, arrived = 0;
  uint32_t posted[warpSize], ready[warpSize];
};

struct Device {
  void (*kernel)(void **) = nullptr;
  void **operands = nullptr;
  int grid = 0, block = 0, blockIndex = 0, waiting = 0;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<char> stacks;
  ucontext_t scheduler;
  Fiber *current = nullptr;
  const char *error = nullptr;
};

Device *device = nullptr;

void wait(State state) {
  Fiber *self = device->current;
  self->state = state;
  swapcontext(&self->context, &device->scheduler);
}

void run() {
  device->kernel(device->operands);
  device->current->state = State::Done;
  // uc_link returns to the scheduler.
}

void runBlock(bool backward) {
  Device &d = *device;
  d.waiting = 0;
  d.warps.assign((d.block + warpSize - 1) / warpSize, Warp());
  for (int i = 0; i < d.block; ++i) {
    Fiber &fiber = d.fibers[i];
    fiber.thread = i;
    fiber.state = State::Ready;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = d.stacks.data() + i * stackSize;
    fiber.context.uc_stack.ss_size = stackSize;
    fiber.context.uc_link = &d.scheduler;
    makecontext(&fiber.context, run, 0);
  }
  for (bool progress = true; progress && !d.error;) {
    progress = false;
    for (int i = 0; i < d.block && !d.error; ++i) {
      Fiber &fiber = d.fibers[backward ? d.block - 1 - i : i];
      if (fiber.state != State::Ready)
        continue;
      progress = true;
      d.current = &fiber;
      swapcontext(&d.scheduler, &fiber.context);
    }
  }
  for (Fiber &fiber : d.fibers)
    if (!d.error && fiber.state != State::Done)
      d.error = fiber.state == State::Barrier
                    ? "a barrier that not all threads of a block reach"
                    : "a shuffle that not all lanes of its mask reach";
}

} // namespace

extern "C" {

/// Runs `kernel` on `grid` blocks of `block` threads. Threads take turns in
/// ascending order, or in descending order if `backward`. Returns null or what
/// is wrong with the kernel.
const char *plait_emulate_launch(void (*kernel)(void **), int grid, int block,
                                 int backward, void **operands) {
  Device d;
  d.kernel = kernel;
  d.operands = operands;
  d.grid = grid;
  d.block = block;
  d.fibers.resize(block);
  d.stacks.resize(block * stackSize);
  device = &d;
  for (int i = 0; i < grid && !d.error; ++i) {
    d.blockIndex = backward ? grid - 1 - i : i;
    runBlock(backward);
  }
  device = nullptr;
  return d.error;
}

int32_t plait_emulate_tid_x() { return device->current->thread; }
int32_t plait_emulate_tid_y() { return 0; }
int32_t plait_emulate_tid_z() { return 0; }
int32_t plait_emulate_ntid_x() { return device->block; }
int32_t plait_emulate_ntid_y() { return 1; }
int32_t plait_emulate_ntid_z() { return 1; }
int32_t plait_emulate_ctaid_x() { return device->blockIndex; }
int32_t plait_emulate_nctaid_x() { return device->grid; }
int32_t plait_emulate_laneid() { return device->current->thread % warpSize; }

void plait_emulate_barrier(int32_t) {
  if (++device->waiting < device->block)
    return wait(State::Barrier);
  device->waiting = 0;
  for (Fiber &fiber : device->fibers)
    if (fiber.state == State::Barrier)
      fiber.state = State::Ready;
}

/// Gives every lane what lane `lane ^ by` gives.
uint32_t plait_emulate_shuffle_bfly(uint32_t mask, uint32_t value, uint32_t by,
                                    uint32_t limits, uint32_t *valid) {
  int lane = device->current->thread % warpSize;
  Warp &warp = device->warps[device->current->thread / warpSize];
  if (!(mask >> lane & 1) || (warp.arrived && warp.mask != mask)) {
    device->error = "a shuffle whose lanes do not agree on its mask";
    wait(State::Shuffle);
  }
  warp.mask = mask;
  warp.posted[lane] = value;
  warp.arrived |= uint32_t(1) << lane;
  if (warp.arrived == mask) {
    for (int i = 0; i < warpSize; ++i)
      warp.ready[i] = warp.posted[i];
    warp.arrived = 0;
    int first = device->current->thread - lane;
    for (int i = 0; i < warpSize && first + i < device->block; ++i)
      if (device->fibers[first + i].state == State::Shuffle)
        device->fibers[first + i].state = State::Ready;
  } else {
    wait(State::Shuffle);
  }
  int segment = limits >> 8 & 31, clamp = limits & 31;
  int last = (lane & segment) | (clamp & ~segment);
  int from = lane ^ int(by);
  *valid = from <= last;
  return warp.ready[*valid ? from : lane];
}
}
