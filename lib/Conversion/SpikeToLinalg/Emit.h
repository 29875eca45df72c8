//===- Emit.h - what the rooms of SpikeToLinalg share --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SPIKETOLINALG_EMIT_H
#define PLAIT_LIB_CONVERSION_SPIKETOLINALG_EMIT_H

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/DialectConversion.h"

namespace plait::spike {

/// An elementwise computation over `operands`, whose shapes end the shape of
/// `inits`; the body gets the operands' scalars, then those of `inits`.
mlir::linalg::GenericOp createElementwise(
    mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange operands,
    mlir::ValueRange inits,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &,
                                                      mlir::ValueRange)>
        body);

/// An uninitialised tensor of the type and sizes of `tensor`.
mlir::Value createEmptyLike(mlir::OpBuilder &b, mlir::Location loc,
                            mlir::Value tensor);

/// The patterns of each room.
void populateNeuronPatterns(mlir::RewritePatternSet &patterns);
void populateEncodingPatterns(mlir::RewritePatternSet &patterns);
void populateDelayPatterns(mlir::RewritePatternSet &patterns);
void populateImagePatterns(mlir::RewritePatternSet &patterns);

} // namespace plait::spike

#endif // PLAIT_LIB_CONVERSION_SPIKETOLINALG_EMIT_H
