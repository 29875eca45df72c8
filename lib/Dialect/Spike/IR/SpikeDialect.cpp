//===- SpikeDialect.cpp - registration of the spike dialect ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait::spike;

#include "plait/Dialect/Spike/IR/SpikeDialect.cpp.inc"
#include "plait/Dialect/Spike/IR/SpikeEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Spike/IR/SpikeAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Spike/IR/SpikeTypes.cpp.inc"

namespace {
/// Spike ops have no regions and no effects: they go wherever a function goes.
struct SpikeInliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void SpikeDialect::initialize() {
  addInterfaces<SpikeInliner>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "plait/Dialect/Spike/IR/SpikeAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "plait/Dialect/Spike/IR/SpikeOps.cpp.inc"
      >();
}
