//===- Pipelines.cpp - the named stages -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Pipelines/Pipelines.h"

#include "plait/Conversion/Passes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void plait::buildImportStablehloPipeline(OpPassManager &pm) {
  pm.addPass(plait::createStripSignedness());
  pm.addPass(plait::createConvertStablehloSortToSCF());
  pm.addPass(plait::createConvertStablehloScatterToSCF());
  pm.addPass(plait::createConvertStablehloFftToLinalg());
  pm.addPass(plait::createConvertStablehloControlFlowToSCF());
}

void plait::buildImportPipeline(OpPassManager &pm) {
  buildImportStablehloPipeline(pm);
  pm.addPass(plait::createCheckImport());
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(plait::createFuncProtectArguments());
}

void plait::buildStrandPipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
}

void plait::buildOptPipeline(OpPassManager &pm) {
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(plait::createLinalgConvToImg2col());
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  pm.addPass(plait::createLinalgFoldTransposes());
  pm.addPass(plait::createLinalgFuseElementwise());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void plait::buildReferencePipeline(OpPassManager &pm) {
  pm.addPass(plait::createConvertSpikeToLinalg());
  pm.addPass(plait::createConvertSampleToLinalg());
  pm.addPass(plait::createConvertMeshToLinalg());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createCanonicalizerPass());
}

/// linalg on tensors --> linalg on buffers. Every result is a buffer that the
/// caller owns and frees.
static void buildBufferizePipeline(OpPassManager &pm) {
  pm.addPass(plait::createTensorSplitEmpty());
  pm.addPass(bufferization::createEmptyTensorToAllocTensorPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  // A loop may carry a value that its body computes anew (the last spikes of
  // a recurrent population).
  options.allowReturnAllocsFromLoops = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  bufferization::BufferDeallocationPipelineOptions deallocation;
  bufferization::buildBufferDeallocationPipeline(pm, deallocation);
  pm.addPass(createConvertBufferizationToMemRefPass());
}

void plait::buildCpuTargetPipeline(OpPassManager &pm,
                                   const CpuTargetOptions &options) {
  // linalg on tensors --> tasks
  // No CSE: every tensor.empty is a buffer of its own.
  pm.addPass(plait::createLinalgTileAndFuse());
  pm.addPass(createCanonicalizerPass());
  buildBufferizePipeline(pm);

  // Before libm functions are declared: they want no wrapper.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());

  // linalg on buffers --> loops
  pm.addPass(plait::createMemRefCopyToLinalg());
  pm.addPass(plait::createLinalgOutlineKernels());
  if (options.kernels) {
    pm.addNestedPass<func::FuncOp>(createLinalgGeneralizeNamedOpsPass());
    pm.addNestedPass<func::FuncOp>(
        plait::createConvertLinalgContractionsToVector());
  }
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addNestedPass<func::FuncOp>(createForallToForLoopPass());
  pm.addNestedPass<func::FuncOp>(plait::createMemRefHoistAllocs());
  pm.addPass(plait::createMemRefWidenI1());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  // loops --> LLVM dialect
  pm.addPass(plait::createMemRefExpandShapeToReinterpretCast());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(memref::createExpandOpsPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(arith::createArithExpandOpsPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertComplexToStandardPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertComplexToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void plait::registerPipelines() {
  PassPipelineRegistration<NVPTXTargetOptions>(
      "plait-target-nvptx", "lower linalg on tensors to NVIDIA GPU kernels",
      buildNVPTXTargetPipeline);
  PassPipelineRegistration<>("plait-import",
                             "check what a front made and make it one function",
                             buildImportPipeline);
  PassPipelineRegistration<>("plait-import-stablehlo",
                             "lower what jaxlib leaves of StableHLO",
                             buildImportStablehloPipeline);
  PassPipelineRegistration<>("plait-strand",
                             "recognise what a strand can do better",
                             buildStrandPipeline);
  PassPipelineRegistration<>("plait-opt", "optimise linalg on tensors",
                             buildOptPipeline);
  PassPipelineRegistration<>("plait-lowered-reference",
                             "lower every strand op by its reference meaning",
                             buildReferencePipeline);
  PassPipelineRegistration<CpuTargetOptions>(
      "plait-target-cpu", "lower linalg on tensors to the LLVM dialect",
      buildCpuTargetPipeline);
}
