//===- PlaitRun.h - execute a function of an MLIR file -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAITRUN_H
#define PLAIT_TOOLS_PLAITRUN_H

#include "mlir/IR/DialectRegistry.h"

namespace plait {

/// The `plait-run` tool: lowers a file, calls a function of it with the given
/// tensors and prints each result on a line, `2x2xf32=[[1,2],[3,4]]`.
int runMain(int argc, char **argv, mlir::DialectRegistry &registry);

} // namespace plait

#endif // PLAIT_TOOLS_PLAITRUN_H
