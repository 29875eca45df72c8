//===- MeshOps.cpp - verifiers and folders of the mesh ops ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Mesh/IR/Mesh.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace plait::mesh;

#define GET_OP_CLASSES
#include "plait/Dialect/Mesh/IR/MeshOps.cpp.inc"
