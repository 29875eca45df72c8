//===- MeshDialect.cpp - registration of the mesh dialect
//-------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Mesh/IR/Mesh.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait::mesh;

#include "plait/Dialect/Mesh/IR/MeshDialect.cpp.inc"
#include "plait/Dialect/Mesh/IR/MeshEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Mesh/IR/MeshAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Mesh/IR/MeshTypes.cpp.inc"

void MeshDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "plait/Dialect/Mesh/IR/MeshAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "plait/Dialect/Mesh/IR/MeshOps.cpp.inc"
      >();
}
