//===- Dialects.h - C API of the dialects -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_C_DIALECTS_H
#define PLAIT_C_DIALECTS_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(CSL, csl);
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Mesh, mesh);
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Sample, sample);
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Spike, spike);
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Stablehlo, stablehlo);

#ifdef __cplusplus
}
#endif

#endif // PLAIT_C_DIALECTS_H
