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
} // namespace llvm

namespace plait {

/// Adds `const char *plait_f(void **args)` (null, or the message of a failed
/// assertion) for every C-interface wrapper
/// `_mlir_ciface_f(args...)`, and hides all else.
llvm::LogicalResult addPackedEntries(llvm::Module &module, mlir::Location loc);

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

} // namespace plait

#endif // PLAIT_TARGET_OBJECT_H
