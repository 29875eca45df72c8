//===- NVPTX.cpp - the stages of NVIDIA targets -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Pipelines/Pipelines.h"

#include "plait/Conversion/Passes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void plait::buildNVPTXTargetPipeline(OpPassManager &pm,
                                     const NVPTXTargetOptions &options) {
  // linalg on tensors --> gpu.func
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(plait::createConvertLinalgToGPU());

  // gpu.func --> NVVM dialect
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  GPUAttachNVPTXTargetsOptions targets;
  targets.chips.assign(options.chips.begin(), options.chips.end());
  kernels.addPass(plait::createGPUAttachNVPTXTargets(targets));
  kernels.addPass(plait::createMathExpandToArith());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createSCFToControlFlowPass());
  // Before convert-gpu-to-nvvm, which would call libdevice.
  kernels.addPass(plait::createConvertMathToIntrinsics());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}
