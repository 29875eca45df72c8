//===- CSLOps.cpp - verifiers and folders of the csl ops ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/CSL/IR/CSL.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace plait::csl;

#define GET_OP_CLASSES
#include "plait/Dialect/CSL/IR/CSLOps.cpp.inc"
