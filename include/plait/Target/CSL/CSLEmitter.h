//===- CSLEmitter.h - csl to text -------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_CSL_CSLEMITTER_H
#define PLAIT_TARGET_CSL_CSLEMITTER_H

namespace plait {

/// Registers `--mlir-to-csl`: a module of the csl dialect becomes the files of
/// a CSL program, each after a line `// FILE: <name>`: one per `csl.module`,
/// `run.py` for `csl.host`, and the script that compiles and runs them.
void registerToCSLTranslation();

} // namespace plait

#endif // PLAIT_TARGET_CSL_CSLEMITTER_H
