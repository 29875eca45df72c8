//===- Contraction.h - a contraction as strides over loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever its layout, a contraction is
//
//   C[c(loops)] += A[a(loops)] * B[b(loops)]
//
// with element offsets a, b and c that are sums of loop * stride. Matmul,
// batched and transposed forms and convolutions differ only in the strides.
//
// An elementwise op that is the only reader of C can be the epilogue: it is
// applied to the sums in registers, and C is not stored.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTION_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTION_H

#include "Emit.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace plait::contraction {

/// The operands: the vectorised one is B, C is the result. Those of an epilogue
/// follow.
enum Which : unsigned { A, B, C, numOperands };
/// Operands that an epilogue may have.
constexpr unsigned mostExtra = 8;
template <typename T> using PerOperand = std::array<T, numOperands + mostExtra>;

/// One loop. A stride is 0 where the operand does not depend on the loop.
struct Loop {
  OpFoldResult size;
  PerOperand<OpFoldResult> strides;
  /// The first and last index of the operand that the loop moves, or -1 where
  /// it is not the one plain loop variable there.
  PerOperand<int64_t> first, last;
  PerOperand<bool> uses{};

  std::optional<int64_t> staticSize() const {
    return getConstantIntValue(size);
  }
};

using Loops = SmallVector<Loop, 4>;

struct Operand {
  Value buffer;
  AffineMap map;
  /// The cast that the body applies to an element, if any.
  Operation *widening = nullptr;
  /// `buffer` as one dimension, addressed by element offsets.
  Value flat;

  Type element() const { return getElementTypeOrSelf(buffer.getType()); }
};

/// What the outermost summed loop and the outermost rows move through in A has
/// zeros at its ends: `offset + row * stride + k` is inside from `low` to `end`.
struct Border {
  OpFoldResult offset;
  int64_t stride, low, end;
};

/// Operand B in panels: [N / width][K][width].
struct Panels {
  int64_t width = 0;
  OpFoldResult stride;
};

struct Contraction {
  /// The contraction that `op` is, if it is one. Builds no IR.
  static std::optional<Contraction> match(linalg::GenericOp op);

  /// Finds sizes, strides and flat buffers; builds IR at the position of `b`.
  void prepare(Emitter &b);

  /// Whether `whole`, of which B is the beginning, can be packed instead of B.
  bool canWiden() const;
  /// Takes `whole` for B, and its sizes.
  void widen(Emitter &b, Value whole);

  /// Makes the elementwise op that alone reads C the epilogue, if there is one,
  /// and moves `op` to it.
  void matchEpilogue();

  /// Merges neighbours in `loops` that are one loop for all of `operands`; what
  /// goes for C goes for the epilogue's operands.
  void merge(Emitter &b, Loops &loops, ArrayRef<Which> operands) const;

  auto all() const { return llvm::seq<unsigned>(0, operands.size()); }
  auto extra() const {
    return llvm::seq<unsigned>(numOperands, operands.size());
  }

  /// The number of rows, where it is known.
  std::optional<int64_t> staticRows();

  linalg::GenericOp op, epilogue;
  SmallVector<Operand, 4> operands;
  /// For every operand of the epilogue, which of `operands` it is; C stands
  /// for the sums.
  SmallVector<unsigned> epilogueOperands;
  /// The type of a sum in a register.
  Type sumType;
  Panels panels;
  /// Where steps of the outermost sum are known to add zeros.
  std::optional<Border> border;

  /// Loops over the result, outermost first: `rows` use A alone, `columns` use
  /// B, and A only if all three are vectors along it. The last of the columns
  /// is the vectorised loop. `outer` are all others.
  Loops outer, rows, columns;
  /// The summed loops, outermost first as they lie in A.
  Loops sums;

  /// Whether the vectorised loop moves through A too.
  bool isElementwise() const {
    return !columnDims.empty() &&
           operands[A].map.isFunctionOfDim(columnDims.back());
  }

private:
  explicit Contraction(linalg::GenericOp op) : op(op), operands(numOperands) {}
  std::optional<Border> findBorder(Emitter &b) const;
  Loop makeLoop(Emitter &b, unsigned dim,
                ArrayRef<SmallVector<OpFoldResult>> bufferStrides) const;

  SmallVector<unsigned> outerDims, rowDims, columnDims, sumDims;
};

/// The value that the memory behind `buffer` was first known as.
Value rootOf(Value buffer);

/// Whether `op` may write to the memory of `root`.
bool mayWrite(Operation *op, Value root);

} // namespace plait::contraction

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTION_H
