//===- TargetModel.h - what a grid machine can do ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_TARGETMODEL_H
#define PLAIT_DIALECT_MESH_IR_TARGETMODEL_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace plait::mesh {

/// The one class that answers questions about a machine. Verifiers and cost
/// models ask it and keep no numbers of their own; TargetModel.cpp gives the
/// source of each number.
struct TargetModel {
  /// An inclusive range of hardware ids that a program may use next to the
  /// host-copy library.
  struct IdRange {
    int64_t first, last;
    bool contains(int64_t id) const { return first <= id && id <= last; }
  };

  llvm::StringRef name;

  /// The largest rectangle of processing elements (PEs) that a program may
  /// cover, host-copy infrastructure left out.
  int64_t maxGridWidth, maxGridHeight;

  /// Bytes of one PE for code, data and stack, and how many of them the
  /// program's arrays may take.
  int64_t memoryBytes, dataBytes;

  IdRange colors, inputQueues, outputQueues, localTasks;

  /// Whether an output queue must be bound to one colour before it is used.
  bool outputQueueTakesColor;

  /// Vector descriptors: the longest extent, the greatest offset, and how many
  /// operands of one operation may come from the fabric.
  int64_t maxDsdExtent, maxDsdOffset, maxFabricInputs;

  /// Cycles: start of a vector operation; elements per cycle of f32 moves,
  /// additions and multiply-adds; one hop; one way between PE and router;
  /// between wavelets of a stream.
  double dsdSetup, moveRate, addRate, fmaRate, hop, ramp, gap;

  /// Cycles of one PE's product of an m x k and a k x n tile: n * k
  /// multiply-adds over m elements.
  double localProductCycles(int64_t m, int64_t n, int64_t k) const {
    return double(n) * (dsdSetup + m / moveRate) +
           double(n) * k * (dsdSetup + m / fmaRate);
  }

  /// Cycles to add `words` words along a row of `pes` PEs: Luczynski et al.,
  /// HPDC 2024, chain: B + (2 T + 2) (P - 1), with the stream's gap and hop.
  double chainReduceCycles(int64_t words, int64_t pes) const {
    return words * gap + (2 * ramp + 1 + hop) * (pes - 1);
  }

  /// The model called `name`, or null.
  static const TargetModel *get(llvm::StringRef name);
  /// All models, for messages.
  static llvm::ArrayRef<TargetModel> all();
};

} // namespace plait::mesh

#endif // PLAIT_DIALECT_MESH_IR_TARGETMODEL_H
