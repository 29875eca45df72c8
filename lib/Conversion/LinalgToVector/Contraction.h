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
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTION_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTION_H

#include "Emit.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace plait::contraction {

/// The operands: the vectorised one is B, C is the result.
enum Which { A, B, C };

/// One loop. A stride is 0 where the operand does not depend on the loop.
struct Loop {
  OpFoldResult size;
  OpFoldResult strides[3];
  /// The first and last index of the operand that the loop moves, or -1 where
  /// it is not the one plain loop variable there.
  int64_t first[3] = {-1, -1, -1}, last[3] = {-1, -1, -1};
  bool uses[3] = {false, false, false};

  std::optional<int64_t> staticSize() const {
    return getConstantIntValue(size);
  }
};

struct Operand {
  Value buffer;
  AffineMap map;
  /// The cast that the body applies to an element, if any.
  Operation *widening = nullptr;
  /// `buffer` as one dimension, addressed by element offsets.
  Value flat;

  Type element() const { return getElementTypeOrSelf(buffer.getType()); }
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

  /// Merges neighbours in `loops` that are one loop for all of `operands`.
  void merge(Emitter &b, SmallVector<Loop> &loops,
             ArrayRef<Which> operands) const;

  linalg::GenericOp op;
  Operand operands[3];
  /// The type of a sum in a register.
  Type sumType;
  Panels panels;

  /// Loops over the result, outermost first: `rows` use A alone, `columns` use
  /// B, and A only if all three are vectors along it. The last of the columns
  /// is the vectorised loop. `outer` are all others.
  SmallVector<Loop> outer, rows, columns;
  /// The summed loops, outermost first as they lie in A.
  SmallVector<Loop> sums;

private:
  explicit Contraction(linalg::GenericOp op) : op(op) {}
  Loop makeLoop(Emitter &b, unsigned dim,
                ArrayRef<OpFoldResult> bufferStrides[3]) const;

  SmallVector<unsigned> outerDims, rowDims, columnDims, sumDims;
};

} // namespace plait::contraction

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTION_H
