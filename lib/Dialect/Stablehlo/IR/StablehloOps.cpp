//===- StablehloOps.cpp - verifiers and folders of the stablehlo ops ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace plait::stablehlo;

#define GET_OP_CLASSES
#include "plait/Dialect/Stablehlo/IR/StablehloOps.cpp.inc"
