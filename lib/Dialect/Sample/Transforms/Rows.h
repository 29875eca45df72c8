//===- Rows.h - what the elements of a program's tensors are ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs filter logits by sorting them, computing on the sorted rows, and
// putting the results back. A sort permutes a row; what is computed element by
// element, or summed over a row, does not care about the permutation, and a
// scatter by the sort's indices undoes it. So an element of any of these
// tensors is a term over the elements of the row as it was, in which running
// sums and ranks name the order that they are taken in.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SAMPLE_TRANSFORMS_ROWS_H
#define PLAIT_LIB_DIALECT_SAMPLE_TRANSFORMS_ROWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

namespace plait::sample {

/// A term: an operation on terms, a number, or an SSA value. Equal terms are
/// one object. Besides scalar operations by their names there are
///
///   index            the element's place in its row
///   rank(order)      the element's place in the sorted row
///   max(t), add(t), and(t), or(t)      over the row
///   prefix(t, order) the sum of t over the elements up to this one; the order
///                    is index where the row is not sorted
///   at(t, order, i)  t of the element at place i of the sorted row
///   head(t, order, n) t of the first n elements of the sorted row
///   asc(t), desc(t)  orders: stable sorts by t
///   softmax(t)
struct Term {
  std::string op;
  llvm::SmallVector<const Term *> operands;
  mlir::Value value;              ///< of an op "value"
  std::optional<double> constant; ///< of an op "constant"
  bool isRow = false;             ///< varies along the row

  bool is(llvm::StringRef name) const { return op == name; }
  const Term *operator[](unsigned i) const { return operands[i]; }
  bool isConstant(double number) const {
    return constant && *constant == number;
  }
};

/// A tensor: the term of its elements; with an order the rows are sorted by
/// it, and only their first `count` elements there, if that is not 0.
struct Rows {
  const Term *term = nullptr;
  const Term *order = nullptr;
  int64_t count = 0;

  explicit operator bool() const { return term; }
};

/// Finds the terms of values, through calls.
class RowReader {
public:
  /// What the value is; null if it is no tensor of rows. A value that is not
  /// understood is a term of its own.
  Rows read(mlir::Value value) { return read(value, nullptr); }

  const Term *make(llvm::StringRef op, llvm::ArrayRef<const Term *> operands);
  const Term *constant(double number);
  const Term *leaf(mlir::Value value, bool isRow);

private:
  struct Frame {
    mlir::func::CallOp call;
    const Frame *caller;
  };

  const Term *leaf(mlir::Value value, const Frame *frame);
  const Term *add(std::string key, Term term);
  const Term *flip(const Term *order);
  const Term *placed(const Term *term, const Term *order);
  Rows prefix(const Rows &rows);
  Rows read(mlir::Value value, const Frame *frame);
  Rows compute(mlir::OpResult value, const Frame *frame);
  Rows readGeneric(mlir::linalg::GenericOp op, unsigned result,
                   const Frame *frame);
  Rows readElementwise(mlir::linalg::GenericOp op, unsigned result,
                       const Frame *frame);
  Rows readReduction(mlir::linalg::GenericOp op, const Frame *frame);
  Rows readPrefixSum(mlir::linalg::GenericOp op, const Frame *frame);
  Rows readSort(mlir::Operation *op, unsigned result, const Frame *frame);
  Rows readCall(mlir::func::CallOp call, unsigned result, const Frame *frame);
  Rows readKernel(mlir::func::CallOp call, mlir::func::FuncOp callee,
                  unsigned result, const Frame *frame);
  Rows readReshape(mlir::Value source, mlir::Value result, const Frame *frame);
  Rows readSlice(mlir::Operation *op, const Frame *frame);
  Rows readInsertion(mlir::Operation *op, const Frame *frame);

  llvm::StringMap<std::unique_ptr<Term>> terms;
  std::map<std::pair<void *, const Frame *>, Rows> known;
  std::map<std::pair<void *, const Frame *>, std::unique_ptr<Frame>> frames;
};

/// Whether a comparator of two elements sorts upwards ("asc") or downwards
/// ("desc"), by running it; empty if neither.
llvm::StringRef sortDirection(mlir::Block &comparator, mlir::Type element);

/// Whether `op` gives the first index of the greatest element of every row, as
/// its result 1, for rows without NaN. Rows are in the last dimension.
bool isArgmax(mlir::linalg::GenericOp op);

/// Whether every element of `value` is its index in the last dimension.
bool isIota(mlir::Value value);

/// Makes `sample` filters of the values of `function` that filter logits, and
/// draws from logits of its draws from sorted, filtered or normalised rows.
/// Returns how many filters there are now.
unsigned raiseFilters(mlir::func::FuncOp function);

} // namespace plait::sample

#endif // PLAIT_LIB_DIALECT_SAMPLE_TRANSFORMS_ROWS_H
