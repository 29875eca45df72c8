//===- Mesh.h - the mesh dialect ------------------------------------*- C++
//-*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESH_H
#define PLAIT_DIALECT_MESH_IR_MESH_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "plait/Dialect/Mesh/IR/TargetModel.h"

#include "plait/Dialect/Mesh/IR/MeshDialect.h.inc"
#include "plait/Dialect/Mesh/IR/MeshEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Mesh/IR/MeshAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Mesh/IR/MeshTypes.h.inc"

#define GET_OP_CLASSES
#include "plait/Dialect/Mesh/IR/MeshOps.h.inc"

#endif // PLAIT_DIALECT_MESH_IR_MESH_H
