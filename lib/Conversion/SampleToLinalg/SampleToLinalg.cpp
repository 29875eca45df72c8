//===- SampleToLinalg.cpp - the reference lowering of sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "plait/Conversion/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSAMPLETOLINALG
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait::sample;

namespace {

struct ConvertSampleToLinalg
    : plait::impl::ConvertSampleToLinalgBase<ConvertSampleToLinalg> {
  using Base::Base;

  void runOnOperation() override {
    ConversionTarget target(getContext());
    target.addIllegalDialect<SampleDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    RewritePatternSet patterns(&getContext());
    populateLists(patterns);
    populateFilters(patterns);
    populatePicks(patterns);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
