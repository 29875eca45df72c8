//===- InitAll.h - everything Plait registers, in one place -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_INITALL_H
#define PLAIT_INITALL_H

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/CSL/IR/CSL.h"
#include "plait/Dialect/Mesh/IR/Mesh.h"
#include "plait/Dialect/Mesh/Transforms/Passes.h"
#include "plait/Dialect/Sample/IR/Sample.h"
#include "plait/Dialect/Sample/Transforms/Passes.h"
#include "plait/Dialect/Spike/IR/Spike.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"
#include "plait/Pipelines/Pipelines.h"
#include "plait/Target/CSL/CSLEmitter.h"
#include "plait/Target/NVPTX.h"
#include "plait/Target/Object.h"
#include "plait/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/InitAllTranslations.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

namespace plait {

inline void registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry.insert<csl::CSLDialect, mesh::MeshDialect, sample::SampleDialect,
                  spike::SpikeDialect, stablehlo::StablehloDialect>();
}

inline void registerAllPasses() {
  mlir::registerAllPasses();
  mesh::registerPlaitMeshPasses();
  spike::registerPlaitSpikePasses();
  sample::registerPlaitSamplePasses();
  registerPlaitConversionPasses();
  registerPlaitTransformsPasses();
  registerPipelines();
}

inline void registerAllTranslations() {
  mlir::registerAllTranslations();
  registerToCodeTranslation();
  registerToManifestTranslation();
  registerToCSLTranslation();
  registerNVPTXTranslations();
  registerToObjectTranslation();
}

} // namespace plait

#endif // PLAIT_INITALL_H
