//===- SampleDialect.cpp - registration of the sample dialect -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait::sample;

#include "plait/Dialect/Sample/IR/SampleDialect.cpp.inc"
#include "plait/Dialect/Sample/IR/SampleEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Sample/IR/SampleAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Sample/IR/SampleTypes.cpp.inc"

void SampleDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "plait/Dialect/Sample/IR/SampleAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "plait/Dialect/Sample/IR/SampleOps.cpp.inc"
      >();
}
