//===- Functions.h - functions on buffers -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_FUNCTIONS_H
#define PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_FUNCTIONS_H

#include "Emit.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"

namespace plait::sampling {

/// Rows are cut into groups of so many logits.
constexpr int64_t groupSize = 256;

/// Who emits functions of a module.
class Functions {
public:
  Functions(Location loc, SymbolTable &symbols, int64_t vectorBits);

protected:
  using Body = function_ref<Nums(Nums arguments)>;
  /// A private function, under a name that begins so.
  func::FuncOp function(StringRef name, ArrayRef<Type> arguments,
                        ArrayRef<Type> results, Body body);
  LLVM::LLVMFuncOp external(StringRef name, LLVM::LLVMFunctionType type);
  Nums call(func::FuncOp callee, ArrayRef<Num> arguments);
  /// What follows runs on the runtime's threads.
  void forall(ArrayRef<Num> bounds, function_ref<void(Nums at)> body);
  Num threadCount();

  Num dim(Num memory, int64_t dimension);
  Num loadScalar(Num memory, ArrayRef<Num> at);
  Num loadVector(Num memory, ArrayRef<Num> at);
  void store(Num value, Num memory, ArrayRef<Num> at);
  /// A vector of the bits of words, from the one at `at` on.
  Num loadBits(Num words, Num firstWord, Num at);
  /// Memory is to send a group of a row, for which nobody waits yet.
  void askFor(Num logits, Num row, Num group);
  /// A row of a memref of two dimensions, and its type.
  Num rowOf(Num memory, Num row);
  MemRefType rowType(Type element);
  /// Logits in memory as f32.
  Num widen(Num logits);

  SymbolTable &symbols;
  Emitter e;
  int64_t lanes;
  Type index, i1, i32, i64, f32;
};

/// A memref of this many dynamic dimensions.
MemRefType buffer(int64_t rank, Type element);

} // namespace plait::sampling

#endif // PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_FUNCTIONS_H
