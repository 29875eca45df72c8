//===- SampleOps.cpp - verifiers and folders of the sample ops ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace plait::sample;

#define GET_OP_CLASSES
#include "plait/Dialect/Sample/IR/SampleOps.cpp.inc"
