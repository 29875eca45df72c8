//===- CSLDialect.cpp - registration of the csl dialect -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/CSL/IR/CSL.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait::csl;

#include "plait/Dialect/CSL/IR/CSLDialect.cpp.inc"
#include "plait/Dialect/CSL/IR/CSLEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/CSL/IR/CSLAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/CSL/IR/CSLTypes.cpp.inc"

void CSLDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "plait/Dialect/CSL/IR/CSLAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "plait/Dialect/CSL/IR/CSLTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "plait/Dialect/CSL/IR/CSLOps.cpp.inc"
      >();
}
