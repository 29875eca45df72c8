//===- StripSignedness.cpp - signed and unsigned integer types to signless
//-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace plait {
#define GEN_PASS_DEF_STRIPSIGNEDNESS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {
struct StripSignedness : plait::impl::StripSignednessBase<StripSignedness> {
  void runOnOperation() override {
    AttrTypeReplacer replacer;
    replacer.addReplacement([](IntegerType type) {
      return IntegerType::get(type.getContext(), type.getWidth());
    });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    getOperation()->walk([](UnrealizedConversionCastOp cast) {
      if (cast.getOperandTypes() == cast.getResultTypes()) {
        cast.replaceAllUsesWith(cast.getOperands());
        cast.erase();
      }
    });
  }
};
} // namespace
