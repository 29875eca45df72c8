//===- Dialects.cpp - C API of the dialects -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait-c/Dialects.h"

#include "plait/Dialect/CSL/IR/CSL.h"
#include "plait/Dialect/Mesh/IR/Mesh.h"
#include "plait/Dialect/Sample/IR/Sample.h"
#include "plait/Dialect/Spike/IR/Spike.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/CAPI/Registration.h"

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(CSL, csl, plait::csl::CSLDialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Mesh, mesh, plait::mesh::MeshDialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Sample, sample,
                                      plait::sample::SampleDialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Spike, spike, plait::spike::SpikeDialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Stablehlo, stablehlo,
                                      plait::stablehlo::StablehloDialect)
