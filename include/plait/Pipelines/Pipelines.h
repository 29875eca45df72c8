//===- Pipelines.h - the named stages -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PIPELINES_PIPELINES_H
#define PLAIT_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace plait {

/// One function per stage: the only place where the order of passes is
/// decided. Each is registered as a pipeline, `plait-<stage>-<road>`.

/// linalg on tensors + the StableHLO ops that jaxlib leaves --> linalg on
/// tensors + scf. The first part of the import stage.
void buildImportStablehloPipeline(mlir::OpPassManager &pm);

struct ImportOptions : mlir::PassPipelineOptions<ImportOptions> {
  Option<unsigned> weights{
      *this, "weights",
      llvm::cl::desc("how many leading arguments of @main are bound weights"),
      llvm::cl::init(0)};
  ListOption<unsigned> updates{
      *this, "updates",
      llvm::cl::desc("the arguments of @main that its leading results replace"),
      llvm::cl::ZeroOrMore};
};

/// what a front made --> one public function per entry, on tensors, with no op
/// that Plait does not know.
void buildImportPipeline(mlir::OpPassManager &pm, const ImportOptions &options);

struct StrandOptions : mlir::PassPipelineOptions<StrandOptions> {
  Option<bool> spikes{*this, "spikes",
                      llvm::cl::desc("the passes of spiking networks; without, "
                                     "whoever made the module has chosen them"),
                      llvm::cl::init(true)};
};

/// the waist --> the waist + strand ops where a strand can do better.
void buildStrandPipeline(mlir::OpPassManager &pm, const StrandOptions &options);

/// linalg on tensors --> fewer, larger linalg ops on tensors.
void buildOptPipeline(mlir::OpPassManager &pm);

/// strand dialects + linalg on tensors --> linalg on tensors, by each strand
/// op's reference lowering.
void buildReferencePipeline(mlir::OpPassManager &pm);

/// The same by the fast roads of a CPU where there are any, which write vector
/// loops on buffers beside the linalg on tensors.
void buildCpuLoweredPipeline(mlir::OpPassManager &pm);

struct CpuTargetOptions : mlir::PassPipelineOptions<CpuTargetOptions> {
  Option<bool> kernels{
      *this, "kernels",
      llvm::cl::desc("tiles in parallel, and register-tiled kernels; "
                     "without, plain loops as a reference"),
      llvm::cl::init(true)};
  Option<bool> pack{*this, "pack",
                    llvm::cl::desc("compute what depends on weights only once"),
                    llvm::cl::init(true)};
};

/// linalg on tensors --> linalg on buffers --> loops --> LLVM dialect.
void buildCpuTargetPipeline(mlir::OpPassManager &pm,
                            const CpuTargetOptions &options);

struct NVPTXTargetOptions : mlir::PassPipelineOptions<NVPTXTargetOptions> {
  ListOption<std::string> chips{
      *this, "chips", llvm::cl::desc("the chips, e.g. chips=sm_80,sm_90")};
};

/// linalg on tensors --> one gpu.func per result --> NVVM dialect, with the
/// targets that PTX is made for.
void buildNVPTXTargetPipeline(mlir::OpPassManager &pm,
                              const NVPTXTargetOptions &options);

/// Registers every stage.
void registerPipelines();

} // namespace plait

#endif // PLAIT_PIPELINES_PIPELINES_H
