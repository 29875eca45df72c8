//===- Object.h - LLVM dialect to native object code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_OBJECT_H
#define PLAIT_TARGET_OBJECT_H

#include "mlir/IR/Location.h"

namespace llvm {
class Module;
class raw_ostream;
namespace json {
class OStream;
} // namespace json
} // namespace llvm

namespace mlir {
class Operation;
} // namespace mlir

namespace plait {

/// Adds `const char *plait_f(void **args)` (null, or the message of a failed
/// assertion) for every C-interface wrapper
/// `_mlir_ciface_f(args...)`, and hides all else.
llvm::LogicalResult addPackedEntries(llvm::Module &module, mlir::Location loc);

/// Writes the object file of a module in the LLVM dialect; see
/// `--mlir-to-object`. Of the parts of a module, one has the `entries`.
llvm::LogicalResult writeObject(mlir::Operation *op, bool entries,
                                llvm::raw_ostream &os);

/// Writes the member "functions" of `--mlir-to-manifest`.
llvm::LogicalResult writeSignatures(llvm::json::OStream &json,
                                    mlir::Operation *op);

/// Registers `--mlir-to-object`: a module in the LLVM dialect becomes a
/// relocatable, position-independent object file for `--mcpu` and `--mattr`
/// (default: this machine). Every `llvm.emit_c_interface` function `f` gets an
/// entry `const char *plait_f(void **args)` beside it, so that a caller needs no
/// knowledge of the number of arguments. It returns null, or the message of a
/// `cf.assert` that failed.
void registerToObjectTranslation();

/// Registers `--mlir-to-manifest`: the public functions' element types and
/// shapes as JSON, so that nobody else reads types out of MLIR.
void registerToManifestTranslation();

/// Registers `--mlir-to-code`: what `plait-opt`, `--mlir-to-manifest` and
/// `--mlir-to-object` do, in one process and on all cores. It runs the passes of
/// `--import` and `--passes` and prints a line of JSON: the "functions" after
/// the former, the "seconds" that passes took, and the sizes of the "objects"
/// that follow. The objects make one library: each has some of the functions.
void registerToCodeTranslation();

} // namespace plait

#endif // PLAIT_TARGET_OBJECT_H
