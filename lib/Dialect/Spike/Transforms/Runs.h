//===- Runs.h - values of all steps of a loop over time ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_RUNS_H
#define PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_RUNS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace plait::spike {

/// What a loop over time computes, made ahead of it for all steps at once.
struct Runs {
  explicit Runs(mlir::scf::ForOp loop);

  /// The type of a run of `type`, and of a batch of all steps.
  mlir::RankedTensorType runType(mlir::Value value);
  mlir::RankedTensorType flatType(mlir::Type type);
  mlir::OpFoldResult times(mlir::OpFoldResult size);
  /// `value` where it is the same in every step, ahead of the loop.
  mlir::Value invariant(mlir::Value value);
  /// [T, B, ...] --> [T*B, ...] and back.
  mlir::Value flatten(mlir::Value value);
  mlir::Value unflatten(mlir::Value value);
  bool isTimed(mlir::Value value);
  mlir::Value runOf(mlir::Value value);
  /// `value`, of [B, ...], for a batch of all steps.
  mlir::Value batched(mlir::Value value);
  /// `op` again, for a batch of all steps.
  mlir::Operation *clone(mlir::Operation *op);
  mlir::AffineExpr batchDim(mlir::linalg::LinalgOp op);
  /// Whether the first dimension of all results is a loop over independent
  /// samples, which operands either have in front or do not have at all.
  bool isBatchwise(mlir::linalg::LinalgOp op);
  /// A run of an axis of `extra` more steps: `first`, [extra, B, ...] or
  /// [B, ...], and `run` behind it.
  mlir::Value joined(mlir::Value first, mlir::Value run, int64_t extra);
  mlir::Value slice(mlir::Value whole, mlir::OpFoldResult from,
                    mlir::OpFoldResult size, mlir::RankedTensorType type);

  mlir::scf::ForOp loop;
  mlir::ImplicitLocOpBuilder b;
  /// How many steps.
  mlir::OpFoldResult time;
  /// A value of a step --> all steps of it, as [T, B, ...] and [T*B, ...].
  mlir::DenseMap<mlir::Value, mlir::Value> runs, flats;
};

} // namespace plait::spike

#endif // PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_RUNS_H
