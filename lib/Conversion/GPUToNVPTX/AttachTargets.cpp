//===- AttachTargets.cpp - name the NVIDIA chips to make code for -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Target/NVPTX.h"

namespace plait {
#define GEN_PASS_DEF_GPUATTACHNVPTXTARGETS
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

struct GPUAttachNVPTXTargets
    : plait::impl::GPUAttachNVPTXTargetsBase<GPUAttachNVPTXTargets> {
  using Base::Base;

  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    if (chips.empty()) {
      module.emitError("expects at least one chip in 'chips'");
      return signalPassFailure();
    }
    SmallVector<Attribute> targets;
    for (const std::string &name : chips) {
      const plait::NVPTXChip *chip = plait::lookupNVPTXChip(name);
      if (!chip) {
        InFlightDiagnostic error = module.emitError("unknown NVIDIA chip '")
                                   << name << "'; known: ";
        llvm::interleaveComma(plait::getNVPTXChips(), error,
                              [&](auto &known) { error << known.name; });
        return signalPassFailure();
      }
      targets.push_back(NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3,
                                                  "nvptx64-nvidia-cuda",
                                                  chip->name, chip->feature));
    }
    module.setTargetsAttr(ArrayAttr::get(&getContext(), targets));
  }
};

} // namespace
