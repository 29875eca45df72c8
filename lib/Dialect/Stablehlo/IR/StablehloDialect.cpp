//===- StablehloDialect.cpp - registration of the stablehlo dialect -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait::stablehlo;

#include "plait/Dialect/Stablehlo/IR/StablehloDialect.cpp.inc"
#include "plait/Dialect/Stablehlo/IR/StablehloEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Stablehlo/IR/StablehloAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Stablehlo/IR/StablehloTypes.cpp.inc"

void StablehloDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "plait/Dialect/Stablehlo/IR/StablehloOps.cpp.inc"
      >();
}
