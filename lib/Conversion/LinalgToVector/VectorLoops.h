//===- VectorLoops.h - a linalg op on buffers as vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_VECTORLOOPS_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_VECTORLOOPS_H

#include "LaneBody.h"
#include "LoopNest.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace plait {

/// How a result of a reduction is combined: `op` of its old value and another.
/// Without an `op` the result is an element of every step that is just stored.
struct Combiner {
  mlir::Operation *op = nullptr;
  mlir::vector::CombiningKind kind;
  /// The combined value.
  mlir::Value candidate;
};

/// One linalg op on buffers as loops of which one is vectors: along a parallel
/// loop, lanes are neighbours of the result, and sums stay in registers over the
/// reduction loops inside. Along a reduction loop, lanes are partial results
/// that are combined at the end of the row.
class VectorLoops {
public:
  VectorLoops(mlir::linalg::GenericOp op, int64_t vectorBits)
      : op(op), loc(op.getLoc()), bits(vectorBits), body(op) {}

  /// Replaces the op, or says why it stays.
  llvm::LogicalResult lower();

private:
  using Emit = llvm::function_ref<void(mlir::OpBuilder &)>;
  using Values = llvm::SmallVector<mlir::Value>;

  bool matchCombiners();
  bool choose();
  double cost(unsigned loop);
  int64_t lanesFor(unsigned loop);

  mlir::Value value(mlir::OpBuilder &b, mlir::OpFoldResult number) {
    return getValueOrCreateConstantIndexOp(b, loc, number);
  }
  void forLoops(mlir::OpBuilder &b, llvm::ArrayRef<unsigned> loops, Emit emit);
  Values carry(mlir::OpBuilder &b, llvm::ArrayRef<unsigned> loops, Values sums,
               llvm::function_ref<Values(mlir::OpBuilder &, Values)> emit);
  mlir::Value position(mlir::OpBuilder &b, unsigned operand, int64_t lane = 0);
  Lanes load(mlir::OpBuilder &b, LaneShape shape, unsigned operand,
             int64_t lane);
  void store(mlir::OpBuilder &b, LaneShape shape, unsigned result, int64_t lane,
             Lanes lanes);
  bool movesWith(unsigned operand, llvm::ArrayRef<unsigned> loops) const;
  void hoist(mlir::OpBuilder &b, llvm::ArrayRef<unsigned> inside);

  llvm::SmallVector<Lanes> step(mlir::OpBuilder &b, LaneShape shape,
                                int64_t lane, llvm::ArrayRef<mlir::Value> sums);
  mlir::Value combine(mlir::OpBuilder &b, unsigned result, LaneShape shape,
                      mlir::Value sum, mlir::Value candidate);
  mlir::Value start(mlir::OpBuilder &b, unsigned result, mlir::Value stored);
  mlir::Value widen(mlir::OpBuilder &b, unsigned result, mlir::Value stored);
  mlir::Value narrow(mlir::OpBuilder &b, unsigned result, mlir::Value sum);

  bool rearranges();
  void forVectors(mlir::OpBuilder &b, unsigned loop, Emit emit);
  std::optional<unsigned> transposedLoop();
  void transpose(mlir::OpBuilder &b, unsigned across);
  std::optional<unsigned> interleavedLoop();
  void interleave(mlir::OpBuilder &b, unsigned among);
  void alongParallel(mlir::OpBuilder &b);
  void parallelTile(mlir::OpBuilder &b, LaneShape shape, int64_t tiles);
  void alongReduction(mlir::OpBuilder &b);

  unsigned inputs() { return op.getNumDpsInputs(); }
  bool isReduction() { return op.getNumReductionLoops() > 0; }

  mlir::linalg::GenericOp op;
  mlir::Location loc;
  int64_t bits;
  LaneBody body;
  std::optional<LoopNest> nest;
  /// One per result of a reduction whose combiners are known.
  llvm::SmallVector<Combiner> combiners;
  /// The results of a reduction that are not just stored.
  llvm::SmallVector<unsigned> summed;
  llvm::SmallVector<mlir::Type> sumTypes;
  llvm::SmallPtrSet<mlir::Operation *, 4> skip;
  unsigned vectorLoop = 0;
  int64_t lanes = 1, unroll = 1;
  bool scalarTail = false;
  llvm::SmallVector<unsigned> outer, inner;
  llvm::SmallVector<mlir::Value> ivs;
  /// Inputs that are the same all along the vector loop.
  llvm::DenseMap<unsigned, mlir::Value> hoisted;
};

/// Gives a row reduction that reads what an elementwise op just wrote the work
/// of that op, so that the row is read once: exp and its sum in a softmax.
void mergeIntoReductions(mlir::Block &block);

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_VECTORLOOPS_H
