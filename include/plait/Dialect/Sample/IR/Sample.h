//===- Sample.h - the sample dialect ------------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLE_H
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "plait/Dialect/Sample/IR/SampleDialect.h.inc"
#include "plait/Dialect/Sample/IR/SampleEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Sample/IR/SampleAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Sample/IR/SampleTypes.h.inc"

namespace plait::sample {

/// The order of candidates packs an index into this many bits, and sums of
/// this many weights stay below 2^64: vocabularies are smaller than 2^20.
constexpr unsigned indexBits = 20;

/// `tensor<Bxelement>` for logits `tensor<BxVxf32>`.
mlir::Type getRowsType(mlir::Type logits, mlir::Type element);

} // namespace plait::sample

#define GET_OP_CLASSES
#include "plait/Dialect/Sample/IR/SampleOps.h.inc"

namespace plait::sample {

/// Whether `op` is a penalty: what follows its amount are counts of tokens.
bool isPenalty(mlir::Operation *op);

/// What counts the lists that a penalty looks at, if all its counts are of
/// lists; else they are tables.
llvm::SmallVector<CountOp> countsOf(mlir::Operation *op);

/// Whether `op` changes or removes single tokens, each by itself: those of a
/// list, of a table of counts, or of a mask.
bool isEdit(mlir::Operation *op);

/// Whether `op` gives logits of the same type as its first operand.
bool isProcessor(mlir::Operation *op);

/// What a part of a fused chain does, in order: its ops, without the counts
/// that penalties look at.
llvm::SmallVector<mlir::Operation *> chainOf(mlir::Region &region);

} // namespace plait::sample

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLE_H
