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

LogicalResult SpikeDialect::verifyOperationAttribute(Operation *op,
                                                     NamedAttribute attribute) {
  StringRef name = attribute.getName();
  bool each = name == "spike.rates";
  if (!each && name != "spike.rate")
    return op->emitOpError("expects 'spike.rate' or 'spike.rates', got '")
           << name << "'";
  std::optional<bool> several =
      TypeSwitch<Operation *, std::optional<bool>>(op)
          .Case<NeuronOp, ScanOp, ConvScanOp>(
              [](auto population) { return population.getMultiSpike(); })
          .Default([](Operation *) { return std::nullopt; });
  if (!several)
    return op->emitOpError("expects '") << name << "' on a population";
  // A neuron that may fire several spikes in a step has no largest rate.
  auto isRate = [&](const APFloat &rate) {
    double value = rate.convertToDouble();
    return value >= 0 && (*several || value <= 1);
  };
  auto one = dyn_cast<FloatAttr>(attribute.getValue());
  auto many = dyn_cast<DenseFPElementsAttr>(attribute.getValue());
  if (each ? many && many.getType().getRank() == 1 && !many.empty() &&
                 llvm::all_of(many, isRate)
           : one && isRate(one.getValue()))
    return success();
  return op->emitOpError("expects '")
         << name << "' to be " << (each ? "a list of numbers" : "a number")
         << (*several ? " of at least 0" : " from 0 to 1") << ", got "
         << attribute.getValue();
}
