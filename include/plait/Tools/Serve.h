//===- Serve.h - tools that are loaded once and run many times -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_SERVE_H
#define PLAIT_TOOLS_SERVE_H

#include "llvm/ADT/STLFunctionalExtras.h"

namespace plait {

/// The main function of a tool that does `run(argc, argv)`. With the only
/// argument `--serve` it does so for every request on standard input, each in a
/// fork of this process: to load MLIR takes longer than many a job, and a job
/// that crashes ends nothing else.
///
/// All numbers have 8 bytes. A request is the sizes of its arguments, each
/// ended by a zero, and of its standard input, and then both. The answer is the
/// status of waitpid(2), the sizes of its standard output and error, and both.
int serveMain(int argc, char **argv,
              llvm::function_ref<int(int argc, char **argv)> run);

} // namespace plait

#endif // PLAIT_TOOLS_SERVE_H
