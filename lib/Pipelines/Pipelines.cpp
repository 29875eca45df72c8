//===- Pipelines.cpp - the named stages -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Pipelines/Pipelines.h"

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Sample/Transforms/Passes.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
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

void plait::buildImportPipeline(OpPassManager &pm,
                                const ImportOptions &options) {
  buildImportStablehloPipeline(pm);
  pm.addPass(plait::createCheckImport());
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  FuncProtectArgumentsOptions protect;
  protect.weights = options.weights;
  protect.updates.assign(options.updates.begin(), options.updates.end());
  pm.addPass(plait::createFuncProtectArguments(protect));
}

void plait::buildStrandPipeline(OpPassManager &pm,
                                const StrandOptions &options) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(plait::sample::createSampleCanonicalizeChain());
  if (!options.spikes)
    return;
  pm.addNestedPass<func::FuncOp>(spike::createSpikeBatchTime());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(spike::createSpikeReassociateAttention());
  pm.addNestedPass<func::FuncOp>(spike::createSpikeFuseConv());
  pm.addNestedPass<func::FuncOp>(spike::createSpikeFuseNeuron());
  pm.addNestedPass<func::FuncOp>(spike::createSpikeSumEvents());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(spike::createSpikePack());
}

void plait::buildOptPipeline(OpPassManager &pm) {
  // Before the widening of logits, too, is a loop.
  pm.addPass(plait::sample::createSampleFuse());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(plait::createLinalgDemoteVariance());
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  pm.addPass(plait::createLinalgSimplifyScalars());
  pm.addPass(plait::createLinalgFoldUnitDims());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(plait::createLinalgFoldTransposes());
  pm.addPass(plait::createLinalgCollapseLoops());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(plait::createLinalgSimplifySoftmax());
  pm.addPass(plait::createLinalgFuseElementwise());
  pm.addPass(plait::createLinalgSimplifyScalars());
  pm.addPass(createCSEPass());
  pm.addPass(plait::createLinalgFoldBatchNorm());
  pm.addPass(plait::createLinalgSplitConcats());
  pm.addPass(createCSEPass());
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  // What computes its mask can be collapsed now.
  pm.addPass(plait::createLinalgCollapseLoops());
  pm.addPass(plait::createLinalgFuseElementwise());
  pm.addPass(plait::createLinalgSimplifySoftmax());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(plait::createLinalgConvToChannelsLast());
  pm.addPass(plait::createLinalgMergeContractions());
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

void plait::buildCpuLoweredPipeline(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(spike::createConvertSpikeToVector());
  pm.addPass(plait::sample::createConvertSampleToVector());
  buildReferencePipeline(pm);
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
  pm.addPass(plait::createFuncUpdateArguments());
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  pm.addNestedPass<func::FuncOp>(plait::createMemRefFreeEarly());
  bufferization::BufferDeallocationPipelineOptions deallocation;
  bufferization::buildBufferDeallocationPipeline(pm, deallocation);
  pm.addPass(createConvertBufferizationToMemRefPass());
}

void plait::buildCpuTargetPipeline(OpPassManager &pm,
                                   const CpuTargetOptions &options) {
  if (options.pack)
    pm.addPass(plait::createLinalgPackWeights());
  // linalg on tensors --> tasks
  if (options.kernels) {
    pm.addPass(plait::createLinalgMoveScaling());
    // No CSE: every tensor.empty is a buffer of its own.
    pm.addPass(plait::createLinalgTileAndFuse());
  }
  pm.addPass(createCanonicalizerPass());
  buildBufferizePipeline(pm);

  // Before libm functions are declared: they want no wrapper.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());

  // linalg on buffers --> loops
  pm.addPass(plait::createMemRefCopyToLinalg());
  pm.addPass(plait::createLinalgOutlineKernels());
  pm.addNestedPass<func::FuncOp>(createLinalgGeneralizeNamedOpsPass());
  pm.addPass(plait::createMemRefWidenI1());
  if (options.kernels) {
    pm.addNestedPass<func::FuncOp>(
        plait::createConvertLinalgContractionsToVector());
    // What packing for the contractions left.
    pm.addNestedPass<func::FuncOp>(createLinalgGeneralizeNamedOpsPass());
    pm.addNestedPass<func::FuncOp>(plait::createConvertLinalgToVector());
  }
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(plait::createConvertSCFForallToTasks());
  // loops --> LLVM dialect. Passes that need no module run on functions beside
  // each other.
  auto onFunctions = [&](std::unique_ptr<Pass> pass) {
    pm.addNestedPass<func::FuncOp>(std::move(pass));
  };
  onFunctions(plait::createMemRefHoistAllocs());
  onFunctions(createCanonicalizerPass());
  onFunctions(createCSEPass());
  onFunctions(plait::createMemRefExpandShapeToReinterpretCast());
  onFunctions(memref::createExpandStridedMetadataPass());
  onFunctions(memref::createExpandOpsPass());
  onFunctions(createLowerAffinePass());
  plait::MathExpandToArithOptions math;
  math.keep = true;
  onFunctions(plait::createMathExpandToArith(math));
  onFunctions(createConvertVectorToSCFPass());
  onFunctions(createSCFToControlFlowPass());
  // Not every processor rounds to bf16, and some that do flush subnormals.
  arith::ArithEmulateUnsupportedFloatsOptions floats;
  floats.sourceTypeStrs = {"bf16"};
  onFunctions(arith::createArithEmulateUnsupportedFloats(floats));
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  onFunctions(arith::createArithExpandOpsPass(expand));
  onFunctions(createConvertComplexToStandardPass());
  // log1p is not log(1 + x).
  ConvertMathToLLVMPassOptions exact;
  exact.approximateLog1p = false;
  onFunctions(createConvertMathToLLVMPass(exact));
  // Takes vectors of f64 apart: before what lowers that.
  pm.addPass(createConvertMathToLibmPass());
  onFunctions(createConvertVectorToLLVMPass());
  onFunctions(createConvertComplexToLLVMPass());
  // The runtime's memory in disguise; see lib/Target/Object.cpp.
  FinalizeMemRefToLLVMConversionPassOptions memory;
  memory.useAlignedAlloc = true;
  pm.addPass(createFinalizeMemRefToLLVMConversionPass(memory));
  pm.addPass(createConvertFuncToLLVMPass());
  auto onLLVM = [&](std::unique_ptr<Pass> pass) {
    pm.addNestedPass<LLVM::LLVMFuncOp>(std::move(pass));
  };
  onLLVM(createArithToLLVMConversionPass());
  onLLVM(createConvertIndexToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  onLLVM(createUBToLLVMConversionPass());
  onLLVM(createReconcileUnrealizedCastsPass());
  onLLVM(createCanonicalizerPass());
  onLLVM(createCSEPass());
}

void plait::registerPipelines() {
  PassPipelineRegistration<NVPTXTargetOptions>(
      "plait-target-nvptx", "lower linalg on tensors to NVIDIA GPU kernels",
      buildNVPTXTargetPipeline);
  PassPipelineRegistration<ImportOptions>(
      "plait-import", "check what a front made and make it one function",
      buildImportPipeline);
  PassPipelineRegistration<>("plait-import-stablehlo",
                             "lower what jaxlib leaves of StableHLO",
                             buildImportStablehloPipeline);
  PassPipelineRegistration<StrandOptions>(
      "plait-strand", "recognise what a strand can do better",
      buildStrandPipeline);
  PassPipelineRegistration<>("plait-opt", "optimise linalg on tensors",
                             buildOptPipeline);
  PassPipelineRegistration<>("plait-lowered-reference",
                             "lower every strand op by its reference meaning",
                             buildReferencePipeline);
  PassPipelineRegistration<>("plait-lowered-cpu",
                             "lower every strand op by the CPU's fast road, "
                             "or by its reference meaning",
                             buildCpuLoweredPipeline);
  PassPipelineRegistration<CpuTargetOptions>(
      "plait-target-cpu", "lower linalg on tensors to the LLVM dialect",
      buildCpuTargetPipeline);
}
