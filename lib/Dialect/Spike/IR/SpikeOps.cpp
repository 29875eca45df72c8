//===- SpikeOps.cpp - verifiers and folders of the spike ops ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace plait::spike;

#define GET_OP_CLASSES
#include "plait/Dialect/Spike/IR/SpikeOps.cpp.inc"
